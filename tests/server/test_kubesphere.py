"""People who come through KubeSphere's console: who they are, what they may do, and how they get into an editor."""

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.core.access import Identity, Secret
from devworkspace.kube.errors import Unreachable
from devworkspace.kube.tokens import TokenUser
from devworkspace.server import codes
from devworkspace.server.config import KubeSphereConfig
from devworkspace.server.kubesphere import KubeSphere, Question
from tests.server.support import Answer, Browser, Clock, Harness, Pod, running_pod, running_server
from tests.support.kubesphere import HOST, KubeSphereStandIn, make_token, running_kubesphere
from tests.support.ports import free_port

CSRF = {"X-DevWorkspace-CSRF": "1"}
DEMO = "/api/v1/namespaces/team/environments/demo"
CONNECT = Question("create", "devworkspace.kubesphere.io", "workspaceinstances", "connect", Key("team", "demo"))


@dataclasses.dataclass
class World:
    server: Harness
    kubesphere: KubeSphereStandIn
    pod: Pod
    clock: Clock

    async def call(self, token: str, path: str, method: str = "GET", **headers: str) -> Answer:
        """A request as ks-apiserver's ReverseProxy sends it."""
        async with self.server.browser() as browser:
            sent = {"Host": HOST, "Authorization": f"Bearer {token}", **headers}
            return await browser.request(method, self.server.origin + path, headers=sent)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    port, clock = free_port(), Clock()
    # The tokens end by the real time.
    clock.now = time.time()
    async with contextlib.AsyncExitStack() as stack:
        kubesphere = await stack.enter_async_context(running_kubesphere(upstream=port))
        config = KubeSphereConfig(url=kubesphere.url, host=HOST)
        server = await stack.enter_async_context(
            running_server(
                tmp_path,
                listen_port=port,
                public_url=f"http://localhost:{port}",
                kubesphere=config,
                admin_dir=None,
                clock=clock,
            )
        )
        pod = await stack.enter_async_context(running_pod())
        server.add(pod.port, owner="ada")
        yield World(server, kubesphere, pod, clock)


class TestWhoSomebodyIs:
    async def test_by_the_token_and_nothing_else(self, world: World) -> None:
        token = world.kubesphere.add("ada")
        answer = await world.call(token, "/api/v1/me", **{"X-Remote-User": "admin", "X-Remote-Group": "system:masters"})
        assert (answer.json()["name"], answer.json()["groups"]) == ("ada", ["system:authenticated"])

    @pytest.mark.parametrize("token", ["", "x", make_token("ada")])
    async def test_a_header_without_a_good_token_is_nobody(self, world: World, token: str) -> None:
        answer = await world.call(token, "/api/v1/me", **{"X-Remote-User": "admin"})
        assert answer.status == 401
        async with world.server.browser() as browser:
            headers = {"Host": HOST, "X-Remote-User": "admin"}
            assert (await browser.get(world.server.origin + "/api/v1/me", headers=headers)).status == 401

    @pytest.mark.parametrize("name", ["system:admin", "devworkspace:x", "", "a\nb"])
    async def test_names_that_are_no_users(self, world: World, name: str) -> None:
        assert (await world.call(world.kubesphere.add(name), "/api/v1/me")).status == 401

    async def test_a_token_of_the_cluster_still_works(self, world: World) -> None:
        world.server.tokens.good["script"] = TokenUser("robot", ())
        assert (await world.call("script", "/api/v1/me")).json()["name"] == "robot"

    async def test_an_outage_is_no_answer(self, world: World) -> None:
        token = world.kubesphere.add("ada")
        world.kubesphere.broken = True
        assert (await world.call(token, "/api/v1/me")).status in (502, 503)
        world.kubesphere.broken = False
        assert (await world.call(token, "/api/v1/me")).status == 200

    async def test_it_is_asked_once_in_thirty_seconds(self, world: World) -> None:
        token, seconds = world.kubesphere.add("ada"), [0.0]
        kubesphere = KubeSphere(KubeSphereConfig(url=world.kubesphere.url), monotonic=lambda: seconds[0])
        for _ in range(3):
            assert await kubesphere.identify(token) == TokenUser("ada", ("system:authenticated",))
        assert len(world.kubesphere.asked) == 1
        del world.kubesphere.users[token]
        seconds[0] = 29.9
        assert await kubesphere.identify(token) is not None
        seconds[0] = 30.0
        assert await kubesphere.identify(token) is None
        await kubesphere.close()

    def test_a_token_is_not_shown(self) -> None:
        assert "eyJ" not in repr(Identity("ada", token=Secret("eyJ")))


class TestRights:
    async def test_kubesphere_decides_and_kubernetes_is_not_asked(self, world: World) -> None:
        token = world.kubesphere.add("bob")
        world.server.rbac.grants.add(("bob", "team", "demo"))
        assert (await world.call(token, DEMO)).status == 404
        assert world.server.rbac.asked == []
        assert not any("subjectaccessreviews" in path for _, path in world.kubesphere.asked), "its yes is worth nothing"
        other = world.kubesphere.add("eve")
        world.kubesphere.allow("eve", "create", "workspaceinstances/connect")
        assert (await world.call(other, DEMO)).status == 200, "positive control"

    async def test_nothing_is_written_to_find_it_out(self, world: World) -> None:
        token = world.kubesphere.add("eve")
        for verb, what in (
            ("create", "workspaceinstances/connect"),
            ("create", "workspaceinstances"),
            ("update", "workspaceinstances"),
            ("delete", "workspaceinstances"),
        ):
            world.kubesphere.allow("eve", verb, what)
        answer = await world.call(token, DEMO)
        allowed = answer.json()["allowed"]
        assert all(allowed[action]["allowed"] for action in ("open", "stop", "delete")), allowed
        assert world.kubesphere.written == []
        assert all("dryRun=All" in path for method, path in world.kubesphere.asked if method not in ("GET",))

    async def test_each_right_by_itself(self, world: World) -> None:
        token = world.kubesphere.add("eve")
        world.kubesphere.allow("eve", "create", "workspaceinstances/connect")
        assert (await world.call(token, DEMO + "/stop", "POST", **CSRF)).status == 403
        assert world.server.api.patches == []
        other = world.kubesphere.add("max")
        world.kubesphere.allow("max", "create", "workspaceinstances/connect")
        world.kubesphere.allow("max", "update", "workspaceinstances")
        assert (await world.call(other, DEMO + "/stop", "POST", **CSRF)).status == 204, "positive control"

    @pytest.mark.parametrize(
        ("question", "path"),
        [
            (CONNECT, True),
            (CONNECT._replace(key=Key("team", "")), True),
            (CONNECT._replace(key=Key("", "")), False),
            (CONNECT._replace(verb="watch"), False),
            (CONNECT._replace(group="apps"), False),
        ],
    )
    async def test_what_cannot_be_tried_is_a_no(self, world: World, question: Question, path: bool) -> None:
        token = world.kubesphere.add("eve")
        for namespace in ("team", ""):
            world.kubesphere.allow("eve", "create", "workspaceinstances/connect", namespace)
        kubesphere = KubeSphere(KubeSphereConfig(url=world.kubesphere.url))
        assert await kubesphere.allowed(token, question) is path
        await kubesphere.close()

    async def test_an_answer_of_something_else_is_no_yes(self, world: World) -> None:
        kubesphere = KubeSphere(KubeSphereConfig(url=world.kubesphere.url + "/elsewhere"))
        with pytest.raises(Unreachable):
            await kubesphere.allowed(world.kubesphere.add("eve"), CONNECT)
        await kubesphere.close()
        kubesphere = KubeSphere(KubeSphereConfig(url=f"http://localhost:{free_port()}"))
        with pytest.raises(Unreachable):
            await kubesphere.allowed("token", CONNECT)
        await kubesphere.close()


class TestTickets:
    async def ticket(self, world: World, token: str, **headers: str) -> Answer:
        return await world.call(token, DEMO + "/ticket", "POST", **{**CSRF, **headers})

    async def test_from_the_console_into_the_editor(self, world: World) -> None:
        """The whole way: the console's cookie, its proxy, a ticket, a window."""
        token = world.kubesphere.add("ada")
        async with world.server.browser() as browser:
            headers = {"Cookie": f"token={token}", **CSRF}
            address = f"{world.kubesphere.url}/proxy/devworkspace{DEMO}/ticket"
            answer = await browser.post(address, headers=headers)
            assert answer.status == 201, answer.text
            url = answer.json()["url"]
            assert url.startswith(world.server.environment_origin() + "/-/ticket?ticket=")
            assert (await browser.navigate(url, allow_redirects=True)).text == "editor GET / 0"
            assert list(browser.cookies(world.server.environment_origin())) == ["dw-env"]
            assert "dw-session" not in browser.cookies(world.server.origin)
        for _, _, head in world.pod.seen:
            assert not {"authorization", "x-remote-user"} & {name.lower() for name in head}
            assert token not in str(head)

    async def test_it_works_once_and_not_for_long(self, world: World) -> None:
        token = world.kubesphere.add("ada")
        url = (await self.ticket(world, token)).json()["url"]
        late = (await self.ticket(world, token)).json()["url"]
        async with world.server.browser() as browser:
            assert (await browser.navigate(url)).status == 302
        async with world.server.browser() as thief:
            assert (await thief.navigate(url)).status == 400
            world.clock.now += codes.CODE_SECONDS
            assert (await thief.navigate(late)).status == 400
            assert thief.cookies(world.server.environment_origin()) == {}

    async def test_it_opens_its_own_environment_only(self, world: World) -> None:
        world.server.add(world.pod.port, name="other", owner="ada")
        url = (await self.ticket(world, world.kubesphere.add("ada"))).json()["url"]
        async with world.server.browser() as browser:
            moved = url.replace(world.server.environment_origin(), world.server.environment_origin("other"))
            assert (await browser.navigate(moved)).status == 400
            assert (await browser.navigate(url)).status == 302, "positive control"
            code = url.partition("ticket=")[2]
            callback = f"{world.server.environment_origin()}/-/callback?code={code}"
            assert (await browser.navigate(callback)).status == 400, "a ticket is no code"

    async def test_not_without_the_right(self, world: World) -> None:
        token = world.kubesphere.add("bob")
        assert (await self.ticket(world, token)).status == 404
        world.kubesphere.allow("eve", "create", "workspaceinstances/connect")
        assert (await self.ticket(world, world.kubesphere.add("eve"))).status == 201, "positive control"

    async def test_not_by_a_page_of_another_site(self, world: World) -> None:
        """The console adds the token to whatever a page makes the browser send to it."""
        token = world.kubesphere.add("ada")
        assert (await world.call(token, DEMO + "/ticket", "POST")).status == 403
        assert (await self.ticket(world, token)).status == 201, "positive control"

    async def test_not_for_others(self, world: World) -> None:
        world.server.tokens.good["script"] = TokenUser("ada", ())
        assert (await self.ticket(world, "script")).status == 403

    async def test_nobody_can_tell_whether_a_ticket_was_used_while_the_api_server_is_away(self, world: World) -> None:
        url = (await self.ticket(world, world.kubesphere.add("ada"))).json()["url"]
        world.server.shelf.broken = True
        async with world.server.browser() as browser:
            answer = await browser.navigate(url)
            assert (answer.status, "The cluster does not answer" in answer.text) == (503, True)
            assert not browser.cookies(world.server.environment_origin())
        world.server.shelf.broken = False
        url = (await self.ticket(world, world.kubesphere.add("ada"))).json()["url"]
        async with world.server.browser() as browser:
            assert (await browser.navigate(url)).status == 302, "positive control"

    async def test_the_session_ends_with_the_token_and_with_the_right(self, world: World) -> None:
        token = world.kubesphere.add("eve")
        world.kubesphere.allow("eve", "create", "workspaceinstances/connect")
        async with world.server.browser() as browser:
            await browser.navigate((await self.ticket(world, token)).json()["url"])
            page = world.server.environment_origin() + "/"
            assert (await browser.navigate(page)).status == 200
            world.clock.now += 7100
            assert (await browser.navigate(page)).status == 200
            world.clock.now += 200
            assert (await browser.navigate(page)).status == 302, "two hours, as the token says"

    async def test_without_kubesphere_there_are_none(self, server: Harness, browser: Browser) -> None:
        await browser.sign_in()
        headers = {"Origin": server.origin, **CSRF}
        assert (await browser.post(server.origin + DEMO + "/ticket", headers=headers)).status == 404
        assert (await browser.get(server.origin + "/api/v1/me", headers={"Host": HOST})).status == 421


class TestConsoleHost:
    async def test_the_sign_in_page_says_where_to_go(self, world: World) -> None:
        async with world.server.browser() as browser:
            page = await browser.navigate(world.server.origin + "/signin")
            assert "from KubeSphere&#x27;s console" in page.text
            assert "<form" not in page.text

    @pytest.mark.parametrize("path", ["/signin", "/signin/provider", "/-/authorize", "/w/team/demo/"])
    async def test_it_serves_nothing_that_needs_a_cookie(self, world: World, path: str) -> None:
        assert (await world.call(world.kubesphere.add("ada"), path)).status == 404

    @pytest.mark.parametrize(
        ("path", "aim"),
        [
            ("/", "?embed=1"),
            ("/envs/team/demo?lang=zh&theme=dark", "?embed=1&lang=zh&theme=dark"),
            ("/envs?embed=0", "?embed=1&embed=0"),
        ],
    )
    async def test_a_page_without_the_mark_of_a_frame_gets_it(self, world: World, path: str, aim: str) -> None:
        """Relative, because what precedes the path is the console's."""
        answer = await world.call(world.kubesphere.add("ada"), path)
        assert (answer.status, answer.headers.get("Location")) == (302, aim)
        page = await world.call(world.kubesphere.add("ada"), path.partition("?")[0] + aim)
        assert (page.status, page.content_type) == (200, "text/html")

    async def test_the_dashboard_in_a_frame(self, world: World) -> None:
        options: dict[str, Any] = {"headers": {"Host": HOST}}
        async with world.server.browser() as browser:
            page = await browser.get(world.server.origin + "/envs?embed=1", **options)
            assert page.status in (200, 503), "503 says how to build it"
            assert "Location" not in page.headers
