"""Over https browsers protect cookies by their names: what Chromium makes of ours, and of those that try to be ours.

A server process behind a TLS proxy of the test's own; small pages stand for the editors of two environments. Needs no
installation. Unlike `*.localhost`, the domain is one for which a page may set cookies that all its hosts are sent.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.conftest import running_chromium
from tests.faults.pki import Authority, make_authority
from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.support import ADMIN, PASSWORD, Pod, running_pod
from tests.support.fake_apiserver import FakeApiServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("https")]

DOMAIN = "ide.test"
HOME = f"https://{DOMAIN}"
ALPHA, BETA = f"https://alpha--team.{DOMAIN}", f"https://beta--team.{DOMAIN}"
SESSION, ENVIRONMENT, NONCE = "__Host-dw-session", "__Host-dw-env", "__Host-dw-nonce"
OURS = (SESSION, ENVIRONMENT, NONCE)
# With and without what the prefix demands, for one's own host and for all of them.
TOSS = """([names, domain]) => {
  for (const name of names)
    for (const tail of ['', '; Secure', `; Domain=${domain}`, `; Domain=${domain}; Secure`])
      for (const path of ['/', '/signin', '/api', '/-/'])
        document.cookie = `${name}=tossed; Path=${path}${tail}`;
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
    browser: BrowserContext
    process: Process
    alpha: Pod

    async def sign_in(self, page: Page, address: str) -> None:
        """By way of an environment, as somebody who has a link to it."""
        await page.goto(address)
        await page.get_by_label("User name").fill(ADMIN)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Editor")).to_be_visible()
        assert page.url == address

    async def kept(self, *names: str) -> dict[tuple[str, str], Any]:
        """The browser's cookies of these names, by domain and name."""
        return {(one["domain"], one["name"]): one for one in await self.browser.cookies() if one["name"] in names}

    async def ask(self, page: Page, address: str) -> Asked:
        """Goes to an address; where it redirects, what came at the end."""
        answer = await page.goto(address)
        assert answer is not None
        return Asked(answer.status, (await answer.request.all_headers()).get("cookie", ""))


async def show_editor(request: web.BaseRequest) -> web.StreamResponse:
    """An editor's page, a socket, and at `/toss` an answer that would set cookies of ours for all hosts."""
    if "Upgrade" in request.headers:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket
    response = web.Response(text="<!doctype html><h1>Editor</h1>", content_type="text/html")
    if request.raw_path == "/toss":
        for name in (*OURS, "dw-session", "dw-env"):
            for tail in ("", f"; Domain={DOMAIN}"):
                response.headers.add("Set-Cookie", f"{name}=tossed; Secure; Path=/{tail}")
        response.headers.add("Set-Cookie", "own=fine; Secure; Path=/")
    return response


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def tls_in_front(authority: Authority, port: int) -> AsyncIterator[int]:
    """What an ingress does: ends TLS, and passes on bytes."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, behind), pipe(behind_reader, writer))

    front = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=authority.context)
    try:
        yield front.sockets[0].getsockname()[1]
    finally:
        front.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Https]:
    """One server and one Chromium for all tests here."""
    authority = make_authority(DOMAIN, f"*.{DOMAIN}")
    async with FakeApiServer() as api, running_pod(show_editor) as alpha, running_pod(show_editor) as beta:
        put_record(api)
        put_environment(api, "alpha", owner=ADMIN, port=alpha.port)
        put_environment(api, "beta", owner=ADMIN, port=beta.port)
        async with running_process(tmp_path_factory.mktemp("server"), api, public_url=HOME) as process:
            await process.ready()
            port = process.config.listen_port
            async with tls_in_front(authority, port) as tls_port:
                options = chromium_options(pin=authority.pin, https=tls_port, http=port)
                async with running_chromium(*options) as browser:
                    yield Https(browser, process, alpha)


@pytest_asyncio.fixture(loop_scope="module")
async def https(served: Https) -> AsyncIterator[Https]:
    """With cookies of its own."""
    context = await new_context(served)
    yield replace(served, browser=context)
    await context.close()


async def new_context(https: Https) -> BrowserContext:
    """Another browser, as far as cookies are concerned."""
    assert https.browser.browser is not None
    context = await https.browser.browser.new_context(locale="en-US")
    context.set_default_timeout(60_000)
    return context


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
    await https.sign_in(page, f"{ALPHA}/")
    assert (await https.ask(page, f"{BETA}/")).status == 200
    kept = await https.kept(*OURS)
    assert set(kept) == {
        (DOMAIN, SESSION),
        (urlsplit(ALPHA).netloc, ENVIRONMENT),
        (urlsplit(BETA).netloc, ENVIRONMENT),
    }, "no leading dot: host-only; the nonce is gone once it was used"
    for cookie in kept.values():
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    assert await https.kept("dw-session", "dw-env", "dw-nonce") == {}
    assert await page.evaluate(SOCKET, f"wss://{urlsplit(BETA).netloc}/socket") == "open", "positive control"
    assert await page.evaluate(SOCKET, f"wss://{urlsplit(ALPHA).netloc}/socket") == "refused"
    assert all("__Host-" not in head.get("Cookie", "") for _, _, head in https.alpha.seen)


async def test_cookies_for_the_whole_domain_do_not_take_the_place_of_ours(https: Https) -> None:
    """By script and by a program's answer; Chromium does keep and send such cookies under other names."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{ALPHA}/")
    assert (await https.ask(page, f"{BETA}/")).status == 200
    before = await https.kept(*OURS)
    assert (await https.ask(page, f"{BETA}/toss")).status == 200
    assert await https.kept("own"), "positive control: the answer's other cookies are kept"
    await page.evaluate(TOSS, [[*OURS, "dw-session", "dw-env", "theirs"], DOMAIN])

    after = await https.kept(*OURS)
    assert {place: after.get(place) for place in before} == before
    assert {domain for domain, _ in set(after) - set(before)} <= {urlsplit(BETA).netloc}, "its own host is its own"
    for address in (f"{HOME}/api/v1/me", f"{ALPHA}/after"):
        asked = await https.ask(page, address)
        assert asked.status == 200
        sent = asked.sent.split("; ")
        assert {"theirs=tossed", "dw-session=tossed"} <= set(sent), "positive control: the prefix is what helps"
        assert [pair for pair in sent if pair.startswith("__Host-") and pair.endswith("=tossed")] == []
    (head,) = [head for _, path, head in https.alpha.seen if path == "/after"]
    assert "theirs=tossed" in head["Cookie"]
    assert "dw-session" not in head["Cookie"]


async def test_a_session_under_another_name_is_nobody_s(https: Https) -> None:
    """Fixation: a page makes the browser send a session that is good, but not in the cookie that only we can set."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{BETA}/")
    good = (await https.kept(SESSION))[DOMAIN, SESSION]["value"]
    assert (await https.ask(page, f"{HOME}/api/v1/me")).status == 200, "positive control: the session is good"
    await https.browser.clear_cookies(name=SESSION)
    await page.goto(f"{BETA}/")
    for name in (SESSION, "dw-session", "__Secure-dw-session"):
        await page.evaluate(f"document.cookie = '{name}={good}; Domain={DOMAIN}; Path=/; Secure'")
    asked = await https.ask(page, f"{HOME}/api/v1/me")
    assert asked.status == 401
    assert f"__Secure-dw-session={good}" in asked.sent.split("; "), "positive control: it was sent"


async def test_plain_http_gets_and_sets_no_cookie_of_ours(https: Https) -> None:
    """The same host without TLS, where everybody on the way reads along and can answer in its place."""
    page = await https.browser.new_page()
    await https.sign_in(page, f"{ALPHA}/")
    asked = await https.ask(page, f"{HOME}/api/v1/me")
    assert asked.status == 200 and SESSION in asked.sent, "positive control"
    before = await https.kept(*OURS)
    plain = HOME.replace("https:", "http:")
    assert await https.ask(page, f"{plain}/api/v1/me") == Asked(401, "")
    await page.goto(f"{plain}/signin")
    await page.evaluate(TOSS, [[*OURS, "theirs"], DOMAIN])
    assert await https.kept("theirs"), "positive control"
    await page.get_by_label("User name").fill(ADMIN)
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
    await page.goto(f"{BETA}/")
    (nonce,) = [parse_qs(urlsplit(url).query)["nonce"][0] for url in went if url.startswith(f"{HOME}/-/authorize?")]
    await https.sign_in(page, f"{ALPHA}/")
    callback = await unused_code(https, nonce)
    assert callback.startswith(f"{BETA}/-/callback?code=")

    stranger = await new_context(https)
    assert (await https.ask(await stranger.new_page(), callback)).status == 400, "another browser"
    await stranger.close()
    assert (await https.ask(page, callback.replace(BETA, ALPHA))).status == 400, "another environment"
    assert (await https.ask(page, callback)).status == 200, "positive control"
    assert page.url == f"{BETA}/"
    await https.browser.clear_cookies(name=ENVIRONMENT)
    assert (await https.ask(page, callback)).status == 400, "a second time"


async def unused_code(https: Https, nonce: str) -> str:
    """Where the browser's session is sent with a code, without going there."""
    session = (await https.kept(SESSION))[DOMAIN, SESSION]["value"]
    url = f"http://127.0.0.1:{https.process.config.listen_port}/-/authorize?env=beta--team&nonce={nonce}&next=/"
    headers = {"Host": DOMAIN, "Cookie": f"{SESSION}={session}"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 302
        return answer.headers["Location"]
