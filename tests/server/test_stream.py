"""Changes as server-sent events: only those that the person may know of, in order, resumable."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from devworkspace.server.api.stream import GOODBYE
from tests.server.support import ADMIN, Browser, Harness, Pod, make_instance, running_server

PATH = "/api/v1/environments/stream"


class Event(NamedTuple):
    name: str
    number: str
    data: Any


class Listener:
    hello: Event

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, *, seconds: float = 5.0) -> Event:
        """The next event."""
        async with asyncio.timeout(seconds):
            lines = (await self.response.content.readuntil(b"\n\n")).decode().strip().split("\n")
            fields = dict(line.split(": ", 1) for line in lines)
            return Event(fields["event"], fields.get("id", ""), msgspec.json.decode(fields["data"]))


@contextlib.asynccontextmanager
async def listening(
    server: Harness, browser: Browser, *, last: str | None = None, since: str | None = None
) -> AsyncIterator[Listener]:
    """A listener that has been greeted."""
    headers = {"Last-Event-ID": last} if last is not None else {}
    query = {"since": since} if since is not None else {}
    async with browser.session.get(server.origin + PATH, headers=headers, params=query) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        listener = Listener(response)
        listener.hello = await listener.next()
        assert (listener.hello.name, listener.hello.data["name"]) == ("hello", ADMIN)
        yield listener


@pytest.fixture
async def signed_in(browser: Browser) -> Browser:
    assert (await browser.sign_in()).status == 303
    return browser


async def test_changes_come_as_they_happen(server: Harness, signed_in: Browser, pod: Pod) -> None:
    async with listening(server, signed_in) as listener:
        assert listener.hello.data["resumed"] is False
        instance = server.add(pod.port)
        phases = [(await listener.next()).data["phase"] for _ in range(2)]
        assert phases == ["Unreachable", "Running"], "the instance, then its pod"
        stopped = make_instance(phase="Stopped")
        server.table.on_instance(instance, stopped)
        event = await listener.next()
        assert (event.name, event.data["phase"], event.data["allowed"]["start"]["allowed"]) == (
            "environment",
            "Stopped",
            True,
        )
        server.table.on_instance(stopped, None)
        gone = await listener.next()
        assert (gone.name, gone.data) == ("gone", {"uid": "uid-team-demo"})


async def test_a_broken_connection_resumes_where_it_was(server: Harness, signed_in: Browser, pod: Pod) -> None:
    async with listening(server, signed_in) as listener:
        last = listener.hello.number
    server.add(pod.port, name="one")
    server.add(pod.port, name="two")
    async with listening(server, signed_in, last=last) as listener:
        assert listener.hello.data["resumed"] is True
        events = [await listener.next() for _ in range(4)]
    assert [event.data["name"] for event in events] == ["one", "one", "two", "two"]
    async with listening(server, signed_in, last=events[2].number) as listener:
        assert (await listener.next()).data["phase"] == "Running"
    async with listening(server, signed_in, since=events[0].number) as listener:
        assert (await listener.next()).number == events[1].number, "for who cannot send the header"
    async with listening(server, signed_in, since=last, last=events[2].number) as listener:
        assert (await listener.next()).number == events[3].number, "a browser that resumes keeps the address"


@pytest.mark.parametrize("last", ["0000-1", "nonsense", "", "-", "0000-9999999999999999999"])
async def test_an_unknown_place_begins_anew(server: Harness, signed_in: Browser, last: str) -> None:
    async with listening(server, signed_in, last=last) as listener:
        assert listener.hello.data["resumed"] is False


async def test_who_was_away_for_too_long_begins_anew(
    server: Harness, signed_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(server, signed_in) as listener:
        epoch = listener.hello.number.partition("-")[0]
    instance = make_instance()
    for number in range(5000):
        server.table.on_instance(instance, make_instance(message=str(number)))
    async with listening(server, signed_in, last=f"{epoch}-1") as listener:
        assert listener.hello.data["resumed"] is False


async def test_environments_of_others_are_passed_over(server: Harness, signed_in: Browser, pod: Pod) -> None:
    async with listening(server, signed_in) as listener:
        server.add(pod.port, name="foreign", owner="li.wei")
        server.add(pod.port, name="mine")
        assert (await listener.next()).data["name"] == "mine"
        await listener.next()
        server.rbac.grants.add((ADMIN, "team", "foreign"))
        server.table.on_instance(make_instance("foreign"), make_instance("foreign", owner="li.wei", message="x"))
        assert (await listener.next()).data["name"] == "foreign", "positive control"


async def test_strangers_get_nothing(server: Harness, browser: Browser) -> None:
    assert (await browser.get(server.origin + PATH)).status == 401


async def test_a_server_that_leaves_ends_it_and_says_when_to_come_back(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = running_server(tmp_path, drain_seconds=60.0)
        server = await running.__aenter__()
        browser = await stack.enter_async_context(server.browser())
        await browser.sign_in()
        listeners = [await stack.enter_async_context(listening(server, browser)) for _ in range(3)]
        # Without an end of its own a stream would last for all of `drain_seconds`.
        async with asyncio.timeout(20):
            await running.__aexit__(None, None, None)
        for listener in listeners:
            rest = await listener.response.read()
            assert rest.endswith(GOODBYE), "a whole answer, not a broken one"


async def test_nor_does_one_that_nobody_reads_hold_it_up(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = running_server(tmp_path, drain_seconds=60.0)
        server = await running.__aenter__()
        browser = await stack.enter_async_context(server.browser())
        await browser.sign_in()
        (cookie,) = browser.cookies(server.origin).items()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        stack.callback(writer.close)
        head = f"GET {PATH} HTTP/1.1\r\nHost: localhost:{server.port}\r\nCookie: {'='.join(cookie)}\r\n\r\n"
        writer.write(head.encode())
        await reader.readuntil(b"event: hello")
        before, (answer,) = make_instance(), server.rooms.endless.open
        # Until the buffers of both sides are full.
        for number in range(100_000):
            after = make_instance(message=f"{number} " + "x" * 4000)
            server.table.on_instance(before, after)
            before = after
            await asyncio.sleep(0)
            if answer.unread:
                break
        async with asyncio.timeout(20):
            await running.__aexit__(None, None, None)


async def sign_out(server: Harness, browser: Browser) -> None:
    origin = {"Origin": server.origin, "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post(f"{server.origin}/signout", headers=origin)).status == 303


async def test_it_ends_with_the_session(server: Harness, signed_in: Browser) -> None:
    async with listening(server, signed_in) as listener:
        await sign_out(server, signed_in)
        async with asyncio.timeout(30):
            assert await listener.response.read() == b"", "at once, and without another word"


async def test_silence_is_broken_by_heartbeats(
    server: Harness, signed_in: Browser, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devworkspace.server.api.stream.HEARTBEAT_SECONDS", 0.1)
    async with listening(server, signed_in) as listener:
        assert [(await listener.next()).name for _ in range(2)] == ["heartbeat"] * 2
        foreign = make_instance("foreign", owner="li.wei")
        server.table.on_instance(None, foreign)

        async def change_for_ever() -> None:
            for number in itertools.count():
                server.table.on_instance(foreign, make_instance("foreign", owner="li.wei", message=str(number)))
                await asyncio.sleep(0.01)

        busy = asyncio.create_task(change_for_ever())
        try:
            beats = [await listener.next() for _ in range(3)]
        finally:
            busy.cancel()
    assert {beat.name for beat in beats} == {"heartbeat"}, "what others do does not silence it"
    assert beats[-1].number != listener.hello.number, "and need not be gone through again"
