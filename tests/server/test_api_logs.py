"""Logs over real sockets: bounded, as they come, at the reader's pace, and only for as long as the right lasts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from devworkspace.api.meta import Key
from devworkspace.core.render.common import child_name
from devworkspace.server.api.logs import MAX_BYTES, MAX_STREAMS_PER_PERSON
from tests.server.cluster import DEMO, Wired, put, wired
from tests.server.support import ADMIN
from tests.support.fake_store import Refusal

LOGS = f"{DEMO}/logs"


class Container:
    """What a pod's container says, and what was asked for. `more` lets it say something; it never ends by itself."""

    def __init__(self) -> None:
        self.asked: list[tuple[Key, dict[str, str]]] = []
        self.more: asyncio.Queue[bytes] = asyncio.Queue()
        self.refusal: Refusal | None = None
        self.taken = 0
        self.let_go = asyncio.Event()

    def log(self, pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        self.asked.append((pod, dict(query)))
        if self.refusal is not None:
            raise self.refusal
        return self._follow() if query.get("follow") == "true" else self._once()

    async def _once(self) -> AsyncIterator[bytes]:
        yield b"first\n"
        yield "zweite – 二\n".encode()

    async def _follow(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield await self.more.get()
                self.taken += 1
        finally:
            self.let_go.set()


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


@pytest.fixture
def container(all_wired: Wired) -> Container:
    made = Container()
    all_wired.api.log = made.log
    return made


def follow(wired: Wired, query: str = "follow=true") -> "aiohttp.client._RequestContextManager":
    return wired.browser.session.get(f"{wired.server.origin}{LOGS}?{query}")


async def test_it_is_the_text_of_the_environment_s_container(all_wired: Wired, container: Container) -> None:
    instance = put(all_wired)
    answer = await all_wired.browser.get(f"{all_wired.server.origin}{LOGS}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == "first\nzweite – 二\n"
    assert "nosniff" in answer.headers["X-Content-Type-Options"], "a log may hold markup"
    ((pod, asked),) = container.asked
    assert pod == Key("team", child_name(instance))
    assert asked == {"container": "workspace", "tailLines": "500", "limitBytes": str(MAX_BYTES)}


async def test_what_is_asked_for_is_passed_on(all_wired: Wired, container: Container) -> None:
    put(all_wired)
    query = "previous=true&tailLines=10&sinceSeconds=60&timestamps=true"
    assert (await all_wired.browser.get(f"{all_wired.server.origin}{LOGS}?{query}")).status == 200
    asked = container.asked[0][1]
    assert {name: asked[name] for name in ("previous", "tailLines", "sinceSeconds", "timestamps")} == {
        "previous": "true",
        "tailLines": "10",
        "sinceSeconds": "60",
        "timestamps": "true",
    }


@pytest.mark.parametrize("query", ["tailLines=-1", "tailLines=5001", "follow=maybe", "sinceSeconds=0"])
async def test_wrong_questions_are_told(all_wired: Wired, container: Container, query: str) -> None:
    put(all_wired)
    assert (await all_wired.browser.get(f"{all_wired.server.origin}{LOGS}?{query}")).status == 422
    assert container.asked == []


async def test_head_opens_no_stream(all_wired: Wired, container: Container) -> None:
    put(all_wired)
    answer = await all_wired.browser.request("HEAD", f"{all_wired.server.origin}{LOGS}?follow=true")
    assert (answer.status, answer.body) == (200, b"")


async def test_without_a_container_there_is_none(all_wired: Wired, container: Container) -> None:
    put(all_wired, pod=False, phase="Stopped", podName=None)
    answer = await all_wired.browser.get(f"{all_wired.server.origin}{LOGS}")
    assert (answer.status, "no container" in answer.json()["detail"]) == (409, True)
    assert container.asked == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, 'container "workspace" in pod "x" is waiting to start: ContainerCreating'), (404, "not found")],
)
async def test_a_log_that_is_not_there_yet(all_wired: Wired, container: Container, status: int, words: str) -> None:
    put(all_wired)
    container.refusal = Refusal(status, "BadRequest", words)
    answer = await all_wired.browser.get(f"{all_wired.server.origin}{LOGS}?previous=true")
    assert answer.status == 409
    assert ("waiting to start" in answer.json()["detail"]) is (status == 400)


async def test_following_brings_lines_as_they_come(all_wired: Wired, container: Container) -> None:
    put(all_wired)
    async with follow(all_wired) as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        for line in (b"one\n", b"two\n"):
            container.more.put_nowait(line)
            async with asyncio.timeout(30):
                assert await response.content.readline() == line


@pytest.mark.parametrize("how", ["right", "session", "environment"])
async def test_it_ends_with_the_right_to_it(
    all_wired: Wired, container: Container, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("devworkspace.server.api.logs.RECHECK_SECONDS", 0.1)
    instance = put(all_wired, owner="li.wei")
    all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
    async with follow(all_wired) as response:
        await asyncio.sleep(0.35)
        container.more.put_nowait(b"still\n")
        async with asyncio.timeout(30):
            assert await response.content.readline() == b"still\n", "positive control"
        if how == "right":
            all_wired.server.rbac.grants.clear()
        elif how == "session":
            headers = {"Origin": all_wired.server.origin, "Sec-Fetch-Site": "same-origin"}
            await all_wired.browser.post(f"{all_wired.server.origin}/signout", headers=headers)
        else:
            all_wired.server.table.on_instance(instance, None)
        async with asyncio.timeout(30):
            assert await response.content.read() == b""


async def test_a_reader_that_stops_reading_holds_up_its_own_log_only(
    all_wired: Wired, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back-pressure: what is not read stays with the node; and losing the right ends even a stuck reader."""
    monkeypatch.setattr("devworkspace.server.api.logs.RECHECK_SECONDS", 0.2)
    put(all_wired, owner="li.wei")
    all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
    offered = 400
    for _ in range(offered):
        container.more.put_nowait(b"x" * 256 * 1024)
    async with follow(all_wired):
        await asyncio.sleep(1.0)
        stuck = container.taken
        assert stuck < offered / 2, "100 MB are not collected for somebody who reads nothing"
        await asyncio.sleep(0.5)
        assert container.taken == stuck
        assert not container.let_go.is_set()
        all_wired.server.rbac.grants.clear()
        async with asyncio.timeout(10):
            await container.let_go.wait()


async def test_a_server_that_leaves_breaks_it_off(all_wired: Wired, container: Container) -> None:
    """Not an end: the container goes on, and the reader asks another replica."""
    put(all_wired)
    container.more.put_nowait(b"so far\n")
    async with follow(all_wired) as response:
        assert await response.content.readline() == b"so far\n"
        await all_wired.server.rooms.endless.drain(seconds=1.0)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()
        async with asyncio.timeout(30):
            await container.let_go.wait()


async def test_nobody_has_any_number_of_them_open(all_wired: Wired, container: Container) -> None:
    put(all_wired)
    opened = [await follow(all_wired) for _ in range(MAX_STREAMS_PER_PERSON)]
    assert {response.status for response in opened} == {200}
    async with follow(all_wired) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "10")
    for response in opened:
        response.close()
    async with asyncio.timeout(30):
        while True:
            async with follow(all_wired) as response:
                if response.status == 200:
                    break
            await asyncio.sleep(0.05)
