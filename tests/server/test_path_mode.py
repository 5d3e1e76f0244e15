"""Path mode: `/w/<namespace>/<name>/` below one host. Every refusal has a control that passes."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.server.support import (
    ADMIN,
    TYPED,
    Answer,
    Browser,
    Harness,
    Pod,
    answer_ok,
    make_instance,
    running_pod,
    running_server,
)
from tests.server.test_websocket import echo

DEMO = "/w/team/demo"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_server(tmp_path, address_mode="path") as harness:
        yield harness


async def enter(server: Harness, browser: Browser, path: str = f"{DEMO}/") -> Answer:
    """Signs in and goes to an environment as a person does, through all redirects."""
    assert (await browser.sign_in()).status == 303
    return await browser.navigate(server.origin + path, allow_redirects=True)


def session_of(server: Harness, browser: Browser, path: str = f"{DEMO}/") -> str:
    return browser.cookies(server.origin + path)["dw-env"]


class TestTheWayIn:
    async def test_the_pod_sees_its_own_paths(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        answer = await enter(server, browser, f"{DEMO}/?folder=/home/dev")
        assert (answer.status, str(answer.url)) == (200, f"{server.origin}{DEMO}/?folder=/home/dev")
        assert answer.text == "editor GET /?folder=/home/dev 0"
        head = pod.seen[-1][2]
        assert head["Host"] == head["X-Forwarded-Host"] == f"localhost:{server.port}"

    async def test_the_slash_is_added_for_everybody_alike(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        for path in (DEMO, "/w/team/absent", f"{DEMO}/proxy/3000"):
            answer = await browser.navigate(f"{server.origin}{path}?a=b")
            assert (answer.status, answer.headers["Location"]) == (308, f"{path}/?a=b")
        assert pod.seen == []

    async def test_strangers_sign_in_and_come_back(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        step = await browser.navigate(f"{server.origin}{DEMO}/a/b?c=d")
        assert step.status == 302
        assert step.headers["Location"].startswith(f"{server.origin}/-/authorize?env=demo--team&")
        assert f"Path={DEMO}/" in step.headers["Set-Cookie"]
        assert (await browser.get(f"{server.origin}{DEMO}/a/b")).status == 401
        assert (await browser.get(f"{server.origin}/w/team/absent/")).status == 401
        answer = await enter(server, browser, f"{DEMO}/a/b?c=d")
        assert answer.text == "editor GET /a/b?c=d 0"

    async def test_no_environment_has_a_host_of_its_own(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        answer = await enter(server, browser)
        assert answer.status == 200, "positive control"
        for label in ("demo--team", "3000--demo--team"):
            own = {"Host": f"{label}.localhost:{server.port}"}
            assert (await browser.get(f"{server.origin}{DEMO}/", headers=own)).status == 421

    async def test_in_subdomain_mode_there_are_no_paths(self, tmp_path: Path, pod: Pod) -> None:
        async with running_server(tmp_path) as other, other.browser() as browser:
            other.add(pod.port)
            await browser.sign_in()
            assert (await browser.navigate(f"{other.origin}{DEMO}/")).status == 404
            assert pod.seen == []

    async def test_list_and_api_lead_there(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        found = (await browser.get(f"{server.origin}/api/v1/namespaces/team/environments/demo")).json()
        assert found["url"] == f"{server.origin}{DEMO}/"
        assert [port["url"] for port in found["ports"]] == [f"{server.origin}{DEMO}/proxy/3000/"]
        step = await browser.navigate(f"{server.origin}/-/open?env=demo--team")
        assert (step.status, step.headers["Location"]) == (302, f"{server.origin}{DEMO}/")

    async def test_sockets_go_through(self, server: Harness, browser: Browser) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            await enter(server, browser)
            url = f"{server.origin}{DEMO}/socket?x=1"
            async with browser.session.ws_connect(url, origin=server.origin) as socket:
                await socket.send_str("hello")
                assert (await socket.receive()).data == "hello"
            assert pod.seen[-1][1] == "/socket?x=1"
            for origin in ("http://evil.example", f"http://demo--team.localhost:{server.port}", None):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                    await browser.session.ws_connect(url, origin=origin)
                assert refusal.value.status == 403


REFUSED = (
    "/w/team/demo/../other/",
    "/w/team/demo/%2e%2e/other/",
    "/w/team/demo/.%2E/other/",
    "/w/team/demo/..%2fother/",
    "/w/team/demo/%2e%2e%2fother/",
    "/w/team/demo/%252e%252e/other/",
    "/w/team/demo/%25252e%25252e/other/",
    "/w/team/demo/..%5cother/",
    "/w/team/demo/x%5c..%5c..%5cother/",
    "/w/team/demo/./x",
    "/w/team/demo/%2e/x",
    "/w/team/demo/..",
    "/w/team/demo/%2e%2e",
    "/w/team/demo//x",
    "/w/team/demo/%2fx",
    "/w/team/demo/x%2f%2fy",
    "/w/team/../team/demo/",
    "/w//team/demo/",
    "/w/./team/demo/",
    "//w/team/demo/",
    "/./w/team/demo/",
    "/x/../w/team/demo/",
    "/x%2f..%2fw/team/demo/",
    "/w/team/demo/../../../signin",
    "/w/team/demo/..%2f..%2f..%2fapi/v1/me",
    "/api/v1/../../w/team/demo/",
    "/w/team/demo/%2d/state",
)


class TestParsing:
    @pytest.mark.parametrize("path", REFUSED)
    async def test_what_somebody_could_read_as_another_path_is_refused(
        self, server: Harness, browser: Browser, pod: Pod, path: str
    ) -> None:
        for name in ("demo", "other"):
            server.add(pod.port, name=name)
        await enter(server, browser)
        await enter(server, browser, "/w/team/other/")
        cookies = f"dw-env={session_of(server, browser)}"
        before = len(pod.seen)
        request = f"GET %s HTTP/1.1\r\nHost: localhost:{server.port}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
        answer = await server.raw((request % path).encode())
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        stranger = request.replace(f"Cookie: {cookies}\r\n", "")
        assert (await server.raw((stranger % path).encode())).startswith(b"HTTP/1.1 400 "), "before anything is decided"
        assert len(pod.seen) == before
        control = await server.raw((request % f"{DEMO}/a%20b/c..d/%2E.x/e%2ff?..=//%2e%2e/").encode())
        assert control.startswith(b"HTTP/1.1 200 "), "positive control"
        assert pod.seen[-1][1] == "/a%20b/c..d/%2E.x/e%2ff?..=//%2e%2e/"

    @pytest.mark.parametrize(
        "path",
        (
            *("/w", "/w/", "/w/team", "/w/team/", "/W/team/demo/", "/%77/team/demo/", "/w/Team/demo/"),
            *("/w/team/-demo/", "/w/te%61m/demo/", "/w/team/d%65mo/", "/w/team/demo;x/", "/w/team/demo.", "/wx/a/b/"),
        ),
    )
    async def test_what_is_no_address_of_ours_is_a_missing_page(
        self, server: Harness, browser: Browser, pod: Pod, path: str
    ) -> None:
        server.add(pod.port)
        await enter(server, browser)
        before = len(pod.seen)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        assert (await server.raw(head.encode())).startswith(b"HTTP/1.1 404 ")
        assert len(pod.seen) == before

    async def test_our_own_paths_are_never_a_pods(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await enter(server, browser)
        before = len(pod.seen)
        for path in ("/", "/signin", "/api/v1/me", "/-/authorize", "/-/state", f"{DEMO}/-/state", f"{DEMO}/-/nothing"):
            await browser.get(server.origin + path)
        assert len(pod.seen) == before
        for path in ("/signin", "/api/v1/me", "/w/team/other/", "/x/-/state"):
            answer = await browser.get(f"{server.origin}{DEMO}{path}")
            assert answer.text == f"editor GET {path} 0", "its own ones are"


class TestOwnersOnly:
    async def test_no_grant_opens_somebody_elses(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="foreign", owner="li.wei")
        server.rbac.grants.update({(ADMIN, "team", "foreign"), (ADMIN, "", "")})
        server.rbac.rights.add((ADMIN, "update", "", "team", "foreign"))
        answers = [await enter(server, browser, f"/w/team/{name}/") for name in ("foreign", "absent")]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].body == answers[1].body
        assert (await browser.navigate(f"{server.origin}/-/open?env=foreign--team")).status == 404
        assert pod.seen == []

        instance = make_instance("foreign", owner="li.wei")
        server.table.on_instance(instance, make_instance("foreign", owner=ADMIN))
        assert (await enter(server, browser, "/w/team/foreign/")).status == 200, "positive control"

    async def test_who_lost_it_is_out_at_once_and_their_sockets_end(self, server: Harness, browser: Browser) -> None:
        async with running_pod(echo) as pod:
            instance = server.add(pod.port)
            server.rbac.grants.add((ADMIN, "team", "demo"))
            await enter(server, browser)
            url = f"{server.origin}{DEMO}/"
            async with browser.session.ws_connect(url + "socket", origin=server.origin) as socket:
                await server.rooms.gateway.sockets.recheck()
                await socket.send_str("still there")
                assert (await socket.receive()).data == "still there", "positive control"
                server.table.on_instance(instance, make_instance(owner="li.wei"))
                await server.rooms.gateway.sockets.recheck()
                assert (await socket.receive()).type is WSMsgType.CLOSE
                assert socket.close_code == 1008
            assert (await browser.get(url)).status == 404
            assert (await browser.get(url + "-/state")).status == 404

    async def test_who_may_see_it_manages_it_and_is_told_that_it_cannot_be_opened(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, name="foreign", owner="li.wei")
        server.add(pod.port, name="own")
        server.rbac.grants.add((ADMIN, "team", "foreign"))
        server.rbac.rights.add((ADMIN, "update", "", "team", "foreign"))
        await browser.sign_in()
        address = f"{server.origin}/api/v1/namespaces/team/environments/"
        foreign, own = [(await browser.get(address + name)).json()["allowed"] for name in ("foreign", "own")]
        assert foreign["open"] == {"allowed": False, "obstacle": "right"}
        assert foreign["stop"] == own["open"] == {"allowed": True, "obstacle": None}


class TestSessions:
    async def test_each_environment_has_its_own(self, server: Harness, browser: Browser, pod: Pod) -> None:
        for name in ("demo", "demo2"):
            server.add(pod.port, name=name)
        await enter(server, browser)
        own = session_of(server, browser)
        assert "dw-env" not in browser.cookies(f"{server.origin}/w/team/demo2/")
        assert "dw-env" not in browser.cookies(f"{server.origin}/")
        async with server.browser() as thief:
            headers = {"Cookie": f"dw-env={own}"}
            assert (await thief.get(f"{server.origin}/w/team/demo2/", headers=headers)).status == 401
            assert (await thief.get(f"{server.origin}/api/v1/me", headers=headers)).status == 401
            public = {"Cookie": f"dw-session={own}"}
            assert (await thief.get(f"{server.origin}/api/v1/me", headers=public)).status == 401
            assert (await thief.get(f"{server.origin}{DEMO}/", headers=headers)).status == 200, "positive control"

    async def test_a_tossed_cookie_opens_nothing_and_locks_nobody_out(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        for name in ("demo", "other"):
            server.add(pod.port, name=name)
        await enter(server, browser)
        await enter(server, browser, "/w/team/other/")
        own, other = session_of(server, browser), session_of(server, browser, "/w/team/other/")
        async with server.browser() as victim:

            async def status(cookies: str) -> int:
                return (await victim.get(f"{server.origin}{DEMO}/", headers={"Cookie": cookies})).status

            assert await status(f"dw-env=tossed; dw-env={other}; dw-env={own}") == 200
            assert await status(f"dw-env=tossed; dw-env={other}") == 401

    async def test_two_sessions_are_as_good_as_none(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        tokens = []
        for _ in range(2):
            await enter(server, browser)
            tokens.append(session_of(server, browser))
            browser.session.cookie_jar.clear()
        for cookies, status in ((f"dw-env={tokens[0]}; dw-env={tokens[1]}", 401), (f"dw-env={tokens[0]}", 200)):
            assert (await browser.get(f"{server.origin}{DEMO}/", headers={"Cookie": cookies})).status == status

    async def test_sign_out_ends_it(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        assert (await enter(server, browser)).status == 200
        await browser.post(f"{server.origin}/signout", headers={"Origin": server.origin})
        assert (await browser.get(f"{server.origin}{DEMO}/")).status == 401

    async def test_with_https_the_cookies_are_as_protected_as_paths_allow(self, tmp_path: Path) -> None:
        async with (
            running_server(tmp_path, public_url="https://dev.example.com", address_mode="path") as server,
            server.browser() as browser,
        ):
            headers = {"Host": "dev.example.com", "Accept": "text/html"}
            step = await browser.get(f"{server.origin}{DEMO}/", headers=headers)
            cookie = step.headers["Set-Cookie"]
            assert cookie.startswith("__Secure-dw-nonce=")
            for attribute in ("Secure", "HttpOnly", "SameSite=Lax", f"Path={DEMO}/"):
                assert attribute in cookie
            assert "Domain" not in cookie


class TestPorts:
    async def test_they_share_the_editors_session(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        answer = await enter(server, browser, f"{DEMO}/proxy/3000/a?b=c")
        assert answer.text == "editor GET /proxy/3000/a?b=c 0"
        assert (await browser.get(f"{server.origin}{DEMO}/")).text == "editor GET / 0"
        answer = await browser.get(f"{server.origin}{DEMO}/proxy/3000/-/state")
        assert answer.text == "editor GET /proxy/3000/-/state 0", "the application's own paths are its own"

    async def test_a_custom_server_leaves_ports_to_the_pod(self, server: Harness, browser: Browser) -> None:
        async with running_pod() as editor, running_pod(answer_ok) as application:
            server.add(editor.port, code_server=False)
            answer = await enter(server, browser, f"{DEMO}/proxy/{application.port}/a")
            assert answer.text == "editor GET /a 0"
            assert "Cookie" not in application.seen[-1][2]

    async def test_the_editor_has_one_address_only(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        assert (await enter(server, browser)).status == 200, "positive control"
        before = len(pod.seen)
        answer = await browser.navigate(f"{server.origin}{DEMO}/proxy/{pod.port}/", allow_redirects=True)
        assert answer.status == 404
        assert len(pod.seen) == before

    async def test_no_session_is_made_for_a_port_alone(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        step = await browser.navigate(f"{server.origin}{DEMO}/")
        for label, status in (("3000--demo--team", 404), ("demo--team", 302)):
            url = step.headers["Location"].replace("env=demo--team", f"env={label}")
            assert (await browser.navigate(url)).status == status


class TestTheDoorstep:
    async def test_a_stopped_one_is_started_by_its_owner_and_the_page_knows_where_it_stands(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        instance = server.add(pod.port)
        await enter(server, browser)
        server.table.on_instance(instance, make_instance(phase="Stopped"))
        url = f"{server.origin}{DEMO}/"
        page = await browser.navigate(url)
        assert (page.status, server.api.patches) == (503, [])
        assert f'action="{DEMO}/-/start"' in page.text
        assert f'data-base="{DEMO}"' in page.text
        assert (await browser.get(url + "x.js")).status == 503
        foreign = await browser.post(url + "-/start", headers={"Origin": "http://evil.example"})
        assert (foreign.status, server.api.patches) == (403, [])
        for path in ("/", "/proxy/3000/"):
            page = await browser.navigate(f"{server.origin}{DEMO}{path}", headers=TYPED)
            assert (page.status, len(server.api.patches)) == (503, 1)

    async def test_its_button_returns_to_it(self, server: Harness, browser: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        await enter(server, browser)
        server.table.on_instance(instance, make_instance(phase="Failed"))
        url = f"{server.origin}{DEMO}/"
        pressed = await browser.post(url + "-/restart", headers={"Origin": server.origin})
        assert (pressed.status, pressed.headers["Location"]) == (303, f"{DEMO}/")
        assert len(server.api.patches) == 1
        state = (await browser.get(url + "-/state")).json()
        assert (state["open"], f"{DEMO}/-/restart" in state["main"]) == (False, True)

    async def test_a_spent_code_leads_back_to_the_environment(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        answer = await browser.navigate(f"{server.origin}{DEMO}/-/callback?code=x")
        assert answer.status == 400
        assert f'href="{DEMO}/"' in answer.text
