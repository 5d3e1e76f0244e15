"""What the operator does by the clock: hours, the longest run, clean-up, warnings; once, and not by a wrong clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kube import clock
from devworkspace.kube.resource import EVENTS, PODS, PVCS
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_instance_crd,
    put_template,
    running_operator,
    settled,
    silence,
    status_of,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

MINUTE = timedelta(minutes=1)


def at(moment: datetime) -> str:
    """The time of day in UTC."""
    return moment.strftime("%H:%M")


def now() -> datetime:
    return datetime.now(UTC)


async def run_since(server: FakeApiServer, length: timedelta, **lifecycle: Any) -> None:
    """An environment that runs for so long already."""
    server.store.clock = lambda: clock.now() - length
    put_template(server, lifecycle={"startTimeout": "24h", **lifecycle})
    put_instance(server)
    await let_pod_answer(server)
    server.store.clock = clock.now


def stop_since(server: FakeApiServer, length: timedelta) -> None:
    server.set_status(INSTANCES, DEMO, {**status_of(server), "stoppedAt": format_timestamp(now() - length)})


def spec_of(server: FakeApiServer) -> dict[str, Any]:
    spec: dict[str, Any] = (server.get(INSTANCES, DEMO) or {})["spec"]
    return spec


def reasons(server: FakeApiServer) -> list[str]:
    return [event["reason"] for event in server.objects(EVENTS, "team")]


async def test_after_the_longest_run_it_is_stopped_in_the_second_that_was_shown(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await run_since(server, 10 * MINUTE, maxRunDuration="10m3s")
        await eventually(lambda: phase_of(server) == "Running")
        await eventually(lambda: phase_of(server) == "Stopped", within=10)
        status = status_of(server)
        assert status["stopReason"] == "MaxRunDuration"
        assert "as long as it may" in status["message"]
        run = datetime.fromisoformat(status["stoppedAt"]) - datetime.fromisoformat(status["startedAt"])
        assert timedelta(minutes=10, seconds=3) <= run <= timedelta(minutes=10, seconds=8)
        await eventually(lambda: reasons(server) == ["StoppedMaxRunDuration"])


async def test_its_hours_stop_and_start_it(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        ended = {"stop": at(now() - MINUTE), "timeZone": "UTC"}
        await run_since(server, timedelta(hours=1), schedule=[ended])
        await eventually(lambda: phase_of(server) == "Stopped")
        assert status_of(server)["stopReason"] == "Schedule"
        assert "hours are over" in status_of(server)["message"]
        await eventually(lambda: reasons(server) == ["StoppedSchedule"])
        assert await silence(server) == []
        begun = {"start": at(now() - MINUTE), "timeZone": "UTC"}
        stop_since(server, timedelta(hours=10))
        server.patch(INSTANCES, DEMO, {"spec": {"lifecycle": {"schedule": [begun]}}})
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        assert spec_of(server)["running"] is True
        await eventually(lambda: sorted(reasons(server)) == ["StartedSchedule", "StoppedSchedule"])
        assert await silence(server) == []


@pytest.mark.parametrize("offset", [timedelta(hours=1), -timedelta(hours=1)], ids=["ahead", "behind"])
async def test_an_operator_whose_clock_is_wrong_stops_and_starts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: timedelta
) -> None:
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + offset)
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        server.store.clock = lambda: right() - timedelta(hours=3)
        begins = {"start": at(now() + 30 * MINUTE), "timeZone": "UTC"}
        put_template(server, lifecycle={"maxRunDuration": "3h30m", "deleteAfterStopped": "3h30m", "schedule": [begins]})
        put_instance(server)
        await let_pod_answer(server)
        put_instance(server, "other", running=False)
        server.store.clock = right
        await eventually(lambda: phase_of(server) == "Running")
        await eventually(lambda: phase_of(server, Key("team", "other")) == "Stopped")
        longer_ago = format_timestamp(right() - timedelta(hours=3))
        other = {**status_of(server, Key("team", "other")), "stoppedAt": longer_ago}
        server.set_status(INSTANCES, Key("team", "other"), other)
        await silence(server, 1.0)
        assert phase_of(server) == "Running"
        assert phase_of(server, Key("team", "other")) == "Stopped"


async def test_what_is_stopped_for_long_is_announced_and_then_deleted_without_its_volume(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_instance_crd(server)
        put_template(server, lifecycle={"deleteAfterStopped": "720h"})
        put_instance(server, dataPolicy="Delete")
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        assert names.FINALIZER_DELETE_VOLUME in (server.get(INSTANCES, DEMO) or {})["metadata"]["finalizers"]
        (volume,) = server.objects(PVCS, "team")

        stop_since(server, timedelta(days=25))
        await eventually(lambda: reasons(server) == ["DeletionPlanned"])
        server.patch(INSTANCES, DEMO, {"metadata": {"labels": {"looked": "at"}}})
        await settled(server)
        assert server.objects(EVENTS, "team")[0]["count"] == 1, "it is said once"
        assert server.get(INSTANCES, DEMO) is not None

        stop_since(server, timedelta(days=31))
        await eventually(lambda: server.get(INSTANCES, DEMO) is None)
        await eventually(lambda: names.LABEL_RETAINED in server.objects(PVCS, "team")[0]["metadata"]["labels"])
        assert server.objects(PVCS, "team")[0]["metadata"]["uid"] == volume["metadata"]["uid"]
        await eventually(lambda: "DeletedAfterStopped" in reasons(server))


async def test_a_start_under_the_deletion_wins(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server, lifecycle={"deleteAfterStopped": "720h"})
        put_instance(server, running=False)
        await eventually(lambda: phase_of(server) == "Stopped")
        server.faults.append(Fault(verb="delete", resource="workspaceinstances", delay=0.5))
        stop_since(server, timedelta(days=31))
        await eventually(lambda: any(request.verb == "delete" for request in server.requests))
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        assert [write.status for write in server.writes if write.verb == "delete"] == [409]


async def test_people_are_warned_once_in_their_pod(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await run_since(server, 10 * MINUTE, maxRunDuration="14m", idleTimeout="1h")
        await eventually(lambda: phase_of(server) == "Running")

        def told() -> str | None:
            (pod,) = pods_of(server)
            found: str | None = pod["metadata"]["annotations"].get(names.ANNOTATION_STOPS)
            return found

        await eventually(lambda: told() is not None)
        started = datetime.fromisoformat(status_of(server)["startedAt"])
        assert told() == f"{format_timestamp(started + 14 * MINUTE)} MaxRunDuration"
        assert await silence(server) == []
        server.patch(INSTANCES, DEMO, {"metadata": {"labels": {"looked": "at"}}})
        assert await silence(server) == []
        assert phase_of(server) == "Running"
        warnings = [write for write in server.writes if write.verb == "patch" and write.resource == PODS.plural]
        assert len(warnings) == 1


async def test_who_keeps_it_awake_is_not_stopped_with_the_others(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await run_since(server, timedelta(hours=1), schedule=[{"stop": at(now() + 2 * MINUTE), "timeZone": "UTC"}])
        await eventually(lambda: phase_of(server) == "Running")
        server.patch(
            INSTANCES, DEMO, {"spec": {"lifecycle": {"keepAwakeUntil": format_timestamp(now() + 60 * MINUTE)}}}
        )
        generation = (server.get(INSTANCES, DEMO) or {})["metadata"]["generation"]
        await eventually(lambda: status_of(server).get("observedGeneration") == generation)
        put_template(server, lifecycle={"schedule": [{"stop": at(now() - MINUTE), "timeZone": "UTC"}]})
        assert await silence(server) == []
        assert phase_of(server) == "Running"
        server.patch(INSTANCES, DEMO, {"spec": {"lifecycle": {"keepAwakeUntil": None}}})
        await eventually(lambda: phase_of(server) == "Stopped")
