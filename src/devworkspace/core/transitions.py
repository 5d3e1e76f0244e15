"""Two statuses of an environment -> the Kubernetes Event that the step between them is worth, if any.

An Event tells what a person would want to be woken for: that a problem came up, that it is over, and what happened
without anybody asking for it. A start or a stop that goes well is no news and costs no write.
"""

from typing import Final, Literal

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus
from devworkspace.api.meta import Struct
from devworkspace.core.conditions import find_condition

# Reasons of the condition Ready that are no news: how far a healthy environment has come, and the end of its project,
# in which nothing more can be written.
_NO_NEWS: Final = frozenset(
    (
        reasons.ANSWERING,
        reasons.WAITING,
        reasons.STARTING,
        reasons.START_QUEUED,
        reasons.STOPPING,
        reasons.STOPPED,
        reasons.DELETING,
        reasons.NAMESPACE_TERMINATING,
    )
)


class Transition(Struct, frozen=True):
    """What an Event says. `type_` is Kubernetes' own word for whether somebody should look."""

    type_: Literal["Normal", "Warning"]
    reason: str
    message: str


_STOPPED: Final = {
    "Idle": Transition("Normal", reasons.STOPPED_IDLE, "It is stopped because nobody used it; the disk is kept."),
    "MaxRunDuration": Transition(
        "Normal", reasons.STOPPED_MAX_RUN_DURATION, "It is stopped because it has run for as long as it may."
    ),
    "Schedule": Transition("Normal", reasons.STOPPED_SCHEDULE, "It is stopped because its hours are over."),
}


def transition(old: InstanceStatus, new: InstanceStatus, *, trouble: str | None = None) -> Transition | None:
    """What is worth telling about the step from `old` to `new`; None for most steps.

    `trouble` is the reason of a problem that was told earlier and whose end was not: between the two there is usually a
    start, whose status remembers nothing. The same problem coming back during that time is a repetition and is returned
    again; who writes Events counts it.
    """
    before, after = find_trouble(old), find_trouble(new)
    if after is not None and (after != before or (new.phase == "Failed" and old.phase != "Failed")):
        return Transition("Warning", after, new.message or after)
    if (past := before or trouble) is not None and runs(new):
        return Transition("Normal", reasons.RECOVERED, f"The editor answers; {past} is over.")
    if old.stop_reason is None and (stopped := _STOPPED.get(new.stop_reason or "")) is not None:
        return stopped
    return _volume_transition(old, new)


def find_trouble(status: InstanceStatus) -> str | None:
    """The reason of what keeps an environment from running, or from stopping, or None where nothing does."""
    ready = find_condition(status.conditions, "Ready")
    if ready is None or ready.status == "True" or ready.reason in _NO_NEWS:
        return None
    if ready.reason == reasons.VOLUME_PENDING and status.phase != "Failed":
        # With a storage class that binds at once, every pod waits for its disk for a moment.
        return None
    return ready.reason


def runs(status: InstanceStatus) -> bool:
    """Whether the editor answers."""
    ready = find_condition(status.conditions, "Ready")
    return status.phase == "Running" and ready is not None and ready.status == "True"


def _volume_transition(old: InstanceStatus, new: InstanceStatus) -> Transition | None:
    """A volume that is being enlarged does not keep anybody from working, so it is told apart from the rest."""
    before, after = _volume_reason(old), find_condition(new.conditions, "VolumeReady")
    if after is None or after.reason == before:
        return None
    if after.reason == reasons.VOLUME_RESIZE_REFUSED:
        return Transition("Warning", after.reason, after.message)
    if after.reason == reasons.BOUND and before == reasons.VOLUME_RESIZING:
        return Transition("Normal", reasons.VOLUME_RESIZED, "The disk has the size that was asked for.")
    return None


def _volume_reason(status: InstanceStatus) -> str | None:
    volume = find_condition(status.conditions, "VolumeReady")
    return volume.reason if volume is not None else None
