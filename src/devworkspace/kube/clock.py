"""The clocks, and the forms in which times are written to the API server."""

import time
from datetime import UTC, datetime
from typing import Final

# Goes on while the machine sleeps, unlike CLOCK_MONOTONIC; other systems than Linux have only that.
_ELAPSED: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return seconds on a clock that nobody sets, comparable only within this process."""
    return time.clock_gettime(_ELAPSED)


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  (this is the module that the ban points to)


def timestamp(moment: datetime) -> str:
    """Return an aware `moment` as RFC 3339 in UTC with whole seconds, as Kubernetes writes `metav1.Time`.

    Raises ValueError for a naive `moment`: guessing its zone would move deadlines by hours.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written as a timestamp")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """Return an aware `moment` as Kubernetes writes `metav1.MicroTime`; ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written as a timestamp")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> datetime:
    """Return the aware UTC time of an RFC 3339 text (`Time` or `MicroTime`); ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} is a time without a zone")
    return moment.astimezone(UTC)
