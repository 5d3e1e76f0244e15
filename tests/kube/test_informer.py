"""The informer's promise: whatever breaks, the store becomes the server's, and each difference is told once."""

import asyncio
import logging
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.kube.informer import Timing
from devworkspace.kube.resource import PODS
from tests.kube.kinds import Thing, key, thing
from tests.kube.world import name_of, world
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually, running

QUIET = Timing(base_delay=0.001, max_delay=0.005, jitter=lambda: 1.0, relist=1e9)


async def test_the_first_list_fills_the_store_and_tells_everything_once() -> None:
    async with world("a", "b") as w:
        assert not w.informer.synced.is_set()
        async with running(w.informer):
            assert w.names == ["a", "b"]
            assert sorted(w.changes, key=str) == [(None, "a"), (None, "b")]
            assert len(w.informer) == 2
            assert name_of(w.informer.get(key("a"))) == "a"
            assert w.informer.get(key("absent")) is None


async def test_live_changes_are_told_with_old_and_new() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.changes.clear()
        w.server.put(PODS, thing("b"))
        w.server.set_status(PODS, key("b"), {"phase": "Running"})
        w.server.remove(PODS, key("a"))
        await eventually(lambda: len(w.changes) == 3)
        assert w.changes == [(None, "b"), ("b", "b"), ("a", None)]
        assert w.agrees()


async def test_ghosts_vanish_after_a_gap_that_ended_in_410() -> None:
    async with world("stays", "vanishes", "changes") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.changes.clear()
        w.server.freeze_streams()
        w.server.remove(PODS, key("vanishes"))
        w.server.patch(PODS, key("changes"), {"spec": {"nodeName": "n"}})
        w.server.put(PODS, thing("appears"))
        w.server.store.compact()
        assert w.names == ["changes", "stays", "vanishes"]
        w.server.streams[0].frozen = False
        w.server.fail_streams(410, "Expired")
        await eventually(w.agrees)
        assert sorted(w.changes, key=str) == [("changes", "changes"), ("vanishes", None), (None, "appears")]


@pytest.mark.parametrize("gone_as_status", [False, True])
async def test_a_reconnect_to_a_forgotten_version_lists_again(gone_as_status: bool) -> None:
    async with world("a", "b", server={"gone_as_status": gone_as_status}) as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.freeze_streams()
        w.server.remove(PODS, key("b"))
        w.server.store.compact()
        w.server.abort_streams()
        await eventually(w.agrees)
        assert w.lists == 2


@pytest.mark.parametrize("how", ["eof", "cut", "half a line"])
async def test_a_broken_stream_resumes_without_a_list(how: str) -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.put(PODS, thing("b"))
        await eventually(w.agrees)
        match how:
            case "eof":
                w.server.end_streams()
            case "cut":
                w.server.abort_streams()
            case _:
                w.server.abort_streams(after=b'{"type": "ADDED", "obj')
        w.server.put(PODS, thing("c"))
        w.server.remove(PODS, key("a"))
        await eventually(w.agrees)
        assert w.lists == 1
        assert w.changes[-2:] == [(None, "c"), ("a", None)]


async def test_a_silent_stream_is_replaced_and_nothing_is_missed() -> None:
    async with world("a", client={"silence": 0.05}) as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.freeze_streams()
        w.server.put(PODS, thing("b"))
        await eventually(w.agrees)
        assert w.lists == 1


async def test_a_bookmark_spares_a_quiet_watch_the_list_after_compaction() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.put(PODS, thing("elsewhere", namespace="other"))
        for _ in range(3):
            w.server.store.create(PODS, thing("brief"))
            w.server.remove(PODS, key("brief"))
        w.server.bookmark()
        await eventually(lambda: w.informer._resource_version == str(w.server.store.version))
        w.server.store.compact()
        w.server.end_streams()
        w.server.put(PODS, thing("b"))
        await eventually(w.agrees)
        assert w.lists == 1


async def test_an_error_event_other_than_410_resumes_the_watch() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.fail_streams(500, "InternalError")
        w.server.put(PODS, thing("b"))
        await eventually(w.agrees)
        assert w.lists == 1


async def test_three_failed_watches_lead_to_a_list() -> None:
    async with world("a") as w:
        w.server.faults.append(Fault(verb="watch", times=3, status=500))
        async with running(w.informer):
            await eventually(lambda: w.server.streams)
            assert w.lists == 2


async def test_it_syncs_when_the_server_comes_late() -> None:
    async with world("a") as w:
        w.server.faults.append(Fault(verb="list", times=9, status=403, reason="Forbidden"))
        async with running(w.informer, synced=False):
            await eventually(lambda: w.lists == 3)
            assert not w.informer.synced.is_set()
            await eventually(w.informer.synced.is_set)
            assert w.names == ["a"]


async def test_the_store_serves_while_the_server_is_away() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        await w.server.stop()
        await eventually(lambda: w.informer._failures >= 4)
        assert w.names == ["a"]
        assert w.informer.synced.is_set()


async def test_a_full_list_comes_when_it_is_due_and_repairs_the_store() -> None:
    moment = 0.0
    timing = Timing(base_delay=0.001, max_delay=0.005, jitter=lambda: 1.0, relist=100.0)
    async with world("a", "b", timing=timing, monotonic=lambda: moment) as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.informer._store.pop(key("a"))  # a bug of ours that no event would ever repair
        moment = 99.0
        w.server.bookmark()
        await eventually(lambda: w.informer.last_contact == 99.0)
        assert w.lists == 1
        moment = 100.0
        w.server.bookmark()
        await eventually(w.agrees)
        assert w.lists == 2


async def test_a_list_tells_nothing_about_unchanged_objects() -> None:
    async with world("a", "b") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.changes.clear()
        w.server.fail_streams(410, "Expired")
        await eventually(lambda: w.lists == 2 and w.server.streams)
        assert w.changes == []


async def test_an_expired_continue_while_listing() -> None:
    async with world(*(f"p{number:04}" for number in range(1100))) as w:
        w.server.faults.append(Fault(verb="list", times=1))
        w.server.faults.append(Fault(verb="list", times=1, status=410, reason="Expired"))
        async with running(w.informer):
            assert w.agrees()
            assert len(w.changes) == 1100


async def test_a_failing_listener_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def listener(old: Thing | None, new: Thing | None) -> None:
        raise ValueError("a bug in the listener")

    async with world("a", on_change=listener) as w, running(w.informer):
        w.server.put(PODS, thing("b"))
        await eventually(w.agrees)
    failures = [record for record in caplog.records if "listener failed" in record.getMessage()]
    assert len(failures) == 2
    assert all(record.exc_info for record in failures)


async def test_a_bug_in_an_indexer_is_raised_by_run() -> None:
    def broken(obj: Thing) -> list[str]:
        raise ZeroDivisionError

    async with world("a", indexers={"broken": broken}) as w:
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(w.informer.run(), 5)


async def test_cancelling_run_ends_it_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async with world("a") as w:
        async with running(w.informer):
            await eventually(lambda: w.server.streams)
        await eventually(lambda: not w.server.streams)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def by_node(obj: Thing) -> list[str]:
    return [obj.spec.node_name] if obj.spec.node_name else []


async def test_an_index_follows_every_change() -> None:
    async with world(indexers={"node": by_node}) as w, running(w.informer):
        for name, node in (("b", "n1"), ("a", "n1"), ("c", "n2")):
            w.server.put(PODS, thing(name, nodeName=node))
        await eventually(w.agrees)

        def on(node: str) -> list[str]:
            return [obj.metadata.name for obj in w.informer.by_index("node", node)]

        assert (on("n1"), on("n2"), on("n3")) == (["a", "b"], ["c"], [])
        w.server.patch(PODS, key("a"), {"spec": {"nodeName": "n3"}})
        w.server.remove(PODS, key("c"))
        await eventually(w.agrees)
        assert (on("n1"), on("n2"), on("n3")) == (["b"], [], ["a"])
        w.server.freeze_streams()
        w.server.remove(PODS, key("a"))
        w.server.store.compact()
        w.server.abort_streams()
        await eventually(w.agrees)
        assert (on("n1"), on("n2"), on("n3")) == (["b"], [], [])
        with pytest.raises(KeyError):
            w.informer.by_index("typo", "n1")


async def test_an_object_that_becomes_unreadable_keeps_its_last_state() -> None:
    async with world("a") as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        before = w.informer.get(key("a"))
        w.server.patch(PODS, key("a"), {"spec": {"nodeName": 5}})
        w.server.put(PODS, thing("b"))
        await eventually(lambda: w.names == ["a", "b"])
        w.server.fail_streams(410, "Expired")
        await eventually(lambda: w.lists == 2 and w.server.streams)
        assert w.informer.get(key("a")) == before
        w.server.remove(PODS, key("a"))
        await eventually(lambda: w.names == ["b"])


async def test_last_contact_and_staleness() -> None:
    moment = 10.0
    async with world("a", timing=QUIET, monotonic=lambda: moment) as w:
        assert w.informer.last_contact is None
        assert w.informer.is_stale(60.0, moment)
        async with running(w.informer):
            await eventually(lambda: w.server.streams)
            assert w.informer.last_contact == 10.0
            assert not w.informer.is_stale(60.0, 70.0)
            assert w.informer.is_stale(60.0, 70.1)
            moment = 50.0
            w.server.bookmark()
            await eventually(lambda: w.informer.last_contact == 50.0)


async def test_state_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "devworkspace.kube"):
        async with world("a") as w, running(w.informer):
            await eventually(lambda: w.server.streams)
            w.server.faults.append(Fault(verb="watch", times=8, status=500))
            w.server.faults.append(Fault(verb="list", times=8, status=500))
            w.server.abort_streams()
            await eventually(lambda: not w.server.streams)
            await eventually(lambda: w.server.streams)
            w.server.put(PODS, thing("b"))
            await eventually(w.agrees)
    texts = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in texts] == [
        "pods",
        "the watch of pods was interrupted",
        "pods cannot be followed, still trying",
        "the watch of pods goes on",
    ]


async def test_a_storm_of_everything_converges() -> None:
    """Cuts, gaps, 410s, errors and silence over many changes: at the end the store is the server's, and told so."""
    told: dict[Key, Thing] = {}

    def listener(old: Thing | None, new: Thing | None) -> None:
        changed = new or old
        assert changed is not None
        assert told.get(changed.metadata.key) == old
        if new is None:
            del told[changed.metadata.key]
        else:
            told[new.metadata.key] = new

    options: dict[str, Any] = {"client": {"silence": 0.05}, "server": {"window": 40}, "on_change": listener}
    async with world(**options) as w, running(w.informer):
        for step in range(400):
            name = f"p{step * 7 % 23}"
            if w.server.get(PODS, key(name)) is None:
                w.server.put(PODS, thing(name))
            elif step % 3:
                w.server.patch(PODS, key(name), {"spec": {"nodeName": f"n{step}"}})
            else:
                w.server.remove(PODS, key(name))
            if step % 11 == 0:
                w.server.abort_streams(after=b'{"type":' if step % 2 else b"")
            if step % 37 == 0:
                w.server.store.compact()
            if step % 53 == 0:
                w.server.fail_streams(410 if step % 2 else 500, "Trouble")
            if step % 71 == 0:
                w.server.freeze_streams()
            if step % 29 == 0:
                w.server.faults.append(Fault(status=503, times=2))
            if step % 5 == 0:
                await asyncio.sleep(0.001)
        await eventually(w.agrees)
        assert told == {obj.metadata.key: obj for obj in w.informer.values()}
