"""Port previews: what listens in an environment at an address of its own, for the people of that environment."""

import pytest
from aiohttp import web
from yarl import URL

from devworkspace.core.credential import COOKIE_NAME, environment_credential
from tests.server.support import (
    ADMIN,
    MASTER_KEY,
    NAVIGATION,
    TYPED,
    Browser,
    Harness,
    Pod,
    make_instance,
    running_pod,
)
from tests.server.test_websocket import echo


def origin_of(server: Harness, port: int, name: str = "demo") -> str:
    return server.environment_origin(name).replace("://", f"://{port}--")


async def enter(server: Harness, browser: Browser, port: int) -> None:
    assert (await browser.sign_in()).status == 303
    answer = await browser.navigate(origin_of(server, port) + "/", allow_redirects=True)
    assert browser.cookies(origin_of(server, port)), answer.text


class TestThroughCodeServer:
    async def test_the_editors_own_proxy_reaches_what_listens_on_loopback(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await enter(server, browser, 3000)
        answer = await browser.get(origin_of(server, 3000) + "/a/b?c=d")
        assert answer.text == "editor GET /proxy/3000/a/b?c=d 0"
        method, path, headers = pod.seen[-1]
        assert (method, path) == ("GET", "/proxy/3000/a/b?c=d")
        assert headers["Host"] == headers["X-Forwarded-Host"] == origin_of(server, 3000).removeprefix("http://")
        credential = f"{COOKIE_NAME}={environment_credential(MASTER_KEY, 'uid-team-demo')}"
        assert headers["Cookie"].split("; ")[-1] == credential
        assert "dw-env" not in headers["Cookie"]

    @pytest.mark.parametrize(
        ("sent", "received"),
        [("/proxy/3000/login?next=/", "/login?next=/"), ("/login", "/login"), ("https://x.test/", "https://x.test/")],
    )
    async def test_redirects_lead_to_paths_of_the_preview(
        self, server: Harness, browser: Browser, sent: str, received: str
    ) -> None:
        async def redirect(request: web.BaseRequest) -> web.StreamResponse:
            if not request.path.endswith("/go"):
                return web.Response()
            return web.Response(status=302, headers={"Location": sent})

        async with running_pod(redirect) as pod:
            server.add(pod.port)
            await enter(server, browser, 3000)
            answer = await browser.get(origin_of(server, 3000) + "/go")
            assert answer.headers["Location"] == received

    async def test_sockets_go_through(self, server: Harness, browser: Browser) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            await enter(server, browser, 3000)
            origin = origin_of(server, 3000)
            async with browser.session.ws_connect(origin + "/hmr", origin=origin) as socket:
                await socket.send_str("hello")
                assert (await socket.receive()).data == "hello"
            assert pod.seen[-1][1] == "/proxy/3000/hmr"


class TestACustomServer:
    async def test_the_port_itself_is_reached_without_a_credential(self, server: Harness, browser: Browser) -> None:
        async with running_pod() as editor, running_pod() as application:
            server.add(editor.port, code_server=False)
            await enter(server, browser, application.port)
            answer = await browser.get(origin_of(server, application.port) + "/a")
            assert answer.text == "editor GET /a 0"
            assert "Cookie" not in application.seen[-1][2]
            assert [path for _, path, _ in editor.seen] == []

    async def test_nothing_listens_there(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, code_server=False)
        await enter(server, browser, 1)
        assert (await browser.get(origin_of(server, 1) + "/")).status == 502


class TestWhoGetsIn:
    async def test_a_session_for_the_editor_is_none_for_a_port(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200, "positive control"
        assert (await browser.get(origin_of(server, 3000) + "/")).status == 401
        await enter(server, browser, 3000)
        assert (await browser.get(origin_of(server, 4000) + "/")).status == 401

    async def test_strangers_foreign_and_absent(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="foreign", owner="li.wei")
        assert (await browser.get(origin_of(server, 3000, "foreign") + "/")).status == 401
        await browser.sign_in()
        answers = [
            await browser.navigate(origin_of(server, 3000, name) + "/", allow_redirects=True)
            for name in ("foreign", "absence")
        ]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].body == answers[1].body
        assert pod.seen == []
        server.rbac.grants.add((ADMIN, "team", "foreign"))
        answer = await browser.navigate(origin_of(server, 3000, "foreign") + "/", allow_redirects=True)
        assert answer.status == 200, "positive control"

    async def test_pages_of_other_ports_change_nothing(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await enter(server, browser, 3000)
        before = len(pod.seen)
        for origin in (origin_of(server, 4000), server.environment_origin(), origin_of(server, 3000, "other")):
            answer = await browser.post(origin_of(server, 3000) + "/x", data=b"1", headers={"Origin": origin})
            assert answer.status == 403
        assert len(pod.seen) == before
        own = {"Origin": origin_of(server, 3000)}
        answer = await browser.post(origin_of(server, 3000) + "/x", data=b"1", headers=own)
        assert answer.status == 200, "positive control"

    async def test_the_editor_has_one_address_only(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        answer = await browser.navigate(origin_of(server, pod.port) + "/", headers=NAVIGATION, allow_redirects=True)
        assert answer.status == 404
        assert pod.seen == []

    @pytest.mark.parametrize("label", ["0--demo--team", "65536--demo--team", "03000--demo--team", "3000--"])
    async def test_what_is_no_port_is_no_host_of_ours(self, server: Harness, browser: Browser, label: str) -> None:
        host = f"{label}.localhost:{server.port}"
        assert (await browser.get(server.origin + "/", headers={"Host": host})).status == 421


async def test_a_stopped_environment_is_started_from_a_port_as_well(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    instance = server.add(pod.port)
    await enter(server, browser, 3000)
    server.table.on_instance(instance, make_instance(phase="Stopped"))
    page = await browser.navigate(origin_of(server, 3000) + "/", headers=NAVIGATION)
    assert (page.status, server.api.patches) == (503, [])
    page = await browser.navigate(origin_of(server, 3000) + "/", headers=TYPED)
    assert (page.status, len(server.api.patches)) == (503, 1)


async def test_announced_ports_are_listed_with_their_addresses(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    await browser.sign_in()
    found = (await browser.get(server.origin + "/api/v1/namespaces/team/environments/demo")).json()
    assert found["ports"] == [{"name": "web", "port": 3000, "url": origin_of(server, 3000) + "/"}]


class TestTheEditorsOwnProxy:
    """Below the editor's host, a page of a port would be the editor: read its files, open its terminals."""

    @pytest.mark.parametrize(
        ("path", "there"),
        [
            ("/proxy/3000/", "/"),
            ("/proxy/3000", "/"),
            ("/proxy/3000/a/b?c=d&e", "/a/b?c=d&e"),
            ("/absproxy/3000/a%2Fb", "/a%2Fb"),
        ],
    )
    async def test_a_page_is_sent_to_the_port_s_own_host(
        self, server: Harness, browser: Browser, pod: Pod, path: str, there: str
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        before = len(pod.seen)
        answer = await browser.get(server.environment_origin() + path)
        assert (answer.status, answer.headers["Location"]) == (302, origin_of(server, 3000) + there)
        assert len(pod.seen) == before

    @pytest.mark.parametrize(
        "path",
        ["/PROXY/3000/", "/%70roxy/3000/", "/%2570roxy/3000/", "//proxy/3000/", "/./proxy/3000/", "/proxy/%33000/",
         "/proxy/", "/proxy", "/proxy/0/", "/proxy/99999/", "/absproxy/x/"],
    )  # fmt: skip
    async def test_other_spellings_lead_nowhere(self, server: Harness, browser: Browser, pod: Pod, path: str) -> None:
        server.add(pod.port)
        await browser.enter()
        before = len(pod.seen)
        answer = await browser.get(URL(server.environment_origin() + path, encoded=True))
        assert answer.status == 404
        assert len(pod.seen) == before

    async def test_only_pages_are_sent(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.enter()
        origin = server.environment_origin()
        before = len(pod.seen)
        assert (await browser.post(f"{origin}/proxy/3000/", headers={"Origin": origin})).status == 404
        assert len(pod.seen) == before
        assert (await browser.get(f"{origin}/proxyish/3000/")).status == 200, "positive control"

    async def test_other_servers_may_have_such_paths(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, code_server=False)
        await browser.enter()
        assert (await browser.get(f"{server.environment_origin()}/proxy/3000/")).status == 200
