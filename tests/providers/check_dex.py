"""The sign-in with Dex: what its documents promise, and what it does with refresh tokens and at a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devworkspace.server.signin.oidc import renewals
from tests.providers.dex import PASSWORD_HASH, Dex
from tests.providers.process import write_client
from tests.providers.site import NAME, SHARED, Site, free_origin, running_site
from tests.server.oidc import flows
from tests.server.replicas import closing, open_socket

ADA = {"email": "ada@example.com", "hash": PASSWORD_HASH, "username": "ada", "userID": "1001"}
SECONDS = 20
# What else may take its time: what is due is renewed every 15 s.
ROOM = 20
SCOPES = ("openid", "profile", "email", "groups", "offline_access")


@contextlib.asynccontextmanager
async def running_dex(
    folder: Path, *, durable: bool = False, connector: str | None = None, **oidc: Any
) -> AsyncIterator[Site[Dex]]:
    """`oidc` are options of `running_site`. Its own passwords come without `preferred_username` and groups."""
    origin = free_origin()
    write_client(folder)
    dex = Dex(folder, origin=origin, seconds=SECONDS, durable=durable, connector=connector)
    dex.set_people([ADA])
    settings = {"scopes": SCOPES, "single_use_refresh": True, "username_claim": "name", **oidc}
    async with dex.running(), running_site(folder, dex, origin=origin, who=ADA["email"], **settings) as site:
        yield site


async def test_signing_in(tmp_path: Path) -> None:
    async with running_dex(tmp_path) as site:
        await flows.find_the_button(site, label="Example Login")
        await flows.use_the_callback_of_somebody_else(site)
        await flows.use_a_code_twice(site)
        await flows.go_the_whole_way(site, name=NAME, groups=[])
        assert await site.names_in_list() == ["mine"]
        assert (await site.browser.open(SHARED)).status == 404


async def test_groups_of_a_connector(tmp_path: Path) -> None:
    async with running_dex(tmp_path, connector="mockCallback", group="oidc:authors") as site:
        await flows.go_the_whole_way(site, name="oidc:Kilgore Trout", groups=["oidc:authors"])
        assert await site.names_in_list() == [SHARED]
        assert (await site.browser.open(SHARED)).text == "editor GET / 0"


async def test_into_an_environment_and_out_again(tmp_path: Path) -> None:
    async with running_dex(tmp_path) as site:
        await flows.enter_an_environment(site, site.pod, name="mine")
        await flows.sign_out(site)
        assert (await site.browser.open("mine")).url.path == "/signin"


async def test_a_restart_of_ours_costs_nobody_the_session(tmp_path: Path) -> None:
    """It gives a new refresh token at each use; the control is without the option, whose newest one is forgotten."""
    for shared in (True, False):
        folder = tmp_path / f"shared-{shared}"
        folder.mkdir()
        async with running_dex(folder, single_use_refresh=shared) as site:
            await flows.go_the_whole_way(site, name=NAME, groups=[])
            await asyncio.sleep(SECONDS + 5)
            assert await site.me() is not None, "renewed"
            # So that a second use of the first token is not taken for a reply that was lost.
            await asyncio.sleep(5)
            await site.start_again()
            await asyncio.sleep(SECONDS)
            assert (await site.me() is not None) is shared


async def test_without_a_refresh_token_the_session_ends_with_the_id_token(tmp_path: Path) -> None:
    async with running_dex(tmp_path, scopes=SCOPES[:-1]) as site:
        await flows.go_the_whole_way(site, name=NAME, groups=[])
        seconds = await site.seconds_until_gone(within=SECONDS + 5)
        print(f"\nwithout a refresh token gone after {seconds:.1f} s")
        assert seconds > SECONDS - 5


async def test_new_keys_at_a_restart(tmp_path: Path) -> None:
    async with running_dex(tmp_path) as site:
        await flows.go_the_whole_way(site, name=NAME, groups=[])
        await site.provider.stop()
        assert await site.me() is not None, "it is away, which is borne"
        await site.provider.start()
        async with site.another_browser() as other:
            answer = await site.sign_in(other)
            assert answer.status == 303, answer.text
        seconds = await site.seconds_until_gone(within=SECONDS + ROOM)
        print(f"\nDex has forgotten the refresh token: gone after {seconds:.1f} s")


async def test_who_is_removed_there_is_out_here(tmp_path: Path) -> None:
    """It answers 500 about them, which might be an outage, so that the five minutes for outages are added."""
    async with running_dex(tmp_path, durable=True) as site:
        await flows.go_the_whole_way(site, name=NAME, groups=[])
        await site.browser.open("mine")
        async with open_socket(site.browser) as socket:
            await site.provider.stop()
            await site.provider.start()
            await asyncio.sleep(SECONDS + 5)
            assert await site.me() is not None, "positive control: a restart alone takes nothing away"
            await site.provider.stop()
            site.provider.set_people([{**ADA, "email": "eve@example.com", "userID": "1002"}])
            await site.provider.start()
            seconds = await site.seconds_until_gone(within=renewals.GRACE_SECONDS + SECONDS + ROOM)
            code = await closing(socket, within=90)
        print(f"\nremoved at Dex: gone after {seconds:.1f} s")
        assert code == 1008
