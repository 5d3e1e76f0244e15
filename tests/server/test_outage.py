"""The API server goes away and comes back: what goes on, what is refused, and that nothing is started or given away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from devworkspace.api.meta import Key
from devworkspace.server.pages.html import STYLE_PATH
from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.replicas import answer_or_echo, open_socket
from tests.server.support import (
    ADMIN,
    TYPED,
    Answer,
    Browser,
    Harness,
    Pod,
    Synced,
    browsing,
    running_pod,
    running_server,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer

CSRF = {"X-DevWorkspace-CSRF": "1"}


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    async with running_pod(answer_or_echo) as running:
        yield running


@pytest.fixture
async def api(pod: Pod) -> AsyncIterator[FakeApiServer]:
    def authorize(spec: Any) -> bool:
        return bool(spec["resourceAttributes"]["name"] == "shared")

    async with FakeApiServer(authorize=authorize) as server:
        put_record(server)
        for name, owner in (("mine", ADMIN), ("asleep", ADMIN), ("shared", "li.wei"), ("foreign", "li.wei")):
            put_environment(server, name, owner=owner, port=pod.port)
        server.set_status(INSTANCES, Key("team", "asleep"), {"phase": "Stopped"})
        yield server


@pytest.fixture
async def process(tmp_path: Path, api: FakeApiServer) -> AsyncIterator[Process]:
    async with running_process(tmp_path, api) as running:
        await running.ready()
        yield running


@pytest.fixture
async def browser(process: Process) -> AsyncIterator[Browser]:
    async with browsing(process.config.public_url) as made:
        assert (await made.sign_in()).status == 303
        yield made


async def come_back(api: FakeApiServer) -> None:
    """The same API server at the same address."""
    api.port = URL(api.url).port or 0
    await api.__aenter__()


async def until(browser: Browser, name: str, status: int) -> Answer:
    async with asyncio.timeout(15):
        while (answer := await browser.open(name)).status != status:
            await asyncio.sleep(0.1)
    return answer


async def test_what_is_known_goes_on_and_nothing_new_begins(
    process: Process, browser: Browser, api: FakeApiServer
) -> None:
    assert (await browser.open("mine")).status == 200
    assert (await browser.open("foreign")).status == 404, "control: the cluster says no"
    async with open_socket(browser) as socket:
        await api.stop()
        await socket.send_str("alone")
        assert await socket.receive_str(timeout=5) == "echo alone"
        assert (await browser.open("mine")).status == 200
        assert (await browser.get(f"{browser.origin}/api/v1/me")).status == 200

        for name in ("shared", "foreign", "absent"):
            answer = await until(browser, name, 503)
            assert "The cluster does not answer" in answer.text
            assert "Retry-After" in answer.headers
        texts = {(await browser.open(name)).text for name in ("shared", "foreign", "absent")}
        assert len(texts) == 1, "nobody learns from an outage what exists"
        for name in ("shared", "absent"):
            answer = await browser.get(f"{browser.origin}/api/v1/namespaces/team/environments/{name}")
            assert (answer.status, answer.content_type) == (503, "application/problem+json")
            assert "nobody can tell whether you may" in answer.json()["detail"]

        woken = await browser.navigate(browser.origin + "/-/open?env=asleep--team", headers=TYPED, allow_redirects=True)
        assert woken.status == 503
        start = f"{browser.origin}/api/v1/namespaces/team/environments/asleep/start"
        assert (await browser.post(start, headers={**CSRF, "Origin": browser.origin})).status == 503
        async with browsing(browser.origin) as stranger:
            assert (await stranger.sign_in()).status == 503

        await come_back(api)
        assert (await until(browser, "shared", 200)).text == "editor GET / 0"
        assert (await until(browser, "absent", 404)).status == 404
        assert (await browser.open("foreign")).status == 404
        await socket.send_str("together")
        assert await socket.receive_str(timeout=5) == "echo together"
    async with browsing(browser.origin) as stranger:
        assert (await stranger.sign_in()).status == 303
    instance = api.get(INSTANCES, Key("team", "asleep"))
    assert instance is not None
    assert "running" not in instance["spec"], "no wish of the outage is carried out afterwards"
    await process.ready()


@contextlib.asynccontextmanager
async def blind_after(tmp_path: Path, pod: Pod, watch: Synced) -> AsyncIterator[tuple[Harness, Browser]]:
    async with (
        running_server(tmp_path, watches=(("pods", watch),), recheck_seconds=0.05) as server,
        server.browser() as browser,
    ):
        server.add(pod.port, name="mine")
        await browser.enter("mine")
        yield server, browser


async def test_after_too_long_without_a_word_nobody_gets_in(tmp_path: Path, pod: Pod) -> None:
    watch = Synced()
    async with blind_after(tmp_path, pod, watch) as (server, browser), open_socket(browser) as socket:
        watch.stale = True
        await until(browser, "mine", 503)
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1013)
        own = server.environment_origin("mine")
        for address in (own, server.origin, f"{server.origin}/signin"):
            page = await browser.navigate(address)
            assert (page.status, "No contact with the cluster" in page.text) == (503, True)
        answer = await browser.get(f"{server.origin}/api/v1/me")
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert (await browser.get(own)).status == 503, "a request without page, too"
        for path, status in (("/-/healthz", 200), ("/-/readyz", 503), (STYLE_PATH, 200)):
            assert (await browser.get(server.origin + path)).status == status
        watch.stale = False
        assert (await until(browser, "mine", 200)).text == "editor GET / 0"


async def test_who_leaves_says_so_with_every_answer(tmp_path: Path, pod: Pod) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = running_server(tmp_path, leave_seconds=3.0)
        server = await running.__aenter__()
        browser = await stack.enter_async_context(server.browser())
        server.add(pod.port, name="mine")
        await browser.enter("mine")
        (cookie,) = browser.cookies(server.environment_origin("mine")).items()
        leaving = asyncio.create_task(running.__aexit__(None, None, None))
        async with asyncio.timeout(30):
            while (await browser.get(f"{server.origin}/-/readyz")).status == 200:
                await asyncio.sleep(0.01)
        answer = await browser.get(f"{server.origin}/api/v1/me")
        assert answer.status == 200, "whoever still comes is served"
        assert answer.headers.get("Connection") == "close"
        head = f"GET / HTTP/1.1\r\nHost: {server.environment_host('mine')}\r\nCookie: {'='.join(cookie)}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode())
        async with asyncio.timeout(30):
            received = await reader.read(-1)
        writer.close()
        assert received.startswith(b"HTTP/1.1 200"), "and then let go of, also by the short way of the gateway"
        await leaving
