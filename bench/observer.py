"""Sees from outside what becomes of environments, through watches of its own."""

import asyncio
import time
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.podstate import is_ready
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client
from devworkspace.kube.errors import KubeError
from devworkspace.kube.resource import PODS, Resource


@dataclass
class Times:
    """Monotonic times at which the watch told a step of one environment; pods are the last of its children."""

    pod_made: float | None = None
    pod_ready: float | None = None
    running: float | None = None


@dataclass
class _Waiter:
    keys: set[Key]
    step: str
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Observer:
    """Watches environments and their pods in every namespace; `times` fills by itself. An async context manager."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.times: dict[Key, Times] = {}
        self._waiters: list[_Waiter] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._follow(INSTANCES, WorkspaceInstance, self._instance)),
            asyncio.create_task(self._follow(PODS, Pod, self._pod)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait(self, keys: Collection[Key], step: str = "running", *, seconds: float) -> float:
        """Waits until a step of all is seen and returns the time at which the last one was."""
        left = {key for key in keys if getattr(self._of(key), step) is None}
        if left:
            waiter = _Waiter(left, step)
            self._waiters.append(waiter)
            try:
                await asyncio.wait_for(waiter.done.wait(), seconds)
            except TimeoutError:
                left_over = f"{len(waiter.keys)} of {len(keys)}, {min(waiter.keys)} among them"
                raise TimeoutError(f"{left_over}, have not reached {step} after {seconds:.0f} s") from None
            finally:
                self._waiters.remove(waiter)
        return max(float(getattr(self._of(key), step)) for key in keys)

    def status_lags(self, keys: Collection[Key]) -> list[float]:
        """Seconds by which each status told `Running` after the pod was seen to be ready."""
        seen = [self._of(key) for key in keys]
        return [times.running - times.pod_ready for times in seen if times.running and times.pod_ready]

    def forget(self, key: Key) -> None:
        """Lets the next steps under this name count."""
        self.times.pop(key, None)

    async def _follow(self, resource: Resource, type_: Any, handle: Any) -> None:
        while True:
            try:
                listing = await self._client.list(resource, type_, limit=0)
                for item in listing.items:
                    # After an interruption: what happened meanwhile counts from now.
                    handle(item, time.monotonic())
                version = listing.resource_version
                events = self._client.watch(resource, type_, resource_version=version, timeout_seconds=3600)
                async with aclosing(events):
                    async for event in events:
                        if event.object is not None and event.kind in ("ADDED", "MODIFIED"):
                            handle(event.object, time.monotonic())
            except KubeError as error:
                print(f"the bench's own watch of {resource.plural} was interrupted: {error}", flush=True)

    def _of(self, key: Key) -> Times:
        return self.times.setdefault(key, Times())

    def _instance(self, instance: WorkspaceInstance, now: float) -> None:
        if instance.status.phase == "Running":
            self._note(instance.metadata.key, "running", now)

    def _pod(self, pod: Pod, now: float) -> None:
        name = pod.metadata.labels.get(names.LABEL_INSTANCE)
        if name is None:
            return
        key = Key(pod.metadata.namespace, name)
        self._note(key, "pod_made", now)
        if is_ready(pod):
            self._note(key, "pod_ready", now)

    def _note(self, key: Key, step: str, now: float) -> None:
        times = self._of(key)
        if getattr(times, step) is not None:
            return
        setattr(times, step, now)
        for waiter in self._waiters:
            if waiter.step == step:
                waiter.keys.discard(key)
                if not waiter.keys:
                    waiter.done.set()
