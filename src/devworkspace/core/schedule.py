"""Weekly hours: the moments at which they start and stop environments.

A time of day is one of the clocks in its zone. A time that a change to summer time leaves out is taken by the clock of
before the change (02:30 becomes 03:30), one that comes twice counts the first time: each time once on each of its days.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from devworkspace.api.template import Day, ScheduleRule

Kind = Literal["start", "stop"]

_DAYS: Final[tuple[Day, ...]] = get_args(Day)
# A rule has at most 64 exceptions; without any of its days for so long it has none.
_HORIZON: Final = 7 * 66


def next_occurrence(rules: Iterable[ScheduleRule], kind: Kind, *, after: datetime) -> datetime | None:
    """The first moment after `after`, in UTC; None where there is none."""
    found = (_next_of_rule(rule, kind, after=after) for rule in rules)
    return min((moment for moment in found if moment is not None), default=None)


def _next_of_rule(rule: ScheduleRule, kind: Kind, *, after: datetime) -> datetime | None:
    text = rule.start if kind == "start" else rule.stop
    zone = find_zone(rule.time_zone)
    if text is None or zone is None:
        return None
    at = time.fromisoformat(text)
    moments = (datetime.combine(day, at, tzinfo=zone).astimezone(UTC) for day in _days(rule, _first_day(after, zone)))
    return next((moment for moment in moments if moment > after), None)


def find_zone(name: str) -> ZoneInfo | None:
    """None where the zone is unknown here: nothing follows from times that nobody can tell."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _first_day(after: datetime, zone: ZoneInfo) -> date:
    """A day early: a time that is moved out of a gap before midnight falls on the next day."""
    return after.astimezone(zone).date() - timedelta(days=1)


def _days(rule: ScheduleRule, first: date) -> Iterator[date]:
    for number in range(_HORIZON):
        day = first + timedelta(days=number)
        if (not rule.days or _DAYS[day.weekday()] in rule.days) and day.isoformat() not in rule.except_:
            yield day
