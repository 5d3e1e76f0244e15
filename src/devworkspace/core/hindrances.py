"""What keeps an environment from running, from everything that is known around its pod.

The pod's own status is not enough: that a disk cannot be mounted stands in Events only, and the status of a pod on a
node that is gone says for ever what it said last.

An Event is a memory, not a state. Kubernetes keeps it for an hour after its cause has gone, drops it while the cause is
still there, and sends some only once. So an Event counts only as an explanation of a state that can be seen now: its
object (by UID) is still stuck in the step that the Event is about, no later Event tells of a later step, and of a
volume, which outlives its pods, only what was said since this start. That an Event is gone says nothing; `recall` keeps
what was found before, as long as the state is the same.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import InstanceStatus, Phase
from devworkspace.api.meta import Struct
from devworkspace.api.surroundings import Event
from devworkspace.core.conditions import find_condition
from devworkspace.core.nodestate import NodeVerdict
from devworkspace.core.podstate import (
    Finding,
    began_at,
    container_status,
    find_end,
    find_problem,
    is_passing,
    pod_condition,
)
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.core.volumestate import RESIZE_FAILED, lost_message
from devworkspace.core.wording import clause

# A volume is asked for a moment before its pod, and Events have whole seconds.
_BEFORE_THE_POD: Final = timedelta(seconds=10)
# The watch of nodes may tell of a new node later than the watch of pods tells who runs there.
_NODE_IS_NEWS: Final = timedelta(seconds=30)
_TRIED: Final = " It has been tried for "


class Facts(Struct, frozen=True):
    """One pod and what is around it. `node` is None where nothing is known; so are `warnings` that are not there."""

    pod: Pod
    now: datetime
    volume: PersistentVolumeClaim | None = None
    node: NodeVerdict | None = None
    warnings: tuple[Event, ...] = ()


class Explanation(Struct, frozen=True):
    """A row of `WARNINGS`: Events with this reason and these words, and the finding that they lead to."""

    event: str
    pattern: str
    reason: str
    sentence: str
    phase: Phase = "Pending"
    condition: str = "VolumeReady"


WARNINGS: Final = (
    Explanation(
        "ProvisioningFailed",
        "",
        reasons.VOLUME_PROVISIONING_FAILED,
        "The disk cannot be made: {detail}. Kubernetes keeps trying; ask an admin to check storage class {storage!r}.",
    ),
    Explanation(
        "FailedAttachVolume",
        "Multi-Attach",
        reasons.VOLUME_MULTI_ATTACH,
        "The disk is still attached to another node ({detail}). It comes free when the pod there has ended; "
        "if this stays, ask an admin to look at that node.",
    ),
    Explanation(
        "FailedAttachVolume",
        "",
        reasons.VOLUME_MOUNT_FAILED,
        "The disk cannot be attached to node {node} ({detail}). Kubernetes keeps trying; "
        "if this stays, ask an admin to look at the storage.",
    ),
    Explanation(
        "FailedMount",
        r'(?i)(?:secret|configmap) "[^"]*" not found|references non-existent (?:secret|config) key',
        reasons.MISSING_CONFIGURATION,
        "The container cannot be made ({detail}). It starts by itself once that is there.",
        "Failed",
        "Ready",
    ),
    Explanation(
        "FailedMount",
        "",
        reasons.VOLUME_MOUNT_FAILED,
        "Node {node} cannot mount the disk ({detail}). Kubernetes keeps trying; "
        "if this stays, ask an admin to look at the storage.",
    ),
    Explanation(
        "FailedCreatePodSandBox",
        "",
        reasons.SANDBOX_FAILED,
        "Node {node} cannot set up the pod ({detail}). Kubernetes keeps trying; "
        "if this stays, ask an admin to look at the node's container runtime and network.",
        condition="Ready",
    ),
)
EVENT_REASONS: Final = frozenset({*(warning.event for warning in WARNINGS), RESIZE_FAILED})

# The kubelet sums up from time to time what it still waits for; the cause is in the Events before that.
_SUMMARY: Final = re.compile(r"^Unable to attach or mount volumes|timed out waiting for the condition")

# What is another in each attempt though the cause is the same; each would be a write of the same status.
_CHANGING: Final = re.compile(r"\b[0-9a-f]{32,}\b")
_COMBINED: Final = "(combined from similar events): "


def find_hindrance(facts: Facts) -> Finding | None:
    """The first thing that keeps the pod from running, from the strongest fact to the weakest."""
    return next((finding for check in _CHECKS if (finding := check(facts)) is not None), None)


def find_lost_node(facts: Facts) -> Finding | None:
    """Whether the pod's node does not answer any more; what its containers say then is old."""
    name, verdict = facts.pod.spec.node_name, facts.node
    if name is None or verdict is None or verdict.ready or (not verdict.exists and _just_placed(facts)):
        return None
    return Finding(
        "Failed",
        reasons.NODE_LOST,
        f"Node {name} does not answer ({verdict.detail}). The disk is safe. "
        "It goes on when the node is back, or starts elsewhere when an admin removes the node.",
    )


def _volume_lost(facts: Facts) -> Finding | None:
    if facts.volume is None or (message := lost_message(facts.volume)) is None:
        return None
    return Finding("Failed", reasons.VOLUME_LOST, message, "VolumeReady")


def _provisioning_failed(facts: Facts) -> Finding | None:
    volume = facts.volume
    if volume is None or volume.status.phase != "Pending":
        return None
    since = parse_timestamp(facts.pod.metadata.creation_timestamp or _EPOCH) - _BEFORE_THE_POD
    return _explain(facts, (event for event in _about(facts, volume.metadata.uid) if last_seen(event) >= since))


def _set_up_failed(facts: Facts) -> Finding | None:
    if not is_being_set_up(facts.pod):
        return None
    return _explain(facts, _about(facts, facts.pod.metadata.uid))


_CHECKS: Final[tuple[Callable[[Facts], Finding | None], ...]] = (
    lambda facts: find_end(facts.pod),
    find_lost_node,
    _volume_lost,
    _provisioning_failed,
    lambda facts: find_problem(facts.pod),
    _set_up_failed,
)


def recall(status: InstanceStatus, facts: Facts) -> Finding | None:
    """What an Event told about this pod in its present step, when that Event is no longer at hand."""
    ready = find_condition(status.conditions, "Ready")
    if ready is None or status.started_at != began_at(facts.pod):
        return None
    row = next((row for row in WARNINGS if row.reason == ready.reason), None)
    if row is None:
        return None
    waits_for_volume = facts.volume is not None and facts.volume.status.phase == "Pending"
    if row.event == "ProvisioningFailed" and not waits_for_volume:
        return None
    if row.event != "ProvisioningFailed" and not is_being_set_up(facts.pod):
        return None
    return Finding(row.phase, row.reason, as_first_told(ready.message), row.condition)


def tried_for(finding: Finding, duration: str) -> Finding:
    """A finding that was given time and did not go away."""
    return replace(finding, phase="Failed", message=f"{finding.message}{_TRIED}{duration}.")


def as_first_told(message: str) -> str:
    """A message without what `tried_for` added."""
    return message.partition(_TRIED)[0]


def is_being_set_up(pod: Pod) -> bool:
    """Whether the node is at it and has not finished: disk, network and sandbox come before the image."""
    scheduled, finished = (pod_condition(pod, type_) for type_ in ("PodScheduled", "PodReadyToStartContainers"))
    if scheduled is None or scheduled.status != "True" or (finished is not None and finished.status == "True"):
        return False
    container = container_status(pod)
    return container is None or (container.state.running is None and container.state.terminated is None)


def last_seen(event: Event) -> datetime:
    times = (
        event.metadata.creation_timestamp,
        event.first_timestamp,
        event.last_timestamp,
        event.event_time,
        event.series.last_observed_time if event.series is not None else None,
    )
    return max((parse_timestamp(time) for time in times if time is not None), default=parse_timestamp(_EPOCH))


_EPOCH: Final = "1970-01-01T00:00:00Z"


def _just_placed(facts: Facts) -> bool:
    scheduled = pod_condition(facts.pod, "PodScheduled")
    if scheduled is None or scheduled.last_transition_time is None:
        return True
    return facts.now - parse_timestamp(scheduled.last_transition_time) < _NODE_IS_NEWS


def _about(facts: Facts, uid: str) -> Iterable[Event]:
    return (event for event in facts.warnings if event.involved_object.uid == uid)


def _explain(facts: Facts, events: Iterable[Event]) -> Finding | None:
    """The finding of the latest Event that a row knows; a summary only where nothing says more."""
    known = [(event, row) for event in events if (row := _row_of(event)) is not None]
    if not known:
        return None
    event, row = max(known, key=lambda pair: (not _SUMMARY.search(pair[0].message), *_order(pair[0])))
    sentence = row.sentence.format(
        detail=clause(_CHANGING.sub("…", event.message.removeprefix(_COMBINED))),
        node=facts.pod.spec.node_name,
        storage=(facts.volume.spec.storage_class_name if facts.volume is not None else None) or "default",
    )
    return Finding(row.phase, row.reason, sentence, row.condition)


def _row_of(event: Event) -> Explanation | None:
    if is_passing(event.message):
        return None
    return next((row for row in WARNINGS if row.event == event.reason and re.search(row.pattern, event.message)), None)


def _order(event: Event) -> tuple[datetime, int]:
    version = event.metadata.resource_version
    return last_seen(event), int(version) if version.isdecimal() else 0
