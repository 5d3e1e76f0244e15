"""One operator process of a history: everything of `operator.app` but Kopf's own loop and the network."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, cast

import kopf

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.resource import Resource
from devworkspace.kube.workqueue import WorkQueue
from devworkspace.operator.activity import ActivityWord
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.events import EventRecorder
from devworkspace.operator.handlers import take_instance, take_template
from devworkspace.operator.health import Health
from devworkspace.operator.pool_keeper import PoolKeeper
from devworkspace.operator.prepull import PrePull
from devworkspace.operator.reconciler import Reconciler
from devworkspace.operator.template_status import TemplateStatusWriter
from devworkspace.operator.volumes import Volumes
from tests.operator.histories.clock import VirtualLoop
from tests.operator.histories.server import POOLS, ROUND, MemoryClient, MemoryServer, Round, Stream, Waiting
from tests.support.builders import INSTALLATION
from tests.support.fake_objects import Object
from tests.support.fake_routes import Target

# More than there are environments in a history: which of them a worker takes up must not depend on a set's order.
WORKERS: Final = 8

Take = Callable[[Cluster, kopf.RawEvent], None]
_TAKES: Final[dict[Resource, Take]] = {INSTANCES: take_instance, TEMPLATES: take_template}


class Replica:
    """Follows the cluster from `start` on, decides once it `leads`, and is gone after `stop`."""

    def __init__(
        self,
        loop: VirtualLoop,
        server: MemoryServer,
        now: Callable[[], datetime],
    ) -> None:
        self._loop = loop
        self._server = server
        self._now = now
        self.client = MemoryClient(server)
        self.queue: WorkQueue[Key] = WorkQueue(jitter=lambda: 1.0)
        self.cluster = Cluster(self.client, INSTALLATION, self.queue.add)
        self._health = Health(self.cluster, self.client, every=120.0)
        self._events = EventRecorder(self.client, now=now, on_result=lambda _: None)
        self._reconciler = Reconciler(
            client=self.client,
            cluster=self.cluster,
            events=self._events,
            word=ActivityWord(self.client, namespace="devworkspace-system", monotonic=loop.time),
            now=now,
            on_stop=lambda _: None,
        )
        self._tasks: list[asyncio.Task[object]] = []
        self.leads = False

    def start(self) -> None:
        """Lists everything and follows it."""
        nodes, warnings = self.cluster.surroundings.informers
        for informer in (*self.cluster.informers, nodes):
            self._tasks.append(self._loop.create_task(informer.run()))
        self._server.streams.setdefault(self.client, [])
        for resource in _TAKES:
            self._follow(resource)
        synced = self._loop.create_task(self._health.wait_synced())
        self._loop.run_until_idle()
        assert synced.done(), "the stores are not complete"
        synced.result()
        self._tasks += [self._loop.create_task(part) for part in (self._health.run(), warnings.run())]

    def _follow(self, resource: Resource) -> None:
        """Kopf's part: all that is there, then what changes."""
        self._server.streams[self.client].append(Stream(Target("watch", resource, Key("", "")), {}))
        for obj in self._server.store.list(resource, ""):
            _TAKES[resource](self.cluster, _event(None, obj))

    def lead(self) -> None:
        self.leads = True
        # Its informers do not run: no template of a history asks for it.
        pre_pull = PrePull(self.client, namespace=names.SYSTEM_NAMESPACE, on_change=self.cluster.uses_changed.set)
        counts = TemplateStatusWriter(self.client, self.cluster, pre_pull=pre_pull, events=self._events, now=self._now)
        for part in (
            self.queue.run_workers(WORKERS, self._handle),
            self._events.run(),
            counts.run(),
            self._keep_pools(),
        ):
            self._tasks.append(self._loop.create_task(part))

    async def _keep_pools(self) -> None:
        ROUND.set(Round(POOLS, None))
        volumes = Volumes(client=self.client, cluster=self.cluster, events=self._events)
        await PoolKeeper(self.client, self.cluster, volumes=volumes, now=self._now).run()

    async def _handle(self, key: Key) -> float | None:
        ROUND.set(Round(key, self.cluster.instances.get(key)))
        return await self._reconciler.reconcile(key)

    def due(self) -> int:
        """How many events have not been told yet."""
        return sum(len(stream.due) for stream in self._server.streams[self.client])

    def deliver(self, resource: Resource, count: int = 1_000_000) -> None:
        """Tells the next events of one kind; the kinds are told in any order."""
        stream = self._server.stream_of(self.client, resource.plural)
        if stream is None:
            return
        if (take := _TAKES.get(resource)) is None:
            stream.deliver(count)
        else:
            due = stream.due[:count]
            del stream.due[:count]
            for kind, obj in due:
                take(self.cluster, _event(kind, obj))

    def lose_watch(self, resource: Resource) -> None:
        """A gap in a watch: a new list follows. From Kopf's, deletions in the gap are never heard of."""
        stream = self._server.stream_of(self.client, resource.plural)
        if stream is None:
            return
        if resource not in _TAKES:
            stream.expire()
            return
        self._server.streams[self.client].remove(stream)
        self._follow(resource)

    def stop(self, *, commits: Callable[[Waiting], bool]) -> None:
        """The end of the process, at any moment; requests under way reach the server or not."""
        self._server.drop(self.client, commits=commits)
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_idle()
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        for task in ended:
            raise AssertionError(f"a part of the operator ended by itself: {task.exception()!r}")


def _event(kind: str | None, obj: Object) -> kopf.RawEvent:
    return cast(kopf.RawEvent, {"type": kind, "object": obj})
