"""What environments used over time, asked of their pods when somebody looks: nothing of it is kept here for long.

The figures are in the pods (docs/USAGE.md), so that no server knows more than another one, and none loses them. A pod
is asked once for all who look at it within `SECONDS`, however many these are.
"""

import asyncio
from typing import Final, NamedTuple, Protocol

from devworkspace.server.environments import Environment
from devworkspace.server.reports import UsageReading

SECONDS: Final = 15.0
# Of a week: a quarter of a MiB each.
KEPT_AT_MOST: Final = 32
AT_ONCE: Final = 16


class UsageReports(Protocol):
    """Where figures over time come from; never raises for what a pod does."""

    async def read_usage(self, environment: Environment) -> UsageReading: ...


class _Kept(NamedTuple):
    until: float
    asking: asyncio.Task[UsageReading]


class PastUsage:
    """What pods said of late, each for a moment."""

    def __init__(self, reports: UsageReports) -> None:
        self._reports = reports
        self._kept: dict[str, _Kept] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def read(self, environment: Environment) -> UsageReading:
        """What its pod says, or said a moment ago."""
        now = asyncio.get_running_loop().time()
        self._forget(now)
        pod_uid = environment.upstream.pod_uid if environment.upstream is not None else ""
        kept = self._kept.get(pod_uid)
        if kept is None:
            kept = _Kept(now + SECONDS, asyncio.create_task(self._ask(environment)))
            self._kept[pod_uid] = kept
        # One reader who goes away takes nothing from the others.
        return await asyncio.shield(kept.asking)

    async def _ask(self, environment: Environment) -> UsageReading:
        async with self._slots:
            return await self._reports.read_usage(environment)

    def _forget(self, now: float) -> None:
        """What is too old, and the oldest of too many; the dictionary is in the order of their times."""
        for pod_uid, kept in tuple(self._kept.items()):
            if kept.until > now and len(self._kept) < KEPT_AT_MOST:
                return
            del self._kept[pod_uid]
