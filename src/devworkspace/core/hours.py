"""Whether it is within given hours of the week, by the clock on the wall of a time zone."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Final, get_args

from devworkspace.api.template import Day, PoolHours
from devworkspace.core.schedule import find_zone

_DAYS: Final[tuple[Day, ...]] = get_args(Day)


def is_within(hours: Iterable[PoolHours], now: datetime) -> bool:
    """Whether any of them holds now; hours of a zone that is unknown here never do."""
    return any(_holds(rule, now) for rule in hours)


def _holds(rule: PoolHours, now: datetime) -> bool:
    zone = find_zone(rule.time_zone)
    if zone is None:
        return False
    local = now.astimezone(zone)
    on_this_day = not rule.days or _DAYS[local.weekday()] in rule.days
    within = time.fromisoformat(rule.from_) <= local.time() < time.fromisoformat(rule.to)
    return on_this_day and within and local.date().isoformat() not in rule.except_
