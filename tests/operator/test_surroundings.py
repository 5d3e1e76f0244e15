"""Warning Events and nodes: they explain, they wake only whom they concern, and nothing depends on them."""

import asyncio
import inspect
import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import reasons
from devworkspace.api.meta import Key
from devworkspace.core.nodestate import NodeVerdict, judge_node
from devworkspace.kube.client import Client
from devworkspace.kube.resource import EVENTS, NODES, PODS, PVCS
from devworkspace.operator.surroundings import (
    MAX_EVENTS,
    UNKNOWN_AFTER_SECONDS,
    WARNINGS_WATCH_SECONDS,
    Surroundings,
)
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    silence,
    status_of,
)
from tests.support.builders import CHILD, make_pod, running_status, waiting_status
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import client_of, eventually, running

PLACED = {"type": "PodScheduled", "status": "True"}
CREATING = waiting_status("ContainerCreating") | {"conditions": [PLACED]}


def reason_of(server: FakeApiServer) -> str | None:
    conditions = status_of(server).get("conditions", [])
    return next((condition["reason"] for condition in conditions if condition["type"] == "Ready"), None)


async def told(server: FakeApiServer, reason: str) -> None:
    """Waits for the operator's own Event, the last of its writes about a problem or its end."""
    await eventually(lambda: reason in [event["reason"] for event in server.objects(EVENTS)])


async def start(server: FakeApiServer, status: dict[str, Any] = CREATING) -> dict[str, Any]:
    """An environment whose pod is on a node and has this status; returns the pod."""
    put_template(server)
    put_instance(server)
    await eventually(lambda: pods_of(server))
    (pod,) = pods_of(server)
    key = Key("team", pod["metadata"]["name"])
    server.patch(PODS, key, {"spec": {"nodeName": "node-1"}})
    return server.set_status(PODS, key, status)


def put_event(
    server: FakeApiServer, about: dict[str, Any], reason: str, *, name: str = "e", kind: str = "Pod", **body: Any
) -> None:
    metadata = about["metadata"]
    involved = {key: metadata[key] for key in ("name", "namespace", "uid")}
    event = {
        "metadata": {"name": name, "namespace": "team"},
        "involvedObject": {"kind": kind, **involved},
        "type": "Warning",
        "reason": reason,
        "message": "no such device",
        "lastTimestamp": server.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
        **body,
    }
    server.put(EVENTS, event)


def put_node(server: FakeApiServer, *, name: str = "node-1", ready: str = "True", heartbeat: int = 0) -> None:
    condition = {"type": "Ready", "status": ready, "lastHeartbeatTime": f"2026-11-24T12:00:{heartbeat:02}Z"}
    server.put(NODES, {"metadata": {"name": name}, "status": {"conditions": [condition]}})


async def test_a_warning_about_the_pod_is_told_and_goes_with_its_state(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_node(server)
        pod = await start(server)
        put_event(server, pod, "FailedMount")
        await eventually(lambda: reason_of(server) == reasons.VOLUME_MOUNT_FAILED)
        await told(server, reasons.VOLUME_MOUNT_FAILED)
        assert (phase_of(server), "no such device" in status_of(server)["message"]) == ("Pending", True)
        # The kubelet's and, told beside the status, the operator's own.
        await eventually(lambda: len(server.objects(EVENTS)) == 2)
        server.remove(EVENTS, Key("team", "e"))
        assert await silence(server) == []
        await let_pod_answer(server)
        # The operator's own Event about the end of the problem is the last of its writes.
        await told(server, reasons.RECOVERED)
        assert phase_of(server) == "Running"
        put_event(server, pod, "FailedMount", name="late")
        assert await silence(server) == []


async def test_a_warning_about_the_volume_is_told(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start(server, {"phase": "Pending"})
        (volume,) = server.objects(PVCS)
        put_event(server, volume, "ProvisioningFailed", kind="PersistentVolumeClaim")
        await eventually(lambda: reason_of(server) == reasons.VOLUME_PROVISIONING_FAILED)


async def test_a_restarted_operator_knows_the_warnings_and_writes_nothing(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            put_event(server, await start(server), "FailedMount")
            await told(server, reasons.VOLUME_MOUNT_FAILED)
        async with running_operator(server, tmp_path):
            assert await silence(server) == []


async def test_a_node_that_does_not_answer_is_told_until_it_is_back(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_node(server)
        await start(server, running_status())
        await eventually(lambda: phase_of(server) == "Running")
        put_node(server, ready="Unknown")
        await eventually(lambda: (phase_of(server), reason_of(server)) == ("Failed", reasons.NODE_LOST))
        put_node(server)
        await eventually(lambda: phase_of(server) == "Running")
        server.remove(NODES, Key("", "node-1"))
        await eventually(lambda: reason_of(server) == reasons.NODE_LOST)


async def test_a_restarted_operator_knows_the_nodes_and_writes_nothing(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_node(server, ready="False")
        async with running_operator(server, tmp_path):
            await start(server, running_status())
            await told(server, reasons.NODE_LOST)
        async with running_operator(server, tmp_path):
            assert await silence(server) == []


async def test_without_the_rights_it_works_and_complains_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with FakeApiServer() as server:
        refused = [Fault(verb="list", resource=plural, times=None, status=403) for plural in ("nodes", "events")]
        server.faults += refused
        put_node(server, ready="False")
        async with running_operator(server, tmp_path):
            await start(server, running_status())
            await eventually(lambda: phase_of(server) == "Running")
            # The third failure in a row is told. The pauses between attempts double, so it may take a while.
            await eventually(
                lambda: min(Counter(r.resource for r in server.requests)[p] for p in ("nodes", "events")) > 4, within=30
            )
            warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
            assert sorted(warning.partition(" cannot")[0] for warning in warnings) == ["events", "nodes"]
            for fault in refused:
                fault.times = 0
            await eventually(lambda: reason_of(server) == reasons.NODE_LOST, within=15)


def test_the_watch_of_events_is_renewed_before_it_counts_as_dead() -> None:
    silence = inspect.signature(Client).parameters["silence"].default
    assert silence - 10 > WARNINGS_WATCH_SECONDS


# What is stored and what reaches the queue.

POD = {"metadata": {"name": CHILD, "namespace": "team", "uid": "pod-uid"}}


class Watcher:
    """Surroundings in front of a fake API server; the one instance is `team/demo`, its pod runs on node-1."""

    def __init__(self, client: Client) -> None:
        self.enqueued: list[Key] = []
        self.elapsed = 0.0
        self.surroundings = Surroundings(
            client,
            owner_of=lambda child: DEMO if child == Key("team", CHILD) else None,
            pods_on=lambda node: (make_pod(),) if node == "node-1" else (),
            enqueue=self.enqueued.append,
            monotonic=lambda: time.monotonic() + self.elapsed,
        )

    @property
    def versions(self) -> list[str]:
        return [node.metadata.resource_version for node in self.surroundings.nodes.values()]


async def test_only_warnings_about_our_objects_are_held_and_wake() -> None:
    foreign = {"kind": "Pod", "namespace": "team", "name": "web-5d8f", "uid": "other"}
    async with FakeApiServer() as server, client_of(server) as client:
        watcher = Watcher(client)
        put_event(server, POD, "FailedMount", name="listed")
        put_event(server, POD, "FailedMount", name="foreign", involvedObject=foreign)
        warnings = watcher.surroundings.warnings
        async with running(warnings):
            await eventually(lambda: server.streams)
            put_event(server, POD, "FailedMount", name="normal", type="Normal")
            put_event(server, POD, "Unhealthy", name="nobody-explains")
            put_event(server, POD, "FailedMount", name="foreign-2", involvedObject=foreign)
            put_event(
                server, POD, "FailedMount", name="of-a-node", involvedObject={**foreign, "kind": "Node", "name": CHILD}
            )
            put_event(server, POD, "FailedCreatePodSandBox", name="watched")
            await eventually(lambda: len(warnings) == 2)
            assert watcher.enqueued == [DEMO, DEMO]
            told = [event.reason for event in watcher.surroundings.about(["pod-uid", "other"])]
            assert told == ["FailedMount", "FailedCreatePodSandBox"]
            server.remove(EVENTS, Key("team", "listed"))
            await eventually(lambda: len(warnings) == 1)
            assert watcher.enqueued == [DEMO, DEMO]


async def test_a_flood_of_warnings_has_a_bound() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        surroundings = Watcher(client).surroundings
        assert surroundings.warnings._limit == MAX_EVENTS


async def test_a_heartbeat_wakes_nobody_and_a_changed_verdict_wakes_whom_it_concerns() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watcher = Watcher(client)
        put_node(server)
        put_node(server, name="node-2")
        async with running(watcher.surroundings.nodes):
            await eventually(lambda: server.streams)
            assert watcher.enqueued == [DEMO]
            for beat in range(5):
                put_node(server, heartbeat=beat)
            server.patch(NODES, Key("", "node-1"), {"metadata": {"labels": {"zone": "a"}}})
            put_node(server, name="node-2", ready="Unknown")
            await eventually(lambda: str(server.store.version) in watcher.versions)
            assert watcher.enqueued == [DEMO]
            put_node(server, ready="Unknown")
            await eventually(lambda: watcher.enqueued == [DEMO, DEMO])
            server.remove(NODES, Key("", "node-1"))
            await eventually(lambda: watcher.enqueued == [DEMO, DEMO, DEMO])


async def test_nodes_are_unknown_before_they_are_listed_and_when_their_watch_is_dead() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watcher = Watcher(client)
        put_node(server)
        assert watcher.surroundings.node("node-1") is None
        async with running(watcher.surroundings.nodes):
            assert watcher.surroundings.node("node-1") == NodeVerdict(ready=True)
            assert watcher.surroundings.node("node-9") == judge_node(None)
            assert watcher.surroundings.node(None) is None
            watcher.elapsed = UNKNOWN_AFTER_SECONDS + 1
            assert watcher.surroundings.node("node-1") is None


async def test_the_start_does_not_wait_for_ever_for_what_only_explains() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        watcher = Watcher(client)
        assert not watcher.surroundings.nodes.tried.is_set()
        async with asyncio.timeout(10):
            await watcher.surroundings.wait_tried()
