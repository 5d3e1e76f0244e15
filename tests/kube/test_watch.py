"""The wire of a watch: what arrives whole, what breaks in the middle, what falls silent."""

import asyncio
from contextlib import aclosing

import pytest

from devworkspace.kube import errors
from devworkspace.kube.client import Client
from devworkspace.kube.codec import LineSplitter, WatchEvent
from devworkspace.kube.resource import PODS
from tests.kube.kinds import Thing, key, thing
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of, eventually


class Watching:
    """Collects the events of one watch in the background."""

    def __init__(self, client: Client, *, resource_version: str, label_selector: str | None = None) -> None:
        self.events: list[WatchEvent[Thing]] = []
        self.contacts = 0
        self._client = client
        self._version = resource_version
        self._selector = label_selector

    def touch(self) -> None:
        self.contacts += 1

    async def run(self, *, timeout_seconds: int = 300) -> None:
        events = self._client.watch(
            PODS,
            Thing,
            label_selector=self._selector,
            resource_version=self._version,
            timeout_seconds=timeout_seconds,
            on_contact=self.touch,
        )
        async with aclosing(events):
            async for event in events:
                self.events.append(event)

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(event.kind, event.metadata.name) for event in self.events]


async def test_events_come_typed_and_in_order() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        server.put(PODS, thing("before"))
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.put(PODS, thing("a"))
        server.set_status(PODS, key("a"), {"phase": "Running"})
        server.remove(PODS, key("a"))
        server.end_streams()
        await task
        assert watching.seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        assert [event.object.status.phase for event in watching.events if event.object] == [
            "Pending",
            "Running",
            "Running",
        ]
        versions = [int(event.metadata.resource_version) for event in watching.events]
        assert versions == sorted(set(versions))


async def test_history_is_replayed_from_the_version() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        start = str(server.store.version)
        server.put(PODS, thing("a"))
        server.put(PODS, thing("b"))
        watching = Watching(client, resource_version=start)
        task = asyncio.create_task(watching.run())
        await eventually(lambda: len(watching.events) == 2)
        server.end_streams()
        await task
        assert watching.seen == [("ADDED", "a"), ("ADDED", "b")]


async def test_entering_and_leaving_a_selector() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        server.put(PODS, thing("a"))
        watching = Watching(client, resource_version=str(server.store.version), label_selector="mine=yes")
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.patch(PODS, key("a"), {"metadata": {"labels": {"mine": "yes"}}})
        server.patch(PODS, key("a"), {"metadata": {"labels": {"mine": "no"}}})
        server.end_streams()
        await task
        assert watching.seen == [("ADDED", "a"), ("DELETED", "a")]


async def test_a_bookmark_carries_only_a_version() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.bookmark()
        server.end_streams()
        await task
        (event,) = watching.events
        assert (event.kind, event.object) == ("BOOKMARK", None)
        assert event.metadata.resource_version == str(server.store.version)
        assert watching.contacts >= 2


async def test_bookmarks_come_by_themselves() -> None:
    async with FakeApiServer(bookmark_interval=0.01) as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: len(watching.events) >= 2)
        server.end_streams()
        await task
        assert {event.kind for event in watching.events} == {"BOOKMARK"}


async def test_the_server_ends_a_watch_after_its_time() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        await watching.run(timeout_seconds=0)


@pytest.mark.parametrize("as_status", [False, True])
async def test_a_version_too_old_is_gone_as_answer_and_as_event(as_status: bool) -> None:
    async with FakeApiServer(gone_as_status=as_status) as server, client_of(server) as client:
        old = str(server.store.version)
        server.put(PODS, thing("a"))
        server.store.compact()
        with pytest.raises(errors.Gone, match="too old resource version"):
            await Watching(client, resource_version=old).run()


async def test_410_in_mid_stream() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.put(PODS, thing("a"))
        server.fail_streams(410, "Expired")
        with pytest.raises(errors.Gone):
            await task
        assert watching.seen == [("ADDED", "a")]


async def test_another_error_in_mid_stream() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        task = asyncio.create_task(Watching(client, resource_version=str(server.store.version)).run())
        await eventually(lambda: server.streams)
        server.fail_streams(500, "InternalError")
        with pytest.raises(errors.ServerError, match="500 InternalError"):
            await task


async def test_half_a_line_then_a_cut_yields_only_whole_events() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.put(PODS, thing("a"))
        server.abort_streams(after=b'{"type": "ADDED", "object": {"metadata": {"na')
        with pytest.raises(errors.Unreachable):
            await task
        assert watching.seen == [("ADDED", "a")]


async def test_half_a_line_then_eof_is_dropped() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.streams[0].send(b'{"type": "ADDED", "object": {"metadata": {"na')
        server.end_streams()
        await task
        assert watching.events == []


async def test_a_line_that_is_no_event() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        task = asyncio.create_task(Watching(client, resource_version=str(server.store.version)).run())
        await eventually(lambda: server.streams)
        server.streams[0].send(b"<html>\n")
        with pytest.raises(errors.DecodeError, match="no event"):
            await task


async def test_silence_is_noticed() -> None:
    async with FakeApiServer() as server, client_of(server, silence=0.2) as client:
        task = asyncio.create_task(Watching(client, resource_version=str(server.store.version)).run())
        await eventually(lambda: server.streams)
        server.freeze_streams()
        server.put(PODS, thing("a"))
        with pytest.raises(errors.Unreachable, match=r"silent for 0\.2 s"):
            await task


async def test_bookmarks_keep_a_quiet_watch_alive() -> None:
    async with FakeApiServer(bookmark_interval=0.2) as server, client_of(server, silence=2) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: len(watching.events) > 12 or task.done())
        assert not task.done()
        server.end_streams()
        await task


async def test_an_object_far_beyond_64_kib() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.put(PODS, thing("big") | {"spec": {"nodeName": "n" * 1_000_000}})
        server.put(PODS, thing("small"))
        await eventually(lambda: len(watching.events) == 2)
        server.end_streams()
        await task
        big = watching.events[0].object
        assert big is not None
        assert big.spec.node_name is not None
        assert len(big.spec.node_name) == 1_000_000


async def test_a_misshapen_object_is_reported_by_its_metadata() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watching = Watching(client, resource_version=str(server.store.version))
        task = asyncio.create_task(watching.run())
        await eventually(lambda: server.streams)
        server.put(PODS, thing("bad", nodeName=5))
        server.end_streams()
        await task
        assert [(event.kind, event.object, event.metadata.key) for event in watching.events] == [
            ("ADDED", None, key("bad"))
        ]


@pytest.mark.parametrize("metadata_only", [False, True])
async def test_metadata_only_keeps_contents_on_the_server(metadata_only: bool) -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        server.put(PODS, thing("a", nodeName="n1"))
        watch = client.watch(PODS, Thing, resource_version="0", metadata_only=metadata_only)
        async with aclosing(watch):
            event = await anext(watch)
        assert event.object is not None
        assert event.object.spec.node_name == (None if metadata_only else "n1")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_found_whatever_the_chunks(size: int) -> None:
    text = b"first\nsecond\n\n\r\nthird\nrest"
    splitter = LineSplitter()
    lines = [line for start in range(0, len(text), size) for line in splitter.feed(text[start : start + size])]
    assert lines == [b"first", b"second", b"third"]
    assert splitter.feed(b"-end\n") == [b"rest-end"]
