"""Two replicas of the deployed server are one: for sessions, for who is replaced meanwhile, and for a new key."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from yarl import URL

from devworkspace.api import names
from devworkspace.cli.account import USERNAME
from devworkspace.core.credential import key_id
from devworkspace.kube.resource import PODS
from devworkspace.server.seal import Sealer
from devworkspace.server.sessions import Session
from tests.cluster.deployed import MasterKeys, at_each_replica, browser_at, find_password, pods_of, scaled
from tests.e2e.installation import roll_out_server
from tests.server.support import NAVIGATION, Browser, browsing, environment_origin
from tests.support.environment import Surroundings
from tests.support.live import Anything, Live
from tests.support.ports import free_port

# Changes the installation for everybody who uses it; as it was afterwards.
pytestmark = [pytest.mark.cluster, pytest.mark.destructive, pytest.mark.alone]

PORT = 3000
# Listens on it; answers pages, and sockets with what they say: short texts, which is what a test sends.
PROGRAM = r"""
const http = require('http'), crypto = require('crypto');
const server = http.createServer((request, response) => response.end('here'));
server.on('upgrade', (request, socket) => {
  const key = crypto.createHash('sha1').update(
    request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + 'Sec-WebSocket-Accept: ' + key + '\r\n\r\n');
  socket.on('error', () => {});
  socket.on('data', data => {
    if ((data[0] & 15) !== 1) return socket.end();
    const mask = data.subarray(2, 6), text = data.subarray(6).map((byte, at) => byte ^ mask[at % 4]);
    socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
  });
});
server.listen(3000, '127.0.0.1');
"""


@dataclass
class Place:
    """The installation with two servers, and the administrator's environment with a program on `PORT`."""

    surroundings: Surroundings
    live: Live
    password: str

    @property
    def editor(self) -> str:
        return environment_origin(self.surroundings.url, "demo", self.live.namespace)

    @property
    def program(self) -> str:
        return self.editor.replace("://", f"://{PORT}--")

    async def sign_in(self, browser: Browser) -> None:
        assert (await browser.sign_in(username=USERNAME, password=self.password)).status == 303

    async def open(self, browser: Browser, origin: str) -> int:
        """Goes there as a person does."""
        return (await browser.navigate(f"{origin}/", allow_redirects=True)).status

    async def is_signed_in(self, browser: Browser, cookies: dict[str, str]) -> bool:
        """Whether these cookies are a session where the browser's requests go."""
        return (await browser.get(f"{self.surroundings.url}/api/v1/me", headers=head_of(cookies))).status == 200

    async def lets_in(self, browser: Browser, cookies: dict[str, str]) -> bool:
        """Whether they open the editor."""
        answer = await browser.get(f"{self.editor}/", headers={**NAVIGATION, **head_of(cookies)})
        assert answer.status in (200, 302)
        return "/-/authorize" not in answer.headers.get("Location", "")


def head_of(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


@pytest.fixture
async def place(live: Live, surroundings: Surroundings) -> AsyncIterator[Place]:
    await live.create(template="base", owner=USERNAME)
    with scaled(surroundings, 2):
        pod = (await live.wait_phase("Running")).status.pod_name or ""
        await live.wait_ready()
        await live.execute(pod, "sh", "-c", f"cat > /tmp/program.js <<'END'\n{PROGRAM}\nEND\n")
        await live.execute(pod, "sh", "-c", "nohup node /tmp/program.js >/dev/null 2>&1 &")
        yield Place(surroundings, live, find_password(surroundings, os.environ.get("DEVWORKSPACE_PASSWORD_FILE")))


async def test_two_replicas_are_one_server(place: Place, record_property: Callable[[str, object], None]) -> None:
    await sessions_are_shared(place)
    seconds = await a_rollout_is_survived(place)
    record_property("seconds without the socket while the server was rolled out", round(seconds, 2))
    await a_new_key_disturbs_nobody(place)


async def sessions_are_shared(place: Place) -> None:
    """Begun at one, used at the other, ended at both."""
    async with contextlib.AsyncExitStack() as stack:
        ports = await stack.enter_async_context(at_each_replica(place.surroundings))
        assert len(ports) == 2
        home, away = [await stack.enter_async_context(browser_at(place.surroundings, port)) for port in ports]
        await place.sign_in(home)
        cookies = home.cookies(place.surroundings.url)
        assert [await place.is_signed_in(browser, cookies) for browser in (home, away)] == [True, True]
        away.session.cookie_jar.update_cookies(cookies, response_url=URL(place.surroundings.url))
        assert await place.open(away, place.editor) == 200
        own = away.cookies(place.editor)
        assert [await place.lets_in(browser, own) for browser in (home, away)] == [True, True]
        answer = await home.post(
            f"{place.surroundings.url}/signout-everywhere", headers={"Origin": place.surroundings.url}
        )
        assert answer.status == 303
        async with asyncio.timeout(30):
            while await place.is_signed_in(away, cookies):
                await asyncio.sleep(0.05)
        assert not await place.is_signed_in(home, cookies)
        assert [await place.lets_in(browser, own) for browser in (home, away)] == [False, False]


@dataclass
class Prober:
    """Asks again and again, on a connection that is kept and on new ones; notes what was not answered as it should."""

    addresses: list[str]
    count: int = 0
    failures: list[str] = field(default_factory=list)

    async def run(self, browser: Browser) -> None:
        while True:
            for address in self.addresses:
                for headers in ({}, {"Connection": "close"}):
                    await self._ask(browser, address, headers)
            await asyncio.sleep(0.02)

    async def _ask(self, browser: Browser, address: str, headers: dict[str, str]) -> None:
        self.count += 1
        try:
            answer = await browser.get(address, headers=headers)
        except aiohttp.ClientError as error:
            self.failures.append(f"{address}: {error!r}")
        else:
            if answer.status != 200:
                self.failures.append(f"{address}: {answer.status} {answer.text[:200]}")


async def a_rollout_is_survived(place: Place) -> float:
    """Every plain request is answered; a socket is told to come back and does. The seconds that this took."""
    before = pods_of(place.surroundings, "server")
    async with browsing(place.surroundings.url) as browser:
        await place.sign_in(browser)
        assert await place.open(browser, place.program) == 200
        prober = Prober([f"{place.surroundings.url}/api/v1/me", f"{place.program}/"])
        asking = asyncio.create_task(prober.run(browser))
        talking = asyncio.create_task(talk(browser, place.program))
        await asyncio.to_thread(roll_out_server, place.surroundings)
        code, seconds = await asyncio.wait_for(talking, 60)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert code == aiohttp.WSCloseCode.SERVICE_RESTART
        assert not set(before) & set(pods_of(place.surroundings, "server")), "all were replaced"
        assert (prober.failures, prober.count > 100) == ([], True)
        control = Prober([f"http://localhost:{free_port()}/"])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(control.run(browser), 0.2)
        assert control.failures, "it would have seen one"
    return seconds


async def talk(browser: Browser, origin: str) -> tuple[int | None, float]:
    """Keeps a socket open until it is closed, then opens another: the code of the first, and how long that took."""
    async with browser.session.ws_connect(f"{origin}/socket", origin=origin) as socket:
        while True:
            # What closes it may have arrived already, and is read below.
            with contextlib.suppress(ConnectionError):
                await socket.send_str("hello")
            if (message := await socket.receive(timeout=10)).type is not aiohttp.WSMsgType.TEXT:
                break
            assert message.data == "hello"
            await asyncio.sleep(0.1)
    closed = time.monotonic()
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with browser.session.ws_connect(f"{origin}/socket", origin=origin) as socket:
                    await socket.send_str("again")
                    assert await socket.receive_str(timeout=10) == "again"
                    return message.data, time.monotonic() - closed
            await asyncio.sleep(0.1)


async def a_new_key_disturbs_nobody(place: Place) -> None:
    """What the old key has made goes on, what is new is made with the new one; then everything is put back."""
    keys, new = MasterKeys(place.surroundings), secrets.token_bytes(32)
    old = keys.before["master"]
    async with browsing(place.surroundings.url) as before, browsing(place.surroundings.url) as after:
        await place.sign_in(before)
        try:
            await keys.use(master=old, next=new)
            await keys.use(master=new, previous=old)
            assert await place.open(before, place.editor) == 200, "session and pod of the old key"
            await place.live.create("new", template="base", owner=USERNAME)
            pod = (await place.live.wait_phase("Running", "new")).status.pod_name or ""
            await place.live.wait_ready("new")
            made = (await place.live.client.get(PODS, place.live.key(pod), Anything)).metadata
            assert made.annotations[names.ANNOTATION_CREDENTIAL_KEY] == key_id(new)
            await place.sign_in(after)
            token = after.cookies(place.surroundings.url)["dw-session"]
            opened = [Sealer([key], purpose="session").open(token, Session) for key in (old, new)]
            assert [session is not None for session in opened] == [False, True]
            for browser in (before, after):
                for name in ("demo", "new"):
                    origin = environment_origin(place.surroundings.url, name, place.live.namespace)
                    assert await place.open(browser, origin) == 200
        finally:
            await keys.use(**keys.before)
