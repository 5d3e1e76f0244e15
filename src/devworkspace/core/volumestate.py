"""What a volume's claim tells: bound, growing, or refused to grow."""

from devworkspace.api import reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.meta import ConditionStatus
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.resolve import Refusal


def volume_state(volume: PersistentVolumeClaim | None, refusal: Refusal | None) -> tuple[ConditionStatus, str, str]:
    """Status, reason and message of the condition VolumeReady. A volume that does not grow is usable as it is."""
    if volume is None or volume.status.phase != "Bound":
        return "False", reasons.WAITING, ""
    if refusal is not None and refusal.reason == reasons.VOLUME_RESIZE_REFUSED:
        return "True", refusal.reason, refusal.message
    wanted, has = volume.spec.resources.requests.get("storage"), volume.status.capacity.get("storage")
    if wanted is None or has is None or parse_quantity(has) >= parse_quantity(wanted):
        return "True", reasons.BOUND, ""
    conditions = {condition.type: condition for condition in volume.status.conditions if condition.status == "True"}
    message = f"The disk is being enlarged from {has} to {wanted}."
    if "FileSystemResizePending" in conditions:
        message = f"The disk has been enlarged from {has} to {wanted}; its file system follows, "
        message += "at the next start at the latest."
    return "True", reasons.VOLUME_RESIZING, message


def resize_refused(message: str) -> Refusal:
    """The API server's words about a claim that may not grow, for its owner."""
    return Refusal(
        reasons.VOLUME_RESIZE_REFUSED,
        f"The disk cannot be enlarged: {message.rstrip('.')}. The environment works with its present size; "
        "ask an admin for a storage class that allows expansion.",
    )
