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


ROWS = {
    "no node has room": (
        unschedulable("0/3 nodes are available: 3 Insufficient cpu."),
        Finding(
            "Pending",
            reasons.UNSCHEDULABLE,
            "No node has room for this environment (0/3 nodes are available: 3 Insufficient cpu). "
            "Stop another environment or ask for fewer resources.",
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
            'The registry says: Back-off pulling image "i": ErrImagePull: 401 Unauthorized.',
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
    "it used all its memory": (
        waiting_status(
            "CrashLoopBackOff",
            restarts=2,
            lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        ),
        Finding(
            "Failed",
            reasons.OUT_OF_MEMORY,
            "The environment used all its memory and was killed, 3 times. "
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
            "Look at its log with: kubectl logs --previous.",
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
    "it waits for its turn": unschedulable("waiting", reason="SchedulingGated"),
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
