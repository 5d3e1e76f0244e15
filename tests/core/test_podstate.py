"""One row for each way in which a pod does not come up, and the sentence that its owner reads."""

from typing import Any

import pytest

from devworkspace.api import reasons
from devworkspace.core.podstate import Finding, find_problem, is_ready
from tests.support.builders import make_pod, running_status, waiting_status

IMAGE = "'localhost/devworkspace/python:0.1.0'"


def unschedulable(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def init_status(*, code: int) -> dict[str, Any]:
    """A container that prepares the start and has ended."""
    state = {"terminated": {"exitCode": code, "message": "" if code == 0 else "no space left"}}
    return {"name": "copy", "ready": code == 0, "state": state}


ROWS = {
    "no node has room": (
        unschedulable("0/3 nodes are available: 3 Insufficient cpu."),
        Finding(
            "Pending",
            reasons.UNSCHEDULABLE,
            "No node has room for this environment: too little cpu on 3 of 3 nodes (it asks for 100m). "
            "The scheduler says: 0/3 nodes are available: 3 Insufficient cpu. "
            "Stop another environment or ask for fewer resources.",
            "PodScheduled",
        ),
    ),
    "each node lacks something else": (
        unschedulable(
            "0/4 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu, 1 Too many pods. "
            "preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod."
        ),
        Finding(
            "Pending",
            reasons.UNSCHEDULABLE,
            "No node has room for this environment: too little memory on 1 of 4 nodes (it asks for 256Mi), "
            "too little nvidia.com/gpu on 2 of 4 nodes, too many pods on 1 of 4 nodes. The scheduler says: 0/4 nodes "
            "are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu, 1 Too many pods. "
            "Stop another environment or ask for fewer resources.",
            "PodScheduled",
        ),
    ),
    "no node is of the wanted kind": (
        unschedulable(
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to "
            "deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        ),
        Finding(
            "Pending",
            reasons.UNSCHEDULABLE,
            "No node fits this environment. The scheduler says: 0/1 nodes are available: 1 node(s) didn't match Pod's "
            "node affinity/selector. Ask an admin to correct the template's node selector and tolerations, "
            "or to add a node.",
            "PodScheduled",
        ),
    ),
    "something holds it back": (
        unschedulable("Scheduling is blocked due to non-empty scheduling gates", reason="SchedulingGated"),
        Finding(
            "Pending",
            reasons.SCHEDULING_GATED,
            "Something in the cluster, such as a queue for jobs, holds this environment back before it gets a node "
            "(Scheduling is blocked due to non-empty scheduling gates). "
            "It starts once it is let through; ask an admin what holds it.",
            "PodScheduled",
        ),
    ),
    "the volume is not bound": (
        unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        Finding(
            "Pending",
            reasons.VOLUME_PENDING,
            "The disk is not ready yet (0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims). "
            "If this stays, ask an admin to check the storage class.",
            "VolumeReady",
        ),
    ),
    "the image does not exist": (
        waiting_status("ErrImagePull", 'rpc error: code = NotFound desc = "r/i:1": not found'),
        Finding(
            "Failed",
            reasons.IMAGE_NOT_FOUND,
            f"Image {IMAGE} does not exist; check its name in the template. "
            'The registry says: rpc error: code = NotFound desc = "r/i:1": not found.',
            "ImagePulled",
        ),
    ),
    "the registry wants a password": (
        waiting_status("ImagePullBackOff", 'Back-off pulling image "i": ErrImagePull: 401 Unauthorized'),
        Finding(
            "Failed",
            reasons.IMAGE_PULL_DENIED,
            f"The registry refuses access to image {IMAGE}; an admin must add a pull secret. "
            "The registry says: 401 Unauthorized.",
            "ImagePulled",
        ),
    ),
    "the registry is not reachable": (
        waiting_status("ErrImagePull", "failed to do request: dial tcp: lookup r: no such host"),
        Finding(
            "Pending",
            reasons.IMAGE_PULL_NETWORK,
            f"The node cannot reach the registry of image {IMAGE}; Kubernetes keeps trying. "
            "It says: failed to do request: dial tcp: lookup r: no such host.",
            "ImagePulled",
        ),
    ),
    "the pull fails in another way": (
        waiting_status("ImagePullBackOff", "Back-off pulling image"),
        Finding(
            "Failed",
            reasons.IMAGE_PULL_FAILED,
            f"Image {IMAGE} cannot be pulled; Kubernetes keeps trying. It says: Back-off pulling image.",
            "ImagePulled",
        ),
    ),
    "the image's name is no name": (
        waiting_status("InvalidImageName", "couldn't parse image name"),
        Finding(
            "Failed",
            reasons.IMAGE_NAME_INVALID,
            f"{IMAGE} is not a valid image name; correct the template.",
            "ImagePulled",
        ),
    ),
    "the image's name is none to the container runtime": (
        waiting_status("ErrImagePull", 'failed to parse image reference "A/b": invalid reference format'),
        Finding(
            "Failed",
            reasons.IMAGE_NAME_INVALID,
            f"{IMAGE} is not a valid image name; correct the template.",
            "ImagePulled",
        ),
    ),
    "the image must be on the node and is not": (
        waiting_status("ErrImageNeverPull", "not present with pull policy of Never"),
        Finding(
            "Failed",
            reasons.IMAGE_NOT_FOUND,
            f"Image {IMAGE} is not on the node and may not be pulled; load it or change the policy.",
            "ImagePulled",
        ),
    ),
    "a secret is missing": (
        waiting_status("CreateContainerConfigError", 'secret "npm" not found'),
        Finding(
            "Failed",
            reasons.MISSING_CONFIGURATION,
            'The container cannot be made (secret "npm" not found). It starts by itself once that is there.',
        ),
    ),
    "a container that prepares it fails": (
        waiting_status("PodInitializing") | {"initContainerStatuses": [init_status(code=0), init_status(code=7)]},
        Finding(
            "Failed",
            reasons.INIT_CONTAINER_FAILED,
            "Container 'copy', which prepares the start, ended with exit code 7, once; Kubernetes starts it again. "
            "Look at its log; its last lines: no space left",
        ),
    ),
    "a container that prepares it fails again and again": (
        waiting_status("PodInitializing")
        | {
            "initContainerStatuses": [
                {
                    "name": "copy",
                    "restartCount": 2,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1}},
                }
            ]
        },
        Finding(
            "Failed",
            reasons.INIT_CONTAINER_FAILED,
            "Container 'copy', which prepares the start, ended with exit code 1, 3 times; Kubernetes starts it again. "
            "Look at its log with: kubectl logs --previous --container=copy.",
        ),
    ),
    "the image of a container that prepares it does not exist": (
        waiting_status("PodInitializing")
        | {
            "initContainerStatuses": [
                {"name": "copy", "image": "r/copy:1", "state": {"waiting": {"reason": "InvalidImageName"}}}
            ]
        },
        Finding(
            "Failed",
            reasons.IMAGE_NAME_INVALID,
            "'r/copy:1' is not a valid image name; correct the template.",
            "ImagePulled",
        ),
    ),
    "it used all its memory": (
        waiting_status(
            "CrashLoopBackOff",
            restarts=2,
            lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        ),
        Finding(
            "Failed",
            reasons.OUT_OF_MEMORY,
            "The environment used all its memory of 2Gi and was killed, 3 times. "
            "Ask for more memory in overrides.resources.limits.memory.",
        ),
    ),
    "it keeps exiting": (
        waiting_status(
            "CrashLoopBackOff",
            restarts=3,
            lastState={"terminated": {"exitCode": 127, "reason": "Error", "message": "sh: code-server: not found\n"}},
        ),
        Finding(
            "Failed",
            reasons.CRASH_LOOP,
            "The container ended with exit code 127, 4 times; Kubernetes starts it again. "
            "Look at its log; its last lines: sh: code-server: not found",
        ),
    ),
    "it exited for the first time and said nothing": (
        running_status(ready=False, state={"terminated": {"exitCode": 1, "reason": "Error"}}),
        Finding(
            "Failed",
            reasons.CRASH_LOOP,
            "The container ended with exit code 1, once; Kubernetes starts it again. "
            "Look at its log with: kubectl logs --previous --container=workspace.",
        ),
    ),
    "the node ran short": (
        {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
        Finding(
            "Failed",
            reasons.EVICTED,
            "Node node-1 removed the environment (The node was low on resource: memory). "
            "The disk is safe; it starts again by itself.",
        ),
    ),
    "the pod ended in another way": (
        {"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": ""},
        Finding(
            "Failed",
            reasons.POD_FAILED,
            "The pod ended (UnexpectedAdmissionError). The disk is safe; it starts again by itself.",
        ),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_problem_is_named(name: str) -> None:
    status, finding = ROWS[name]
    assert find_problem(make_pod(**status)) == finding


HEALTHY = {
    "it was just made": {"phase": "Pending"},
    "the scheduler has not seen its new volume yet": unschedulable(
        '0/1 nodes are available: persistentvolumeclaim "demo-7h2x9" not found. no new claims to deallocate, '
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    ),
    "the scheduler has an error of its own": unschedulable("internal", reason="SchedulerError"),
    "the containers that prepare it have done so": running_status() | {"initContainerStatuses": [init_status(code=0)]},
    "a container that prepares it runs after a crash": waiting_status("PodInitializing")
    | {"initContainerStatuses": [{"name": "copy", "state": {"running": {}}, "restartCount": 1}]},
    "the container is being made": waiting_status("ContainerCreating"),
    "it runs and does not answer yet": running_status(ready=False),
    "it answers": running_status(),
    "it answers again after a crash": running_status(
        restarts=1, lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    ),
    "it runs again after a crash": running_status(ready=False, restarts=1, lastState={"terminated": {"exitCode": 1}}),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_wrong(name: str) -> None:
    assert find_problem(make_pod(**HEALTHY[name])) is None


def test_ready_is_what_the_kubelet_says() -> None:
    assert is_ready(make_pod(**running_status()))
    assert not is_ready(make_pod(**running_status(ready=False)))
    assert not is_ready(make_pod(phase="Pending"))


def test_a_foreign_text_stays_one_line_and_ends() -> None:
    finding = find_problem(make_pod(**waiting_status("CreateContainerError", "a\n  b " + "x" * 5000)))
    assert finding is not None
    assert "(a b xxx" in finding.message
    assert len(finding.message) < 500


def test_a_container_that_admission_put_beside_the_editor_is_not_taken_for_it() -> None:
    status = running_status()
    sidecar = {"name": "a-sidecar", "ready": False, "state": {"terminated": {"exitCode": 1}}}
    status["containerStatuses"].insert(0, sidecar)
    assert find_problem(make_pod(**status)) is None
