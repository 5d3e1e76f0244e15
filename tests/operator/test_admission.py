"""Limits of an owner and paced starts, by a whole operator: who is held back, what is told, who comes next."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.kube.resource import CONFIG_MAPS, EVENTS, PODS
from tests.operator.running import (
    LIMITS,
    let_pod_answer,
    own_writes,
    phase_of,
    pods_of,
    put_instance,
    put_limits,
    put_template,
    running_operator,
    settled,
    silence,
    status_of,
)
from tests.support.builders import waiting_status
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually


def key(number: int) -> Key:
    return Key("team", f"e{number}")


def put_crowd(server: FakeApiServer, count: int, **spec: Any) -> None:
    put_template(server)
    for number in range(count):
        put_instance(server, f"e{number}", **{"owner": "ada", **spec})


def reason_of(server: FakeApiServer, number: int) -> str:
    conditions = status_of(server, key(number)).get("conditions", [])
    return next((str(found["reason"]) for found in conditions if found["type"] == "Ready"), "")


def message_of(server: FakeApiServer, number: int) -> str:
    return str(status_of(server, key(number)).get("message", ""))


def started(server: FakeApiServer, count: int) -> list[int]:
    return [number for number in range(count) if pods_of(server, key(number))]


def has_started(server: FakeApiServer, numbers: list[int]) -> bool:
    return started(server, 5) == numbers


def is_running(server: FakeApiServer, number: int) -> bool:
    return phase_of(server, key(number)) == "Running"


def status_writes(server: FakeApiServer, number: int) -> int:
    return sum(1 for write in own_writes(server) if write.key == key(number) and "status" in write.resource)


async def test_more_than_may_start_at_once_wait_and_come_next_in_their_order(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_limits(server, starts_cluster="2")
        put_crowd(server, 5)
        async with running_operator(server, tmp_path):
            await eventually(lambda: [reason_of(server, number) for number in range(2, 5)] == ["StartQueued"] * 3)
            await eventually(lambda: started(server, 5) == [0, 1])
            assert phase_of(server, key(3)) == "Pending"
            assert "place 2 of " in message_of(server, 3)
            assert await silence(server) == []
            for number in range(5):
                await let_pod_answer(server, key(number))
                await eventually(partial(is_running, server, number))
                await eventually(partial(has_started, server, list(range(min(5, number + 3)))))
            assert server.objects(EVENTS, "team") == [], "waiting is no trouble"
            # Queued, starting, running; and one more for who was told a second place.
            assert [status_writes(server, number) for number in range(5)] == [2, 2, 3, 3, 3]
            assert await silence(server) == []


async def test_a_start_that_does_not_wait_costs_no_more_writes(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, starts_cluster="1", owner_running="1")
        put_crowd(server, 1)
        await let_pod_answer(server, key(0))
        await eventually(lambda: phase_of(server, key(0)) == "Running")
        assert len(own_writes(server)) <= 6


async def test_a_new_operator_neither_doubles_nor_loses_places(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_limits(server, starts_cluster="2")
        put_crowd(server, 5)
        async with running_operator(server, tmp_path):
            await eventually(lambda: all(reason_of(server, number) == "StartQueued" for number in range(2, 5)))
            await eventually(lambda: started(server, 5) == [0, 1])
        before = [status_of(server, key(number)) for number in range(5)]
        put_instance(server, "late", owner="bob")
        writes = len(server.writes)
        async with running_operator(server, tmp_path, identity="operator_2"):
            late = Key("team", "late")
            await eventually(lambda: phase_of(server, late) == "Pending")
            await settled(server)
            assert [status_of(server, key(number)) for number in range(5)] == before
            assert {write.key for write in own_writes(server, since=writes)} == {late}
            await let_pod_answer(server, key(0))
            await eventually(lambda: started(server, 5) == [0, 1, 2])
            assert pods_of(server, late) == []


async def test_an_operator_that_died_between_the_status_and_the_pod_has_given_the_place_once(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_limits(server, starts_cluster="1")
        put_crowd(server, 2)
        server.faults.append(Fault(verb="apply", resource="pods", status=503, times=None))
        async with running_operator(server, tmp_path):
            await eventually(lambda: phase_of(server, key(0)) == "Provisioning")
            await eventually(lambda: reason_of(server, 1) == "StartQueued")
        server.faults.clear()
        async with running_operator(server, tmp_path, identity="operator_2"):
            await eventually(lambda: started(server, 2) == [0])
            await settled(server)
            assert started(server, 2) == [0]
            await let_pod_answer(server, key(0))
            await eventually(lambda: started(server, 2) == [0, 1])


@pytest.mark.parametrize("end", ["fails", "is stopped", "is deleted"])
async def test_whoever_starts_no_more_makes_room(tmp_path: Path, end: str) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, starts_cluster="1")
        put_crowd(server, 2)
        await eventually(lambda: started(server, 2) == [0])
        await eventually(lambda: reason_of(server, 1) == "StartQueued")
        (pod,) = pods_of(server, key(0))
        if end == "fails":
            status = waiting_status("ErrImagePull", "manifest unknown")
            server.set_status(PODS, Key("team", pod["metadata"]["name"]), status)
        elif end == "is stopped":
            server.patch(INSTANCES, key(0), {"spec": {"running": False}})
        else:
            server.remove(INSTANCES, key(0))
        await eventually(lambda: len(pods_of(server, key(1))) == 1)


async def test_who_waits_and_is_stopped_waits_no_more(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, starts_cluster="1")
        put_crowd(server, 3)
        await eventually(lambda: reason_of(server, 2) == "StartQueued" and reason_of(server, 1) == "StartQueued")
        server.patch(INSTANCES, key(1), {"spec": {"running": False}})
        await eventually(lambda: phase_of(server, key(1)) == "Stopped")
        await let_pod_answer(server, key(0))
        await eventually(lambda: started(server, 3) == [0, 2])


async def test_a_higher_limit_lets_the_next_ones_start_at_once(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, starts_cluster="1")
        put_crowd(server, 3)
        await eventually(lambda: reason_of(server, 2) == "StartQueued")
        put_limits(server, starts_cluster="3")
        await eventually(lambda: started(server, 3) == [0, 1, 2])


async def test_who_is_past_the_owner_s_limit_is_held_and_starts_when_there_is_room(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, owner_running="2")
        put_crowd(server, 3)
        put_instance(server, "bobs", owner="bob")
        await eventually(lambda: reason_of(server, 2) == "OwnerLimitReached")
        await eventually(lambda: started(server, 3) == [0, 1])
        await eventually(lambda: len(pods_of(server, Key("team", "bobs"))) == 1)
        assert phase_of(server, key(2)) == "Pending"
        assert "running environments: 2 of 2 are taken, and this needs 1" in message_of(server, 2)
        assert "starts by itself" in message_of(server, 2)
        await settled(server)
        assert await silence(server) == []
        server.patch(INSTANCES, key(0), {"spec": {"running": False}})
        await eventually(lambda: len(pods_of(server, key(2))) == 1)
        await let_pod_answer(server, key(2))
        await eventually(lambda: phase_of(server, key(2)) == "Running")
        server.patch(INSTANCES, key(0), {"spec": {"running": True}})
        await eventually(lambda: reason_of(server, 0) == "OwnerLimitReached")
        server.remove(INSTANCES, key(1))
        await eventually(lambda: len(pods_of(server, key(0))) == 1)


async def test_a_lower_limit_stops_nobody_and_holds_the_next_start(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_crowd(server, 2)
        for number in range(2):
            await let_pod_answer(server, key(number))
            await eventually(partial(is_running, server, number))
        put_limits(server, owner_running="1")
        await settled(server)
        assert [phase_of(server, key(number)) for number in range(2)] == ["Running", "Running"]
        server.patch(INSTANCES, key(1), {"spec": {"running": False}})
        await eventually(lambda: phase_of(server, key(1)) == "Stopped")
        server.patch(INSTANCES, key(1), {"spec": {"running": True}})
        await eventually(lambda: reason_of(server, 1) == "OwnerLimitReached")
        server.remove(CONFIG_MAPS, LIMITS)
        await eventually(lambda: len(pods_of(server, key(1))) == 1)


async def test_what_replaces_a_pod_that_was_lost_is_not_held(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_crowd(server, 1)
        await let_pod_answer(server, key(0))
        await eventually(lambda: phase_of(server, key(0)) == "Running")
        put_limits(server, owner_running="0")
        await settled(server)
        (pod,) = pods_of(server, key(0))
        server.remove(PODS, Key("team", pod["metadata"]["name"]))
        await eventually(lambda: pods_of(server, key(0)) and pods_of(server, key(0)) != [pod])


async def test_storage_of_kept_disks_counts(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, owner_storage="15Gi")
        put_crowd(server, 1)
        await let_pod_answer(server, key(0))
        await eventually(lambda: phase_of(server, key(0)) == "Running")
        server.remove(INSTANCES, key(0))
        put_instance(server, "e1", owner="ada")
        await eventually(lambda: reason_of(server, 1) == "OwnerLimitReached")
        assert "storage of all disks: 10Gi of 15Gi are taken, and this needs 10Gi" in message_of(server, 1)


async def test_limits_that_cannot_be_read_hold_every_start_and_are_named(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_crowd(server, 1)
        await let_pod_answer(server, key(0))
        await eventually(lambda: phase_of(server, key(0)) == "Running")
        put_limits(server, owner_runing="1")
        await asyncio.sleep(0.1)
        put_instance(server, "e1", owner="ada")
        await eventually(lambda: reason_of(server, 1) == "LimitsUnreadable")
        assert "owner.runing" in message_of(server, 1)
        assert phase_of(server, key(0)) == "Running"
        server.patch(CONFIG_MAPS, LIMITS, {"data": {"owner.runing": None, "owner.running": "2"}})
        await eventually(lambda: len(pods_of(server, key(1))) == 1)


async def test_two_of_one_owner_that_start_at_the_same_moment_do_not_both_get_the_last_place(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_limits(server, owner_running="1")
        put_crowd(server, 8)
        async with running_operator(server, tmp_path, workers=8):
            await eventually(lambda: sum(reason_of(server, n) == "OwnerLimitReached" for n in range(8)) == 7)
            await eventually(lambda: started(server, 8) == [0])
            await settled(server)
            assert started(server, 8) == [0]
