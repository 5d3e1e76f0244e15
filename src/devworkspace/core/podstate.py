"""What a pod's own status tells about its environment: an ordered table of checks, the first finding counts.

Each check is named after what it finds and returns a `Finding` or None. The order is the order of causes: a pod that
was evicted also has a container that does not run, and only the first of the two is worth a person's time.
"""

from collections.abc import Callable

from devworkspace.api import reasons
from devworkspace.api.children import ContainerStatus, Pod, PodCondition
from devworkspace.api.instance import Phase
from devworkspace.api.meta import Struct

ConditionType = str
_LOG_TAIL_CHARACTERS = 300


class Finding(Struct, frozen=True):
    """A problem: the phase it leads to, its reason, a sentence with the next step, and the condition that it breaks."""

    phase: Phase
    reason: str
    message: str
    condition: ConditionType = "Ready"


def pod_condition(pod: Pod, type_: str) -> PodCondition | None:
    return next((condition for condition in pod.status.conditions if condition.type == type_), None)


def container_status(pod: Pod) -> ContainerStatus | None:
    return next(iter(pod.status.container_statuses), None)


def is_ready(pod: Pod) -> bool:
    condition = pod_condition(pod, "Ready")
    return condition is not None and condition.status == "True"


def find_problem(pod: Pod) -> Finding | None:
    """The first problem of a pod, or None for one that runs or is on its way."""
    return next((finding for check in _CHECKS if (finding := check(pod)) is not None), None)


def _evicted(pod: Pod) -> Finding | None:
    if pod.status.phase != "Failed" or pod.status.reason not in ("Evicted", "Preempting", "NodeShutdown", "Terminated"):
        return None
    return Finding(
        "Failed",
        reasons.EVICTED,
        f"Node {pod.spec.node_name} removed the environment ({_sentence(pod.status.message)}). "
        "The disk is safe; it starts again by itself.",
    )


def _ended(pod: Pod) -> Finding | None:
    if pod.status.phase not in ("Failed", "Succeeded"):
        return None
    detail = _sentence(pod.status.message or pod.status.reason or "no reason given")
    return Finding(
        "Failed", reasons.POD_FAILED, f"The pod ended ({detail}). The disk is safe; it starts again by itself."
    )


def _unschedulable(pod: Pod) -> Finding | None:
    condition = pod_condition(pod, "PodScheduled")
    if condition is None or condition.status != "False" or condition.reason != "Unschedulable":
        return None
    if "unbound immediate PersistentVolumeClaims" in condition.message:
        return Finding(
            "Pending",
            reasons.VOLUME_PENDING,
            f"The disk is not ready yet ({_sentence(condition.message)}). "
            "If this stays, ask an admin to check the storage class.",
            "VolumeReady",
        )
    return Finding(
        "Pending",
        reasons.UNSCHEDULABLE,
        f"No node has room for this environment ({_sentence(condition.message)}). "
        "Stop another environment or ask for fewer resources.",
        "PodScheduled",
    )


_IMAGE_CAUSES: tuple[tuple[tuple[str, ...], Phase, str, str], ...] = (
    (
        ("not found", "manifest unknown", "does not exist", "not present with pull policy"),
        "Failed",
        reasons.IMAGE_NOT_FOUND,
        "Image {image!r} does not exist; check its name in the template. The registry says: {detail}.",
    ),
    (
        ("unauthorized", "forbidden", "denied", "authentication required"),
        "Failed",
        reasons.IMAGE_PULL_DENIED,
        "The registry refuses access to image {image!r}; an admin must add a pull secret. The registry says: {detail}.",
    ),
    (
        ("dial tcp", "i/o timeout", "no such host", "connection refused", "deadline exceeded", "tls:", "eof"),
        "Pending",
        reasons.IMAGE_PULL_NETWORK,
        "The node cannot reach the registry of image {image!r}; Kubernetes keeps trying. It says: {detail}.",
    ),
    (
        ("",),
        "Failed",
        reasons.IMAGE_PULL_FAILED,
        "Image {image!r} cannot be pulled; Kubernetes keeps trying. It says: {detail}.",
    ),
)


def _image_not_pulled(pod: Pod) -> Finding | None:
    waiting = _waiting(pod)
    if waiting is None:
        return None
    container, reason, message = waiting
    if reason in ("InvalidImageName", "ErrImageNeverPull"):
        invalid = reason == "InvalidImageName"
        return Finding(
            "Failed",
            reasons.IMAGE_NAME_INVALID if invalid else reasons.IMAGE_NOT_FOUND,
            f"{container.image!r} is not a valid image name; correct the template."
            if invalid
            else f"Image {container.image!r} is not on the node and may not be pulled; load it or change the policy.",
            "ImagePulled",
        )
    # ImagePullBackOff repeats the cause in newer Kubernetes and hides it in older; status keeps the first one then.
    if reason not in ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"):
        return None
    text = message.lower()
    for words, phase, found, sentence in _IMAGE_CAUSES:
        if any(word in text for word in words):
            detail = _sentence(message) or "nothing more"
            return Finding(phase, found, sentence.format(image=container.image, detail=detail), "ImagePulled")
    return None


def _configuration_missing(pod: Pod) -> Finding | None:
    waiting = _waiting(pod)
    if waiting is None or waiting[1] not in ("CreateContainerConfigError", "CreateContainerError"):
        return None
    return Finding(
        "Failed",
        reasons.MISSING_CONFIGURATION,
        f"The container cannot be made ({_sentence(waiting[2])}). It starts by itself once that is there.",
    )


def _out_of_memory(pod: Pod) -> Finding | None:
    container = container_status(pod)
    if container is None or container.ready:
        return None
    ended = container.state.terminated or (container.last_state.terminated if container.state.waiting else None)
    if ended is None or ended.reason != "OOMKilled":
        return None
    return Finding(
        "Failed",
        reasons.OUT_OF_MEMORY,
        f"The environment used all its memory and was killed, {_times(container.restart_count + 1)}. "
        "Ask for more memory in overrides.resources.limits.memory.",
    )


def _crash_loop(pod: Pod) -> Finding | None:
    container = container_status(pod)
    if container is None or container.ready:
        return None
    looping = container.state.waiting is not None and container.state.waiting.reason == "CrashLoopBackOff"
    ended = container.state.terminated or (container.last_state.terminated if looping else None)
    if ended is None:
        return None
    last_words = ended.message.strip()[-_LOG_TAIL_CHARACTERS:]
    return Finding(
        "Failed",
        reasons.CRASH_LOOP,
        f"The container ended with exit code {ended.exit_code}, {_times(container.restart_count + 1)}; "
        "Kubernetes starts it again. Look at its log"
        + (f"; its last lines: {last_words}" if last_words else " with: kubectl logs --previous."),
    )


_CHECKS: tuple[Callable[[Pod], Finding | None], ...] = (
    _evicted,
    _ended,
    _unschedulable,
    _image_not_pulled,
    _configuration_missing,
    _out_of_memory,
    _crash_loop,
)


def _waiting(pod: Pod) -> tuple[ContainerStatus, str, str] | None:
    container = container_status(pod)
    if container is None or container.state.waiting is None:
        return None
    return container, container.state.waiting.reason, container.state.waiting.message


def _sentence(text: str) -> str:
    """A foreign text as part of a sentence of ours: one line, no full stop, not endless."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _LOG_TAIL_CHARACTERS else line[: _LOG_TAIL_CHARACTERS - 1] + "…"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
