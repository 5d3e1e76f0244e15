"""Puts the operator together and runs it until it is told to stop or something essential fails."""

import asyncio
import contextlib
import gc
import logging
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
from devworkspace.kube.resource import Resource
from devworkspace.kube.workqueue import WorkQueue
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.config import OperatorConfig
from devworkspace.operator.handlers import make_registry, make_settings
from devworkspace.operator.health import Health
from devworkspace.operator.login import add_login
from devworkspace.operator.metrics import Metrics
from devworkspace.operator.probes import make_probe_app
from devworkspace.operator.reconciler import INSTANCES, Reconciler, RefusedWriteError

logger = logging.getLogger(__name__)

TEMPLATES: Final = Resource(names.GROUP, names.VERSION, names.TEMPLATE_PLURAL, names.TEMPLATE_KIND, namespaced=False)
MAX_CONNECTIONS: Final = 50


class Operator:
    """One operator process. `ready` is set once every store is complete and the queue is open."""

    def __init__(self, config: OperatorConfig, endpoint: Endpoint) -> None:
        self._config = config
        self._endpoint = endpoint
        self.metrics = Metrics()
        self.ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._queue: WorkQueue[Key] = WorkQueue()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Runs until `stop`, SIGTERM or SIGINT; raises when a watch or Kopf fails for good."""
        installation = Installation(
            master_key=await asyncio.to_thread(self._config.master_key_file.read_bytes),
            server_namespace=self._config.server_namespace,
            gateway_url=self._config.gateway_url,
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
            async with _serving(make_probe_app(health, self.metrics), self._config):
                await self._run_parts(client, cluster, health)

    async def _run_parts(self, client: Client, cluster: Cluster, health: Health) -> None:
        reconciler = Reconciler(client=client, cluster=cluster, now=clock.now)
        parts: dict[str, Coroutine[Any, Any, Any]] = {
            f"informer of {informer.resource.plural}": informer.run() for informer in cluster.informers
        }
        parts["kopf"] = self._run_kopf(cluster)
        parts["queue"] = self._run_queue(health, reconciler)
        parts["sweep"] = _after(self.ready, health.run())
        tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stop.set()
            for task in (*tasks, stopping):
                if task.get_name() != "kopf":
                    task.cancel()
            results = await asyncio.gather(*tasks, stopping, return_exceptions=True)
        _raise_first_failure(tasks, done, results)

    async def _run_kopf(self, cluster: Cluster) -> None:
        registry = make_registry(cluster)
        add_login(registry, self._endpoint)
        stop_flag = asyncio.Event()
        relay = asyncio.create_task(_relay(self._stop, stop_flag))
        try:
            await kopf.operator(
                registry=registry,
                settings=make_settings(),
                clusterwide=True,
                standalone=True,
                stop_flag=stop_flag,
            )
        finally:
            relay.cancel()

    async def _run_queue(self, health: Health, reconciler: Reconciler) -> None:
        await health.wait_synced()
        # The stores live as long as the process; without this every full collection walks all of them.
        gc.freeze()
        logger.info("all stores are complete, %d workers start", self._config.workers)
        self.ready.set()
        await self._queue.run_workers(self._config.workers, lambda key: self._reconcile(reconciler, key))

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


async def _relay(source: asyncio.Event, target: asyncio.Event) -> None:
    """Kopf cancels, at its end, every task that was made after its start; its own flag keeps ours out of that."""
    await source.wait()
    target.set()


def _raise_first_failure(tasks: list[asyncio.Task[Any]], done: set[asyncio.Task[Any]], results: list[Any]) -> None:
    for task, result in zip(tasks, results, strict=False):
        if isinstance(result, Exception):
            raise RuntimeError(f"{task.get_name()} failed: {result}") from result
    for task in tasks:
        if task in done and task.get_name() != "kopf":
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
