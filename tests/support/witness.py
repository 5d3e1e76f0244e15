"""When the cluster knew of a failure, and when the status told it.

Both moments are arrivals of watch events in this process, so that their difference is the operator's and no clock of
another machine has a part in it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.surroundings import Event, Node
from devworkspace.core.conditions import find_condition
from devworkspace.core.podstate import container_status, pod_condition
from devworkspace.kube.informer import Informer
from devworkspace.kube.resource import EVENTS, NODES, PODS, PVCS
from tests.support.live import INSTANCES, Live

MAX_DELAY: Final = 3.0
REPORT: Final = Path(".local/test-results/failures.md")

T = TypeVar("T")

Fact = Callable[[Any], bool]


@dataclass
class Witness:
    """Everything that happened in a namespace, and to the nodes, with the time of its arrival."""

    report: Path
    sightings: list[tuple[float, Any]] = field(default_factory=list)

    def note(self, _old: Any, new: Any) -> None:
        if new is not None:
            self.sightings.append((time.monotonic(), new))

    def first(self, fact: Fact, *, since: float = 0.0) -> float | None:
        """When a fact was first seen."""
        return next((at for at, seen in self.sightings if at >= since and fact(seen)), None)

    async def wait_for(self, fact: Fact, *, since: float = 0.0, seconds: float = 60) -> float:
        """When a fact is seen for the first time."""
        async with asyncio.timeout(seconds):
            while (at := self.first(fact, since=since)) is None:
                await asyncio.sleep(0.02)
        return at

    async def see(self, kind: type[T], *, seconds: float = 60) -> T:
        """The first object of a kind."""
        async with asyncio.timeout(seconds):
            while True:
                if (found := next((seen for _, seen in self.sightings if isinstance(seen, kind)), None)) is not None:
                    return found
                await asyncio.sleep(0.02)

    async def expect(
        self,
        reason: str,
        *,
        phase: str,
        words: tuple[str, ...],
        knew: Fact | float,
        condition: str = "Ready",
        since: float = 0.0,
        seconds: float = 60,
    ) -> WorkspaceInstance:
        """The instance once status gives this reason; checks phase, message and how long that took.

        `knew` is the fact that the status is about, seen from `since` on, or the time at which the cluster had all that
        it needed.
        """
        since = since if callable(knew) else knew
        told_at, instance = await self._await_reason(reason, condition, since=since, seconds=seconds)
        found = find_condition(instance.status.conditions, condition)
        assert found is not None
        assert instance.status.phase == phase, instance.status
        for word in words:
            assert word in found.message, found.message
        known_at = self.first(knew, since=since) if callable(knew) else knew
        assert known_at is not None, f"{reason} was told, and nothing that was seen gave reason for it"
        delay = told_at - known_at
        assert delay <= MAX_DELAY, f"{reason} was told {delay:.2f} s after the cluster knew"
        self._record(f"| `{reason}` | {phase} | {condition} | {max(delay, 0):.2f} s |")
        return instance

    def _record(self, row: str) -> None:
        self.report.parent.mkdir(parents=True, exist_ok=True)
        with self.report.open("a", encoding="utf-8") as report:
            report.write(f"{row}\n")

    async def _await_reason(
        self, reason: str, condition: str, *, since: float, seconds: float
    ) -> tuple[float, WorkspaceInstance]:
        deadline, last = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            for at, seen in self.sightings:
                if at < since or not isinstance(seen, WorkspaceInstance):
                    continue
                found = find_condition(seen.status.conditions, condition)
                if found is not None and found.reason == reason:
                    return at, seen
                last = seen.status
            await asyncio.sleep(0.02)
        raise AssertionError(f"{condition} never gave the reason {reason} within {seconds} s; last was {last}")


@asynccontextmanager
async def witnessing(live: Live, report: Path) -> AsyncIterator[Witness]:
    """A witness that sees everything from here on."""
    witness = Witness(report)
    client, namespace, note = live.client, live.namespace, witness.note
    informers: list[Informer[Any]] = [
        Informer(client, INSTANCES, WorkspaceInstance, namespace=namespace, on_change=note),
        Informer(client, PODS, Pod, namespace=namespace, on_change=note),
        Informer(client, PVCS, PersistentVolumeClaim, namespace=namespace, on_change=note),
        Informer(client, EVENTS, Event, namespace=namespace, on_change=note),
        Informer(client, NODES, Node, on_change=note),
    ]
    tasks = [asyncio.create_task(informer.run()) for informer in informers]
    try:
        async with asyncio.timeout(20):
            await asyncio.gather(*(informer.synced.wait() for informer in informers))
        yield witness
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# Facts.


def waits_for(*reasons: str) -> Fact:
    """A pod one of whose containers waits for one of these reasons."""

    def fact(seen: Any) -> bool:
        if not isinstance(seen, Pod):
            return False
        statuses = (*seen.status.init_container_statuses, *seen.status.container_statuses)
        return any(status.state.waiting is not None and status.state.waiting.reason in reasons for status in statuses)

    return fact


def ended_with(code: int) -> Fact:
    """A pod whose first container, or one that prepares it, ended with this code."""

    def fact(seen: Any) -> bool:
        if not isinstance(seen, Pod):
            return False
        statuses = (*seen.status.init_container_statuses, *seen.status.container_statuses)
        ends = [end for status in statuses for end in (status.state.terminated, status.last_state.terminated) if end]
        return any(end.exit_code == code for end in ends)

    return fact


def not_scheduled(reason: str) -> Fact:
    def fact(seen: Any) -> bool:
        condition = pod_condition(seen, "PodScheduled") if isinstance(seen, Pod) else None
        return condition is not None and (condition.status, condition.reason) == ("False", reason)

    return fact


def warned(reason: str, words: str = "") -> Fact:
    """An Event with this reason and these words."""
    return lambda seen: isinstance(seen, Event) and seen.reason == reason and words in seen.message


def claim_is(phase: str) -> Fact:
    return lambda seen: isinstance(seen, PersistentVolumeClaim) and seen.status.phase == phase


def pod_failed(reason: str) -> Fact:
    return lambda seen: isinstance(seen, Pod) and (seen.status.phase, seen.status.reason) == ("Failed", reason)


def node_is(name: str, ready: str) -> Fact:
    def fact(seen: Any) -> bool:
        if not isinstance(seen, Node) or seen.metadata.name != name:
            return False
        return any((found.type, found.status) == ("Ready", ready) for found in seen.status.conditions)

    return fact


def not_ready_again(seen: Any) -> bool:
    """A pod whose container runs and whose readiness probe fails."""
    if not isinstance(seen, Pod):
        return False
    container = container_status(seen)
    return container is not None and container.state.running is not None and not container.ready
