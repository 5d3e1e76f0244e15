"""Whether the operator sees the cluster as it is.

A process that lives on a dead watch is worse than one that died: nothing restarts it, and every status it writes is a
guess. So a watch without a sign of life fails the liveness probe, and Kopf's watches, which tell no such thing, are
checked against a list of their own: `Sweep` finds what they missed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from devworkspace.api import names
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.kube.client import Client
from devworkspace.kube.errors import KubeError
from devworkspace.kube.resource import Resource
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.store import Store

logger = logging.getLogger(__name__)

# Bookmarks come about once a minute and a silent watch is given up after 70 s: three chances.
STALE_AFTER_SECONDS: Final = 210.0
SWEEP_SECONDS: Final = 120.0
# What a watch may lag behind a list before it counts as dead.
LAG_SECONDS: Final = 20.0


class Listed(Struct, frozen=True):
    metadata: ObjectMeta


class Sweep:
    """Compares one store that Kopf fills with the API server's own list, and repairs missed deletions."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: Store,  # type: ignore[type-arg]
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pause = pause
        self._client = client
        self._resource = resource
        self._store = store
        self.synced = False
        self.lagging = False

    async def run_once(self) -> tuple[Key, ...]:
        """Lists, waits where the store lags, and returns the keys whose deletion was missed (they are dropped)."""
        listing = await self._client.list(self._resource, Listed)
        behind = self._behind(listing.items)
        if behind and self.synced:
            await self._pause(LAG_SECONDS)
            # What was deleted meanwhile is not late: only what is listed still can be.
            listing = await self._client.list(self._resource, Listed)
            listed = {item.metadata.uid for item in listing.items}
            behind = [item for item in self._behind(behind) if item.metadata.uid in listed]
        self.lagging = self.synced and bool(behind)
        self.synced = self.synced or not behind
        missed = self._store.absent_from((item.metadata.key, item.metadata.uid) for item in listing.items)
        # An object that is newer than the list was made after it.
        gone = [known for known in missed if int(known.resource_version) <= int(listing.resource_version)]
        for known in gone:
            self._store.drop(known.key, known.uid)
        return tuple(known.key for known in gone)

    def _behind(self, items: Iterable[Listed]) -> list[Listed]:
        return [item for item in items if self._store.version(item.metadata.key) < int(item.metadata.resource_version)]


class Health:
    """Answers the probes from the informers and the sweeps."""

    def __init__(
        self,
        cluster: Cluster,
        client: Client,
        resources: tuple[Resource, Resource],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        instances, templates = resources
        self._monotonic = monotonic
        self._cluster = cluster
        self._sweeps = (
            Sweep(client, instances, cluster.instances),
            Sweep(client, templates, cluster.templates),
        )

    def failures(self) -> tuple[str, ...]:
        """Why the process should be restarted; empty while it sees the cluster."""
        now = self._monotonic()
        stale = [
            f"the watch of {informer.resource.plural} gave no sign of life for {STALE_AFTER_SECONDS:.0f} s"
            for informer in self._cluster.informers
            if informer.synced.is_set() and informer.is_stale(STALE_AFTER_SECONDS, now)
        ]
        lagging = [
            f"the watch of {plural} misses changes that a list shows"
            for sweep, plural in zip(self._sweeps, (names.INSTANCE_PLURAL, names.TEMPLATE_PLURAL), strict=True)
            if sweep.lagging
        ]
        return (*stale, *lagging)

    def unready(self) -> tuple[str, ...]:
        """Why it does not work yet, or no more."""
        pending = [
            f"{informer.resource.plural} are not listed yet"
            for informer in self._cluster.informers
            if not informer.synced.is_set()
        ]
        if not all(sweep.synced for sweep in self._sweeps):
            pending.append("environments and templates are not listed yet")
        return (*pending, *self.failures())

    async def wait_synced(self) -> None:
        """Returns when every store holds what the API server lists; decisions before that would be guesses."""
        await asyncio.gather(*(informer.synced.wait() for informer in self._cluster.informers))
        delay = 0.05
        while not all(sweep.synced for sweep in self._sweeps):
            await self._sweep()
            if all(sweep.synced for sweep in self._sweeps):
                return
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)

    async def run(self) -> None:
        """Sweeps for ever; started after `wait_synced`."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self._sweep()

    async def _sweep(self) -> None:
        for sweep in self._sweeps:
            try:
                missed = await sweep.run_once()
            except KubeError as error:
                logger.warning("cannot compare the stores with the API server: %s", error)
                continue
            for key in missed:
                logger.warning("the deletion of %s was missed by the watch", key)
                self._cluster.instance_changed(key)
