"""Two servers of one installation: nothing but a key and one object in common, and nobody can tell them apart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp import web

from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.support import (
    ADMIN,
    NAVIGATION,
    Answer,
    Browser,
    Pod,
    browsing,
    environment_origin,
    free_port,
    running_pod,
)
from tests.support.fake_apiserver import FakeApiServer


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    if "Upgrade" not in request.headers:
        return web.Response(text="editor")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"echo {message.data}")
    return socket


class Replicas(NamedTuple):
    """Two processes, and the address that a load balancer in front of them would have."""

    api: FakeApiServer
    origin: str
    first: Process
    second: Process

    def browser(
        self, process: Process, *, like: Browser | None = None
    ) -> contextlib.AbstractAsyncContextManager[Browser]:
        """A browser whose requests go to one replica; `like`: with the cookies of that one."""
        jar = like.session.cookie_jar if like is not None else None
        assert jar is None or isinstance(jar, aiohttp.CookieJar)
        return browsing(self.origin, to_port=process.config.listen_port, jar=jar)


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    async with running_pod(echo) as running:
        yield running


@pytest.fixture
async def replicas(tmp_path: Path, pod: Pod) -> AsyncIterator[Replicas]:
    origin = f"http://localhost:{free_port()}"
    async with (
        FakeApiServer(authorize=lambda spec: False) as api,
        running_process(tmp_path, api, public_url=origin) as first,
        running_process(tmp_path, api, public_url=origin) as second,
    ):
        put_record(api)
        put_environment(api, "mine", owner=ADMIN, port=pod.port)
        await first.ready()
        await second.ready()
        yield Replicas(api, origin, first, second)


async def sign_out(browser: Browser, *, everywhere: bool = False) -> Answer:
    path = "/signout-everywhere" if everywhere else "/signout"
    return await browser.post(browser.origin + path, headers={"Origin": browser.origin})


@contextlib.asynccontextmanager
async def open_socket(browser: Browser) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """An editor's socket, which has answered."""
    origin = environment_origin(browser.origin, "mine", "team")
    async with browser.session.ws_connect(f"{origin}/socket", origin=origin) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=5) == "echo hello"
        yield socket


async def closing(socket: aiohttp.ClientWebSocketResponse) -> int:
    """The code with which the other side closes."""
    message = await socket.receive(timeout=5)
    assert message.type is aiohttp.WSMsgType.CLOSE
    return int(message.data)


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get(f"{browser.origin}/api/v1/me")).status == 200


async def until_signed_out(browser: Browser) -> None:
    async with asyncio.timeout(5):
        while await is_signed_in(browser):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_session_works_at_both_and_ends_at_both(replicas: Replicas, *, everywhere: bool) -> None:
    async with (
        replicas.browser(replicas.first) as home,
        replicas.browser(replicas.second, like=home) as away,
    ):
        assert (await home.sign_in()).status == 303
        assert await is_signed_in(away)
        assert (await away.open("mine")).text == "editor"
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
