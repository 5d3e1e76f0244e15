"""How the informer merges the answers to our own writes with what the watch and the list say."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from devworkspace.api.meta import ObjectMeta
from devworkspace.kube.informer import is_newer
from devworkspace.kube.resource import PODS
from tests.kube.kinds import Thing, key, thing
from tests.kube.world import world
from tests.support.fixtures import eventually, running


async def test_remember_shows_a_write_before_its_event_and_the_echo_is_silent() -> None:
    async with world() as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.streams[0].frozen = True
        written = await w.client.apply(PODS, thing("a"), Thing)
        assert w.names == []
        w.informer.remember(written)
        assert w.names == ["a"]
        w.server.end_streams()
        w.server.put(PODS, thing("b"))
        await eventually(lambda: w.names == ["a", "b"])
        assert w.changes == [(None, "a"), (None, "b")]


async def test_remember_does_not_turn_back_time() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        old = w.stored("a")
        w.server.set_status(PODS, key("a"), {"phase": "Running"})
        await eventually(w.agrees)
        w.informer.remember(old)
        current = w.informer.get(key("a"))
        assert current is not None
        assert current.status.phase == "Running"


async def test_an_older_event_does_not_undo_a_remembered_write() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        stream = w.server.streams[0]
        held: list[bytes] = []
        original: Callable[[bytes], None] = stream.send
        stream.send = held.append  # type: ignore[method-assign, assignment]  # delayed, not lost
        w.server.set_status(PODS, key("a"), {"phase": "Running"})
        newest = await w.client.merge_patch(PODS, key("a"), {"spec": {"nodeName": "n"}}, Thing)
        w.informer.remember(newest)
        w.changes.clear()
        for line in held:
            original(line)
        w.server.store.create(PODS, thing("end"))
        original(held[-1])
        await eventually(lambda: w.names == ["a", "end"])
        assert w.informer.get(key("a")) == newest
        assert w.changes == [(None, "end")]


async def test_a_late_answer_does_not_bring_a_deleted_object_back() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        answer = await w.client.merge_patch(PODS, key("a"), {"spec": {"nodeName": "n"}}, Thing)
        w.server.remove(PODS, key("a"))
        await eventually(w.agrees)
        w.informer.remember(answer)
        assert w.names == []


async def test_a_late_answer_about_an_object_never_seen_is_no_ghost() -> None:
    async with world() as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.freeze_streams()
        answer = await w.client.create(PODS, thing("a"), Thing)
        w.server.remove(PODS, key("a"))
        w.server.store.compact()
        w.server.abort_streams()
        await eventually(lambda: w.lists == 2 and w.server.streams)
        w.informer.remember(answer)
        assert w.names == []


async def test_a_late_deletion_does_not_take_the_remembered_successor() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        first = w.stored("a")
        w.server.streams[0].frozen = True
        w.server.remove(PODS, key("a"))
        second = await w.client.create(PODS, thing("a"), Thing)
        w.informer.remember(second)
        w.server.abort_streams()
        w.server.put(PODS, thing("end"))
        await eventually(lambda: "end" in w.names)
        assert w.informer.get(key("a")) == second
        assert first.metadata.uid != second.metadata.uid
        assert w.changes == [(None, "a"), ("a", "a"), (None, "end")]


async def test_a_write_during_a_list_survives_the_list() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        page = w.server.store.list(PODS, "")
        version = w.server.store.version
        listing = asyncio.Event()
        finish = asyncio.Event()
        original = w.client.list

        async def slow_list(*arguments: Any, **options: Any) -> Any:
            result = await original(*arguments, **options)
            assert result.resource_version == str(version)
            assert len(result.items) == len(page)
            listing.set()
            await finish.wait()
            return result

        w.client.list = slow_list  # type: ignore[method-assign]
        w.server.fail_streams(410, "Expired")
        await listing.wait()
        written = await w.client.create(PODS, thing("b"), Thing)
        w.informer.remember(written)
        finish.set()
        await eventually(lambda: w.server.streams)
        await eventually(w.agrees)
        assert w.names == ["a", "b"]
        assert ("b", None) not in w.changes


async def test_forget_removes_only_the_object_that_is_meant() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        obj = w.stored("a")
        w.informer.forget(key("a"), "another-uid")
        assert w.names == ["a"]
        w.informer.forget(key("a"), obj.metadata.uid)
        assert w.names == []
        assert w.changes[-1] == ("a", None)
        w.informer.remember(obj)
        assert w.names == []


async def test_an_object_that_left_the_selector_can_come_back_and_be_remembered() -> None:
    async with world(label_selector="mine=yes") as w, running(w.informer):
        w.server.put(PODS, thing("a", labels={"mine": "yes"}))
        await eventually(lambda: w.names == ["a"])
        w.server.patch(PODS, key("a"), {"metadata": {"labels": {"mine": "no"}}})
        await eventually(lambda: w.names == [])
        w.server.patch(PODS, key("a"), {"metadata": {"labels": {"mine": "yes"}}})
        await eventually(lambda: w.names == ["a"])
        patched = await w.client.merge_patch(PODS, key("a"), {"spec": {"nodeName": "n"}}, Thing)
        w.informer.remember(patched)
        assert w.informer.get(key("a")) == patched


@pytest.mark.parametrize(
    ("candidate", "known", "expected"),
    [
        ("10", "9", True),
        ("9", "10", False),
        ("9", "9", False),
        ("abc", "9", True),
        ("abc", "abc", False),
        ("", "9", True),
    ],
)
def test_is_newer(candidate: str, known: str, expected: bool) -> None:
    assert is_newer(ObjectMeta(resource_version=candidate), ObjectMeta(resource_version=known)) is expected
