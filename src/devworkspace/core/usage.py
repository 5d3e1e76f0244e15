"""How long an environment ran and what it took of the cluster by its requests, month by month.

Time costs no write: a status has what came together up to `since` and what has been taken from then on, so that who
reads it adds the rest. It is written when the second of the two changes, which is when a pod gets its node or goes, and
when a volume comes or grows; each of these has a status write anyway.

A later write begins where the one before ended, whatever was lost in between. So no moment counts twice, wherever an
operator crashes.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import MonthUsage, Usage, UsageNow
from devworkspace.core.podstate import began_at, pod_condition
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.timestamps import format_timestamp, parse_timestamp

# The present one and the two before it; the CRD's bound on status.usage.months.
KEPT_MONTHS: Final = 3
# No cluster has so much. A pod that asks for more than there can be must not make the sums outgrow 64 bits.
MOST: Final = 10**9
# A beginning that far ahead was written by a clock that was wrong.
WRONG_CLOCK: Final = timedelta(days=1)
_MEBIBYTE: Final = 2**20
_NOTHING: Final = UsageNow()


def account(old: Usage | None, *, pod: Pod | None, volume: PersistentVolumeClaim | None, now: datetime) -> Usage | None:
    """The usage that a status is to have: `old` itself unless what is taken has changed."""
    taken = _taken(pod, volume)
    if old is None:
        since = _placed_at(pod, now) or now
        return Usage(since=format_timestamp(since), now=taken) if taken != _NOTHING else None
    if old.now == taken:
        return old
    last = parse_timestamp(old.since)
    placed_at = _placed_at(pod, now)
    # Of a pod that is new since the last write the time is known; of anything else only that it is so now.
    since = placed_at if placed_at is not None and placed_at > last else now
    # After a clock that was put back, nothing is counted again.
    since = now if last - now > WRONG_CLOCK else max(since, last)
    return Usage(since=format_timestamp(since), now=taken, months=months_until(old, since))


def months_until(usage: Usage, end: datetime) -> tuple[MonthUsage, ...]:
    """The newest months with what has come together since the last write, newest first."""
    found = {month.month: month for month in usage.months if month.month <= _name(end)}
    for month, seconds in _stretches(parse_timestamp(usage.since), end):
        found[month] = _plus(found.get(month, MonthUsage(month)), usage.now, seconds)
    return tuple(sorted(found.values(), key=lambda known: known.month, reverse=True)[:KEPT_MONTHS])


def usage_in(usage: Usage | None, month: str, *, now: datetime) -> MonthUsage:
    """What came together in one of the `known_months` up to `now`; for sums over ten thousand of them."""
    if usage is None:
        return MonthUsage(month)
    known = next((found for found in usage.months if found.month == month), None) or MonthUsage(month)
    first, end = _bounds(month)
    seconds = int((min(now, end) - max(parse_timestamp(usage.since), first)).total_seconds())
    return _plus(known, usage.now, seconds) if seconds > 0 else known


def sum_usage(month: str, usages: Iterable[MonthUsage]) -> MonthUsage:
    """What several took in the same month."""
    running = cpu = memory = storage = 0
    for usage in usages:
        running += usage.running_seconds
        cpu += usage.cpu_millicore_seconds
        memory += usage.memory_mebibyte_seconds
        storage += usage.storage_mebibyte_seconds
    return MonthUsage(month, running, cpu, memory, storage)


def known_months(now: datetime) -> tuple[str, ...]:
    """The months that can be asked for, newest first."""
    return tuple(_name(first) for first in _first_days(now))


def _taken(pod: Pod | None, volume: PersistentVolumeClaim | None) -> UsageNow:
    """What the scheduler keeps free for the pod, whether it is used or not, and the size asked for the volume."""
    on_node = pod is not None and pod.spec.node_name is not None and pod.status.phase not in ("Succeeded", "Failed")
    requests = [container.resources.requests for container in pod.spec.containers] if pod and on_node else []
    storage = volume.spec.resources.requests.get("storage", "0") if volume is not None else "0"
    return UsageNow(
        running=on_node,
        cpu_millicores=_rounded_up((found.get("cpu", "0") for found in requests), per_unit=1000),
        memory_mebibytes=_rounded_up((found.get("memory", "0") for found in requests), units=_MEBIBYTE),
        storage_mebibytes=_rounded_up((storage,), units=_MEBIBYTE),
    )


def _rounded_up(quantities: Iterable[str], *, per_unit: int = 1, units: int = 1) -> int:
    total = sum((parse_quantity(quantity) for quantity in quantities), start=parse_quantity(0))
    return math.ceil(min(total * per_unit / units, parse_quantity(MOST)))


def _placed_at(pod: Pod | None, now: datetime) -> datetime | None:
    """When the pod got its node, or its environment one that had a node already; None without one."""
    if pod is None or pod.spec.node_name is None:
        return None
    scheduled = pod_condition(pod, "PodScheduled")
    if scheduled is None or scheduled.last_transition_time is None:
        return None
    # As an ISO text the later one is the greater one, too; the time in a pool is nobody's.
    return min(now, parse_timestamp(max(scheduled.last_transition_time, began_at(pod) or "")))


def _stretches(start: datetime, end: datetime) -> Iterator[tuple[str, int]]:
    """The months between two times with the whole seconds in each; of a long time only the months that are kept."""
    start = max(start, _first_days(end)[-1])
    while start < end:
        until = min(end, _next_month(start))
        yield _name(start), int((until - start).total_seconds())
        start = until


def _plus(month: MonthUsage, taken: UsageNow, seconds: int) -> MonthUsage:
    return MonthUsage(
        month.month,
        running_seconds=month.running_seconds + seconds * taken.running,
        cpu_millicore_seconds=month.cpu_millicore_seconds + seconds * taken.cpu_millicores,
        memory_mebibyte_seconds=month.memory_mebibyte_seconds + seconds * taken.memory_mebibytes,
        storage_mebibyte_seconds=month.storage_mebibyte_seconds + seconds * taken.storage_mebibytes,
    )


@lru_cache(maxsize=KEPT_MONTHS)
def _bounds(month: str) -> tuple[datetime, datetime]:
    first = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)
    return first, _next_month(first)


def _next_month(moment: datetime) -> datetime:
    return _first_day(_first_day(moment) + timedelta(days=32))


def _first_days(moment: datetime) -> list[datetime]:
    """Of the months that are kept, newest first."""
    days = [_first_day(moment)]
    while len(days) < KEPT_MONTHS:
        days.append(_first_day(days[-1] - timedelta(days=1)))
    return days


def _first_day(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _name(moment: datetime) -> str:
    return f"{moment.year:04}-{moment.month:02}"
