"""Puts the operator together and runs it until it is told to stop or something essential fails."""

import asyncio
import contextlib
import gc
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, NoReturn

import kopf
import msgspec
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.credential import NEXT_FILE, PREVIOUS_FILE, Keyring, key_id, make_keyring
from devworkspace.core.world import Installation
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import clock
from devworkspace.kube import config as kube_config
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.kube.errors import NotLeading
from devworkspace.kube.informer import Timing
from devworkspace.kube.lease import Elector
from devworkspace.kube.mounts import read_files
from devworkspace.kube.ratelimit import TokenBucket
from devworkspace.kube.transport import RetryPolicy
from devworkspace.kube.workqueue import WorkQueue
from devworkspace.operator.activity import ActivityWord
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.config import OperatorConfig
from devworkspace.operator.events import EventRecorder
from devworkspace.operator.handlers import make_registry
from devworkspace.operator.health import Health
from devworkspace.operator.kopf_runner import check_served, run_kopf
from devworkspace.operator.login import add_login
from devworkspace.operator.metrics import Metrics
from devworkspace.operator.pool_keeper import PoolKeeper
from devworkspace.operator.prepull import PrePull
from devworkspace.operator.probes import make_probe_app
from devworkspace.operator.reconciler import Reconciler, RefusedWriteError
from devworkspace.operator.resync import Resync
from devworkspace.operator.tasks import end_all
from devworkspace.operator.template_status import TemplateStatusWriter
from devworkspace.operator.volumes import Volumes

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 50
# Two attempts to renew that hang fit into the time in which a leader must have renewed.
LEASE_REQUEST_SECONDS: Final = 4.0
# What workers get at the end for the instance that they hold.
FINISH_SECONDS: Final = 3.0
# A dropped line of a child's watch heals after so many resyncs, by a new list.
RELIST_AFTER_RESYNCS: Final = 15.0


class Operator:
    """One operator process, leader or standby.

    `warm` is set once every store is complete, `ready` once it leads, too, and the queue is open.
    """

    def __init__(self, config: OperatorConfig, endpoint: Endpoint) -> None:
        self.config = config
        self._endpoint = endpoint
        self.metrics = Metrics()
        self.warm = asyncio.Event()
        self.ready = asyncio.Event()
        self.master_key_id = ""
        self._complete = asyncio.Event()
        self._stop = asyncio.Event()
        self._queue: WorkQueue[Key] = WorkQueue()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Runs until `stop`, SIGTERM or SIGINT; raises when a watch or Kopf fails for good.

        `NotLeading` when leadership was lost: a fresh process is the only one that surely remembers no unfinished work.
        """
        # Kopf takes them late or, without our kinds, never; process 1 of a container has no end by default either.
        self._take_signals()
        installation = Installation(
            keys=await asyncio.to_thread(self._read_keys),
            server_namespace=self.config.server_namespace,
            gateway=self.config.gateway,
            blocked_networks=self.config.blocked_networks,
            safe_image=self.config.safe_image,
        )
        self.master_key_id = key_id(installation.keys.master)
        self.metrics.keys(lambda: {self.master_key_id: "master"})
        async with self._lease_client() as lease_client:
            lease = Key(self.config.lease_namespace, self.config.lease_name)
            elector = Elector(lease_client, lease, identity=self.config.identity, timing=self.config.lease_timing)
            self.metrics.leading.set_function(elector.is_leading)
            async with self._client(elector) as client:
                timing = Timing(relist=RELIST_AFTER_RESYNCS * self.config.resync_seconds)
                cluster = Cluster(client, installation, self._queue.add, timing=timing)
                health = Health(cluster, client, every=self.config.resync_seconds)
                self.metrics.watch(cluster, now=clock.now)
                async with _serving(make_probe_app(health, self.metrics, elector.is_leading), self.config):
                    await self._run_parts(elector, client=client, cluster=cluster, health=health)

    def _client(self, elector: Elector) -> Client:
        rate = self.config.kube_api_qps
        return Client(
            self._endpoint,
            field_manager=names.FIELD_MANAGER,
            limit=MAX_CONNECTIONS,
            user_agent="devworkspace-operator",
            on_request=self.metrics.observe_request,
            gate=elector.check,
            rate_limit=TokenBucket(rate=rate, burst=self.config.kube_api_burst) if rate else None,
        )

    def _lease_client(self) -> Client:
        """Has connections of its own, so that a renewal never waits behind other requests; the elector repeats."""
        return Client(
            self._endpoint,
            field_manager=names.FIELD_MANAGER,
            timeout=LEASE_REQUEST_SECONDS,
            user_agent="devworkspace-operator",
            on_request=self.metrics.observe_request,
            retry=RetryPolicy(attempts=1),
        )

    async def _run_parts(self, elector: Elector, *, client: Client, cluster: Cluster, health: Health) -> None:
        """Followers know the cluster in every process, writers change it in the one that leads."""
        events = EventRecorder(client, now=clock.now, on_result=self.metrics.observe_event)
        word = ActivityWord(client, namespace=self.config.server_namespace)
        reconciler = Reconciler(
            client=client,
            cluster=cluster,
            events=events,
            word=word,
            now=clock.now,
            on_stop=self.metrics.observe_stop,
            on_claim=self.metrics.observe_claim,
        )
        keeper = PoolKeeper(
            client, cluster, volumes=Volumes(client=client, cluster=cluster, events=events), now=clock.now
        )
        pre_pull = PrePull(client, namespace=self.config.lease_namespace, on_change=cluster.uses_changed.set)
        templates = TemplateStatusWriter(client, cluster, pre_pull=pre_pull, events=events, now=clock.now)
        followers: dict[str, Coroutine[Any, Any, Any]] = {
            f"informer of {informer.resource.plural}": informer.run() for informer in cluster.informers
        }
        nodes, warnings = cluster.surroundings.informers
        followers["informer of nodes"] = nodes.run()
        followers["informer of events"] = _after(self._complete, warnings.run())
        followers["pre-pull"] = _after(self._complete, pre_pull.follow())
        followers["kopf"] = self._run_kopf(client, cluster)
        followers["keys"] = self._follow_keys(cluster)
        followers["sweep"] = self._follow(cluster, health)
        followers["lease"] = _after(self.warm, elector.run())
        followers["stop"] = self._stop.wait()
        writers: dict[str, Coroutine[Any, Any, Any]] = {
            "queue": self._run_queue(elector, reconciler),
            "events": _after(self.ready, events.run()),
            "template status": _after(self.ready, templates.run()),
            "pools": _after(self.ready, keeper.run()),
            "resync": _after(self.ready, Resync(cluster, every=self.config.resync_seconds).run()),
        }
        tasks = {name: asyncio.create_task(part, name=name) for name, part in (followers | writers).items()}
        try:
            done, _ = await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._hand_over(elector, tasks["queue"], others=[tasks[name] for name in writers] + [tasks["lease"]])
            await end_all(tasks.values())
        _raise_failure(done)

    def _read_keys(self) -> Keyring:
        """Raises OSError or ValueError."""
        file = self.config.master_key_file
        return make_keyring(read_files(file.parent, (file.name, NEXT_FILE, PREVIOUS_FILE)), file.name)

    async def _follow_keys(self, cluster: Cluster) -> NoReturn:
        """New pods get the newest key without a restart of this process; those that run keep theirs."""
        while True:
            await asyncio.sleep(self.config.key_seconds)
            try:
                keys = await asyncio.to_thread(self._read_keys)
            except (OSError, ValueError) as error:
                logger.error("the keys cannot be read, those of before go on: %s", error)
                continue
            if keys != cluster.installation.keys:
                logger.info("the keys have changed; new pods get %s", key_id(keys.master))
                cluster.installation = msgspec.structs.replace(cluster.installation, keys=keys)
                self.master_key_id = key_id(keys.master)

    async def _hand_over(
        self, elector: Elector, workers: "asyncio.Task[None]", *, others: "list[asyncio.Task[Any]]"
    ) -> None:
        """Lets the workers finish and gives the Lease back, unless a write is still under way: it could arrive late."""
        self._queue.shut_down()
        if self.ready.is_set():
            await asyncio.wait([workers], timeout=FINISH_SECONDS)
        finished = workers.done()
        if await end_all(others) and finished:
            await elector.release()

    async def _run_kopf(self, client: Client, cluster: Cluster) -> None:
        def registry() -> kopf.OperatorRegistry:
            made = make_registry(cluster)
            add_login(made, self._endpoint)
            return made

        await run_kopf(
            registry,
            check_served=lambda: check_served(client, (INSTANCES, TEMPLATES)),
            on_start=self._take_signals,
        )

    async def _follow(self, cluster: Cluster, health: Health) -> None:
        await health.wait_synced()
        self._complete.set()
        await cluster.surroundings.wait_tried()
        # The stores live as long as the process; without this every full collection walks all of them.
        gc.freeze()
        logger.info("all stores are complete")
        self.warm.set()
        await health.run()

    async def _run_queue(self, elector: Elector, reconciler: Reconciler) -> None:
        """Works off what changed since the start: a standby keeps every instance queued."""
        await elector.leading.wait()
        logger.info("leading, %d workers start", self.config.workers)
        self.ready.set()
        await self._queue.run_workers(self.config.workers, lambda key: self._reconcile(reconciler, key))

    def _take_signals(self) -> None:
        """Takes the signals, from Kopf too: it would end by itself, and nobody would give the Lease back."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self.stop)

    async def _reconcile(self, reconciler: Reconciler, key: Key) -> float | None:
        started, result = time.monotonic(), "error"
        try:
            requeue_after = await reconciler.reconcile(key)
            result = "ok"
            return requeue_after
        except RefusedWriteError:
            result = "refused"
            raise
        finally:
            self.metrics.observe_reconcile(result, time.monotonic() - started)
            self.metrics.queue_length.set(len(self._queue))


async def run(config: OperatorConfig) -> None:
    """Runs the operator with the credentials of its pod, of `config.kubeconfig`, or of the current context."""
    endpoint = kube_config.from_kubeconfig(config.kubeconfig) if config.kubeconfig is not None else kube_config.detect()
    await Operator(config, endpoint).run()


async def _after(event: asyncio.Event, then: Coroutine[Any, Any, None]) -> None:
    try:
        await event.wait()
    except asyncio.CancelledError:
        then.close()
        raise
    await then


def _raise_failure(done: set[asyncio.Task[Any]]) -> None:
    """Kopf and `stop` may end by themselves, on a signal or on request; all else works for ever or has failed."""
    for task in done:
        error = task.exception()
        if isinstance(error, NotLeading):
            raise error
        if error is not None:
            raise RuntimeError(f"{task.get_name()} failed: {error}") from error
        if task.get_name() not in ("kopf", "stop"):
            raise RuntimeError(f"{task.get_name()} ended unexpectedly")


@contextlib.asynccontextmanager
async def _serving(app: web.Application, config: OperatorConfig) -> AsyncIterator[None]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.probe_host, config.probe_port).start()
        yield
    finally:
        await runner.cleanup()
