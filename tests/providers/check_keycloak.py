"""The sign-in with Keycloak: what its documents promise, and how soon a word of its admin counts here."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.providers.keycloak import Keycloak, Realm, make_realm
from tests.providers.process import write_client
from tests.providers.site import GROUP, NAME, SHARED, Site, free_origin, running_site
from tests.server.oidc import flows
from tests.server.replicas import closing, open_socket

# Of an access token; five minutes unless somebody says otherwise.
SECONDS = 30
# What renews is due every 15 s, sockets are looked at once a minute.
RENEWAL_SECONDS, SOCKET_SECONDS = 15, 60
ROOM = 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keycloak(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Keycloak]:
    async with Keycloak(tmp_path_factory.mktemp("keycloak")).running() as made:
        yield made


@pytest.fixture
async def site(tmp_path: Path, keycloak: Keycloak) -> AsyncIterator[Site[Realm]]:
    origin = free_origin()
    write_client(tmp_path)
    async with (
        keycloak.with_realm(make_realm(origin, seconds=SECONDS)) as realm,
        running_site(tmp_path, realm, origin=origin, who="ada") as made,
    ):
        yield made


async def test_signing_in(site: Site[Realm]) -> None:
    await flows.find_the_button(site, label="Example Login")
    await flows.use_the_callback_of_somebody_else(site)
    await flows.use_a_code_twice(site)
    await flows.go_the_whole_way(site, name=NAME, groups=[GROUP])
    assert await site.names_in_list() == ["mine", SHARED]
    assert (await site.browser.open(SHARED)).text == "editor GET / 0", "by the group's binding"


async def test_into_an_environment_and_out_of_both(site: Site[Realm]) -> None:
    await flows.enter_an_environment(site, site.pod, name="mine")
    again = await site.browser.navigate(await site.begin())
    assert again.status == 302, "positive control: it knows the person and asks nothing"
    address = await flows.sign_out(site)
    assert address is not None
    answer = await flows.sign_out_at_the_provider(site, address)
    assert answer.headers.get("Location") == f"{site.origin}/signin", answer.text
    page = await site.browser.navigate(await site.begin())
    assert page.status == 200, "it asks who it is"
    assert 'name="password"' in page.text


async def test_a_session_outlives_its_access_tokens_and_our_restart(site: Site[Realm]) -> None:
    await flows.go_the_whole_way(site, name=NAME, groups=[GROUP])
    await asyncio.sleep(SECONDS + 5)
    assert await site.me() is not None
    await site.start_again()
    await asyncio.sleep(SECONDS)
    assert await site.me() is not None


async def test_a_new_signing_key(site: Site[Realm]) -> None:
    await flows.go_the_whole_way(site, name=NAME, groups=[GROUP])
    await site.provider.exchange_signing_key()
    async with site.another_browser() as other:
        answer = await site.sign_in(other)
        assert answer.status == 303, answer.text


@pytest.mark.parametrize("word", ["ends the sessions", "disables", "takes out of the group"])
async def test_what_an_admin_says_counts_soon(site: Site[Realm], word: str) -> None:
    await flows.go_the_whole_way(site, name=NAME, groups=[GROUP])
    await site.browser.open("mine")
    async with open_socket(site.browser) as socket:
        await asyncio.sleep(SECONDS + 5)
        assert await site.me() is not None, "positive control"
        if word == "ends the sessions":
            await site.provider.end_sessions_of("ada")
        elif word == "disables":
            await site.provider.change("ada", enabled=False)
        else:
            await site.provider.take_out_of_groups("ada")
        said = time.monotonic()
        page = await site.seconds_until_gone(within=SECONDS + RENEWAL_SECONDS + ROOM)
        code = await closing(socket, within=SOCKET_SECONDS + ROOM)
        print(
            f"\nthe admin {word}: the page is out after {page:.1f} s, the socket after {time.monotonic() - said:.1f} s"
        )
    assert code == 1008
    if word == "takes out of the group":
        assert (await site.sign_in()).status == 303
        assert (await site.me())["groups"] == ["system:authenticated"]
