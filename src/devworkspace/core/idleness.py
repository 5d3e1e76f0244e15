"""Whether an environment has been unused for so long that it is stopped. Never on what is unknown, old, or from before.

`status.lastActivity` alone does not tell: it is as old for an environment that nobody uses as for one whose server has
been away. So the servers state, in one object for all, up to when everything they knew was written (`known_until`), and
only up to that moment an environment counts as unused.
"""

from datetime import datetime, timedelta
from typing import Final

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.activity import RESOLUTION, WRITE_INTERVAL
from devworkspace.core.duration import parse_duration
from devworkspace.core.timestamps import parse_timestamp

# How far the written time may be behind: smaller steps are not written.
LAG: Final = RESOLUTION
# From so long before the deadline on new work is written at once. A round that the servers begin within this time has
# asked everybody, so that what it has not found is not there; 1,000 environments with the shortest timeout, all in use,
# cost 3.7 writes a second.
LAST_CALL: Final = timedelta(seconds=90)
# Within this time news of work is not written yet; a shorter wish cannot be kept.
SHORTEST: Final = WRITE_INTERVAL
# How old the servers' word may be, which comes every minute, and how far their clock ahead of ours.
TRUST: Final = timedelta(seconds=150)
SKEW: Final = timedelta(minutes=1)
# How soon to look again when the time has come and the servers' word has not.
LOOK_AGAIN: Final = timedelta(seconds=15)


def find_idle_timeout(instance: WorkspaceInstance, template: WorkspaceTemplate | None) -> timedelta | None:
    """The shorter one of the template's and the instance's; None: never. Without the template nobody knows: never."""
    if template is None:
        return None
    wishes = (template.spec.lifecycle.idle_timeout, instance.spec.lifecycle.idle_timeout)
    return min((parse_duration(wish) for wish in wishes if wish is not None), default=None)


def find_idle_deadline(instance: WorkspaceInstance, template: WorkspaceTemplate | None) -> datetime | None:
    """When it is stopped unless somebody works until then; None if it is not stopped, or its use is not known.

    The time counts from the last work and, so that a start is no race, from when the editor was ready.
    """
    status, timeout = instance.status, find_idle_timeout(instance, template)
    if timeout is None or not instance.spec.running or status.phase != "Running":
        return None
    if status.last_activity is None or status.ready_at is None or status.started_at is None:
        return None
    last = parse_timestamp(status.last_activity)
    if last < parse_timestamp(status.started_at) - SKEW:
        # Of an earlier run: nothing has been heard since this start.
        return None
    return max(last, parse_timestamp(status.ready_at)) + max(timeout, SHORTEST) + LAG


def is_idle(deadline: datetime | None, *, known_until: datetime | None, now: datetime) -> bool:
    """Whether the time has come, by the servers' word and by the clock.

    The word need not reach to the deadline: that would only delay the stop, by as much as the word is always behind.
    """
    if deadline is None or known_until is None:
        return False
    trusted = now - TRUST <= known_until <= now + SKEW
    return trusted and deadline <= now and deadline - LAST_CALL <= known_until


def stop_note(reason: str, *, generation: int) -> str:
    """What the annotation says beside a stop that nobody asked for; it holds for one generation of the instance."""
    return f"{reason}@{generation}"


def find_stop_reason(instance: WorkspaceInstance) -> str:
    """Why an environment stops: what was noted with this very stop, else that a person wanted it."""
    note = instance.metadata.annotations.get(names.ANNOTATION_STOPPED_FOR, "")
    reason, _, generation = note.partition("@")
    by_clock = reason in ("Idle", "MaxRunDuration", "Schedule")
    return reason if by_clock and generation == str(instance.metadata.generation) else "User"
