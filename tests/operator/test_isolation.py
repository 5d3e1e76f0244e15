"""One environment that cannot be processed does not keep the others waiting."""

from pathlib import Path

import pytest

from devworkspace.api.meta import Key
from devworkspace.core.plan import Plan, make_plan
from devworkspace.core.world import World
from devworkspace.operator import reconciler
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    put_instance,
    put_template,
    running_operator,
    silence,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

STATUS = "workspaceinstances/status"


async def start_demo(server: FakeApiServer) -> None:
    put_instance(server)
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")


def hang_on(server: FakeApiServer, *names: str) -> list[Fault]:
    """Instances whose first write never gets an answer."""
    faults = [Fault(verb="apply", resource=STATUS, key=Key("team", name), hang=True, times=None) for name in names]
    server.faults += faults
    for name in names:
        put_instance(server, name)
    return faults


def hanging(server: FakeApiServer) -> set[str]:
    return {request.key.name for request in server.requests if request.resource == STATUS and request.status == 0}


async def test_an_instance_that_raises_whenever_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = 0

    def poisoned(world: World) -> Plan:
        nonlocal rounds
        if world.key.name == "poison":
            rounds += 1
            raise ZeroDivisionError("a bug that only this instance meets")
        return make_plan(world)

    monkeypatch.setattr(reconciler, "make_plan", poisoned)
    async with FakeApiServer() as server, running_operator(server, tmp_path, workers=1):
        put_template(server)
        put_instance(server, "poison")
        await eventually(lambda: rounds > 0)
        await start_demo(server)
        await eventually(lambda: rounds > 1)
        assert phase_of(server) == "Running"
    assert "failure while processing team/poison, will retry" in caplog.text


async def test_an_instance_whose_writes_are_refused_for_ever(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, workers=1):
        put_template(server)
        key = Key("team", "poison")
        server.faults.append(Fault(verb="apply", resource=STATUS, key=key, status=403, times=None))
        put_instance(server, "poison")
        await eventually(lambda: any(request.key == key for request in server.writes))
        await start_demo(server)
        sent = [request.verb for request in server.writes if request.key == key]
        assert len(sent) < 20, "its back-off grows"


async def test_calls_that_hang_hold_only_their_own_workers(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, workers=4):
        put_template(server)
        hang_on(server, "a", "b", "c")
        await eventually(lambda: hanging(server) == {"a", "b", "c"})
        await start_demo(server)
        assert {phase_of(server, Key("team", name)) for name in "abc"} == {None}


async def test_with_fewer_workers_than_hanging_calls_others_wait(tmp_path: Path) -> None:
    """The control: the test above could not pass if its workers did not matter."""
    async with FakeApiServer() as server, running_operator(server, tmp_path, workers=3):
        put_template(server)
        hang_on(server, "a", "b", "c")
        await eventually(lambda: hanging(server) == {"a", "b", "c"})
        put_instance(server)
        assert await silence(server) == []
        assert phase_of(server, DEMO) is None
