"""Two servers of one installation behind one address, and a browser that a load balancer sends to either."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
from aiohttp import web

from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.support import ADMIN, Answer, Browser, Pod, answer_ok, browsing, environment_origin
from tests.support.fake_apiserver import FakeApiServer
from tests.support.ports import free_port


class Replicas(NamedTuple):
    """Two processes, and the address that a load balancer in front of them would have."""

    api: FakeApiServer
    origin: str
    first: Process
    second: Process

    def browser(
        self, process: Process, *, like: Browser | None = None
    ) -> contextlib.AbstractAsyncContextManager[Browser]:
        """A browser whose requests go to one replica; `like`: with the cookies of that one."""
        jar = like.session.cookie_jar if like is not None else None
        assert jar is None or isinstance(jar, aiohttp.CookieJar)
        return browsing(self.origin, to_port=process.config.listen_port, jar=jar)


@contextlib.asynccontextmanager
async def running_replicas(tmp_path: Path, pod: Pod) -> AsyncIterator[Replicas]:
    """Both are ready; `pod` is the editor of the environment `mine`."""
    origin = f"http://localhost:{free_port()}"
    async with (
        FakeApiServer(authorize=lambda spec: False) as api,
        running_process(tmp_path, api, public_url=origin) as first,
        running_process(tmp_path, api, public_url=origin) as second,
    ):
        put_record(api)
        put_environment(api, "mine", owner=ADMIN, port=pod.port)
        await first.ready()
        await second.ready()
        yield Replicas(api, origin, first, second)


async def sign_out(browser: Browser, *, everywhere: bool = False) -> Answer:
    path = "/signout-everywhere" if everywhere else "/signout"
    return await browser.post(browser.origin + path, headers={"Origin": browser.origin})


async def answer_or_echo(request: web.BaseRequest) -> web.StreamResponse:
    """An editor that answers requests, and says on its sockets what it is told."""
    if "Upgrade" not in request.headers:
        return await answer_ok(request)
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"echo {message.data}")
    return socket


@contextlib.asynccontextmanager
async def open_socket(browser: Browser) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """An editor's socket, which has answered."""
    origin = environment_origin(browser.origin, "mine", "team")
    async with browser.session.ws_connect(f"{origin}/socket", origin=origin) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=5) == "echo hello"
        yield socket


async def closing(socket: aiohttp.ClientWebSocketResponse, *, within: float = 5) -> int:
    """The code with which the other side closes."""
    message = await socket.receive(timeout=within)
    assert message.type is aiohttp.WSMsgType.CLOSE
    return int(message.data)


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get(f"{browser.origin}/api/v1/me")).status == 200


async def until_signed_out(browser: Browser) -> None:
    async with asyncio.timeout(30):
        while await is_signed_in(browser):
            await asyncio.sleep(0.01)
