"""What is found around a pod, and that an Event explains a state and never outlives it."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import InstanceStatus
from devworkspace.api.surroundings import Node
from devworkspace.core.conditions import find_condition
from devworkspace.core.hindrances import WARNINGS, Facts, find_hindrance, last_seen
from devworkspace.core.nodestate import NodeVerdict, judge_node
from devworkspace.core.observe import observe
from devworkspace.core.podstate import Finding
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.core.world import World
from tests.support.builders import (
    CHILD,
    NOW,
    make_event,
    make_instance,
    make_pod,
    make_settings,
    make_volume,
    make_world,
    running_status,
    waiting_status,
)

PLACED = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T11:59:56Z"}
SET_UP = {"type": "PodReadyToStartContainers", "status": "True"}
CREATING = waiting_status("ContainerCreating") | {"conditions": [PLACED]}
BLOCKED: dict[str, Any] = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
}


def facts(status: dict[str, Any], *events: Any, volume: PersistentVolumeClaim | None = None, **more: Any) -> Facts:
    return Facts(pod=make_pod(**status), now=NOW, volume=volume or make_volume(), warnings=events, **more)


def claim(phase: str) -> PersistentVolumeClaim:
    volume = make_volume(phase=phase)
    return replace(volume, spec=replace(volume.spec, volume_name="pv-1"))


ROWS = {
    "the disk cannot be made": (
        facts(
            BLOCKED,
            make_event("ProvisioningFailed", "no space left on pool", about="pvc-uid"),
            volume=claim("Pending"),
        ),
        Finding(
            "Pending",
            reasons.VOLUME_PROVISIONING_FAILED,
            "The disk cannot be made: no space left on pool. Kubernetes keeps trying; "
            "ask an admin to check storage class 'local'.",
            "VolumeReady",
        ),
    ),
    "the disk is attached elsewhere": (
        facts(CREATING, make_event("FailedAttachVolume", 'Multi-Attach error for volume "pv-1" Volume is in use')),
        Finding(
            "Pending",
            reasons.VOLUME_MULTI_ATTACH,
            'The disk is still attached to another node (Multi-Attach error for volume "pv-1" Volume is in use). '
            "It comes free when the pod there has ended; if this stays, ask an admin to look at that node.",
            "VolumeReady",
        ),
    ),
    "the disk cannot be attached": (
        facts(CREATING, make_event("FailedAttachVolume", "AttachVolume.Attach failed: rpc error")),
        Finding(
            "Pending",
            reasons.VOLUME_MOUNT_FAILED,
            "The disk cannot be attached to node node-1 (AttachVolume.Attach failed: rpc error). "
            "Kubernetes keeps trying; if this stays, ask an admin to look at the storage.",
            "VolumeReady",
        ),
    ),
    "the disk cannot be mounted": (
        facts(CREATING, make_event("FailedMount", 'MountVolume.SetUp failed for volume "pv-1": no such device')),
        Finding(
            "Pending",
            reasons.VOLUME_MOUNT_FAILED,
            'Node node-1 cannot mount the disk (MountVolume.SetUp failed for volume "pv-1": no such device). '
            "Kubernetes keeps trying; if this stays, ask an admin to look at the storage.",
            "VolumeReady",
        ),
    ),
    "a volume of configuration is missing": (
        facts(
            CREATING,
            make_event("FailedMount", 'MountVolume.SetUp failed for volume "ca" : configmap "company-ca" not found'),
        ),
        Finding(
            "Failed",
            reasons.MISSING_CONFIGURATION,
            'The container cannot be made (MountVolume.SetUp failed for volume "ca" : configmap "company-ca" not '
            "found). It starts by itself once that is there.",
        ),
    ),
    "the node cannot set up the pod": (
        facts(CREATING, make_event("FailedCreatePodSandBox", 'no runtime for "kata" is configured')),
        Finding(
            "Pending",
            reasons.SANDBOX_FAILED,
            'Node node-1 cannot set up the pod (no runtime for "kata" is configured). Kubernetes keeps trying; '
            "if this stays, ask an admin to look at the node's container runtime and network.",
        ),
    ),
    "the disk is gone": (
        facts(BLOCKED, volume=claim("Lost")),
        Finding(
            "Failed",
            reasons.VOLUME_LOST,
            f"The disk is gone: the storage behind claim {CHILD!r}, volume pv-1, was removed from the cluster. "
            "Ask an admin to restore it from a backup; nothing is made anew by itself.",
            "VolumeReady",
        ),
    ),
    "the node does not answer": (
        facts(running_status(ready=False), node=NodeVerdict(ready=False, detail="Kubelet stopped posting node status")),
        Finding(
            "Failed",
            reasons.NODE_LOST,
            "Node node-1 does not answer (Kubelet stopped posting node status). The disk is safe. "
            "It goes on when the node is back, or starts elsewhere when an admin removes the node.",
        ),
    ),
    "the node was removed": (
        facts(
            running_status() | {"conditions": [PLACED | {"lastTransitionTime": "2026-11-24T11:59:00Z"}]},
            node=judge_node(None),
        ),
        Finding(
            "Failed",
            reasons.NODE_LOST,
            "Node node-1 does not answer (it was removed from the cluster). The disk is safe. "
            "It goes on when the node is back, or starts elsewhere when an admin removes the node.",
        ),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_hindrance_is_named(name: str) -> None:
    given, finding = ROWS[name]
    assert find_hindrance(given) == finding


def test_every_explanation_has_a_row() -> None:
    named = {finding.reason for _, finding in ROWS.values()}
    assert {warning.reason for warning in WARNINGS} <= named


MOUNT = make_event("FailedMount", "MountVolume.SetUp failed: no such device")
SANDBOX = make_event("FailedCreatePodSandBox", "network is not ready")
PROVISIONING = make_event("ProvisioningFailed", "no space", about="pvc-uid")
AWAY = NodeVerdict(ready=False, detail="gone")

RECOVERED = {
    "the disk was mounted, the image is on its way": facts(CREATING | {"conditions": [PLACED, SET_UP]}, MOUNT, SANDBOX),
    "the editor runs": facts(running_status(ready=False), MOUNT, SANDBOX),
    "the editor answers": facts(running_status(), MOUNT, SANDBOX, PROVISIONING),
    "an earlier pod could not be set up": facts(CREATING, make_event("FailedMount", about="another-pod")),
    "the pod has no node yet": facts({"phase": "Pending"}, MOUNT),
    "the disk was made": facts(CREATING, PROVISIONING),
    "the disk could not be made before the last stop": facts(
        {"phase": "Pending"},
        make_event("ProvisioningFailed", about="pvc-uid", age=600),
        volume=claim("Pending"),
    ),
    "another disk cannot be made": facts(
        {"phase": "Pending"}, make_event("ProvisioningFailed", about="other"), volume=claim("Pending")
    ),
    "an Event that nobody explains": facts(CREATING, make_event("Unhealthy", "Readiness probe failed")),
    "the node is well": facts(running_status(), node=NodeVerdict(ready=True)),
    "nothing is known of the node": facts(running_status(), node=None),
    "the node is newer than our view of nodes": facts(CREATING, node=judge_node(None)),
}


@pytest.mark.parametrize("name", RECOVERED)
def test_a_warning_does_not_outlive_its_state(name: str) -> None:
    assert find_hindrance(RECOVERED[name]) is None


PASSING = (
    "Unable to attach or mount volumes: unmounted volumes=[home], unattached volumes=[], failed to process "
    "volumes=[home]: error processing PVC team-a/demo: failed to fetch PVC from API server: persistentvolumeclaims "
    '"demo" is forbidden: User "system:node:n1" cannot get resource "persistentvolumeclaims" in API group "" in the '
    "namespace \"team-a\": no relationship found between node 'n1' and this object",
    'MountVolume.SetUp failed for volume "lock" : failed to sync secret cache: timed out waiting for the condition',
    'MountVolume.SetUp failed for volume "ca" : object "team-a"/"company-ca" not registered',
)


@pytest.mark.parametrize("message", PASSING)
def test_a_node_that_does_not_know_the_pod_s_objects_yet_is_no_problem(message: str) -> None:
    passing = make_event("FailedMount", message, age=1)
    assert find_hindrance(facts(CREATING, passing)) is None
    assert find_hindrance(facts(waiting_status("CreateContainerConfigError", message))) is None
    found = find_hindrance(facts(CREATING, passing, make_event("FailedMount", "no such device", age=5)))
    assert found is not None
    assert "(no such device)" in found.message


def reason_of(*events: Any, status: dict[str, Any] = CREATING, **more: Any) -> str:
    finding = find_hindrance(facts(status, *events, **more))
    assert finding is not None
    return finding.reason


def test_the_latest_event_counts() -> None:
    attach = make_event("FailedAttachVolume", "Multi-Attach error", age=9)
    mount = make_event("FailedMount", "MountVolume.SetUp failed", age=5)
    sandbox = make_event("FailedCreatePodSandBox", "network", age=1)
    assert reason_of(sandbox, mount, attach) == reasons.SANDBOX_FAILED
    assert reason_of(mount, attach) == reasons.VOLUME_MOUNT_FAILED
    assert reason_of(attach) == reasons.VOLUME_MULTI_ATTACH


def test_of_two_events_of_one_second_the_newer_version_counts() -> None:
    first = make_event("FailedMount", "a", metadata={"name": "a", "resourceVersion": "9"})
    second = make_event("FailedCreatePodSandBox", "b", metadata={"name": "b", "resourceVersion": "10"})
    assert reason_of(second, first) == reason_of(first, second) == reasons.SANDBOX_FAILED


def test_the_kubelet_s_summary_does_not_hide_the_cause() -> None:
    attach = make_event("FailedAttachVolume", "Multi-Attach error", age=200)
    summary = "Unable to attach or mount volumes: unmounted volumes=[home]: timed out waiting for the condition"
    assert reason_of(attach, make_event("FailedMount", summary)) == reasons.VOLUME_MULTI_ATTACH
    assert reason_of(make_event("FailedMount", summary)) == reasons.VOLUME_MOUNT_FAILED


def test_attempts_that_fail_alike_are_told_in_the_same_words() -> None:
    sentence = "{}failed to set up sandbox container {} network: no addresses left"
    first = make_event("FailedCreatePodSandBox", sentence.format("", "0a" * 32))
    later = make_event("FailedCreatePodSandBox", sentence.format("(combined from similar events): ", "1b" * 32))
    found = [find_hindrance(facts(CREATING, event)) for event in (first, later)]
    assert found[0] is not None
    assert "set up sandbox container … network: no addresses left" in found[0].message
    assert found[0] == found[1]


def test_causes_have_an_order() -> None:
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    crashed = running_status(ready=False, state={"terminated": {"exitCode": 1}})
    assert reason_of(status=evicted, node=AWAY) == reasons.EVICTED
    assert reason_of(status=crashed, node=AWAY, volume=claim("Lost")) == reasons.NODE_LOST
    assert reason_of(status=BLOCKED, volume=claim("Lost")) == reasons.VOLUME_LOST
    assert reason_of(PROVISIONING, status=BLOCKED, volume=claim("Pending")) == reasons.VOLUME_PROVISIONING_FAILED
    assert reason_of(MOUNT, status=crashed) == reasons.CRASH_LOOP


def node(**condition: Any) -> Node:
    status = {"conditions": [condition] if condition else []}
    return msgspec.convert({"metadata": {"name": "n"}, "status": status}, Node)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        pytest.param(node(type="Ready", status="True", message="fine"), NodeVerdict(ready=True), id="well"),
        pytest.param(
            node(type="Ready", status="False", message="runtime is down."),
            NodeVerdict(ready=False, detail="runtime is down"),
            id="its kubelet says no",
        ),
        pytest.param(
            node(type="Ready", status="Unknown"),
            NodeVerdict(ready=False, detail="it does not report why"),
            id="its kubelet is silent",
        ),
        pytest.param(node(), NodeVerdict(ready=False, detail="it has not reported yet"), id="brand new"),
        pytest.param(
            None, NodeVerdict(ready=False, exists=False, detail="it was removed from the cluster"), id="removed"
        ),
    ],
)
def test_a_node_is_judged_by_its_ready_condition(given: Node | None, verdict: NodeVerdict) -> None:
    assert judge_node(given) == verdict


def test_the_last_of_an_event_s_times_counts() -> None:
    times: dict[str, Any] = {
        "metadata": {"creationTimestamp": "2026-11-24T11:00:00Z"},
        "lastTimestamp": None,
        "eventTime": "2026-11-24T11:00:01.250000Z",
        "series": {"lastObservedTime": "2026-11-24T11:30:00.500000Z"},
    }
    assert last_seen(make_event("FailedMount", **times)) == parse_timestamp("2026-11-24T11:30:00.500Z")


# Together with everything else: what becomes of the status.


def status_of(world: World) -> InstanceStatus:
    assert world.instance is not None
    return observe(world, world.instance, make_settings())


def stuck(*events: Any, age: int = 5, status: InstanceStatus | None = None, **parts: Any) -> World:
    """A start that does not get past its disk, `age` seconds after the pod was made."""
    pod = make_pod(age=age, **CREATING)
    defaults = {"pod": pod, "volumes": (make_volume(),), "instance": make_instance(status=status)}
    return make_world(**{**defaults, "warnings": events, **parts})


def told(status: InstanceStatus) -> tuple[str | None, str, str | None]:
    ready = find_condition(status.conditions, "Ready")
    assert ready is not None
    return status.phase, ready.reason, status.message


def test_an_event_that_expired_is_no_recovery() -> None:
    first = status_of(stuck(MOUNT))
    assert told(first)[:2] == ("Pending", reasons.VOLUME_MOUNT_FAILED)
    later = status_of(stuck(status=first))
    assert later == first


def test_an_explanation_is_given_time_once_and_then_fails() -> None:
    first = status_of(stuck(MOUNT, age=301))
    assert told(first)[:2] == ("Failed", reasons.VOLUME_MOUNT_FAILED)
    assert first.message is not None
    assert first.message.endswith("look at the storage. It has been tried for 5m.")
    assert status_of(stuck(status=first, age=301)) == first
    assert status_of(stuck(MOUNT, status=first, age=301)) == first


def test_what_was_told_is_forgotten_when_the_pod_gets_on() -> None:
    first = status_of(stuck(MOUNT))
    going_on = make_pod(**(CREATING | {"conditions": [PLACED, SET_UP]}))
    assert told(status_of(stuck(status=first, pod=going_on)))[:2] == ("Provisioning", reasons.STARTING)


def test_what_was_told_of_one_pod_says_nothing_about_the_next() -> None:
    first = status_of(stuck(MOUNT, age=60))
    assert told(status_of(stuck(status=first, age=5)))[:2] == ("Provisioning", reasons.STARTING)


def test_a_disk_that_could_not_be_made_is_remembered_until_it_is_there() -> None:
    unbound = {**BLOCKED["conditions"][0], "message": "pod has unbound immediate PersistentVolumeClaims"}
    blocked: dict[str, Any] = {"phase": "Pending", "conditions": [unbound]}
    parts: dict[str, Any] = {"pod": make_pod(**blocked), "volumes": (claim("Pending"),)}
    first = status_of(stuck(PROVISIONING, **parts))
    assert told(first)[:2] == ("Pending", reasons.VOLUME_PROVISIONING_FAILED)
    assert status_of(stuck(status=first, **parts)) == first
    assert told(status_of(stuck(status=first)))[:2] == ("Provisioning", reasons.STARTING)


def test_an_environment_on_a_lost_node_fails_and_comes_back() -> None:
    running = make_world(pod=make_pod(**running_status()), volumes=(make_volume(),))
    first = status_of(running)
    lost = replace(running, instance=make_instance(status=first), node=AWAY)
    second = status_of(lost)
    assert told(second)[:2] == ("Failed", reasons.NODE_LOST)
    assert second.node_name == "node-1"
    back = replace(lost, instance=make_instance(status=second), node=NodeVerdict(ready=True))
    assert told(status_of(back))[:2] == ("Running", reasons.ANSWERING)


def test_a_stop_that_a_lost_node_holds_up_says_so() -> None:
    world = make_world(instance=make_instance(running=False), pod=make_pod(**running_status()), node=AWAY)
    phase, reason, message = told(status_of(world))
    assert (phase, reason) == ("Stopping", reasons.NODE_LOST)
    assert message is not None
    assert message.startswith("The editor cannot be stopped. Node node-1 does not answer (gone).")


def test_a_pod_that_cannot_end_on_a_lost_node_is_no_restart_under_way() -> None:
    pod = make_pod(**running_status())
    ending = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=format_timestamp(NOW)))
    assert told(status_of(make_world(pod=ending, node=AWAY)))[:2] == ("Failed", reasons.NODE_LOST)
    assert told(status_of(make_world(pod=ending)))[:2] == ("Provisioning", reasons.STARTING)


def test_a_lost_disk_under_a_running_editor_is_told_and_does_not_stop_it() -> None:
    status = status_of(make_world(pod=make_pod(**running_status()), volumes=(claim("Lost"),)))
    volume = find_condition(status.conditions, "VolumeReady")
    assert volume is not None
    assert (volume.status, volume.reason) == ("False", reasons.VOLUME_LOST)


@pytest.mark.parametrize(
    ("parts", "step"),
    [
        pytest.param({"pod": make_pod(age=301, phase="Pending")}, "finding a node", id="no node"),
        pytest.param(
            {"pod": make_pod(age=301, phase="Pending"), "volumes": (claim("Pending"),)},
            "making the disk and finding a node",
            id="no disk",
        ),
        pytest.param({}, "attaching the disk and setting up the pod's network", id="no sandbox"),
        pytest.param(
            {"pod": make_pod(age=301, **(CREATING | {"conditions": [PLACED, SET_UP]}))},
            "pulling the image",
            id="no image",
        ),
        pytest.param(
            {
                "pod": make_pod(
                    age=301,
                    **(CREATING | {"conditions": [PLACED, SET_UP], "initContainerStatuses": [{"name": "copy"}]}),
                )
            },
            "running the containers that prepare the start",
            id="not prepared",
        ),
        pytest.param(
            {"pod": make_pod(age=301, **running_status(ready=False))},
            "waiting for the editor's first answer",
            id="no answer",
        ),
    ],
)
def test_a_start_that_takes_too_long_names_the_step(parts: dict[str, Any], step: str) -> None:
    phase, reason, message = told(status_of(stuck(age=301, **parts)))
    assert (phase, reason) == ("Failed", reasons.START_TIMEOUT)
    assert message is not None
    assert f"It did not start within 5m; it hangs at: {step}." in message
