"""Making, changing, starting, stopping and deleting environments.

The caller has decided that the person may. A change or deletion only holds for the instance with this UID; what follows
is the operator's work.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from devworkspace.api import names
from devworkspace.api.instance import DataPolicy, WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.safemode import safe_start_annotations
from devworkspace.core.stopnote import StopNote, write_note
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kinds import INSTANCES
from devworkspace.kube.resource import Resource, key_of
from devworkspace.server.audit import Actor
from devworkspace.server.changes import Changes
from devworkspace.server.environments import Environment

# The watch tells of the new phase within milliseconds; an operator that is away keeps a start unanswered for longer.
_REMEMBER_SECONDS: Final = 15.0


class Writer(Protocol):
    """The part of the Kubernetes client that is used here."""

    async def merge_patch(
        self,
        resource: Resource,
        key: Key,
        patch: Mapping[str, Any],
        type: type[WorkspaceInstance],
        *,
        dry_run: bool = False,
    ) -> WorkspaceInstance: ...

    async def create(
        self, resource: Resource, body: Mapping[str, Any], type: type[WorkspaceInstance], *, dry_run: bool = False
    ) -> WorkspaceInstance: ...

    async def delete(
        self, resource: Resource, key: Key, *, uid: str, grace_period_seconds: int | None = None
    ) -> None: ...


class _Asked(NamedTuple):
    """When a start was written, in seconds of the process, and as which generation of the instance."""

    at: float
    generation: int


class Lifecycle:
    """`now` is the wall clock, `monotonic` seconds of the process.

    Methods raise `KubeError`, and those that a person asks for `LimitedError` for one change too many.
    """

    def __init__(
        self,
        client: Writer,
        *,
        changes: Changes,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._changes = changes
        self._now = now
        self._monotonic = monotonic
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, _Asked] = {}

    async def start(self, environment: Environment, by: Actor) -> None:
        """Sets `spec.running`; many who ask at once, as after a link in a chat, cost one write."""
        if self.is_starting(environment):
            return
        async with self._changes.recorded("start", by, environment.key):
            await self._start_once(environment)

    async def _start_once(self, environment: Environment) -> None:
        task = self._under_way.get(environment.uid)
        if task is None:
            task = asyncio.create_task(self._start(environment))
            self._under_way[environment.uid] = task
            task.add_done_callback(lambda _: self._under_way.pop(environment.uid, None))
        # A browser that goes away must not take the start of the others along.
        await asyncio.shield(task)

    async def _start(self, environment: Environment) -> None:
        written = await self._patch(environment, {"spec": {"running": True}})
        now = self._monotonic()
        self._asked = {uid: asked for uid, asked in self._asked.items() if now - asked.at < _REMEMBER_SECONDS}
        self._asked[environment.uid] = _Asked(now, written.metadata.generation)

    def is_starting(self, environment: Environment) -> bool:
        """Whether a start was asked for a moment ago, so that `Stopped` is yesterday's news.

        Not if somebody has changed the instance since, for it may have been stopped again.
        """
        asked = self._asked.get(environment.uid)
        if asked is None or self._monotonic() - asked.at >= _REMEMBER_SECONDS:
            return False
        return environment.instance.metadata.generation <= asked.generation

    async def stop(self, environment: Environment, by: Actor, *, reason: str | None = None) -> None:
        """`reason` is told to whoever sees it stopped."""
        patch: dict[str, Any] = {"spec": {"running": False}}
        if reason is not None:
            note = StopNote(by=by.user or "", reason=reason, at=format_timestamp(self._now()))
            patch["metadata"] = {"annotations": {names.ANNOTATION_STOP_NOTE: write_note(note)}}
        elif names.ANNOTATION_STOP_NOTE in environment.instance.metadata.annotations:
            patch["metadata"] = {"annotations": {names.ANNOTATION_STOP_NOTE: None}}
        async with self._changes.recorded("stop", by, environment.key, because=reason):
            await self._patch(environment, patch)

    async def restart(self, environment: Environment, by: Actor) -> None:
        """A new pod, also of one that has failed; of a stopped environment a start."""
        at = format_timestamp(self._now())
        annotations = {names.ANNOTATION_RESTARTED_AT: at}
        async with self._changes.recorded("restart", by, environment.key):
            await self._patch(environment, {"metadata": {"annotations": annotations}, "spec": {"running": True}})

    async def start_safely(self, environment: Environment, by: Actor) -> None:
        """A new pod with the installation's own editor: see `core.safemode`."""
        patch = {
            "metadata": {"annotations": safe_start_annotations(format_timestamp(self._now()))},
            "spec": {"running": True},
        }
        async with self._changes.recorded("start", by, environment.key, safe=True):
            await self._patch(environment, patch)

    async def extend(self, environment: Environment, until: datetime | None, by: Actor) -> WorkspaceInstance:
        """Puts an idle or scheduled stop off; None takes that back."""
        at = format_timestamp(until) if until is not None else None
        async with self._changes.recorded("extend", by, environment.key, until=at):
            return await self._patch(environment, {"spec": {"lifecycle": {"keepAwakeUntil": at}}})

    async def create(self, body: Mapping[str, Any], by: Actor, *, dry_run: bool) -> WorkspaceInstance:
        """The instance as the API server stores it, or would store it."""
        async with self._changes.recorded("create", by, key_of(body), dry_run=dry_run or None):
            return await self._client.create(INSTANCES, body, WorkspaceInstance, dry_run=dry_run)

    async def edit(
        self, environment: Environment, patch: Mapping[str, Any], by: Actor, *, version: str | None, dry_run: bool
    ) -> WorkspaceInstance:
        """The instance as it is, or would be, with `patch`; `Conflict` if it is not in `version` any more."""
        metadata = {**patch.get("metadata", {}), **({"resourceVersion": version} if version is not None else {})}
        body = {**patch, "metadata": metadata}
        if dry_run:
            return await self._patch(environment, body, dry_run=True)
        fields = ",".join(sorted({*patch.get("spec", {}), *patch.get("metadata", {})}))
        async with self._changes.recorded("edit", by, environment.key, fields=fields):
            return await self._patch(environment, body)

    async def delete(self, environment: Environment, by: Actor) -> None:
        async with self._changes.recorded("delete", by, environment.key, data=environment.instance.spec.data_policy):
            await self._client.delete(INSTANCES, environment.key, uid=environment.uid)

    async def set_data_policy(self, environment: Environment, policy: DataPolicy) -> None:
        await self._patch(environment, {"spec": {"dataPolicy": policy}})

    async def _patch(
        self, environment: Environment, patch: Mapping[str, Any], *, dry_run: bool = False
    ) -> WorkspaceInstance:
        body = {**patch, "metadata": {**patch.get("metadata", {}), "uid": environment.uid}}
        return await self._client.merge_patch(INSTANCES, environment.key, body, WorkspaceInstance, dry_run=dry_run)
