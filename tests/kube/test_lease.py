"""Who leads, and who may write: electors with clocks of their own against the fake API server.

The clocks stand until a test moves them, so every instant is exact and no test waits.
"""

import asyncio
import itertools
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.kube.errors import NotLeading, ServerError, Unreachable
from devworkspace.kube.lease import Elector, LeaseTiming, make_identity
from devworkspace.kube.resource import LEASES
from devworkspace.kube.transport import RetryPolicy
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import client_of, eventually

KEY = Key("system", "operator")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
BRISK = LeaseTiming(duration=1, renew_deadline=0.1, retry=0.01, look=0.005)
WRITES = ("create", "update", "patch", "apply", "delete")


@dataclass
class Candidate:
    """A process: `seconds` is its own monotonic clock, `wall` what it believes the time to be."""

    elector: Elector
    clock: "Clock"

    async def look(self, *, after: float = 0.0) -> bool:
        """Let time pass, look at the Lease, and tell whether this one may write."""
        self.clock.seconds += after
        await self.elector.look()
        return self.elector.is_leading()


@dataclass
class Clock:
    seconds: float = 1000.0
    wall: datetime = NOON

    def elapsed(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.wall + timedelta(seconds=self.seconds)


@asynccontextmanager
async def candidate(server: FakeApiServer, identity: str, clock: Clock | None = None) -> AsyncIterator[Candidate]:
    clock = clock or Clock()
    async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
        yield Candidate(Elector(client, KEY, identity=identity, elapsed=clock.elapsed, now=clock.now), clock)


@asynccontextmanager
async def two(first: Clock | None = None, second: Clock | None = None) -> AsyncIterator[Any]:
    async with (
        FakeApiServer() as server,
        candidate(server, "one", first) as one,
        candidate(server, "two", second) as other,
    ):
        yield server, one, other


def spec_of(server: FakeApiServer) -> dict[str, Any]:
    lease = server.get(LEASES, KEY)
    assert lease is not None
    spec: dict[str, Any] = lease["spec"]
    return spec


def writes(server: FakeApiServer) -> list[tuple[str, int]]:
    return [(request.verb, request.status) for request in server.requests if request.verb in WRITES]


async def test_the_first_one_makes_the_lease() -> None:
    async with FakeApiServer() as server, candidate(server, "one") as one:
        assert not one.elector.is_leading()
        with pytest.raises(NotLeading, match=r"^one does not hold the Lease system/operator: it was never taken$"):
            one.elector.check()
        assert await one.look()
        assert one.elector.leading.is_set()
        spec = spec_of(server)
        assert spec == {
            "holderIdentity": "one",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-11-25T12:16:40.000000Z",
            "renewTime": "2026-11-25T12:16:40.000000Z",
            "leaseTransitions": 0,
        }
        assert await one.look(after=2.25)
        assert spec_of(server) == spec | {"renewTime": "2026-11-25T12:16:42.250000Z"}
        assert writes(server) == [("create", 201), ("update", 200)]


async def test_a_standby_only_reads_while_the_leader_renews() -> None:
    async with two() as (server, one, other):
        await one.look()
        for _ in range(20):
            assert await one.look(after=2.0)
            assert not await other.look(after=2.0)
        assert spec_of(server)["holderIdentity"] == "one"
        assert {request.status for request in server.requests if request.verb in WRITES} == {200, 201}


async def test_a_dead_leader_s_lease_is_taken_when_it_has_ended_and_not_before() -> None:
    async with two() as (server, one, other):
        await one.look()
        assert not await other.look()
        assert not await other.look(after=14.99)
        assert await other.look(after=0.01)
        spec = spec_of(server)
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("two", 1)
        assert spec["acquireTime"] == spec["renewTime"] == "2026-11-25T12:16:55.000000Z"


async def test_the_time_counts_from_the_last_renewal_that_was_seen() -> None:
    async with two() as (_, one, other):
        await one.look()
        await other.look()
        await one.look(after=2.0)
        assert not await other.look(after=14.0)
        assert not await other.look(after=14.99)
        assert await other.look(after=0.01)


@pytest.mark.parametrize("years", [-30, -1, 0, 1, 30])
@pytest.mark.parametrize("offset", [-999.0, 0.0, 1e9])
async def test_clocks_of_two_machines_are_never_compared(years: int, offset: float) -> None:
    clock = Clock(seconds=1000.0 + offset, wall=NOON + timedelta(days=365 * years))
    async with two(second=clock) as (_, one, other):
        await one.look()
        assert not await other.look()
        assert not await other.look(after=14.5)
        assert await one.look(after=9.0)
        assert not await other.look(after=0.5)
        assert await other.look(after=15.0)


async def test_a_wall_clock_that_stands_does_not_make_a_leader_look_dead() -> None:
    async with two() as (_, one, other):
        one.clock.now = lambda: NOON
        await one.look()
        for _ in range(10):
            assert await one.look(after=5.0)
            assert not await other.look(after=5.0)


async def test_a_leader_stops_before_anybody_may_take_its_place() -> None:
    async with two() as (_, one, other):
        await one.look()
        await other.look()
        one.clock.seconds += 9.5
        assert one.elector.check() == pytest.approx(5.5), "a write may last until the lease ends, and no longer"
        one.clock.seconds += 0.5
        with pytest.raises(
            NotLeading, match=r"could not renew the Lease system/operator for 10\.0 s, 10 s are allowed"
        ):
            one.elector.check()
        assert not await other.look(after=10.0)
        assert await other.look(after=5.0)


async def test_the_lease_counts_from_before_the_request_that_renewed_it() -> None:
    """The server may have stored it at any time after that; counting from the answer would count too long."""
    async with FakeApiServer() as server, candidate(server, "one") as one:
        await one.look()
        server.faults.append(Fault(verb="update", delay=0.02))
        renewing = asyncio.create_task(one.look(after=2.0))
        await eventually(lambda: server.requests[-1].verb == "update")
        one.clock.seconds += 7.0
        await renewing
        assert one.elector.check() == pytest.approx(15.0 - 7.0)


async def test_a_partitioned_leader_loses_the_right_to_write_though_it_hears_nothing() -> None:
    async with two() as (server, one, other):
        await one.look()
        await other.look()
        for _ in range(5):
            server.faults.append(Fault(verb="update", status=503))
            with pytest.raises(ServerError):
                await one.look(after=2.0)
            assert not await other.look(after=2.0)
        assert not one.elector.is_leading()
        assert await other.look(after=5.0)


async def test_a_renewal_whose_answer_was_lost_does_not_prolong_and_is_made_up_for() -> None:
    async with two() as (server, one, other):
        await one.look()
        server.faults.append(Fault(verb="update", drop="after"))
        with pytest.raises(Unreachable):
            await one.look(after=2.0)
        assert one.elector.check() == pytest.approx(13.0)
        assert await one.look(after=2.0)
        assert one.elector.check() == pytest.approx(15.0)
        assert not await other.look()
        assert (spec_of(server)["holderIdentity"], spec_of(server)["leaseTransitions"]) == ("one", 0)


async def test_a_lost_answer_to_the_taking_leaves_nobody_out() -> None:
    async with FakeApiServer() as server, candidate(server, "one") as one:
        server.faults.append(Fault(verb="create", drop="after"))
        with pytest.raises(Unreachable):
            await one.look()
        assert not one.elector.is_leading()
        assert await one.look()


async def test_of_many_who_take_a_free_lease_at_once_one_gets_it() -> None:
    async with FakeApiServer() as server, candidate(server, "gone") as gone:
        await gone.look()
        async with candidate(server, "a") as a, candidate(server, "b") as b, candidate(server, "c") as c:
            await asyncio.gather(a.look(), b.look(), c.look())
            # All of them have read the Lease before the first one writes.
            server.faults.append(Fault(verb="update", delay=0.02, times=3))
            results = await asyncio.gather(*(each.look(after=15.0) for each in (a, b, c)))
            assert sorted(results) == [False, False, True]
            assert [status for verb, status in writes(server) if verb == "update"].count(409) == 2


async def test_of_many_who_make_the_lease_at_once_one_gets_it() -> None:
    async with FakeApiServer() as server, candidate(server, "a") as a, candidate(server, "b") as b:
        server.faults.append(Fault(verb="create", delay=0.02, times=2))
        assert sorted(await asyncio.gather(a.look(), b.look())) == [False, True]
        assert sorted(writes(server)) == [("create", 201), ("create", 409)]


async def test_the_same_pod_after_a_crash_leads_at_once() -> None:
    async with FakeApiServer() as server, candidate(server, "pod_uid") as crashed:
        await crashed.look()
        before = spec_of(server)
        async with candidate(server, "pod_uid", Clock(seconds=7.0)) as restarted:
            assert await restarted.look()
        after = spec_of(server)
        assert (after["acquireTime"], after["leaseTransitions"]) == (before["acquireTime"], 0)
        assert after["renewTime"] != before["renewTime"]


async def test_a_lease_that_is_given_back_is_taken_at_once() -> None:
    async with two() as (server, one, other):
        await one.look()
        assert not await other.look()
        await one.elector.release()
        assert spec_of(server)["holderIdentity"] == ""
        assert not one.elector.leading.is_set()
        with pytest.raises(NotLeading, match="it was given back"):
            one.elector.check()
        assert await other.look()
        assert spec_of(server)["leaseTransitions"] == 1


async def test_a_standby_gives_nothing_back() -> None:
    async with two() as (server, one, other):
        await one.look()
        await other.look()
        await other.elector.release()
        assert spec_of(server)["holderIdentity"] == "one"


async def test_it_is_given_back_after_a_renewal_whose_answer_was_lost() -> None:
    async with two() as (server, one, other):
        await one.look()
        server.faults.append(Fault(verb="update", drop="after"))
        with pytest.raises(Unreachable):
            await one.look()
        await one.elector.release()
        assert await other.look()


async def test_a_lease_that_another_holds_is_not_given_back() -> None:
    async with two() as (server, one, other):
        await one.look()
        await other.look()
        await other.look(after=15.0)
        await one.elector.release()
        assert spec_of(server)["holderIdentity"] == "two"


async def test_a_failed_release_is_logged_and_the_lease_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    async with two() as (server, one, other):
        await one.look()
        await other.look()
        server.faults.append(Fault(verb="update", status=500, reason="InternalError"))
        await one.elector.release()
        assert "could not be given back and ends by itself: 500" in caplog.text
        assert not await other.look(after=14.0)
        assert await other.look(after=1.0)


async def test_a_process_that_was_paused_finds_itself_deposed_before_it_asks_anybody() -> None:
    async with two() as (server, one, other):
        await one.look()
        await other.look()
        assert await other.look(after=15.0)
        one.clock.seconds += 20.0
        sent = len(server.requests)
        with pytest.raises(NotLeading, match=r"could not renew the Lease system/operator for 20\.0 s"):
            one.elector.check()
        assert len(server.requests) == sent
        # Its next renewal is of a version that is gone, and does not win the Lease back.
        assert not await one.look()
        assert spec_of(server)["holderIdentity"] == "two"
        with pytest.raises(NotLeading, match="two has taken it"):
            one.elector.check()


async def test_a_deleted_lease_is_made_again_by_its_holder_and_nobody_else() -> None:
    async with two() as (server, one, other):
        await one.look()
        await other.look()
        server.remove(LEASES, KEY)
        assert not await other.look(after=1.0), "its holder has not heard of it"
        assert await one.look(after=1.0)
        assert not await other.look()
        server.remove(LEASES, KEY)
        assert await other.look(after=15.0), "its holder is dead"


async def test_what_others_wrote_into_the_lease_survives() -> None:
    async with FakeApiServer() as server, candidate(server, "one") as one:
        await one.look()
        server.patch(LEASES, KEY, {"metadata": {"labels": {"theirs": "1"}}, "spec": {"preferredHolder": "x"}})
        assert await one.look(after=2.0)
        assert await one.look(after=2.0)
        lease = server.get(LEASES, KEY)
        assert lease is not None
        assert (lease["metadata"]["labels"], lease["spec"]["preferredHolder"]) == ({"theirs": "1"}, "x")


async def test_a_lease_without_a_spec_is_free() -> None:
    async with FakeApiServer() as server, candidate(server, "one") as one:
        server.put(LEASES, {"metadata": {"name": KEY.name, "namespace": KEY.namespace}})
        assert await one.look()


@asynccontextmanager
async def brisk(server: FakeApiServer, identity: str) -> AsyncIterator[tuple[Elector, "asyncio.Task[None]"]]:
    """A candidate that runs by itself on the real clock."""
    async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
        elector = Elector(client, KEY, identity=identity, timing=BRISK)
        task: asyncio.Task[None] = asyncio.create_task(elector.run())
        try:
            yield elector, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_it_renews_by_itself_and_hands_over_when_it_ends() -> None:
    async with FakeApiServer() as server, brisk(server, "one") as (one, first):
        await eventually(one.leading.is_set)
        await eventually(lambda: len(writes(server)) > 3)
        async with brisk(server, "two") as (two, _):
            await eventually(lambda: server.requests[-1].verb == "get")
            assert not two.leading.is_set()
            first.cancel()
            await one.release()
            await eventually(two.leading.is_set)


async def test_a_leader_that_hears_refusals_ends_with_their_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with FakeApiServer() as server, brisk(server, "one") as (one, task):
        await eventually(one.leading.is_set)
        server.faults.append(Fault(verb="update", times=None, status=503, reason="ServiceUnavailable"))
        with pytest.raises(NotLeading, match="503 ServiceUnavailable"):
            await task
    assert caplog.text.count("still trying: 503 ServiceUnavailable") == 1, "told once, not twice a second"


async def test_a_leader_that_hears_nothing_ends_in_time() -> None:
    async with FakeApiServer() as server, brisk(server, "one") as (one, task):
        await eventually(one.leading.is_set)
        server.faults.append(Fault(verb="update", times=None, hang=True))
        with pytest.raises(NotLeading, match=r"0\.1 s are allowed: no answer came in time"):
            await task


async def test_a_standby_waits_for_a_server_that_is_away() -> None:
    async with FakeApiServer() as server, brisk(server, "one") as (one, _):
        server.faults.append(Fault(times=3, status=500))
        await eventually(one.leading.is_set)
        assert [request.status for request in itertools.islice(server.requests, 3)] == [500] * 3


@pytest.mark.parametrize(
    ("retry", "deadline", "duration"), [(0.0, 10.0, 15), (10.0, 10.0, 15), (2.0, 15.0, 15), (2.0, 20.0, 15)]
)
def test_times_that_leave_no_room_are_refused(retry: float, deadline: float, duration: int) -> None:
    with pytest.raises(ValueError, match="0 < retry < renew_deadline < duration"):
        LeaseTiming(duration=duration, renew_deadline=deadline, retry=retry)


def test_a_pod_keeps_its_name_and_other_processes_never_share_one() -> None:
    assert make_identity("operator-0", "1234") == "operator-0_1234"
    outside = {make_identity(None, None), make_identity("operator-0", None), make_identity("", "")}
    assert len(outside) == 3
    assert all(re.fullmatch(r".+_\d+_[0-9a-f-]{36}", identity) for identity in outside)
