"""One of several operators writes, and another one goes on when it cannot any more.

What a whole process does when it is ended, killed, paused or cut off; tests/kube/test_lease.py has the exact times.
"""

import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from devworkspace.api.meta import Key
from devworkspace.kube.errors import NotLeading
from devworkspace.kube.lease import LeaseTiming
from devworkspace.kube.resource import LEASES, PODS
from devworkspace.operator.app import Operator
from tests.operator.processes import LEASE, QUICK, OperatorProcess, WatchedApiServer, operator_before
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    settled,
    silence,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

OTHER = Key("team", "other")
USUAL = LeaseTiming()
BRISK = LeaseTiming(duration=5, renew_deadline=3.0, retry=0.05, look=0.05)


class _WithoutDiscovery(WatchedApiServer):
    """Kopf never starts, and so never takes a signal."""

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == f"/apis/{INSTANCES.group}/{INSTANCES.version}":
            raise web.HTTPNotFound
        return await super()._serve(request)


@contextlib.asynccontextmanager
async def leader_and_standby(
    folder: Path, *, timing: LeaseTiming = QUICK
) -> AsyncIterator[tuple[WatchedApiServer, OperatorProcess, OperatorProcess]]:
    async with WatchedApiServer() as server, operator_before(server, folder, "one", timing=timing) as one:
        await one.become("leading")
        async with operator_before(server, folder, "two", timing=timing) as two:
            await two.become("standby")
            yield server, one, two


def leads(operator: Operator) -> bool:
    return operator.metrics.registry.get_sample_value("devworkspace_operator_leading") == 1


async def start(server: FakeApiServer, key: Key = DEMO) -> None:
    put_template(server)
    put_instance(server, key.name)
    await let_pod_answer(server, key)
    await eventually(lambda: phase_of(server, key) == "Running", within=60)


async def test_one_of_two_writes_and_the_other_knows_the_cluster_as_well(tmp_path: Path) -> None:
    async with leader_and_standby(tmp_path) as (server, one, two), ClientSession() as session:
        await start(server)
        assert server.holder == "one_uid"
        assert (server.count("one"), server.count("two")) == (len(server.written), 0)
        for process, leading in ((one, "1.0"), (two, "0.0")):
            async with session.get(f"http://127.0.0.1:{process.port}/metrics") as response:
                text = await response.text()
            assert f"devworkspace_operator_leading {leading}" in text
            assert 'devworkspace_environments{phase="Running"} 1.0' in text
            async with session.get(f"http://127.0.0.1:{process.port}/healthz") as response:
                assert response.status == 200


async def test_a_leader_that_is_told_to_stop_hands_over_before_its_lease_ends(tmp_path: Path) -> None:
    async with leader_and_standby(tmp_path, timing=USUAL) as (server, one, two):
        await start(server)
        before = len(server.written)
        one.send(signal.SIGTERM)
        await two.become("leading")
        assert await one.end() == 0
        assert "one_uid gave the Lease devworkspace-system/devworkspace-operator back" in one.log
        await settled(server)
        assert len(server.written) == before, "a new leader writes nothing where nothing is to do"
        await start(server, OTHER)
        assert server.count("two") == len(server.written) - before
        assert (server.holder, server.lease["leaseTransitions"]) == ("two_uid", 1)


async def test_a_standby_that_is_told_to_stop_leaves_the_lease_alone(tmp_path: Path) -> None:
    async with leader_and_standby(tmp_path, timing=USUAL) as (server, _, two):
        two.send(signal.SIGTERM)
        assert await two.end() == 0
        assert server.holder == "one_uid"
        await start(server)
        assert server.count("one") == len(server.written)


async def test_one_that_waits_for_its_kinds_hands_over_when_it_is_told_to_stop(tmp_path: Path) -> None:
    async with _WithoutDiscovery() as server, operator_before(server, tmp_path, "one", timing=USUAL) as one:
        await one.become("leading")
        await eventually(lambda: "Kopf cannot go on" in one.log, within=60)
        one.send(signal.SIGTERM)
        assert await one.end() == 0
        assert server.holder == ""


async def test_a_killed_leader_that_comes_back_in_its_pod_leads_at_once(tmp_path: Path) -> None:
    async with WatchedApiServer() as server:
        async with operator_before(server, tmp_path, "one", timing=USUAL) as killed:
            await killed.become("leading")
            await start(server)
            killed.send(signal.SIGKILL)
            await killed.end()
        before, lease = len(server.written), server.lease
        async with operator_before(server, tmp_path, "one", timing=USUAL) as restarted:
            await restarted.become("leading")
            assert len(server.written) == before
            assert (server.lease["acquireTime"], server.lease["leaseTransitions"]) == (lease["acquireTime"], 0)


async def test_processes_outside_of_pods_have_names_of_their_own(tmp_path: Path) -> None:
    async with WatchedApiServer() as server:
        async with operator_before(server, tmp_path, "shell", environment={}) as process:
            await process.become("leading")
            assert re.fullmatch(r".+_\d+_[0-9a-f-]{36}", server.holder)
        async with operator_before(server, tmp_path, "named", "--identity=bench-1", environment={}) as process:
            await process.become("leading")
            assert server.holder == "bench-1"


async def pause_in_the_middle(server: WatchedApiServer, leader: OperatorProcess) -> int:
    """Stops the leader after it has sent one of the first writes of an instance; returns how many it had sent."""
    put_template(server)
    server.faults.append(Fault(verb="apply", resource="services", delay=0.2))
    put_instance(server)
    await eventually(lambda: any(request.resource == "services" for request in server.requests), within=60)
    leader.send(signal.SIGSTOP)
    await eventually(lambda: all(request.status for request in server.writes), within=60)
    assert pods_of(server) == []
    return server.count(leader.name)


async def test_a_leader_that_was_paused_while_another_took_over_writes_nothing_more(tmp_path: Path) -> None:
    async with leader_and_standby(tmp_path) as (server, one, two):
        sent = await pause_in_the_middle(server, one)
        await two.become("leading")
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running", within=60)
        one.send(signal.SIGCONT)
        assert await one.end() == 1
        assert server.count("one") == sent
        assert server.holder == "two_uid"
        (ending,) = [record for record in map(json.loads, one.log.splitlines()) if "may lead now" in record["event"]]
        assert ending["level"] == "error"


async def test_a_leader_that_was_paused_for_a_moment_goes_on(tmp_path: Path) -> None:
    """The control: the test above could not see a write if a paused process never wrote again."""
    async with leader_and_standby(tmp_path, timing=USUAL) as (server, one, _):
        sent = await pause_in_the_middle(server, one)
        one.send(signal.SIGCONT)
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running", within=60)
        assert server.count("one") > sent
        assert server.count("two") == 0


async def test_a_leader_that_cannot_renew_stops_writing_and_ends(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        with pytest.raises(NotLeading, match="could not renew the Lease devworkspace-system/devworkspace-operator"):
            async with running_operator(server, tmp_path, lease_timing=BRISK) as leader:
                await start(server)
                server.faults.append(Fault(verb="update", resource="leases", times=None, status=503))
                await eventually(lambda: not leads(leader), within=30)
                server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
                assert await silence(server) == []


async def test_a_write_that_hangs_ends_with_the_lease(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        with pytest.raises(NotLeading):
            async with running_operator(server, tmp_path, lease_timing=BRISK) as leader:
                server.faults.append(Fault(verb="apply", resource="pods", hang=True))
                put_template(server)
                put_instance(server)
                await eventually(lambda: server.faults[0].times == 0)
                server.faults.append(Fault(verb="update", resource="leases", times=None, status=503))
                await eventually(lambda: not leads(leader), within=30)
                await silence(server)
        made = [write.status for write in server.writes if (write.verb, write.resource) == ("apply", PODS.plural)]
        assert (made, pods_of(server)) == ([0], [])


async def test_a_lease_that_somebody_else_takes_ends_the_leader(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        with pytest.raises(NotLeading, match="an-admin has taken it"):
            async with running_operator(server, tmp_path, lease_timing=BRISK) as leader:
                await start(server)
                server.patch(LEASES, LEASE, {"spec": {"holderIdentity": "an-admin"}})
                await eventually(lambda: not leads(leader), within=30)
                await silence(server)
        lease = server.get(LEASES, LEASE)
        assert lease is not None
        assert lease["spec"]["holderIdentity"] == "an-admin"
