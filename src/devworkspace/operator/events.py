"""Kubernetes Events on environments and templates: what happened, for people who ask `kubectl describe`.

An Event is told at best effort, status is the truth: recording never waits and never fails, and what cannot be written
is dropped and counted. Of one reason on one environment there is one Event, whose count and last time follow the
repetitions, at most one write in five minutes: an environment that fails in a circle costs no more than that.

The core/v1 form is written, not events.k8s.io/v1: both are the same objects at the API server, and kubectl and consoles
show what only the older form has, a count with the first and the last time.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from devworkspace.api import names
from devworkspace.api.meta import ObjectMeta
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.transitions import Transition
from devworkspace.kube.client import Client, OnlyMetadata
from devworkspace.kube.errors import ApiError, KubeError, clean
from devworkspace.kube.resource import EVENTS
from devworkspace.kube.workqueue import WorkQueue

logger = logging.getLogger(__name__)

# The limit of events.k8s.io/v1, under which every Event can be read; in bytes.
MAX_MESSAGE: Final = 1024
_WORKERS: Final = 4
# The object or its namespace is gone, or we may not: another try ends the same way.
_FINAL: Final = frozenset((400, 403, 404, 422))

Key = tuple[str, str]
"""UID of the environment, and reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`size` is how many Events are remembered, `attempts` how often one is tried, with `retry_after` seconds between
    the first two and twice as long each time. Repetitions are written every `repeat_after` seconds at most; one that
    comes later than `window` seconds after the last begins a new Event (the API server keeps them for an hour).
    """

    size: int = 4096
    repeat_after: float = 300.0
    window: float = 3600.0
    attempts: int = 4
    retry_after: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """One Event; `waiting` while a write of it is to come."""

    metadata: ObjectMeta
    told: Transition
    first: datetime
    last: datetime
    count: int = 1
    written_at: datetime | None = None
    waiting: bool = True
    failures: int = 0


class EventRecorder:
    """`on_result` is called with `written`, `failed` (given up) or `dropped` (too much at once)."""

    def __init__(
        self,
        client: Client,
        *,
        now: Callable[[], datetime],
        on_result: Callable[[str], None],
        bounds: Bounds | None = None,
    ) -> None:
        self._client = client
        self._now = now
        self._on_result = on_result
        self._bounds = bounds or Bounds()
        # The least recently recorded first.
        self._notes: dict[Key, _Note] = {}
        self._queue: WorkQueue[Key] = WorkQueue()

    def record(self, metadata: ObjectMeta, told: Transition) -> None:
        """Notes what happened to the environment or template with this metadata; `run` writes it."""
        key, now = (metadata.uid, told.reason), self._now()
        known = self._notes.pop(key, None)
        if known is not None and now - known.last <= timedelta(seconds=self._bounds.window):
            note = replace(known, metadata=metadata, told=told, last=now, count=known.count + 1, waiting=True)
        elif self._make_room():
            note = _Note(metadata=metadata, told=told, first=now, last=now)
        else:
            self._on_result("dropped")
            return
        self._notes[key] = note
        if known is None or not known.waiting:
            self._queue.add_after(key, self._pause(note))

    async def run(self) -> None:
        """Writes what was recorded, for ever."""
        await self._queue.run_workers(_WORKERS, self._write)

    def _make_room(self) -> bool:
        """Forgets the oldest Event that is written; without one of those there is no room."""
        if len(self._notes) < self._bounds.size:
            return True
        oldest = next((key for key, note in self._notes.items() if not note.waiting), None)
        if oldest is None:
            return False
        del self._notes[oldest]
        return True

    def _pause(self, note: _Note) -> float:
        """Seconds until this Event may be written again; bounded, because clocks are set back now and then."""
        if note.written_at is None:
            return 0.0
        since = (self._now() - note.written_at).total_seconds()
        return min(max(self._bounds.repeat_after - since, 0.0), self._bounds.repeat_after)

    async def _write(self, key: Key) -> float | None:
        note = self._notes[key]
        try:
            await self._client.apply(EVENTS, _render(note), OnlyMetadata)
        except KubeError as error:
            return self._give_up_or_retry(key, error)
        current = self._notes[key]
        repeated = current.count > note.count
        written = replace(current, written_at=self._now(), waiting=repeated, failures=0)
        self._notes[key] = written
        self._on_result("written")
        return self._pause(written) if repeated else None

    def _give_up_or_retry(self, key: Key, error: KubeError) -> float | None:
        note = self._notes[key]
        failures = note.failures + 1
        final = isinstance(error, ApiError) and error.status in _FINAL
        if not final and failures < self._bounds.attempts:
            self._notes[key] = replace(note, failures=failures)
            asked = error.retry_after if isinstance(error, ApiError) else None
            return max(self._bounds.retry_after * 2.0 ** (failures - 1), asked or 0.0)
        self._notes[key] = replace(note, waiting=False, failures=0)
        # The end of every namespace with environments, and nobody's to mend.
        level = logging.INFO if "is being terminated" in str(error) else logging.WARNING
        logger.log(level, "%s: event %s is dropped: %s", note.metadata.key, note.told.reason, error)
        self._on_result("failed")
        return None


def _render(note: _Note) -> dict[str, Any]:
    metadata = note.metadata
    return {
        # Kubernetes keeps Events about what belongs to no namespace in this one.
        "metadata": {"name": _name(note), "namespace": metadata.namespace or "default"},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.INSTANCE_KIND if metadata.namespace else names.TEMPLATE_KIND,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
        "type": note.told.type_,
        "reason": note.told.reason,
        "message": _cut(note.told.message),
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "firstTimestamp": format_timestamp(note.first),
        "lastTimestamp": format_timestamp(note.last),
        "count": note.count,
    }


def _name(note: _Note) -> str:
    """The same for each write of an Event, so that one whose answer was lost is not written twice."""
    text = f"{note.metadata.uid} {note.told.reason} {note.first.isoformat()}"
    return f"{note.metadata.name}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _cut(message: str) -> str:
    """One line within the limit, without anything that looks like a token."""
    text = clean(message)
    data = text.encode()
    return text if len(data) <= MAX_MESSAGE else data[: MAX_MESSAGE - 3].decode(errors="ignore") + "…"
