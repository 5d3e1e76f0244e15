"""An environment that nobody uses is stopped by the operator, and by nothing less than the servers' whole word."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.idleness import LAG
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.kube.clock import micro_timestamp, now
from devworkspace.kube.resource import EVENTS, LEASES
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    own_writes,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    settled,
    silence,
    status_of,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

LEASE = Key(names.SYSTEM_NAMESPACE, names.ACTIVITY_LEASE)


def ago(**length: float) -> str:
    return format_timestamp(datetime.now(UTC) - timedelta(**length))


def say(server: FakeApiServer, *, known_until: timedelta | None = timedelta()) -> None:
    """The servers' word, so long ago; None: they have never said anything."""
    spec = {} if known_until is None else {"renewTime": micro_timestamp(datetime.now(UTC) - known_until)}
    server.put(LEASES, {"metadata": {"name": LEASE.name, "namespace": LEASE.namespace}, "spec": spec})


async def start_long_ago(server: FakeApiServer, **lifecycle: str) -> None:
    """An environment that runs since three hours."""
    server.store.clock = lambda: now() - timedelta(hours=3.1)
    put_template(server, lifecycle=lifecycle)
    put_instance(server)
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")
    server.store.clock = now
    await settled(server)


def set_last(server: FakeApiServer, last_activity: str | None) -> None:
    status = {**status_of(server), "readyAt": ago(hours=3)}
    status.pop("lastActivity", None)
    if last_activity is not None:
        status["lastActivity"] = last_activity
    server.set_status(INSTANCES, DEMO, status)


def spec_of(server: FakeApiServer) -> dict[str, Any]:
    spec: dict[str, Any] = (server.get(INSTANCES, DEMO) or {})["spec"]
    return spec


def is_running(server: FakeApiServer) -> bool:
    running: bool = spec_of(server).get("running", True)
    return running


async def test_an_unused_environment_is_stopped_and_says_why(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path) as operator:
        await start_long_ago(server, idleTimeout="1h")
        say(server)
        before = len(server.writes)
        set_last(server, ago(hours=2))
        await eventually(lambda: phase_of(server) == "Stopped")
        assert not is_running(server)
        assert pods_of(server) == []
        status = status_of(server)
        assert status["stopReason"] == "Idle"
        assert "nobody used it" in status["message"]
        assert (datetime.now(UTC) - parse_timestamp(status["stoppedAt"])).total_seconds() < 60
        await eventually(lambda: "StoppedIdle" in {event["reason"] for event in server.objects(EVENTS, "team")})
        counted = operator.metrics.registry.get_sample_value
        await eventually(lambda: counted("devworkspace_stops_total", {"reason": "Idle"}) == 1)
        done = own_writes(server, since=before)
        writes = [f"{write.verb} {write.resource}" for write in done if write.resource != "events"]
        assert writes == [
            "patch workspaceinstances",
            "apply workspaceinstances/status",
            "delete pods",
            "apply workspaceinstances/status",
        ]
        assert await silence(server) == []


async def test_who_starts_and_stops_it_again_is_the_reason_then(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_long_ago(server, idleTimeout="1h")
        say(server)
        set_last(server, ago(hours=2))
        await eventually(lambda: phase_of(server) == "Stopped")
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        assert await silence(server) == [], "a start is no idleness, though the last work is hours ago"
        assert is_running(server)
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        assert status_of(server)["stopReason"] == "User"


@pytest.mark.parametrize(
    ("lifecycle", "last", "known_until"),
    [
        ({}, {"hours": 2}, timedelta()),
        ({"idleTimeout": "1h"}, None, timedelta()),
        ({"idleTimeout": "1h"}, {"hours": 5}, timedelta()),
        ({"idleTimeout": "1h"}, {"minutes": 60}, timedelta()),
        ({"idleTimeout": "1h"}, {"hours": 2}, None),
        ({"idleTimeout": "1h"}, {"hours": 2}, timedelta(minutes=6)),
        ({"idleTimeout": "1h"}, {"hours": 2}, timedelta(hours=-1)),
    ],
    ids=["never", "unknown", "of an earlier run", "almost", "no word", "an old word", "a word from the future"],
)
async def test_it_is_not_stopped(
    tmp_path: Path, lifecycle: dict[str, str], last: dict[str, float] | None, known_until: timedelta | None
) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_long_ago(server, **lifecycle)
        say(server, known_until=known_until)
        set_last(server, None if last is None else ago(**last))
        written = await silence(server, 0.6)
        # Whoever is almost idle is warned.
        assert [write for write in written if not write.startswith("patch pods ")] == []
        assert is_running(server)
        assert phase_of(server) == "Running"


async def test_without_the_lease_nothing_is_stopped(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_long_ago(server, idleTimeout="1h")
        set_last(server, ago(hours=2))
        assert await silence(server, 0.6) == []
        assert is_running(server)


async def test_work_that_is_written_under_the_decision_wins(tmp_path: Path) -> None:
    """The stop holds for one version: between the decision and its write somebody has come back."""
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_long_ago(server, idleTimeout="1h")
        say(server)
        server.faults.append(Fault(verb="patch", resource="workspaceinstances", delay=0.5))
        set_last(server, ago(hours=2))
        await eventually(
            lambda: any(seen.verb == "patch" and seen.resource == "workspaceinstances" for seen in server.requests)
        )
        set_last(server, ago(minutes=1))
        assert await silence(server, 1.5) == [], "it is not tried again"
        assert [write.status for write in server.writes if write.resource == "workspaceinstances"] == [409]
        assert is_running(server)
        assert phase_of(server) == "Running"


async def test_the_time_is_waited_for_without_a_write(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_long_ago(server, idleTimeout="1h")
        say(server)
        due = timedelta(hours=1) + LAG
        set_last(server, format_timestamp(datetime.now(UTC) - due + timedelta(seconds=600)))
        assert await silence(server, 1.0) == []
        assert not [request for request in server.requests if request.key == LEASE], "nobody asks before the time"
