"""Leader election on a `coordination.k8s.io/v1` Lease: of several processes one writes.

Promise: two processes never write at the same time, whatever pauses, partitions and clocks do, as long as clocks run
at nearly the same speed. How it is kept:

- The holder renews every `retry` seconds. Its time counts from *before* the request that renewed, the others' time
  from *after* the answer in which they first saw that renewal, so the holder's always ends first.
- The holder begins no write later than `renew_deadline` after its last renewal, and none lasts beyond `duration`
  (`check`). The others wait the whole `duration`. The difference is the room for clocks of different speed.
- Times in the Lease are for people. Nobody compares them with a clock: a process only asks whether the Lease's version
  changed since it looked last, and how long ago by its own clock.
- Every write names the version that it replaces, so of two who take a free Lease one gets a conflict.
- A Lease that somebody deleted is no free Lease: its holder has not heard of it yet.

A process that comes back under the identity of its predecessor (the same pod after a crash) takes the Lease at once.
So an identity must never be used by two processes at the same time: a pod's UID, or a random number.
"""

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from devworkspace.api.meta import Key
from devworkspace.kube import clock
from devworkspace.kube.client import Client
from devworkspace.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, NotLeading
from devworkspace.kube.resource import LEASES

log: Final = logging.getLogger("devworkspace.kube")

_RELEASE_SECONDS: Final = 2.0

Lease = dict[str, Any]
"""A Lease as the server sent it: what others wrote into it survives our renewals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """Seconds. `look` is how often a standby reads the Lease, which bounds its delay after a clean stop."""

    duration: int = 15
    renew_deadline: float = 10.0
    retry: float = 2.0
    look: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew_deadline < self.duration:
            raise ValueError("a Lease needs 0 < retry < renew_deadline < duration")


def make_identity(pod_name: str | None, pod_uid: str | None) -> str:
    """Return the name of this process in the Lease: its pod's, else one that no other process ever has."""
    if pod_name and pod_uid:
        return f"{pod_name}_{pod_uid}"
    return f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The Lease as last seen, and when this process first saw it in that version."""

    version: str = ""
    holder: str = ""
    at: float = 0.0
    duration: float = 0.0


class Elector:
    """One candidate. `leading` is set once the Lease is held, until `release`; `check` is what decides about writes.

    `client` must be ungated and unlimited, and its own: renewals never wait behind other requests. `elapsed` is a
    clock that is never set, `now` the wall clock for what people read.
    """

    def __init__(
        self,
        client: Client,
        key: Key,
        *,
        identity: str,
        timing: LeaseTiming | None = None,
        elapsed: Callable[[], float] = clock.elapsed,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.identity = identity
        self.leading = asyncio.Event()
        self._client = client
        self._key = key
        self._timing = timing or LeaseTiming()
        self._elapsed = elapsed
        self._now = now
        self._seen = _Seen()
        self._held: Lease | None = None
        self._renewed_at = 0.0
        self._problem = "it was never taken"
        self._failing = False

    def check(self) -> float:
        """Return within how many seconds a write that begins now must be over; `NotLeading` if none may begin."""
        age = self._elapsed() - self._renewed_at
        if self._held is None:
            raise NotLeading(f"{self.identity} does not hold the Lease {self._key}: {self._problem}")
        if age >= self._timing.renew_deadline:
            raise NotLeading(
                f"{self.identity} could not renew the Lease {self._key} for {age:.1f} s, "
                f"{self._timing.renew_deadline:g} s are allowed: {self._problem}"
            )
        return self._timing.duration - age

    def is_leading(self) -> bool:
        """Tell whether a write may begin now."""
        try:
            self.check()
        except NotLeading:
            return False
        return True

    async def run(self) -> NoReturn:
        """Wait for the Lease and renew it; raises `NotLeading` when it is lost. Cancel it before `release`."""
        log.info("%s waits for the Lease %s", self.identity, self._key)
        while True:
            try:
                async with asyncio.timeout(self._until_deadline()):
                    await self._look_unless_refused()
            except TimeoutError:
                log.debug("the Lease %s could not be renewed in time", self._key)
            if self.leading.is_set():
                self.check()
            await asyncio.sleep(self._pause())

    def _until_deadline(self) -> float | None:
        if self._held is None:
            return None
        return max(0.0, self._renewed_at + self._timing.renew_deadline - self._elapsed())

    def _pause(self) -> float:
        until_deadline = self._until_deadline()
        return self._timing.look if until_deadline is None else min(self._timing.retry, until_deadline)

    async def _look_unless_refused(self) -> None:
        try:
            await self.look()
        except KubeError as error:
            self._problem = str(error)
            log.log(
                logging.DEBUG if self._failing else logging.WARNING,
                "the Lease %s cannot be read or written, still trying: %s",
                self._key,
                error,
            )
            self._failing = True
        else:
            self._failing = False

    async def look(self) -> None:
        """Renew the Lease, or take it if it is free; one round of `run`. Raises `KubeError`, which decides nothing."""
        if self._held is not None:
            try:
                await self._write(self._held)
            except (Conflict, NotFound):
                # Somebody touched or took it, or the answer to our last renewal was lost.
                log.debug("the Lease %s is not as it was left", self._key)
            else:
                return
        try:
            await self._take()
        except (Conflict, AlreadyExists):
            log.debug("the Lease %s was written by somebody else meanwhile", self._key)

    async def release(self) -> None:
        """Give the Lease back, so that a standby need not wait; call it when nothing writes any more.

        A failure is logged and no more: the Lease ends by itself.
        """
        held, self._held = self._held, None
        self._problem = "it was given back"
        self.leading.clear()
        if held is None:
            return
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                try:
                    await self._client.replace(LEASES, self._released(held), dict)
                except Conflict:
                    # A renewal whose answer did not arrive, unless it is somebody else's by now.
                    current = await self._client.get(LEASES, self._key, dict)
                    if _holder(current) == self.identity:
                        await self._client.replace(LEASES, self._released(current), dict)
        except (KubeError, TimeoutError) as error:
            log.warning("the Lease %s could not be given back and ends by itself: %s", self._key, error)
        else:
            log.info("%s gave the Lease %s back", self.identity, self._key)

    async def _take(self) -> None:
        lease = await self._read()
        if lease is None:
            if self._seen.holder in ("", self.identity) or self._has_ended():
                await self._write(None)
        elif _holder(lease) in ("", self.identity) or self._has_ended():
            await self._write(lease)
        elif self._held is not None:
            self._held = None
            self._problem = f"{_holder(lease)} has taken it"

    async def _read(self) -> Lease | None:
        try:
            lease = await self._client.get(LEASES, self._key, dict)
        except NotFound:
            return None
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen.version:
            duration = _spec(lease).get("leaseDurationSeconds") or self._timing.duration
            self._seen = _Seen(version=version, holder=_holder(lease), at=self._elapsed(), duration=duration)
        return lease

    def _has_ended(self) -> bool:
        return self._elapsed() - self._seen.at >= self._seen.duration

    async def _write(self, lease: Lease | None) -> None:
        began = self._elapsed()
        if lease is None:
            metadata = {"name": self._key.name, "namespace": self._key.namespace}
            stored = await self._client.create(LEASES, {"metadata": metadata, "spec": self._claimed({})}, dict)
        else:
            stored = await self._client.replace(LEASES, {**lease, "spec": self._claimed(_spec(lease))}, dict)
        self._held, self._renewed_at = stored, began
        self._seen = _Seen(
            version=stored["metadata"]["resourceVersion"],
            holder=self.identity,
            at=self._elapsed(),
            duration=self._timing.duration,
        )
        self._problem = "no answer came in time"
        if not self.leading.is_set():
            log.info("%s leads: it holds the Lease %s", self.identity, self._key)
            self.leading.set()

    def _claimed(self, spec: dict[str, Any]) -> dict[str, Any]:
        stamp, same = clock.micro_timestamp(self._now()), spec.get("holderIdentity") == self.identity
        transitions = spec.get("leaseTransitions")
        return {
            **spec,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._timing.duration,
            "acquireTime": (same and spec.get("acquireTime")) or stamp,
            "renewTime": stamp,
            "leaseTransitions": 0 if transitions is None else transitions + (not same),
        }

    def _released(self, lease: Lease) -> Lease:
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": clock.micro_timestamp(self._now())}
        return {**lease, "spec": {**_spec(lease), **spec}}


def _spec(lease: Lease) -> dict[str, Any]:
    return lease.get("spec") or {}


def _holder(lease: Lease) -> str:
    return _spec(lease).get("holderIdentity") or ""
