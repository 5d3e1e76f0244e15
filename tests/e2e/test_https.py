"""Over https browsers protect cookies by their names: what Chromium makes of ours, and of those that try to be ours.

Environments, operator and API server are the installation's; a server of its image has an address with https, behind a
TLS proxy of the test's own. The pages are those of a program on a port of each of two environments. Unlike
`*.localhost`, the domain is one for which a page may set cookies that all its hosts are sent.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.kube import config
from devworkspace.kube.client import Client
from tests.e2e.conftest import new_context, running_chromium
from tests.e2e.server_pod import running_server_pod
from tests.faults.pki import make_authority
from tests.support.environment import Surroundings
from tests.support.live import Live, live_namespace
from tests.support.relay import running_relay

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

DOMAIN = "ide.test"
HOME = f"https://{DOMAIN}"
USER, PASSWORD = "admin", secrets.token_urlsafe()
PORT = 8700
SESSION, ENVIRONMENT, NONCE = "__Host-dw-session", "__Host-dw-env", "__Host-dw-nonce"
OURS = (SESSION, ENVIRONMENT, NONCE)
# A page, a socket, and at `/toss` an answer that would set cookies of ours for all hosts.
PROGRAM = r"""
const fs = require('fs'), crypto = require('crypto'), http = require('http');
const tossed = ['own=fine; Secure; Path=/'];
const [port, domain, ...names] = process.argv.slice(2);
for (const name of names)
  for (const tail of ['', `; Domain=${domain}`]) tossed.push(`${name}=tossed; Secure; Path=/${tail}`);
const server = http.createServer((request, response) => {
  fs.appendFileSync('/tmp/seen.log', JSON.stringify([request.url, request.headers.cookie || '']) + '\n');
  if (request.url === '/toss') response.setHeader('Set-Cookie', tossed);
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><h1>Page</h1>');
});
server.on('upgrade', (request, socket) => {
  const accept = crypto.createHash('sha1').update(
    request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + 'Sec-WebSocket-Accept: ' + accept + '\r\n\r\n');
});
server.listen(Number(port), '127.0.0.1');
"""
# With and without what the prefix demands, for one's own host and for all of them.
TOSS = """([names, domain]) => {
  for (const name of names)
    for (const tail of ['', '; Secure', `; Domain=${domain}`, `; Domain=${domain}; Secure`])
      for (const path of ['/', '/signin', '/api', '/-/'])
        document.cookie = `${name}=tossed; Path=${path}${tail}`;
  document.cookie = 'last=tossed';
}"""
SOCKET = """(address) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onopen = () => done('open');
  socket.onerror = () => done('refused');
})"""


class Asked(NamedTuple):
    """What the browser got, and which cookies it sent for it."""

    status: int
    sent: str


@dataclass(frozen=True)
class Https:
    """`alpha` and `beta` are the origins of the two pages; `port` is where the server answers without TLS."""

    browser: BrowserContext
    live: Live
    port: int

    @property
    def alpha(self) -> str:
        return self.origin("alpha")

    @property
    def beta(self) -> str:
        return self.origin("beta")

    def origin(self, name: str) -> str:
        return f"https://{self.label(name)}.{DOMAIN}"

    def label(self, name: str) -> str:
        return f"{PORT}--{name}--{self.live.namespace}"

    async def seen(self, name: str) -> list[tuple[str, str]]:
        """Path and cookies of every request that has reached a page's program."""
        pod = (await self.live.get(name)).status.pod_name or ""
        lines = await self.live.execute(pod, "cat", "/tmp/seen.log")
        return [(path, cookies) for path, cookies in map(json.loads, lines.splitlines())]

    async def sign_in(self, page: Page, address: str) -> None:
        """By way of an environment, as somebody who has a link to it."""
        await page.goto(address)
        await page.get_by_label("User name").fill(USER)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Page")).to_be_visible()
        assert page.url == address

    async def toss(self, page: Page, *names: str) -> None:
        """By script; returns when the browser has stored what it takes, in the order in which it was set."""
        await page.evaluate(TOSS, [names, DOMAIN])
        async with asyncio.timeout(30):
            while not await self.kept("last"):
                await asyncio.sleep(0.05)

    async def kept(self, *names: str) -> dict[tuple[str, str], Any]:
        """The browser's cookies of these names, by domain and name."""
        return {(one["domain"], one["name"]): one for one in await self.browser.cookies() if one["name"] in names}

    async def ask(self, page: Page, address: str) -> Asked:
        """Goes to an address; where it redirects, what came at the end."""
        answer = await page.goto(address)
        assert answer is not None
        return Asked(answer.status, (await answer.request.all_headers()).get("cookie", ""))


async def start_page(live: Live, name: str) -> None:
    """An environment of the local account, with the program that serves its page."""
    await live.create(name, template="base", owner=USER)
    pod = (await live.wait_phase("Running", name)).status.pod_name or ""
    await live.execute(pod, "sh", "-c", 'printf %s "$1" > /tmp/page.js', "sh", PROGRAM)
    arguments = (str(PORT), DOMAIN, *OURS, "dw-session", "dw-env")
    await live.execute(pod, "sh", "-c", 'nohup node /tmp/page.js "$@" >/tmp/page.log 2>&1 &', "sh", *arguments)
    knock = f"for n in {{1..100}}; do (exec 3<>/dev/tcp/127.0.0.1/{PORT}) 2>/dev/null && exit; sleep 0.1; done; exit 1"
    await live.execute(pod, "bash", "-c", knock)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(surroundings: Surroundings) -> AsyncIterator[Https]:
    """One server, two environments and one Chromium for all tests here."""
    authority = make_authority(DOMAIN, f"*.{DOMAIN}")
    endpoint = config.from_kubeconfig(surroundings.kubeconfig)
    async with (
        Client(endpoint, field_manager="devworkspace-tests") as client,
        live_namespace(client, surroundings, f"test-{secrets.token_hex(3)}") as live,
        running_server_pod(live, public_url=HOME, user=USER, password=PASSWORD) as port,
        running_relay(port, tls=authority.context) as front,
        running_chromium(*chromium_options(pin=authority.pin, https=front.port, http=port)) as browser,
    ):
        await asyncio.gather(start_page(live, "alpha"), start_page(live, "beta"))
        yield Https(browser, live, port)


@pytest_asyncio.fixture(loop_scope="module")
async def https(served: Https) -> AsyncIterator[Https]:
    """With cookies of its own."""
    context = await new_context(served.browser)
    yield replace(served, browser=context)
    await context.close()


def chromium_options(*, pin: str, https: int, http: int) -> tuple[str, str]:
    """Who is trusted, and where the domain and all below it are."""
    places = [
        f"MAP {host}:{at} 127.0.0.1:{port}"
        for host in (DOMAIN, f"*.{DOMAIN}")
        for at, port in ((443, https), (80, http))
    ]
    return f"--ignore-certificate-errors-spki-list={pin}", f"--host-resolver-rules={', '.join(places)}"


async def test_cookies_are_bound_to_their_hosts_and_to_https(https: Https) -> None:
    """As the browser stores them, after the whole way in: sign-in, one-time code, two environments."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{https.alpha}/")
    assert (await https.ask(page, f"{https.beta}/")).status == 200
    kept = await https.kept(*OURS)
    assert set(kept) == {
        (DOMAIN, SESSION),
        (urlsplit(https.alpha).netloc, ENVIRONMENT),
        (urlsplit(https.beta).netloc, ENVIRONMENT),
    }, "no leading dot: host-only; the nonce is gone once it was used"
    for cookie in kept.values():
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    assert await https.kept("dw-session", "dw-env", "dw-nonce") == {}
    assert await page.evaluate(SOCKET, f"wss://{urlsplit(https.beta).netloc}/socket") == "open", "positive control"
    assert await page.evaluate(SOCKET, f"wss://{urlsplit(https.alpha).netloc}/socket") == "refused"
    assert all("__Host-" not in cookies for _, cookies in await https.seen("alpha"))


async def test_cookies_for_the_whole_domain_do_not_take_the_place_of_ours(https: Https) -> None:
    """By script and by a program's answer; Chromium does keep and send such cookies under other names."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{https.alpha}/")
    assert (await https.ask(page, f"{https.beta}/")).status == 200
    before = await https.kept(*OURS)
    assert (await https.ask(page, f"{https.beta}/toss")).status == 200
    assert await https.kept("own"), "positive control: the answer's other cookies are kept"
    await https.toss(page, *OURS, "dw-session", "dw-env", "theirs")

    after = await https.kept(*OURS)
    assert {place: after.get(place) for place in before} == before
    assert {domain for domain, _ in set(after) - set(before)} <= {urlsplit(https.beta).netloc}, (
        "its own host is its own"
    )
    for address in (f"{HOME}/api/v1/me", f"{https.alpha}/after"):
        asked = await https.ask(page, address)
        assert asked.status == 200
        sent = asked.sent.split("; ")
        assert {"theirs=tossed", "dw-session=tossed"} <= set(sent), "positive control: the prefix is what helps"
        assert [pair for pair in sent if pair.startswith("__Host-") and pair.endswith("=tossed")] == []
    (cookies,) = [cookies for path, cookies in await https.seen("alpha") if path == "/after"]
    assert "theirs=tossed" in cookies
    assert "dw-session" not in cookies


async def test_a_session_under_another_name_is_nobody_s(https: Https) -> None:
    """Fixation: a page makes the browser send a session that is good, but not in the cookie that only we can set."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{https.beta}/")
    good = (await https.kept(SESSION))[DOMAIN, SESSION]["value"]
    assert (await https.ask(page, f"{HOME}/api/v1/me")).status == 200, "positive control: the session is good"
    await https.browser.clear_cookies(name=SESSION)
    await page.goto(f"{https.beta}/")
    for name in (SESSION, "dw-session", "__Secure-dw-session"):
        await page.evaluate(f"document.cookie = '{name}={good}; Domain={DOMAIN}; Path=/; Secure'")
    asked = await https.ask(page, f"{HOME}/api/v1/me")
    assert asked.status == 401
    assert f"__Secure-dw-session={good}" in asked.sent.split("; "), "positive control: it was sent"


async def test_plain_http_gets_and_sets_no_cookie_of_ours(https: Https) -> None:
    """The same host without TLS, where everybody on the way reads along and can answer in its place."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{https.alpha}/")
    asked = await https.ask(page, f"{HOME}/api/v1/me")
    assert asked.status == 200 and SESSION in asked.sent, "positive control"
    before = await https.kept(*OURS)
    plain = HOME.replace("https:", "http:")
    assert await https.ask(page, f"{plain}/api/v1/me") == Asked(401, "")
    await page.goto(f"{plain}/signin")
    await https.toss(page, *OURS, "theirs")
    assert await https.kept("theirs"), "positive control"
    await page.get_by_label("User name").fill(USER)
    await page.get_by_label("Password").fill(PASSWORD)
    async with page.expect_response(f"{plain}/signin") as answered:
        await page.get_by_role("button", name="Sign in").click()
    assert (await answered.value).status == 403
    assert await https.kept(*OURS) == before


async def test_a_code_opens_its_environment_in_its_browser_once(https: Https) -> None:
    page = await https.browser.new_page()
    went: list[str] = []
    page.on("request", lambda request: went.append(request.url))
    # Turned away at beta's door: its nonce is in this browser now, and the nonce's hash was on the way to the sign-in.
    await page.goto(f"{https.beta}/")
    (nonce,) = [parse_qs(urlsplit(url).query)["nonce"][0] for url in went if url.startswith(f"{HOME}/-/authorize?")]
    await https.sign_in(page, f"{https.alpha}/")
    callback = await unused_code(https, nonce)
    assert callback.startswith(f"{https.beta}/-/callback?code=")

    stranger = await new_context(https.browser)
    assert (await https.ask(await stranger.new_page(), callback)).status == 400, "another browser"
    await stranger.close()
    assert (await https.ask(page, callback.replace(https.beta, https.alpha))).status == 400, "another environment"
    assert (await https.ask(page, callback)).status == 200, "positive control"
    assert page.url == f"{https.beta}/"
    await https.browser.clear_cookies(name=ENVIRONMENT)
    assert (await https.ask(page, callback)).status == 400, "a second time"


async def unused_code(https: Https, nonce: str) -> str:
    """Where the browser's session is sent with a code, without going there."""
    session = (await https.kept(SESSION))[DOMAIN, SESSION]["value"]
    url = f"http://127.0.0.1:{https.port}/-/authorize?env={https.label('beta')}&nonce={nonce}&next=/"
    headers = {"Host": DOMAIN, "Cookie": f"{SESSION}={session}"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 302
        return answer.headers["Location"]
