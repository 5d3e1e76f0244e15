"""Signing in with a real provider, the whole way, and what becomes of the session afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from devworkspace.api import names
from devworkspace.server.signin.oidc import provider, renewals, turns
from devworkspace.server.signin.oidc.people import subject_of
from tests.server.fakes import Record, Shelf
from tests.server.oidc import flows
from tests.server.oidc.conftest import ADA, running_world
from tests.server.oidc.world import World
from tests.server.replicas import answer_or_echo
from tests.server.support import Browser, Harness, browsing, running_pod, running_server
from tests.support.ports import free_port

LIFETIME = 300


def subject(world: World, sub: str = "1001") -> str:
    return subject_of(world.provider.issuer, sub)


class TestSigningIn:
    async def test_the_whole_way(self, world: World) -> None:
        await flows.find_the_button(world, label="Example Login")
        page = await world.browser.navigate(f"{world.server.origin}/signin")
        assert 'name="password"' in page.text
        await flows.go_the_whole_way(world, name="oidc:ada", groups=["oidc:developers"])
        assert len(world.browser.cookies(world.server.origin)["dw-session"]) < 1000

    async def test_in_chinese(self, world: World) -> None:
        page = await world.browser.navigate(f"{world.server.origin}/signin?lang=zh")
        assert "使用 Example Login 登录" in page.text
        assert "本地账号" in page.text

    async def test_into_an_environment(self, world: World) -> None:
        async with running_pod() as pod:
            world.server.add(pod.port, owner="oidc:ada")
            await flows.enter_an_environment(world, pod)

    async def test_a_code_works_once(self, world: World) -> None:
        await flows.use_a_code_twice(world)

    async def test_a_callback_of_somebody_else_signs_nobody_in(self, world: World) -> None:
        await flows.use_the_callback_of_somebody_else(world)

    async def test_the_local_account_can_be_left_out(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, admin_dir=None) as world:
            page = await world.browser.navigate(world.server.origin + "/signin")
            assert "/signin/provider" in page.text
            assert "<form" not in page.text
            assert (await world.browser.sign_in()).status == 403
            assert (await world.sign_in()).status == 303

    async def test_a_provider_that_is_away_leaves_the_local_account(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider, "RETRY_SECONDS", 0.0)
        await world.provider.stop()
        page = await world.browser.navigate(world.server.origin + "/signin")
        assert "Example Login does not answer at the moment." in page.text
        assert (await world.browser.sign_in()).status == 303
        await world.provider.start()
        async with world.server.browser() as other:
            assert (await world.sign_in(other)).status == 303

    async def test_signing_out_leads_to_the_provider(self, world: World) -> None:
        await world.sign_in()
        address = await flows.sign_out(world)
        assert address is not None
        answer = await flows.sign_out_at_the_provider(world, address)
        assert answer.headers["Location"] == f"{world.origin}/signin"
        assert "login" in (await world.browser.navigate(await world.begin(), allow_redirects=True)).text


class TestKubeSphere:
    """PKCE that nobody checks, opaque access tokens, claims from userinfo, a new key at every start."""

    async def test_its_quirks(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, provider={"kubesphere": True}) as world:
            assert (await world.sign_in()).status == 303
            assert (await world.me())["groups"] == ["oidc:developers", "system:authenticated"]
            await world.provider.stop()
            await world.provider.start()
            async with world.server.browser() as other:
                answer = await world.sign_in(other)
                assert answer.status == 303, "its keys are new"

    async def test_without_a_prefix_names_are_those_of_the_cluster(self, tmp_path: Path) -> None:
        oidc = {"prefix": ""}
        async with running_world(tmp_path, provider={"kubesphere": True}, oidc=oidc, admin_dir=None) as world:
            world.provider.set_accounts(
                {
                    "1001": {**ADA, "groups": ["developers", "system:masters", "devworkspace:admins"]},
                    "1002": {"preferred_username": "system:admin"},
                }
            )
            assert (await world.sign_in()).status == 303
            me = await world.me()
            assert (me["name"], me["groups"]) == ("ada", ["developers", "system:authenticated"])
            async with world.server.browser() as other:
                assert (await world.sign_in(other, who="1002")).status == 403


class TestOwners:
    """N11: a user name that was given out again."""

    async def test_an_environment_notes_the_account(self, world: World) -> None:
        await world.sign_in()
        world.server.rbac.rights.add(("oidc:ada", "create", "", "team", ""))
        world.server.catalogue.add("python")
        headers = {"Origin": world.server.origin, "X-DevWorkspace-CSRF": "1"}
        answer = await world.browser.post(
            world.server.origin + "/api/v1/namespaces/team/environments",
            json={"name": "mine", "template": "python"},
            headers=headers,
        )
        assert answer.status == 201, answer.text
        ((body, _),) = world.server.api.created
        assert body["spec"]["owner"] == "oidc:ada"
        assert body["metadata"]["annotations"][names.ANNOTATION_OWNER_SUBJECT] == subject(world)

    async def test_the_next_person_of_that_name_finds_nothing(self, world: World) -> None:
        world.provider.set_accounts({"1001": ADA, "1002": ADA})
        async with running_pod() as pod, world.server.browser() as other:
            world.server.add(pod.port, owner="oidc:ada", annotations={names.ANNOTATION_OWNER_SUBJECT: subject(world)})
            await world.sign_in()
            await world.sign_in(other, who="1002")
            assert (await world.me(other))["name"] == (await world.me())["name"]
            assert (await world.browser.open()).text == "editor GET / 0", "positive control"
            assert (await other.open()).status == 404
            for browser, count in ((world.browser, 1), (other, 0)):
                listed = await browser.get(world.server.origin + "/api/v1/environments")
                assert len(listed.json()["items"]) == count


class TestLifetime:
    async def test_without_a_refresh_token_a_session_ends_with_the_access_token(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, provider={"refresh": False, "seconds": LIFETIME}) as world:
            await world.sign_in()
            world.clock.now += LIFETIME - 5
            assert await world.me() is not None
            world.clock.now += 10
            assert await world.me() is None

    async def test_with_one_it_goes_on_until_the_provider_says_no(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, provider={"seconds": LIFETIME}) as world, running_pod() as pod:
            world.server.add(pod.port, owner="oidc:ada")
            await world.sign_in()
            await world.browser.open()
            for _ in range(3):
                world.clock.now += LIFETIME + 5
                assert await world.me() is not None
                assert (await world.browser.open()).text == "editor GET / 0"
            world.provider.set_accounts({})
            assert await world.me() is not None, "asked when the last word ends, not at every request"
            world.clock.now += LIFETIME + 5
            assert await world.me() is None
            page = await world.browser.navigate(world.server.environment_origin() + "/")
            assert page.headers["Location"].startswith(world.server.origin + "/-/authorize"), "the editor, too"

    async def test_but_never_longer_than_a_session_lives(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, provider={"seconds": LIFETIME}, session_seconds=1000.0) as world:
            await world.sign_in()
            world.clock.now += 990
            assert await world.me() is not None
            world.clock.now += 10
            assert await world.me() is None

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param({**ADA, "groups": ["guests"]}, id="other groups"),
            pytest.param({**ADA, "preferred_username": "eve"}, id="another name"),
        ],
    )
    async def test_who_has_become_somebody_else_signs_in_anew(self, tmp_path: Path, changed: dict[str, object]) -> None:
        async with running_world(tmp_path, provider={"seconds": LIFETIME}) as world:
            await world.sign_in()
            world.clock.now += LIFETIME + 5
            assert await world.me() is not None, "positive control"
            world.provider.set_accounts({"1001": changed})
            world.clock.now += LIFETIME + 5
            assert await world.me() is None
            await world.sign_in()
            assert (await world.me())["name"] == f"oidc:{changed['preferred_username']}"

    async def test_a_provider_that_exchanges_refresh_tokens(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, provider={"seconds": LIFETIME, "rotate": True}) as world:
            await world.sign_in()
            for _ in range(3):
                world.clock.now += LIFETIME + 5
                assert await world.me() is not None

    async def test_replicas_share_a_refresh_token_that_works_once(self, tmp_path: Path) -> None:
        """The control is the same without the option: the provider takes the second use for theft."""
        for shared in (True, False):
            folder = tmp_path / f"shared-{shared}"
            (folder / "second").mkdir(parents=True)
            shelf, record = Shelf(), Record()
            async with (
                running_world(
                    folder,
                    provider={"seconds": LIFETIME, "rotate": True},
                    oidc={"single_use_refresh": shared},
                    shelf=shelf,
                    record=record,
                ) as world,
                second_replica(world, folder / "second", shelf=shelf, record=record) as there,
            ):
                await world.sign_in()
                assert await world.me(there) is not None
                for _ in range(3):
                    world.clock.now += LIFETIME + 5
                    stayed = await asyncio.gather(world.me(), world.me(there))
                    assert all(stayed) or not shared
                assert all(stayed) is shared
                if shared:
                    world.provider.set_accounts({})
                    world.clock.now += LIFETIME + 5
                    assert not any(await asyncio.gather(world.me(), world.me(there)))

    async def test_a_refresh_token_that_works_once_outlives_the_server(self, tmp_path: Path) -> None:
        shelf, record, options = Shelf(), Record(), {"seconds": LIFETIME, "rotate": True}
        async with running_world(
            tmp_path, provider=options, oidc={"single_use_refresh": True}, shelf=shelf, record=record
        ) as world:
            await world.sign_in()
            world.clock.now += LIFETIME + 5
            assert await world.me() is not None, "the cookie's token is used up"
            (text,) = shelf.data[turns.RECORD_NAME].values()
            assert text.count(" ") == 1, "until when, and what is sealed"
            (tmp_path / "second").mkdir()
            async with second_replica(world, tmp_path / "second", shelf=shelf, record=record) as there:
                for _ in range(2):
                    assert await world.me(there) is not None
                    world.clock.now += LIFETIME + 5
                shelf.broken = True
                assert await world.me(there) is not None, "borne like an outage of the provider"
                shelf.broken = False
                world.clock.now += LIFETIME + 5
                assert await world.me(there) is not None

    async def test_a_word_that_ended_meanwhile_is_renewed_at_once(self, tmp_path: Path) -> None:
        shelf, record, options = Shelf(), Record(), {"seconds": LIFETIME, "rotate": True}
        async with running_world(
            tmp_path, provider=options, oidc={"single_use_refresh": True}, shelf=shelf, record=record
        ) as world:
            await world.sign_in()
            world.clock.now += LIFETIME + 5
            assert await world.me() is not None, "the newest word stands in the record"
            (tmp_path / "second").mkdir()
            async with second_replica(world, tmp_path / "second", shelf=shelf, record=record) as there:
                world.clock.now += LIFETIME + 5
                assert await world.me(there) is not None
                world.provider.set_accounts({})
                world.clock.now += LIFETIME + 5
                assert await world.me(there) is None, "positive control"

    async def test_an_outage_of_the_provider_is_borne_for_five_minutes(self, tmp_path: Path) -> None:
        async with running_world(tmp_path, provider={"seconds": LIFETIME}) as world:
            await world.sign_in()
            await world.provider.stop()
            world.clock.now += LIFETIME + renewals.GRACE_SECONDS - 10
            assert await world.me() is not None
            world.clock.now += 20
            assert await world.me() is None

    async def test_an_open_socket_stays_as_long_as_the_provider_wants(self, tmp_path: Path) -> None:
        async with (
            running_world(tmp_path, provider={"seconds": LIFETIME}) as world,
            running_pod(answer_or_echo) as pod,
        ):
            world.server.add(pod.port, owner="oidc:ada")
            await world.sign_in()
            await world.browser.open()
            socket = await _dial(world.server, world.browser)
            federation, sockets = world.server.rooms.federation, world.server.rooms.gateway.sockets
            assert federation is not None
            for _ in range(8):
                world.clock.now += 60
                await sockets.recheck()
                await federation.renewals.renew_due()
            await socket.send_str("still here")
            assert (await socket.receive(timeout=5)).data == "echo still here", "positive control"
            world.provider.set_accounts({})
            for _ in range(5):
                world.clock.now += 60
                await sockets.recheck()
                await federation.renewals.renew_due()
            message = await socket.receive(timeout=5)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)


@contextlib.asynccontextmanager
async def second_replica(world: World, folder: Path, **shared: Any) -> AsyncIterator[Browser]:
    """The world's browser, whose requests go to another server of the same installation."""
    jar = world.browser.session.cookie_jar
    assert isinstance(jar, aiohttp.CookieJar)
    config, port = world.server.config, free_port()
    options = {"public_url": config.public_url, "oidc": config.oidc, "clock": world.clock, "listen_port": port}
    async with (
        running_server(folder, **options, **shared),
        browsing(world.server.origin, to_port=port, jar=jar) as browser,
    ):
        yield browser


async def _dial(server: Harness, browser: Browser) -> aiohttp.ClientWebSocketResponse:
    origin = server.environment_origin()
    return await browser.session.ws_connect(origin + "/socket", headers={"Origin": origin})
