"""Whether the operator sees the cluster as it is.

A process that lives on a dead watch is worse than one that died: nothing restarts it, and every status it writes is a
guess. So a watch without a sign of life fails the liveness probe, and Kopf's watches, which tell no such thing, are
checked against a list of their own: `Sweep` finds and repairs what they missed. A watch that misses something again by
the next sweep is dead. The first such list fills the stores: Kopf, which takes half a millisecond of processor time for
each object, would keep a restarted operator waiting.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Generic, NoReturn, TypeVar

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.client import Client, ListResult, OnlyMetadata
from devworkspace.kube.errors import KubeError, NotFound
from devworkspace.kube.resource import Resource
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.store import Store, template_named_by

logger = logging.getLogger(__name__)

# Bookmarks come about once a minute and a silent watch is given up after 70 s: three chances.
STALE_AFTER_SECONDS: Final = 210.0
# What a watch may lag behind a list before it counts as having missed something.
LAG_SECONDS: Final = 20.0
# What is deleted between our list and Kopf's is known to neither watch.
FIRST_SWEEP_SECONDS: Final = 10.0

T = TypeVar("T", WorkspaceInstance, WorkspaceTemplate)


class Sweep(Generic[T]):
    """Compares one store that Kopf fills with the API server's own list, and repairs it.

    `synced` once `fill` has put all that was listed into the store, `lagging` while the watch misses changes, sweep
    after sweep. `pause` waits for a watch that lags.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        type_: type[T],
        store: Store[T],
        *,
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        self._pause = pause
        self._client = client
        self._resource = resource
        self._type: type[T] = type_
        self._store: Store[T] = store
        self._missed_before = False
        self.synced = False
        self.lagging = False

    async def fill(self) -> None:
        """Puts what is listed into the store, which is complete then."""
        listing: ListResult[T] = await self._client.list(self._resource, self._type)
        for found in listing.items:
            self._store.hear(found)
        for metadata in listing.unreadable:
            await self._skip(metadata)
        self.synced = True

    async def _skip(self, metadata: ObjectMeta) -> None:
        """Notes what cannot be read: a list tells only its metadata, and its template must be known for the counts."""
        template = None
        if self._type is WorkspaceInstance:
            with contextlib.suppress(NotFound):
                body: dict[str, Any] = await self._client.get(self._resource, metadata.key, dict[str, Any])
                template = template_named_by(body)
        if self._store.version(metadata.key) < int(metadata.resource_version):
            self._store.skip(metadata, template=template)

    async def run_once(self) -> tuple[Key, ...]:
        """Lists, waits where the store lags, and returns the keys that were missed; they are repaired."""
        # Specs and statuses are most of the bytes, and versions tell as much.
        listing: ListResult[OnlyMetadata] = await self._client.list(self._resource, OnlyMetadata, metadata_only=True)
        late = self._behind(listing.items)
        healed: tuple[Key, ...] = await self._heal(late) if late else ()
        self.lagging, self._missed_before = bool(healed) and self._missed_before, bool(healed)
        return (*healed, *self._drop_absent(listing))

    async def _heal(self, late: list[OnlyMetadata]) -> tuple[Key, ...]:
        """Puts into the store what the watch does not bring even after a pause; what has gone meanwhile is not late."""
        await self._pause()
        if not (late := self._behind(late)):
            return ()
        wanted = {item.metadata.uid for item in late}
        listing: ListResult[T] = await self._client.list(self._resource, self._type)
        for metadata in listing.unreadable:
            if metadata.uid in wanted:
                await self._skip(metadata)
        missed = [found for found in listing.items if found.metadata.uid in wanted]
        for found in missed:
            self._store.put(found)
        return tuple(found.metadata.key for found in missed)

    def _drop_absent(self, listing: ListResult[OnlyMetadata]) -> tuple[Key, ...]:
        missed = self._store.absent_from((item.metadata.key, item.metadata.uid) for item in listing.items)
        # An object that is newer than the list was made after it.
        gone = [known for known in missed if int(known.resource_version) <= int(listing.resource_version)]
        for known in gone:
            self._store.drop(known.key, known.uid)
        return tuple(known.key for known in gone)

    def _behind(self, items: Iterable[OnlyMetadata]) -> list[OnlyMetadata]:
        return [item for item in items if self._store.version(item.metadata.key) < int(item.metadata.resource_version)]


class Health:
    """Answers the probes from the informers and the sweeps; sweeps `every` so many seconds."""

    def __init__(
        self,
        cluster: Cluster,
        client: Client,
        *,
        every: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._cluster = cluster
        self._every = every
        self._instances = Sweep(client, INSTANCES, WorkspaceInstance, cluster.instances, pause=self._let_catch_up)
        self._templates = Sweep(client, TEMPLATES, WorkspaceTemplate, cluster.templates, pause=self._let_catch_up)

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
            for plural, is_lagging in (
                (names.INSTANCE_PLURAL, self._instances.lagging),
                (names.TEMPLATE_PLURAL, self._templates.lagging),
            )
            if is_lagging
        ]
        return (*stale, *lagging)

    def unready(self) -> tuple[str, ...]:
        """Why it does not work yet, or no more."""
        pending = [
            f"{informer.resource.plural} are not listed yet"
            for informer in self._cluster.informers
            if not informer.synced.is_set()
        ]
        if not self._has_both():
            pending.append("environments and templates are not listed yet")
        return (*pending, *self.failures())

    async def wait_synced(self) -> None:
        """Returns when every store holds what the API server lists; decisions before that would be guesses."""
        informed = (informer.synced.wait() for informer in self._cluster.informers)
        await asyncio.gather(*informed, _fill(self._instances), _fill(self._templates))
        self._cluster.everything_changed()

    async def run(self) -> NoReturn:
        """Sweeps for ever; started after `wait_synced`."""
        await asyncio.sleep(min(FIRST_SWEEP_SECONDS, self._every))
        await self._sweep()
        while True:
            await asyncio.sleep(self._every)
            await self._sweep()

    def _has_both(self) -> bool:
        return self._instances.synced and self._templates.synced

    async def _let_catch_up(self) -> None:
        await asyncio.sleep(min(LAG_SECONDS, self._every))

    async def _sweep(self) -> None:
        for key in await _missed(self._instances):
            logger.warning("the watch missed a change of %s", key)
            self._cluster.instance_changed(key)
        for key in await _missed(self._templates):
            # The store itself tells a template's instances.
            logger.warning("the watch missed a change of template %s", key)


async def _fill(sweep: Sweep[T]) -> None:
    delay = 0.05
    while True:
        try:
            return await sweep.fill()
        except KubeError as error:
            logger.warning("cannot list what there is: %s", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)


async def _missed(sweep: Sweep[T]) -> tuple[Key, ...]:
    try:
        return await sweep.run_once()
    except KubeError as error:
        logger.warning("cannot compare the stores with the API server: %s", error)
        return ()
