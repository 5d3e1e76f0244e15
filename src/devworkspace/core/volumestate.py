"""What a volume's claim tells: bound, growing, refused to grow, or lost."""

from collections.abc import Iterable
from typing import Final

from devworkspace.api import reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.meta import ConditionStatus
from devworkspace.api.surroundings import Event
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.resolve import Refusal
from devworkspace.core.wording import clause

RESIZE_FAILED: Final = "VolumeResizeFailed"


def lost_message(volume: PersistentVolumeClaim) -> str | None:
    """What to tell about a volume whose storage is gone; None for any other."""
    if volume.status.phase != "Lost":
        return None
    return (
        f"The disk is gone: the storage behind claim {volume.metadata.name!r}, volume "
        f"{volume.spec.volume_name or 'unknown'}, was removed from the cluster. "
        "Ask an admin to restore it from a backup; nothing is made anew by itself."
    )


def volume_state(
    volume: PersistentVolumeClaim | None, refusal: Refusal | None, *, warnings: Iterable[Event] = ()
) -> tuple[ConditionStatus, str, str]:
    """Status, reason and message of the condition VolumeReady. A volume that does not grow is usable as it is."""
    if volume is not None and (lost := lost_message(volume)) is not None:
        return "False", reasons.VOLUME_LOST, lost
    if volume is None or volume.status.phase != "Bound":
        return "False", reasons.WAITING, ""
    if refusal is not None and refusal.reason == reasons.VOLUME_RESIZE_REFUSED:
        return "True", refusal.reason, refusal.message
    wanted, has = volume.spec.resources.requests.get("storage"), volume.status.capacity.get("storage")
    if wanted is None or has is None or parse_quantity(has) >= parse_quantity(wanted):
        return "True", reasons.BOUND, ""
    if (failed := _resize_failure(volume, warnings)) is not None:
        refused = resize_refused(failed.message)
        return "True", refused.reason, refused.message
    conditions = {condition.type: condition for condition in volume.status.conditions if condition.status == "True"}
    message = f"The disk is being enlarged from {has} to {wanted}."
    if "FileSystemResizePending" in conditions:
        message = f"The disk has been enlarged from {has} to {wanted}; its file system follows, "
        message += "at the next start at the latest."
    return "True", reasons.VOLUME_RESIZING, message


def _resize_failure(volume: PersistentVolumeClaim, warnings: Iterable[Event]) -> Event | None:
    uid = volume.metadata.uid
    return next(
        (event for event in warnings if (event.reason, event.involved_object.uid) == (RESIZE_FAILED, uid)), None
    )


def resize_refused(message: str) -> Refusal:
    """The cluster's words about a claim that does not grow, for its owner."""
    return Refusal(
        reasons.VOLUME_RESIZE_REFUSED,
        f"The disk cannot be enlarged: {clause(message)}. The environment works with its present size; "
        "ask an admin for a storage class that allows expansion.",
    )
