"""Keeps `status.lastActivity`: asks every running environment for its report, and writes what has changed.

Each server asks each environment once a minute, evenly spread, so that nothing has to be shared: the truth is in the
pods, a server that starts anew knows it a minute later, and a write that two servers consider is made by one of them,
because it holds only for the version of the instance that was looked at.

Who is about to be stopped is asked more often, and news of work is written at once: whoever comes back in the last
minute shall not be stopped.

After a round in which nothing was left unwritten it says so, with the time at which the round began: the operator stops
what nobody uses, and without that word an old time in a status could as well mean that no server was there to write.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import structlog

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.activity import Knowledge, find_last_work, find_write, is_known, learn
from devworkspace.core.figures import FRESH as FIGURES_FRESH
from devworkspace.core.figures import Sample
from devworkspace.core.idleness import LAST_CALL
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client, OnlyMetadata
from devworkspace.kube.clock import micro_timestamp
from devworkspace.kube.errors import Conflict, KubeError, NotFound
from devworkspace.kube.resource import LEASES, Resource
from devworkspace.server.environments import Environment, EnvironmentTable
from devworkspace.server.reports import Reading

log = structlog.get_logger("devworkspace.server")

MAX_AT_ONCE: Final = 32
# Environments that never report, or hang, are asked in every fifth round only: they must not delay the others.
PATIENCE: Final = 3
SELDOM: Final = 5
# How often those are asked who are about to be stopped.
LAST_CALL_SECONDS: Final = 15.0


class Reports(Protocol):
    """Where reports come from."""

    async def read(self, environment: Environment) -> Reading: ...


class StatusWriter(Protocol):
    """The part of the Kubernetes client that is used here."""

    async def merge_patch(
        self,
        resource: Resource,
        key: Key,
        patch: Mapping[str, Any],
        type: type[WorkspaceInstance],
        *,
        subresource: str | None = None,
    ) -> WorkspaceInstance: ...


class Figures(NamedTuple):
    """What a pod used in the minute before `at`, by this server's clock."""

    at: datetime
    sample: Sample


class _Seen:
    """One pod, as far as this process has heard of it."""

    def __init__(self, pod_uid: str, now: datetime) -> None:
        self.pod_uid = pod_uid
        self.knowledge = Knowledge(heard_at=now)
        self.misses = 0
        self.figures: Figures | None = None


class ActivityRecorder:
    """Asks each environment once in `period` seconds; reports older than `core.activity.FRESH` count for nothing.

    `announce` tells the operator up to when all is written, `count` is told ("report" or "write", result) of each one.
    `stops_at` tells when an environment is stopped unless somebody works in it; None: nobody will.
    """

    def __init__(
        self,
        *,
        table: EnvironmentTable,
        reports: Reports,
        writer: StatusWriter,
        now: Callable[[], datetime],
        count: Callable[[str, str], None],
        announce: Callable[[datetime], Awaitable[None]],
        stops_at: Callable[[Environment], datetime | None],
        period: float,
    ) -> None:
        self._period = period
        self._stops_at = stops_at
        self._announce = announce
        self._table = table
        self._reports = reports
        self._writer = writer
        self._now = now
        self._count = count
        self._seen: dict[str, _Seen] = {}
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        # Servers that start together must not ask the same pod in the same moment.
        self._rotation = random.random()  # noqa: S311 - no secret
        table.on_change(self._on_change)

    def note_opened(self, environment: Environment) -> None:
        """A person opened a page of this environment, its editor or what listens on one of its ports."""
        seen = self._find_seen(environment)
        if seen is not None:
            seen.knowledge = seen.knowledge._replace(opened_at=self._now())

    def figures(self, environment: Environment) -> Figures | None:
        """What it used a moment ago, by its own report; None where it does not tell."""
        seen = self._find_seen(environment)
        figures = seen.figures if seen is not None else None
        fresh = figures is not None and self._now() - figures.at < timedelta(seconds=FIGURES_FRESH)
        return figures if fresh else None

    def known(self) -> int:
        """How many environments' last work this process knows."""
        now = self._now()
        return sum(is_known(seen.knowledge, now) for seen in self._seen.values())

    def unknown(self) -> int:
        return len(self._seen) - self.known()

    async def run(self) -> None:
        """One round after the other, and the last calls between them, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_rounds())
            group.create_task(self._run_last_calls())

    async def _run_last_calls(self) -> NoReturn:
        while True:
            await asyncio.sleep(LAST_CALL_SECONDS)
            ending = [found for found in self._table.values() if is_watched(found) and self._is_last_call(found)]
            async with asyncio.TaskGroup() as group:
                for environment in ending:
                    await self._slots.acquire()
                    group.create_task(self._look_in_slot(environment, []))

    def _is_last_call(self, environment: Environment) -> bool:
        stops_at = self._stops_at(environment)
        # Not for ever: where no operator is, nobody is stopped.
        return stops_at is not None and abs(stops_at - self._now()) <= LAST_CALL

    async def _run_rounds(self) -> NoReturn:
        number = 0
        while True:
            began, loop = self._now(), asyncio.get_running_loop()
            end = loop.time() + self._period
            unsettled = await self._round(number)
            again = [environment for identifier in unsettled if (environment := self._table.find(identifier))]
            # Whoever changes their instance all the time must not keep the word about all others back.
            settled = [await self._look_safely(environment, force=True) for environment in again]
            if all(settled):
                await self._tell(began)
            await asyncio.sleep(end - loop.time())
            number += 1

    async def _tell(self, until: datetime) -> None:
        try:
            await self._announce(until)
        except KubeError as error:
            log.warning("nobody is told that all activity is written", error=str(error))

    async def _round(self, number: int) -> list[str]:
        """Asks everybody once; returns the ids of those whose status may be behind."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        unsettled: list[str] = []
        keys = [environment.id for environment in self._table.values() if is_watched(environment)]
        first = int(self._rotation * len(keys))
        async with asyncio.TaskGroup() as group:
            for index, identifier in enumerate(keys[first:] + keys[:first]):
                await asyncio.sleep(began + index * self._period / len(keys) - loop.time())
                environment = self._table.find(identifier)
                if environment is None or not is_watched(environment):
                    continue
                if self._is_due(environment, number):
                    await self._slots.acquire()
                    group.create_task(self._look_in_slot(environment, unsettled))
                elif environment.instance.status.last_activity is not None:
                    unsettled.append(identifier)
        return unsettled

    def _is_due(self, environment: Environment, number: int) -> bool:
        seen = self._find_seen(environment)
        return seen is None or seen.misses < PATIENCE or number % SELDOM == 0

    async def _look_in_slot(self, environment: Environment, unsettled: list[str]) -> None:
        try:
            if not await self._look_safely(environment):
                unsettled.append(environment.id)
        finally:
            self._slots.release()

    async def _look_safely(self, environment: Environment, *, force: bool = False) -> bool:
        try:
            return await self.look(environment, force=force)
        except Exception:
            # One environment must not end the accounting of all.
            log.exception("activity not recorded", environment=str(environment.key))
            self._count("write", "failed")
            return False

    async def look(self, environment: Environment, *, force: bool = False) -> bool:
        """Asks one environment, and writes what is to be written; False if that could not be written.

        `force` writes whatever version the instance has by now.
        """
        if not is_watched(environment):
            return True
        reading = await self._reports.read(environment) if reports_itself(environment) else Reading("absent")
        now = self._now()
        seen = self._find_seen(environment) or _Seen(_pod_uid(environment), now)
        self._seen[environment.uid] = seen
        last_work = None
        if reading.report is not None and reading.pod_time is not None:
            seen.figures = _figures(reading.report.figures, pod_time=reading.pod_time, now=now) or seen.figures
            last_work = find_last_work(reading.report, pod_time=reading.pod_time, now=now)
        if last_work is None:
            seen.misses += 1
            self._count("report", "blind" if reading.outcome == "read" else reading.outcome)
        else:
            seen.misses = 0
            seen.knowledge = learn(seen.knowledge, last_work=last_work, now=now)
            self._count("report", "good")
        current = self._table.find(environment.id)
        if current is None or current.upstream != environment.upstream:
            return current is None or not is_watched(current)
        return await self._write(current, seen.knowledge, now, force=force)

    async def _write(self, environment: Environment, knowledge: Knowledge, now: datetime, *, force: bool) -> bool:
        instance = environment.instance
        stored = instance.status.last_activity
        known = parse_timestamp(stored) if stored else None
        write = find_write(knowledge, stored=known, now=now, urgent=self._is_last_call(environment))
        if write is None:
            return True
        # A write of somebody else in between, the operator's or another server's, makes this one a conflict.
        meta = {} if force else {"resourceVersion": instance.metadata.resource_version}
        at = format_timestamp(write.last_activity) if write.last_activity is not None else None
        patch = {"metadata": meta, "status": {"lastActivity": at}}
        try:
            await self._writer.merge_patch(INSTANCES, environment.key, patch, WorkspaceInstance, subresource="status")
        except (Conflict, NotFound):
            self._count("write", "conflict")
        except KubeError as error:
            self._count("write", "failed")
            log.warning("activity not written", environment=str(environment.key), error=str(error))
        else:
            self._count("write", "written" if at is not None else "cleared")
            return True
        return False

    def _find_seen(self, environment: Environment) -> _Seen | None:
        seen = self._seen.get(environment.uid)
        return seen if seen is not None and seen.pod_uid == _pod_uid(environment) else None

    def _on_change(self, old: Environment | None, new: Environment | None) -> None:
        if old is not None and (new is None or new.uid != old.uid or not is_watched(new)):
            self._seen.pop(old.uid, None)


def _figures(sample: Sample | None, *, pod_time: datetime, now: datetime) -> Figures | None:
    """A pod's own clock tells how old its figures are, and nothing else."""
    if sample is None or pod_time.timestamp() - sample.at >= FIGURES_FRESH:
        return None
    return Figures(now - timedelta(seconds=max(pod_time.timestamp() - sample.at, 0.0)), sample)


async def announce_activity(client: Client, lease: Key, until: datetime) -> None:
    """Writes into the servers' Lease up to when all is written; any server may, each says what is true for all."""
    await client.merge_patch(LEASES, lease, {"spec": {"renewTime": micro_timestamp(until)}}, OnlyMetadata)


def is_watched(environment: Environment) -> bool:
    """Whether its status has to say something about activity."""
    return environment.phase == "Running" and not environment.deleting


def reports_itself(environment: Environment) -> bool:
    """Whether there is an editor that may be asked."""
    return environment.upstream is not None and environment.has_code_server


def _pod_uid(environment: Environment) -> str:
    return environment.upstream.pod_uid if environment.upstream is not None else ""
