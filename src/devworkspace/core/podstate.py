"""What a pod's own status tells about its environment: an ordered table of checks, the first finding counts.

Each check is named after what it finds and returns a `Finding` or None. The order is the order of causes: a pod that
was evicted also has a container that does not run, and only the first of the two is worth a person's time.
"""

import re
from collections.abc import Callable
from typing import Final

from devworkspace.api import names, reasons
from devworkspace.api.children import (
    ContainerPort,
    ContainerResources,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
    PodCondition,
)
from devworkspace.api.instance import Phase
from devworkspace.api.meta import Struct
from devworkspace.core.wording import MAX_QUOTE, clause, times

ConditionType = str


class Finding(Struct, frozen=True):
    """A problem: the phase it leads to, its reason, a sentence with the next step, and the condition that it breaks."""

    phase: Phase
    reason: str
    message: str
    condition: ConditionType = "Ready"


def pod_condition(pod: Pod, type_: str) -> PodCondition | None:
    return next((condition for condition in pod.status.conditions if condition.type == type_), None)


def container_status(pod: Pod) -> ContainerStatus | None:
    """The editor's container; admission may have put others beside it."""
    statuses = pod.status.container_statuses
    return next((status for status in statuses if status.name == names.CONTAINER_NAME), None)


def container_resources(pod: Pod) -> ContainerResources:
    found = (container.resources for container in pod.spec.containers if container.name == names.CONTAINER_NAME)
    return next(found, ContainerResources())


def container_ports(pod: Pod) -> tuple[ContainerPort, ...]:
    found = (container.ports for container in pod.spec.containers if container.name == names.CONTAINER_NAME)
    return next(found, ())


def began_at(pod: Pod) -> str | None:
    """When the pod began to be its environment's: when it was made, or taken from the pool."""
    return pod.metadata.annotations.get(names.ANNOTATION_CLAIMED_AT) or pod.metadata.creation_timestamp


def is_ready(pod: Pod) -> bool:
    condition = pod_condition(pod, "Ready")
    return condition is not None and condition.status == "True"


def find_end(pod: Pod) -> Finding | None:
    """Why a pod ended for good, or None for one that has not."""
    return _evicted(pod) or _ended(pod)


def find_problem(pod: Pod) -> Finding | None:
    """The first problem of a pod, or None for one that runs or is on its way."""
    return next((finding for check in _CHECKS if (finding := check(pod)) is not None), None)


def _evicted(pod: Pod) -> Finding | None:
    if pod.status.phase != "Failed" or pod.status.reason not in ("Evicted", "Preempting", "NodeShutdown", "Terminated"):
        return None
    return Finding(
        "Failed",
        reasons.EVICTED,
        f"Node {pod.spec.node_name} removed the environment ({clause(pod.status.message)}). "
        "The disk is safe; it starts again by itself.",
    )


def _ended(pod: Pod) -> Finding | None:
    if pod.status.phase not in ("Failed", "Succeeded"):
        return None
    detail = clause(pod.status.message or pod.status.reason or "no reason given")
    return Finding(
        "Failed", reasons.POD_FAILED, f"The pod ended ({detail}). The disk is safe; it starts again by itself."
    )


def _scheduling_gated(pod: Pod) -> Finding | None:
    condition = pod_condition(pod, "PodScheduled")
    if condition is None or condition.status != "False" or condition.reason != "SchedulingGated":
        return None
    return Finding(
        "Pending",
        reasons.SCHEDULING_GATED,
        "Something in the cluster, such as a queue for jobs, holds this environment back before it gets a node "
        f"({clause(condition.message)}). It starts once it is let through; ask an admin what holds it.",
        "PodScheduled",
    )


# What follows in the scheduler's message is about displacing other pods, which nobody asked for.
_PREEMPTION: Final = re.compile(r"\. (?:no new claims|preemption:).*", re.DOTALL)
_SHORTAGE: Final = re.compile(r"(\d+) (?:Insufficient ([\w./-]*\w)|(Too many pods))")


def _unschedulable(pod: Pod) -> Finding | None:
    condition = pod_condition(pod, "PodScheduled")
    if condition is None or condition.status != "False" or condition.reason != "Unschedulable":
        return None
    if is_passing(condition.message):
        return None
    words = clause(_PREEMPTION.sub("", condition.message))
    if "persistentvolume" in words.lower():
        return Finding(
            "Pending",
            reasons.VOLUME_PENDING,
            f"The disk is not ready yet ({words}). If this stays, ask an admin to check the storage class.",
            "VolumeReady",
        )
    shortages = _shortages(words, container_resources(pod))
    cause = (
        f"No node has room for this environment: {shortages}. The scheduler says: {words}. "
        "Stop another environment or ask for fewer resources."
        if shortages
        else f"No node fits this environment. The scheduler says: {words}. "
        "Ask an admin to correct the template's node selector and tolerations, or to add a node."
    )
    return Finding("Pending", reasons.UNSCHEDULABLE, cause, "PodScheduled")


def _shortages(words: str, resources: ContainerResources) -> str:
    """What is short on how many nodes, and how much of it is asked for."""
    total = re.match(r"\d+/(\d+) nodes", words)
    nodes = f" of {total[1]} nodes" if total is not None else " nodes"
    found = []
    for count, resource, too_many in _SHORTAGE.findall(words):
        wanted = resources.requests.get(resource)
        asks = f" (it asks for {wanted})" if wanted is not None else ""
        found.append(f"{'too many pods' if too_many else f'too little {resource}'} on {count}{nodes}{asks}")
    return ", ".join(found)


_INVALID_NAME: Final = "{image!r} is not a valid image name; correct the template."
_IMAGE_CAUSES: tuple[tuple[tuple[str, ...], Phase, str, str], ...] = (
    # Kubernetes finds most such names itself (InvalidImageName) and leaves the others to the container runtime.
    (("invalid reference format",), "Failed", reasons.IMAGE_NAME_INVALID, _INVALID_NAME),
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


# ImagePullBackOff repeats the cause in newer Kubernetes and hides it in older; status keeps the first one then. The two
# states take turns for as long as the pull fails: told in different words, each turn would be a write.
_BACK_OFF: Final = re.compile(r'^Back-off pulling image "[^"]*": (?:ErrImagePull: )?')
_IMAGE_REASONS: Final = (
    "InvalidImageName",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "ImageInspectError",
)


def find_image_problem(pod: Pod) -> Finding | None:
    """Why an image of the pod is not there; None for those that are, or are on their way."""
    container, reason, message = _waiting(pod, _IMAGE_REASONS)
    if container is None:
        return None
    if reason in ("InvalidImageName", "ErrImageNeverPull"):
        invalid = reason == "InvalidImageName"
        return Finding(
            "Failed",
            reasons.IMAGE_NAME_INVALID if invalid else reasons.IMAGE_NOT_FOUND,
            _INVALID_NAME.format(image=container.image)
            if invalid
            else f"Image {container.image!r} is not on the node and may not be pulled; load it or change the policy.",
            "ImagePulled",
        )
    message = _BACK_OFF.sub("", message)
    text = message.lower()
    for words, phase, found, sentence in _IMAGE_CAUSES:
        if any(word in text for word in words):
            detail = clause(message) or "nothing more"
            return Finding(phase, found, sentence.format(image=container.image, detail=detail), "ImagePulled")
    return None


# The node asks for what belongs to a new pod before the API server knows that it may, or before its own cache has it,
# and tries again within a second or two (kubernetes/kubernetes issues 49880, 99475 and 140037). The scheduler may see a
# pod before its volume. That is no news. Where it stays, the time limit of starts tells.
_NOT_YET_KNOWN: Final = re.compile(
    r"no relationship found between node"
    r'|persistentvolumeclaim "[^"]*" not found'
    r"|failed to sync (?:secret|configmap) cache"
    r'|object "[^"]*"/"[^"]*" not registered'
)


def is_passing(message: str) -> bool:
    """Whether a node or the scheduler only says that it does not know yet what belongs to a new pod."""
    return _NOT_YET_KNOWN.search(message) is not None


def _configuration_missing(pod: Pod) -> Finding | None:
    container, _, message = _waiting(pod, ("CreateContainerConfigError", "CreateContainerError"))
    if container is None or is_passing(message):
        return None
    return Finding(
        "Failed",
        reasons.MISSING_CONFIGURATION,
        f"The container cannot be made ({clause(message)}). It starts by itself once that is there.",
    )


def _init_container_failed(pod: Pod) -> Finding | None:
    """Templates have no init containers; those that admission adds fail like any other."""
    for container in pod.status.init_container_statuses:
        ended = _failed_end(container)
        if ended is None:
            continue
        return Finding(
            "Failed",
            reasons.INIT_CONTAINER_FAILED,
            f"Container {container.name!r}, which prepares the start, ended with exit code {ended.exit_code}, "
            f"{times(container.restart_count + 1)}; Kubernetes starts it again. {_last_words(container.name, ended)}",
        )
    return None


def _out_of_memory(pod: Pod) -> Finding | None:
    container = container_status(pod)
    if container is None or container.ready:
        return None
    ended = container.state.terminated or (container.last_state.terminated if container.state.waiting else None)
    if ended is None or ended.reason != "OOMKilled":
        return None
    limit = container_resources(pod).limits.get("memory")
    return Finding(
        "Failed",
        reasons.OUT_OF_MEMORY,
        f"The environment used all its memory{f' of {limit}' if limit else ''} and was killed, "
        f"{times(container.restart_count + 1)}. "
        "Ask for more memory in overrides.resources.limits.memory.",
    )


def _crash_loop(pod: Pod) -> Finding | None:
    container = container_status(pod)
    if container is None or container.ready:
        return None
    ended = container.state.terminated or _looping(container)
    if ended is None:
        return None
    return Finding(
        "Failed",
        reasons.CRASH_LOOP,
        f"The container ended with exit code {ended.exit_code}, {times(container.restart_count + 1)}; "
        f"Kubernetes starts it again. {_last_words(container.name, ended)}",
    )


def _failed_end(container: ContainerStatus) -> ContainerStateTerminated | None:
    """The end of a container that should have succeeded."""
    ended = container.state.terminated or _looping(container)
    return ended if ended is not None and ended.exit_code != 0 else None


def _looping(container: ContainerStatus) -> ContainerStateTerminated | None:
    looping = container.state.waiting is not None and container.state.waiting.reason == "CrashLoopBackOff"
    return container.last_state.terminated if looping else None


def _last_words(container: str, ended: ContainerStateTerminated) -> str:
    last_words = ended.message.strip()[-MAX_QUOTE:]
    if last_words:
        return f"Look at its log; its last lines: {last_words}"
    return f"Look at its log with: kubectl logs --previous --container={container}."


_CHECKS: Final[tuple[Callable[[Pod], Finding | None], ...]] = (
    find_end,
    _scheduling_gated,
    _unschedulable,
    find_image_problem,
    _configuration_missing,
    _init_container_failed,
    _out_of_memory,
    _crash_loop,
)


def _waiting(pod: Pod, wanted: tuple[str, ...]) -> tuple[ContainerStatus | None, str, str]:
    """The first container that waits for one of these reasons, with the reason and its message."""
    for container in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = container.state.waiting
        if waiting is not None and waiting.reason in wanted:
            return container, waiting.reason, waiting.message
    return None, "", ""
