"""Who stopped an environment and why, in that person's words.

It stands in an annotation and is for reading only: whoever may change the instance may write it. It belongs to one
stop, and a run that began after it makes it old.
"""

import msgspec

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.core.timestamps import parse_timestamp


class StopNote(Struct, frozen=True):
    """`at` is when the stop was asked for, as RFC 3339."""

    by: str
    reason: str
    at: str


def write_note(note: StopNote) -> str:
    """The annotation's value."""
    return msgspec.json.encode(note).decode()


def find_note(instance: WorkspaceInstance) -> StopNote | None:
    """The note of the stop that the instance is in, or None."""
    text = instance.metadata.annotations.get(names.ANNOTATION_STOP_NOTE)
    if text is None or instance.spec.running:
        return None
    started = instance.status.started_at
    try:
        note = msgspec.json.decode(text, type=StopNote)
        at = parse_timestamp(note.at)
        return note if started is None or parse_timestamp(started) <= at else None
    except (msgspec.DecodeError, ValueError):
        return None
