"""What pods may say below one shared host: nothing that reaches beyond their own path."""

import re
from pathlib import Path

import pytest
from aiohttp import web

from devworkspace.core.credential import COOKIE_NAME, environment_credential
from tests.server.support import MASTER_KEY, NAVIGATION, Answer, Browser, Harness, Pod, running_pod, running_server
from tests.server.test_path_mode import DEMO, enter, server, session_of
from tests.server.test_websocket import echo

__all__ = ["server"]


async def test_our_cookies_stay_out_of_pods(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    await enter(server, browser)
    cookies = f"dw-session=a; __Host-dw-session=b; __Secure-dw-env=c; own=1; dw-env={session_of(server, browser)}"
    answer = await browser.get(f"{server.origin}{DEMO}/proxy/3000/", headers={"Cookie": cookies})
    assert answer.status == 200
    credential = f"{COOKIE_NAME}={environment_credential(MASTER_KEY, 'uid-team-demo')}"
    assert pod.seen[-1][2].getall("Cookie") == [f"own=1; {credential}"]


@pytest.mark.parametrize("place", [DEMO, f"{DEMO}/proxy/3000"])
@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("a=b", "a=b; Path={place}/"),
        ("a=b; Path=/; HttpOnly", "a=b; HttpOnly; Path={place}/"),
        ("a=b; path=/w/team/other; PATH = /x", "a=b; Path={place}/x"),
        ("a=b; Path=/w/team/other/", "a=b; Path={place}/w/team/other/"),
        ("a=b; Path=relative", "a=b; Path={place}/"),
        ("a=b; Path={place}/deep", "a=b; Path={place}/deep"),
        ("a=b; Domain=localhost", None),
        ("dw-env=x; Path=/", None),
        ("__Host-dw-session=x; Path=/; Secure", None),
        ("code-server-session=x", None),
    ],
)
async def test_cookies_of_pods_stay_below_their_path(
    server: Harness, browser: Browser, place: str, sent: str, received: str | None
) -> None:
    async def set_cookie(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(headers={"Set-Cookie": sent.format(place=place)})

    async with running_pod(set_cookie) as pod:
        server.add(pod.port)
        await enter(server, browser)
        answer = await browser.get(f"{server.origin}{place}/x")
        found = [value for value in answer.headers.getall("Set-Cookie", ()) if "dw-" not in value]
        assert found == ([] if received is None else [received.format(place=place)])


@pytest.mark.parametrize("path", ["/", "/envs", "/envs?embed=1", "/new", "/signin?lang=en"])
async def test_no_page_of_ours_is_framed(server: Harness, browser: Browser, path: str) -> None:
    """All pages in environments are of the same origin here. tests/server/test_dashboard.py has the other mode."""
    await browser.sign_in()
    page = await browser.navigate(server.origin + path, allow_redirects=True)
    assert page.status == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


async def test_what_speaks_for_the_whole_origin_does_not_get_out(server: Harness, browser: Browser) -> None:
    async def speak(request: web.BaseRequest) -> web.StreamResponse:
        if "Upgrade" in request.headers:
            return await echo(request)
        headers = {
            "Service-Worker-Allowed": "/",
            "NEL": '{"report_to":"x"}',
            "Report-To": "{}",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Set-Login": "logged-in",
            "Secure-Session-Registration": "x",
            "Clear-Site-Data": '"*"',
            "Strict-Transport-Security": "max-age=1",
            "Content-Security-Policy": "frame-ancestors *",
            "X-Own": "kept",
        }
        return web.Response(headers=headers)

    async with running_pod(speak) as pod:
        server.add(pod.port)
        await enter(server, browser)
        for place in (DEMO, f"{DEMO}/proxy/3000"):
            headers = (await browser.get(f"{server.origin}{place}/sw.js")).headers
            assert headers["Service-Worker-Allowed"] == f"{place}/"
            assert headers.getall("Content-Security-Policy") == ["frame-ancestors *", "frame-ancestors 'self'"]
            assert headers["X-Own"] == "kept", "positive control"
            gone = ("NEL", "Report-To", "Cross-Origin-Opener-Policy", "Set-Login", "Secure-Session-Registration")
            for name in (*gone, "Clear-Site-Data", "Strict-Transport-Security"):
                assert name not in headers


async def test_a_handshake_sets_no_cookie_elsewhere(server: Harness, browser: Browser) -> None:
    async def shake(request: web.BaseRequest) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            return web.Response()
        socket = web.WebSocketResponse()
        socket.headers["Set-Cookie"] = "a=b; Path=/"
        socket.headers["Service-Worker-Allowed"] = "/"
        await socket.prepare(request)
        await socket.close()
        return socket

    async with running_pod(shake) as pod:
        server.add(pod.port)
        await enter(server, browser)
        url = f"{server.origin}{DEMO}/socket"
        async with browser.session.ws_connect(url, origin=server.origin) as socket:
            head = socket._response.headers
            assert head.getall("Set-Cookie") == [f"a=b; Path={DEMO}/"]
            assert head["Service-Worker-Allowed"] == f"{DEMO}/"


@pytest.mark.parametrize(
    ("place", "sent", "received"),
    [
        (DEMO, "/arrived?x=1", f"{DEMO}/arrived?x=1"),
        (DEMO, f"{DEMO}/arrived", f"{DEMO}/arrived"),
        (DEMO, "./?folder=/home/dev", "./?folder=/home/dev"),
        (DEMO, "{origin}/arrived", f"{{origin}}{DEMO}/arrived"),
        (DEMO, "{origin}.evil.example/", "{origin}.evil.example/"),
        (DEMO, "https://example.com/", "https://example.com/"),
        (DEMO, "//example.com/", "//example.com/"),
        (f"{DEMO}/proxy/3000", "/proxy/3000/arrived", f"{DEMO}/proxy/3000/arrived"),
        (f"{DEMO}/proxy/3000", "/arrived", f"{DEMO}/proxy/3000/arrived"),
        (f"{DEMO}/absproxy/3000", f"{DEMO}/absproxy/3000/arrived", f"{DEMO}/absproxy/3000/arrived"),
    ],
)
async def test_redirects_stay_below_the_path(
    server: Harness, browser: Browser, place: str, sent: str, received: str
) -> None:
    async def redirect(request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.endswith("/go"):
            return web.Response()
        return web.Response(status=302, headers={"Location": sent.format(origin=server.origin)})

    async with running_pod(redirect) as pod:
        server.add(pod.port)
        await enter(server, browser)
        answer = await browser.get(f"{server.origin}{place}/go")
        assert answer.headers["Location"] == received.format(origin=server.origin)


async def test_other_sites_change_nothing(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    await enter(server, browser)
    url, before = f"{server.origin}{DEMO}/mint-key", len(pod.seen)
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {}):
        assert (await browser.post(url, data=b"1", headers=headers)).status == 403
    assert len(pod.seen) == before
    assert (await browser.post(url, data=b"1", headers={"Origin": server.origin})).status == 200, "positive control"


DOCUMENT = {**NAVIGATION, "Sec-Fetch-Site": "same-origin"}


def proof_on(page: Answer) -> str:
    found = re.search(r'name="page-proof" content="([^"]*)"', page.text)
    assert found is not None
    return found[1]


async def test_what_changes_something_comes_from_our_own_pages_only(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    server.add(pod.port)
    await enter(server, browser)
    stop = f"{server.origin}/api/v1/namespaces/team/environments/demo/stop"

    async def status(proof: str) -> int:
        headers = {"Origin": server.origin, "Sec-Fetch-Site": "same-origin", "X-DevWorkspace-CSRF": proof}
        return (await browser.post(stop, headers=headers)).status

    page = server.origin + "/envs"
    script = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}
    frame = {**DOCUMENT, "Sec-Fetch-Dest": "iframe"}
    for headers in (script, frame, {"Accept": "text/html"}):
        assert proof_on(await browser.get(page, headers=headers)) == ""
    async with server.browser() as other:
        await other.sign_in()
        foreign = proof_on(await other.get(page, headers=DOCUMENT))
    for proof in ("1", "", foreign, session_of(server, browser)):
        assert await status(proof) == 403
    assert server.api.patches == []

    opened = await browser.get(page, headers=DOCUMENT)
    assert opened.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert await status(proof_on(opened)) == 204, "positive control"


def test_the_dashboard_has_a_place_for_the_proof() -> None:
    folder = Path(__file__).parents[2] / "dashboard"
    assert '<meta name="page-proof" content="{proof}" />' in (folder / "index.html").read_text(encoding="utf-8")
    assert 'meta[name="page-proof"]' in (folder / "src" / "api" / "client.ts").read_text(encoding="utf-8")


async def test_with_hosts_of_their_own_pages_need_no_proof(tmp_path: Path, pod: Pod) -> None:
    async with running_server(tmp_path) as server, server.browser() as browser:
        server.add(pod.port)
        await browser.sign_in()
        assert proof_on(await browser.get(server.origin + "/envs", headers=DOCUMENT)) == ""
        stop = f"{server.origin}/api/v1/namespaces/team/environments/demo/stop"
        headers = {"Origin": server.origin, "X-DevWorkspace-CSRF": "1"}
        assert (await browser.post(stop, headers=headers)).status == 204
