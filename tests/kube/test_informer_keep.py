"""What no selector can tell apart is left out by a function, and what anybody may write without end has a bound."""

import logging

import pytest

from devworkspace.kube.resource import PODS
from tests.kube.kinds import Thing, key, thing
from tests.kube.world import world
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually, running


def is_wanted(obj: Thing) -> bool:
    return obj.metadata.labels.get("wanted") != "no"


async def test_what_is_not_kept_is_neither_stored_nor_told() -> None:
    async with world(keep=is_wanted) as w:
        w.server.put(PODS, thing("a"))
        w.server.put(PODS, thing("b", labels={"wanted": "no"}))
        async with running(w.informer):
            await eventually(lambda: w.server.streams)
            w.server.put(PODS, thing("c", labels={"wanted": "no"}))
            w.server.put(PODS, thing("d"))
            await eventually(lambda: w.names == ["a", "d"])
            assert w.changes == [(None, "a"), (None, "d")]


async def test_what_is_no_longer_kept_is_told_as_gone() -> None:
    async with world("a", keep=is_wanted) as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.patch(PODS, key("a"), {"metadata": {"labels": {"wanted": "no"}}})
        await eventually(lambda: w.names == [])
        assert w.changes == [(None, "a"), ("a", None)]
        w.server.patch(PODS, key("a"), {"metadata": {"labels": {"wanted": "yes"}}})
        await eventually(lambda: w.names == ["a"])


async def test_pages_are_thinned_one_by_one() -> None:
    async with world(keep=is_wanted) as w:
        for number in range(7):
            w.server.put(PODS, thing(f"n{number}", labels={"wanted": "no" if number % 2 else "yes"}))
        result = await w.client.list(PODS, Thing, limit=2, keep=is_wanted)
        assert [item.metadata.name for item in result.items] == ["n0", "n2", "n4", "n6"]
        assert w.lists == 4


async def test_no_more_than_the_limit_is_held_and_that_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with world("a", "b", "c", limit=2) as w, running(w.informer):
        await eventually(lambda: w.server.streams)
        w.server.put(PODS, thing("d"))
        w.server.set_status(PODS, key("a"), {"phase": "Running"})
        await eventually(lambda: ("a", "a") in w.changes)
        assert w.names == ["a", "b"]
        w.server.remove(PODS, key("b"))
        await eventually(lambda: w.names == ["a"])
        w.server.put(PODS, thing("e"))
        await eventually(lambda: w.names == ["a", "e"])
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["pods: more than 2, the others are left out"]


async def test_a_list_that_is_refused_counts_as_tried_and_not_as_synced() -> None:
    async with world("a") as w:
        fault = Fault(verb="list", times=None, status=403, reason="Forbidden")
        w.server.faults.append(fault)
        assert not w.informer.tried.is_set()
        async with running(w.informer, synced=False):
            await eventually(w.informer.tried.is_set)
            assert not w.informer.synced.is_set()
            fault.times = 0
            await eventually(w.informer.synced.is_set)


async def test_a_list_that_succeeds_counts_as_tried() -> None:
    async with world("a") as w, running(w.informer):
        assert w.informer.tried.is_set()
