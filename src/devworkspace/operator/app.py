"""Puts the operator together and runs it until it is told to stop or something essential fails."""

import asyncio
import contextlib
import gc
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import kopf
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.world import Installation
from devworkspace.kube import clock
from devworkspace.kube import config as kube_config
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.kube.workqueue import WorkQueue
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.config import OperatorConfig
from devworkspace.operator.events import EventRecorder
from devworkspace.operator.handlers import make_registry, make_settings
from devworkspace.operator.health import Health
from devworkspace.operator.kinds import INSTANCES, TEMPLATES
from devworkspace.operator.login import add_login
from devworkspace.operator.metrics import Metrics
from devworkspace.operator.probes import make_probe_app
from devworkspace.operator.reconciler import Reconciler, RefusedWriteError
from devworkspace.operator.template_status import TemplateStatusWriter

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 50


class Operator:
    """One operator process. `ready` is set once every store is complete and the queue is open."""

    def __init__(self, config: OperatorConfig, endpoint: Endpoint) -> None:
        self.config = config
        self._endpoint = endpoint
        self.metrics = Metrics()
        self.ready = asyncio.Event()
        self._complete = asyncio.Event()
        self._stop = asyncio.Event()
        self._queue: WorkQueue[Key] = WorkQueue()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Runs until `stop`, SIGTERM or SIGINT; raises when a watch or Kopf fails for good."""
        installation = Installation(
            master_key=await asyncio.to_thread(self.config.master_key_file.read_bytes),
            server_namespace=self.config.server_namespace,
            gateway_url=self.config.gateway_url,
        )
        client = Client(
            self._endpoint,
            field_manager=names.FIELD_MANAGER,
            limit=MAX_CONNECTIONS,
            user_agent="devworkspace-operator",
            on_request=self.metrics.observe_request,
        )
        async with client:
            cluster = Cluster(client, installation, self._queue.add)
            health = Health(cluster, client, (INSTANCES, TEMPLATES))
            self.metrics.watch(cluster)
            async with _serving(make_probe_app(health, self.metrics), self.config):
                await self._run_parts(client, cluster, health)

    async def _run_parts(self, client: Client, cluster: Cluster, health: Health) -> None:
        events = EventRecorder(client, now=clock.now, on_result=self.metrics.observe_event)
        reconciler = Reconciler(client=client, cluster=cluster, events=events, now=clock.now)
        parts: dict[str, Coroutine[Any, Any, Any]] = {
            f"informer of {informer.resource.plural}": informer.run() for informer in cluster.informers
        }
        nodes, warnings = cluster.surroundings.informers
        parts["informer of nodes"] = nodes.run()
        parts["informer of events"] = _after(self._complete, warnings.run())
        parts["kopf"] = self._run_kopf(cluster)
        parts["queue"] = self._run_queue(cluster, health, reconciler)
        parts["sweep"] = _after(self.ready, health.run())
        parts["events"] = _after(self.ready, events.run())
        parts["template status"] = _after(self.ready, TemplateStatusWriter(client, cluster, now=clock.now).run())
        parts["stop"] = self._stop.wait()
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        _raise_failure(done)

    async def _run_kopf(self, cluster: Cluster) -> None:
        registry = make_registry(cluster)
        add_login(registry, self._endpoint)
        await kopf.operator(registry=registry, settings=make_settings(), clusterwide=True, standalone=True)

    async def _run_queue(self, cluster: Cluster, health: Health, reconciler: Reconciler) -> None:
        await health.wait_synced()
        self._complete.set()
        await cluster.surroundings.wait_tried()
        # The stores live as long as the process; without this every full collection walks all of them.
        gc.freeze()
        logger.info("all stores are complete, %d workers start", self.config.workers)
        self._take_signals()
        self.ready.set()
        await self._queue.run_workers(self.config.workers, lambda key: self._reconcile(reconciler, key))

    def _take_signals(self) -> None:
        """Takes the signals from Kopf, which waits 5 s at its end for tasks that it did not start: ours."""
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
        if (error := task.exception()) is not None:
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
