"""What the clock does to an environment next: stop it, start it, or clean it up; when and why.

`due` is the one answer for the operator, which does it, and for the server, which shows it. It follows from what stands
in the instance and its template; `now` matters only for starts that were missed. Who acts on it asks `is_confirmed`:
a clock that is wrong must not stop anybody.

A stop for idleness or by the hours may be put off with `lifecycle.keepAwakeUntil`, by `maxKeepAwake` of the template at
most. The longest run is the admin's word and is not put off.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.api.template import ScheduleRule, WorkspaceTemplate
from devworkspace.core.activity import WRITE_INTERVAL
from devworkspace.core.duration import parse_duration
from devworkspace.core.idleness import LAG, SKEW, find_idle_deadline, find_idle_timeout, is_idle
from devworkspace.core.schedule import next_occurrence
from devworkspace.core.timestamps import parse_timestamp

StopReason = Literal["Idle", "MaxRunDuration", "Schedule"]

# How long before a stop people are warned.
WARNING: Final = timedelta(minutes=5)
# With a short idle timeout it is less: until work that goes on is written, nobody can tell who is to be warned.
_SHORTEST_WARNING: Final = timedelta(minutes=1)
_WRITTEN_FOR_SURE: Final = WRITE_INTERVAL + timedelta(minutes=2)
# Who starts an environment just before the hours end wants to work; it is not stopped without a warning.
GRACE: Final = timedelta(minutes=5)
# A start that nobody was there to make is made up for so long, and not after the hours have ended.
CATCH_UP: Final = timedelta(hours=1)
# Clean-up is announced a week ahead, or half of the time where that is shorter.
CLEAN_UP_WARNING: Final = timedelta(days=7)

_STARTED: Final = frozenset({"Running", "Provisioning", "Failed"})


class Due(Struct, frozen=True):
    """`at` is when; people are to be warned from `warn_at` on. `latest` is how far a stop can be put off, if at all."""

    action: Literal["stop", "start", "delete"]
    reason: StopReason | Literal["DeleteAfterStopped"]
    at: datetime
    warn_at: datetime
    latest: datetime | None = None


def due(instance: WorkspaceInstance, template: WorkspaceTemplate | None, now: datetime) -> Due | None:
    """The next that the clock does; None: nothing, or nobody can tell. What is late has a time that is past."""
    metadata = instance.metadata
    paused = metadata.annotations.get(names.ANNOTATION_PAUSED) == "true"
    if template is None or paused or metadata.deletion_timestamp is not None:
        return None
    if instance.spec.running:
        return _next_stop(instance, template)
    if instance.status.phase != "Stopped" or instance.status.stopped_at is None:
        return None
    stopped_at = parse_timestamp(instance.status.stopped_at)
    return _sooner(
        _scheduled_start(instance, template, stopped_at=stopped_at, now=now),
        _clean_up(template, stopped_at=stopped_at),
    )


def is_confirmed(found: Due, *, now: datetime, server_now: datetime | None, known_until: datetime | None) -> bool:
    """Whether it is to be done: by our clock and the API server's, and a stop of unused ones by the servers' word."""
    if server_now is None or min(now, server_now) < found.at:
        return False
    if found.reason == "Idle":
        return is_idle(found.at, known_until=known_until, now=min(now, server_now))
    # One of two clocks that differ is wrong, and nobody knows which.
    return abs(now - server_now) <= SKEW


def stop_rules(instance: WorkspaceInstance, template: WorkspaceTemplate) -> tuple[ScheduleRule, ...]:
    """Both: an environment may stop more often than its template says, not less often."""
    return (*template.spec.lifecycle.schedule, *instance.spec.lifecycle.schedule)


def start_rules(instance: WorkspaceInstance, template: WorkspaceTemplate) -> tuple[ScheduleRule, ...]:
    """Its own if it has any hours at all, so that nobody's environment need start when others' do."""
    return instance.spec.lifecycle.schedule or template.spec.lifecycle.schedule


def _next_stop(instance: WorkspaceInstance, template: WorkspaceTemplate) -> Due | None:
    return _sooner(
        _idle_stop(instance, template), _sooner(_longest_run(instance, template), _scheduled_stop(instance, template))
    )


def _idle_stop(instance: WorkspaceInstance, template: WorkspaceTemplate) -> Due | None:
    deadline, timeout = find_idle_deadline(instance, template), find_idle_timeout(instance, template)
    if deadline is None or timeout is None:
        return None
    warning = min(WARNING, max(_SHORTEST_WARNING, timeout + LAG - _WRITTEN_FOR_SURE))
    return _put_off("Idle", deadline, (instance, template), warning=warning)


def _scheduled_stop(instance: WorkspaceInstance, template: WorkspaceTemplate) -> Due | None:
    started_at = _find_start(instance)
    if started_at is None:
        return None
    at = next_occurrence(stop_rules(instance, template), "stop", after=started_at + GRACE)
    return _put_off("Schedule", at, (instance, template), warning=WARNING) if at is not None else None


def _longest_run(instance: WorkspaceInstance, template: WorkspaceTemplate) -> Due | None:
    wishes = (template.spec.lifecycle.max_run_duration, instance.spec.lifecycle.max_run_duration)
    lengths = [parse_duration(wish) for wish in wishes if wish is not None]
    started_at = _find_start(instance)
    if not lengths or started_at is None:
        return None
    at = started_at + min(lengths)
    return Due("stop", "MaxRunDuration", at=at, warn_at=at - WARNING)


def _put_off(
    reason: StopReason, at: datetime, of: tuple[WorkspaceInstance, WorkspaceTemplate], *, warning: timedelta
) -> Due:
    instance, template = of
    latest = at + parse_duration(template.spec.lifecycle.max_keep_awake)
    wish = instance.spec.lifecycle.keep_awake_until
    put_off = at if wish is None else max(at, min(parse_timestamp(wish), latest))
    return Due("stop", reason, at=put_off, warn_at=put_off - warning, latest=latest)


def _find_start(instance: WorkspaceInstance) -> datetime | None:
    """When this run began; None where the status speaks of an earlier one, or of none."""
    started_at = instance.status.started_at
    return parse_timestamp(started_at) if started_at is not None and instance.status.phase in _STARTED else None


def _scheduled_start(
    instance: WorkspaceInstance, template: WorkspaceTemplate, *, stopped_at: datetime, now: datetime
) -> Due | None:
    rules, missed_since = start_rules(instance, template), now - CATCH_UP
    # Hours that have ended it begin again, whatever time a wrong clock noted for the stop. Who stopped it meant it.
    since = missed_since if instance.status.stop_reason == "Schedule" else max(stopped_at, missed_since)
    at = next_occurrence(rules, "start", after=since)
    if at is None:
        return None
    ended = next_occurrence(stop_rules(instance, template), "stop", after=at)
    if ended is not None and ended <= now:
        at = next_occurrence(rules, "start", after=now)
    return Due("start", "Schedule", at=at, warn_at=at) if at is not None else None


def _clean_up(template: WorkspaceTemplate, *, stopped_at: datetime) -> Due | None:
    wish = template.spec.lifecycle.delete_after_stopped
    if wish is None:
        return None
    length = parse_duration(wish)
    at = stopped_at + length
    return Due("delete", "DeleteAfterStopped", at=at, warn_at=at - min(CLEAN_UP_WARNING, length / 2))


def _sooner(first: Due | None, second: Due | None) -> Due | None:
    """Of two at the same time the first."""
    return min((found for found in (first, second) if found is not None), key=lambda found: found.at, default=None)
