"""Two servers of one installation: nothing but a key and one object in common, and nobody can tell them apart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.replicas import (
    Replicas,
    answer_or_echo,
    closing,
    is_signed_in,
    open_socket,
    running_replicas,
    sign_out,
    until_signed_out,
)
from tests.server.support import NAVIGATION, Pod, environment_origin, running_pod


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    async with running_pod(answer_or_echo) as running:
        yield running


@pytest.fixture
async def replicas(tmp_path: Path, pod: Pod) -> AsyncIterator[Replicas]:
    async with running_replicas(tmp_path, pod) as running:
        yield running


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_session_works_at_both_and_ends_at_both(replicas: Replicas, *, everywhere: bool) -> None:
    async with (
        replicas.browser(replicas.first) as home,
        replicas.browser(replicas.second, like=home) as away,
    ):
        assert (await home.sign_in()).status == 303
        assert await is_signed_in(away)
        assert (await away.open("mine")).text == "editor GET / 0"
        public, own = home.cookies(home.origin), away.cookies(environment_origin(home.origin, "mine", "team"))
        async with open_socket(home) as here, open_socket(away) as there:
            assert (await sign_out(home, everywhere=everywhere)).status == 303
            assert [await closing(here), await closing(there)] == [1008, 1008]
        # What a thief might have copied: the cookies that the browser itself has deleted.
        for process in (replicas.first, replicas.second):
            async with replicas.browser(process) as thief:
                headers = {"Cookie": "; ".join(f"{key}={value}" for key, value in {**public, **own}.items())}
                assert (await thief.get(f"{thief.origin}/api/v1/me", headers=headers)).status == 401
                page = environment_origin(thief.origin, "mine", "team")
                assert (await thief.get(page, headers={**NAVIGATION, **headers})).status == 302


async def test_sign_out_ends_one_session_and_everywhere_ends_all(replicas: Replicas) -> None:
    async with (
        replicas.browser(replicas.first) as desk,
        replicas.browser(replicas.second) as phone,
        replicas.browser(replicas.second) as tablet,
    ):
        for browser in (desk, phone, tablet):
            assert (await browser.sign_in()).status == 303
        await sign_out(desk)
        assert not await is_signed_in(desk)
        assert await is_signed_in(phone)
        await sign_out(phone, everywhere=True)
        await until_signed_out(tablet)
        assert (await desk.sign_in()).status == 303
        assert await is_signed_in(desk)


async def test_a_code_that_one_has_taken_is_spent_at_the_other(replicas: Replicas) -> None:
    """Whoever has copied the link and the browser's cookie comes too late, wherever they go."""
    own = environment_origin(replicas.origin, "mine", "team")
    async with replicas.browser(replicas.first) as home, replicas.browser(replicas.second) as thief:
        assert (await home.sign_in()).status == 303
        to_sign_in = await home.navigate(own + "/")
        stolen = {"Cookie": "; ".join(f"{key}={value}" for key, value in home.cookies(own).items())}
        assert "dw-nonce" in stolen["Cookie"]
        callback = (await home.navigate(to_sign_in.headers["Location"])).headers["Location"]
        first = await home.navigate(callback)
        assert (first.status, "dw-env" in home.cookies(own)) == (302, True), "positive control"
        for browser in (thief, home):
            late = await browser.navigate(callback, headers={**NAVIGATION, **stolen})
            assert late.status == 400
        assert "dw-env" not in thief.cookies(own)


async def test_without_the_api_server_nobody_is_signed_out_in_one_place_only(replicas: Replicas) -> None:
    async with replicas.browser(replicas.first) as home, replicas.browser(replicas.second, like=home) as away:
        assert (await home.sign_in()).status == 303
        await replicas.api.stop()
        answer = await sign_out(home)
        assert (answer.status, "You are still signed in" in answer.text) == (503, True)
        assert "Retry-After" in answer.headers
        assert await is_signed_in(home)
        assert await is_signed_in(away)
        async with replicas.browser(replicas.first) as stranger:
            refused = await stranger.sign_in()
            assert (refused.status, "nobody can sign in now" in refused.text) == (503, True)
            assert not stranger.cookies(stranger.origin)
