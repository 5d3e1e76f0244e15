"""Events about environments: complete, bounded whatever happens, and never in anybody's way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.transitions import Transition
from devworkspace.kube.resource import EVENTS, PODS
from devworkspace.operator.events import MAX_MESSAGE, Bounds, EventRecorder
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    silence,
)
from tests.support.builders import NOW, UID, make_instance, waiting_status
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import client_of, eventually

CRASHED = Transition("Warning", reasons.CRASH_LOOP, "It ended with exit code 3.")
RECOVERED = Transition("Normal", reasons.RECOVERED, "The editor answers; CrashLoop is over.")


@dataclass
class Recording:
    """A recorder with a clock that only tests move."""

    server: FakeApiServer
    recorder: EventRecorder
    moment: datetime = NOW
    results: list[str] = field(default_factory=list)

    def record(self, told: Transition = CRASHED, name: str = "demo", *, uid: str = UID) -> None:
        metadata = make_instance(name, metadata={"uid": uid, "resourceVersion": "7"}).metadata
        self.recorder.record(metadata, told)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.server.objects(EVENTS)


@contextlib.asynccontextmanager
async def recording(server: FakeApiServer, *, running: bool = True, **bounds: Any) -> AsyncIterator[Recording]:
    """`running=False` leaves everything that is recorded unwritten, as before the process leads."""
    async with client_of(server, field_manager=names.FIELD_MANAGER, timeout=0.5) as client:
        made: Recording
        recorder = EventRecorder(
            client,
            now=lambda: made.moment,
            on_result=lambda result: made.results.append(result),
            bounds=Bounds(**{"retry_after": 0.001, **bounds}),
        )
        made = Recording(server, recorder)
        task = asyncio.create_task(recorder.run()) if running else None
        try:
            yield made
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def test_an_event_says_all_that_kubectl_looks_for() -> None:
    async with FakeApiServer() as server, recording(server) as made:
        made.record()
        await eventually(lambda: made.results == ["written"])
        (event,) = made.events
        assert event["metadata"]["namespace"] == "team"
        assert event["metadata"]["name"].startswith("demo.")
        assert event["involvedObject"] == {
            "apiVersion": names.API_VERSION,
            "kind": names.INSTANCE_KIND,
            "namespace": "team",
            "name": "demo",
            "uid": UID,
            "resourceVersion": "7",
        }
        assert (event["type"], event["reason"], event["message"]) == (
            "Warning",
            "CrashLoop",
            "It ended with exit code 3.",
        )
        assert event["source"] == {"component": names.FIELD_MANAGER}
        assert event["reportingComponent"] == names.FIELD_MANAGER
        assert event["firstTimestamp"] == event["lastTimestamp"] == format_timestamp(NOW)
        assert event["count"] == 1


async def test_repetitions_raise_the_count_of_one_event_and_are_not_written_one_by_one() -> None:
    async with FakeApiServer() as server, recording(server) as made:
        made.record()
        await eventually(lambda: made.results == ["written"])
        for number in range(2, 50):
            made.moment += timedelta(seconds=1)
            made.record(Transition("Warning", reasons.CRASH_LOOP, f"It ended, {number} times."))
        assert await silence(server) == []
        made.moment = NOW + timedelta(seconds=300)
        assert [event["count"] for event in made.events] == [1]


async def test_what_was_repeated_is_written_when_its_time_has_come() -> None:
    async with FakeApiServer() as server, recording(server, repeat_after=0.05) as made:
        made.record()
        await eventually(lambda: made.results == ["written"])
        made.moment += timedelta(seconds=0.01)
        made.record(Transition("Warning", reasons.CRASH_LOOP, "It ended, 2 times."))
        made.moment += timedelta(seconds=60)
        made.record(Transition("Warning", reasons.CRASH_LOOP, "It ended, 3 times."))
        await eventually(lambda: made.results == ["written", "written"])
        (event,) = made.events
        assert (event["count"], event["message"]) == (3, "It ended, 3 times.")
        assert event["firstTimestamp"] == format_timestamp(NOW)
        assert event["lastTimestamp"] == format_timestamp(NOW + timedelta(seconds=60.01))


async def test_a_repetition_during_the_write_itself_is_not_lost() -> None:
    async with FakeApiServer() as server, recording(server, repeat_after=0.0) as made:
        server.faults.append(Fault(verb="apply", resource="events", delay=0.1))
        made.record()
        await eventually(lambda: server.requests)
        made.record()
        await eventually(lambda: made.results == ["written", "written"])
        assert [event["count"] for event in made.events] == [2]


async def test_after_an_hour_of_quiet_a_new_event_begins() -> None:
    async with FakeApiServer() as server, recording(server) as made:
        made.record()
        await eventually(lambda: made.results == ["written"])
        made.moment += timedelta(seconds=3601)
        made.record()
        await eventually(lambda: made.results == ["written", "written"])
        assert [event["count"] for event in made.events] == [1, 1]


async def test_a_clock_that_is_set_back_delays_no_longer_than_the_pause() -> None:
    async with FakeApiServer() as server, recording(server, repeat_after=0.05) as made:
        made.record()
        await eventually(lambda: made.results == ["written"])
        made.moment -= timedelta(days=1)
        made.record()
        await eventually(lambda: made.results == ["written", "written"])


async def test_environments_and_reasons_are_told_apart() -> None:
    async with FakeApiServer() as server, recording(server) as made:
        made.record()
        made.record(RECOVERED)
        made.record(uid="a-successor-of-the-same-name")
        await eventually(lambda: made.results == ["written"] * 3)
        assert {(event["involvedObject"]["uid"], event["reason"]) for event in made.events} == {
            (UID, "CrashLoop"),
            (UID, "Recovered"),
            ("a-successor-of-the-same-name", "CrashLoop"),
        }


async def test_what_cannot_be_remembered_is_dropped_and_counted() -> None:
    async with FakeApiServer() as server, recording(server, running=False, size=3) as made:
        for number in range(5):
            made.record(uid=f"uid-{number}")
        made.record(uid="uid-0")
        assert made.results == ["dropped", "dropped"]


async def test_what_is_written_makes_room() -> None:
    async with FakeApiServer() as server, recording(server, size=3) as made:
        for number in range(5):
            made.record(uid=f"uid-{number}")
            await eventually(lambda count=number + 1: made.results == ["written"] * count)  # type: ignore[misc]
        assert len(made.events) == 5


async def test_a_write_that_fails_is_given_up_after_a_few_tries_and_counted() -> None:
    async with FakeApiServer() as server, recording(server, attempts=3) as made:
        fault = Fault(verb="apply", resource="events", times=None, status=500)
        server.faults.append(fault)
        made.record()
        await eventually(lambda: made.results == ["failed"])
        # Each of the three tries is repeated by the client, four times at most.
        assert len(server.requests) == 3 * 4
        assert await silence(server) == []
        server.faults.clear()
        made.record(RECOVERED)
        await eventually(lambda: made.results == ["failed", "written"])


async def test_a_refusal_is_not_tried_again() -> None:
    """So ends every Event in a namespace that is being removed."""
    async with FakeApiServer() as server, recording(server) as made:
        server.faults.append(Fault(verb="apply", resource="events", times=None, status=403, reason="Forbidden"))
        made.record()
        await eventually(lambda: made.results == ["failed"])
        assert len(server.requests) == 1


async def test_a_lost_answer_makes_no_second_event() -> None:
    async with FakeApiServer() as server, recording(server) as made:
        server.faults.append(Fault(verb="apply", resource="events", drop="after"))
        made.record()
        await eventually(lambda: made.results == ["written"])
        assert len(made.events) == 1


async def test_one_write_that_hangs_holds_up_nobody() -> None:
    async with FakeApiServer() as server, recording(server, attempts=1) as made:
        server.faults.append(Fault(verb="apply", resource="events", times=1, hang=True))
        made.record(uid="hangs")
        await eventually(lambda: server.requests)
        made.record()
        await eventually(lambda: made.results == ["written"])
        assert [event["involvedObject"]["uid"] for event in made.events] == [UID]


async def test_a_long_message_is_cut_and_a_token_in_it_is_not_repeated() -> None:
    async with FakeApiServer() as server, recording(server) as made:
        made.record(Transition("Warning", reasons.CRASH_LOOP, "环境 " * 2000))
        await eventually(lambda: made.results == ["written"])
        made.record(Transition("Warning", reasons.POD_FAILED, "sent Authorization: Bearer abcdef0123456789 to it"))
        await eventually(lambda: made.results == ["written"] * 2)
        messages = {event["reason"]: event["message"] for event in made.events}
        cut = messages["CrashLoop"]
        assert MAX_MESSAGE - 3 <= len(cut.encode()) <= MAX_MESSAGE
        assert cut.endswith("…")
        assert messages["PodFailed"] == "sent Authorization: [redacted] to it"


def told(server: FakeApiServer, key: Key = DEMO) -> list[tuple[str, str]]:
    return [
        (event["type"], event["reason"])
        for event in server.objects(EVENTS, key.namespace)
        if event["involvedObject"]["name"] == key.name
    ]


def break_pod(server: FakeApiServer) -> None:
    (pod,) = pods_of(server)
    status = waiting_status("ErrImagePull", "manifest unknown")
    server.set_status(PODS, Key("team", pod["metadata"]["name"]), status)


async def test_a_problem_and_its_end_are_told_once_each(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        uid = put_instance(server)
        await eventually(lambda: pods_of(server))
        break_pod(server)
        await eventually(lambda: told(server) == [("Warning", reasons.IMAGE_NOT_FOUND)])
        (event,) = server.objects(EVENTS)
        assert event["involvedObject"]["uid"] == uid
        await let_pod_answer(server)
        await eventually(lambda: ("Normal", reasons.RECOVERED) in told(server))
        assert await silence(server) == []
        assert sorted(told(server)) == [("Normal", reasons.RECOVERED), ("Warning", reasons.IMAGE_NOT_FOUND)]


async def test_an_environment_that_breaks_again_and_again_costs_two_writes(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        put_instance(server)
        for _ in range(10):
            await eventually(lambda: pods_of(server))
            break_pod(server)
            await eventually(lambda: phase_of(server) == "Failed")
            await let_pod_answer(server)
            await eventually(lambda: phase_of(server) == "Running")
        await eventually(lambda: len(told(server)) == 2)
        assert await silence(server) == []
        assert len([write for write in server.writes if write.resource == "events"]) == 2


async def test_an_end_is_told_although_the_operator_was_restarted_in_between(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            put_instance(server)
            await eventually(lambda: ("Warning", reasons.TEMPLATE_MISSING) in told(server))
        async with running_operator(server, tmp_path):
            put_template(server)
            await let_pod_answer(server)
            await eventually(lambda: ("Normal", reasons.RECOVERED) in told(server))


async def test_a_failed_pod_that_is_replaced_is_told(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        put_instance(server)
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        (pod,) = pods_of(server)
        evicted = {"phase": "Failed", "reason": "Evicted", "conditions": [{"type": "Ready", "status": "False"}]}
        # Its last change is its creation, which must lie further back than the pause before a replacement.
        server.store.objects[PODS][Key("team", pod["metadata"]["name"])].obj["metadata"]["creationTimestamp"] = (
            "2026-01-01T00:00:00Z"
        )
        server.set_status(PODS, Key("team", pod["metadata"]["name"]), evicted)
        await eventually(lambda: ("Normal", reasons.POD_REPLACED) in told(server))
        assert ("Warning", reasons.EVICTED) in told(server)
        await let_pod_answer(server)
        await eventually(lambda: ("Normal", reasons.RECOVERED) in told(server))


async def test_nothing_is_told_about_a_life_without_problems(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        put_instance(server)
        for running, phase in ((True, "Running"), (False, "Stopped"), (True, "Running")):
            server.patch(INSTANCES, DEMO, {"spec": {"running": running}})
            if running:
                await let_pod_answer(server)
            await eventually(lambda wanted=phase: phase_of(server) == wanted)  # type: ignore[misc]
        server.remove(INSTANCES, DEMO)
        await silence(server)
        assert server.objects(EVENTS) == []
