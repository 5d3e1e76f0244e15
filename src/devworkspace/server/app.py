"""The composition root of the server: watches the cluster, listens, and leaves in good order."""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, NamedTuple

import structlog
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.children import Namespace, PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.surroundings import ConfigMap
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import config as kube_config
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.kube.informer import Informer, OnChange
from devworkspace.kube.resource import CONFIG_MAPS, NAMESPACES, PODS, PVCS
from devworkspace.kube.review import AccessReviewer
from devworkspace.kube.tokens import TokenReviewer
from devworkspace.server.activity import announce_activity
from devworkspace.server.api.catalogue import InformedCatalogue
from devworkspace.server.api.volumes import VOLUME_INDEXERS, InformedVolumes
from devworkspace.server.config import ServerConfig
from devworkspace.server.connections import DoorServer
from devworkspace.server.dashboard.files import read_files
from devworkspace.server.environments import DoorPod, EnvironmentTable
from devworkspace.server.grants import InformedGrants
from devworkspace.server.keys import Keys
from devworkspace.server.metrics import Metrics
from devworkspace.server.ownerlimits import OwnerLimits
from devworkspace.server.probes import make_internal_app
from devworkspace.server.readiness import Watch
from devworkspace.server.reports import PodReports
from devworkspace.server.revocations import OBJECT_NAME, Revocations
from devworkspace.server.rooms import Outside, Rooms, make_rooms

log = structlog.get_logger("devworkspace.server")

MANAGED: Final = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
# Open sockets and streams are ended over this time when the server goes, so that they do not all come back at once.
DRAIN_SECONDS: Final = 5.0
BACKLOG: Final = 1024
USER_AGENT: Final = names.SERVER_FIELD_MANAGER
# Somebody waits for these answers: rights, tokens, ended sessions.
QUESTION_SECONDS: Final = 5.0


class Informers(NamedTuple):
    """What must be known of the cluster before anybody gets in."""

    instances: Informer[WorkspaceInstance]
    pods: Informer[DoorPod]
    templates: Informer[WorkspaceTemplate]
    namespaces: Informer[Namespace]
    volumes: Informer[PersistentVolumeClaim]
    revocations: Informer[ConfigMap]
    limits: Informer[ConfigMap]


@asynccontextmanager
async def listening(config: ServerConfig, rooms: Rooms) -> AsyncIterator[None]:
    """Both ports open inside; on the way out, new connections are refused first, then what is under way may end."""
    server = DoorServer(
        rooms.door.handle,
        pass_on=rooms.door.pass_on,
        count=rooms.door.count_passed,
        max_connections=config.max_connections,
        idle_seconds=config.idle_seconds,
    )
    internal = web.AppRunner(make_internal_app(rooms.readiness, rooms.metrics), access_log=None)
    front = web.ServerRunner(server, shutdown_timeout=config.drain_seconds)
    tasks = [
        asyncio.create_task(rooms.gateway.sockets.recheck_forever(seconds=config.recheck_seconds)),
        asyncio.create_task(rooms.gateway.sweep_forever()),
        asyncio.create_task(rooms.trials.run_forever()),
    ]
    if rooms.federation is not None:
        tasks.append(asyncio.create_task(rooms.federation.run_forever()))
    try:
        await internal.setup()
        await web.TCPSite(internal, config.listen_host, config.internal_port).start()
        await front.setup()
        site = web.TCPSite(front, config.listen_host, config.listen_port, backlog=BACKLOG)
        await site.start()
        yield
        rooms.readiness.leaving = True
        # Until everybody who sends people here has heard of it, new connections are taken; answers say `close`.
        await asyncio.sleep(config.leave_seconds)
        await site.stop()
        await asyncio.gather(
            rooms.gateway.sockets.drain(seconds=DRAIN_SECONDS), rooms.endless.drain(seconds=DRAIN_SECONDS)
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await front.cleanup()
        rooms.gateway.close()
        if rooms.federation is not None:
            await rooms.federation.close()
        if rooms.kubesphere is not None:
            await rooms.kubesphere.close()
        await internal.cleanup()


async def run(config: ServerConfig) -> None:
    """Serves until SIGTERM or SIGINT. Raises ConfigurationError, and whatever ends a watch for good."""
    endpoint = kube_config.in_cluster() if config.kubeconfig is None else kube_config.from_kubeconfig(config.kubeconfig)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keys, metrics = Keys(config.master_key_file), Metrics()
    async with (
        _client(endpoint, metrics) as client,
        _client(endpoint, metrics, timeout=QUESTION_SECONDS) as questions,
        PodReports(keys.credential) as reports,
    ):
        table, limits = EnvironmentTable(), OwnerLimits()
        revocations = Revocations(questions, Key(config.namespace, OBJECT_NAME), clock=time.time)
        informers = _make_informers(
            client, table=table, revocations=revocations, limits=limits, namespace=config.namespace
        )
        # Without them more is asked, so that nobody waits for them to be ready.
        grants = InformedGrants(client)
        reviewer = AccessReviewer(questions, observe=metrics.count_review)
        outside = Outside(
            table=table,
            catalogue=InformedCatalogue(informers.templates, informers.namespaces),
            volumes=InformedVolumes(informers.volumes),
            watches=tuple((informer.resource.plural, informer) for informer in informers),
            reviewer=reviewer,
            tokens=TokenReviewer(questions, audience=config.api_audience),
            writer=client,
            cluster=client,
            reports=reports,
            announce=partial(announce_activity, client, Key(config.namespace, names.ACTIVITY_LEASE)),
            revocations=revocations,
            objects=questions,
            keys=keys,
            metrics=metrics,
            files=read_files(),
            grants=grants,
            limits=limits,
        )
        rooms = make_rooms(config, outside)
        watches: list[asyncio.Task[Any]] = [
            asyncio.create_task(informer.run()) for informer in (*informers, *grants.informers)
        ]
        watches.append(asyncio.create_task(_ask_pods(rooms, informers)))
        watches.append(asyncio.create_task(keys.follow(seconds=config.key_seconds)))
        try:
            async with listening(config, rooms):
                log.info("listening", url=config.public_url, port=config.listen_port, internal=config.internal_port)
                await _first_of(stop, watches)
                log.info("shutting down")
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await reviewer.close()


def _make_informers(
    client: Client, *, table: EnvironmentTable, revocations: Revocations, limits: OwnerLimits, namespace: str
) -> Informers:
    """`table`, `revocations` and `limits` are told of each change; `namespace` is the installation's own."""

    def one_config_map(name: str, on_change: OnChange[ConfigMap]) -> Informer[ConfigMap]:
        return Informer(
            client,
            CONFIG_MAPS,
            ConfigMap,
            namespace=namespace,
            field_selector=f"metadata.name={name}",
            on_change=on_change,
        )

    return Informers(
        instances=Informer(client, INSTANCES, WorkspaceInstance, on_change=table.on_instance),
        pods=Informer(client, PODS, DoorPod, label_selector=MANAGED, on_change=table.on_pod),
        templates=Informer(client, TEMPLATES, WorkspaceTemplate),
        namespaces=Informer(client, NAMESPACES, Namespace),
        volumes=Informer(client, PVCS, PersistentVolumeClaim, label_selector=MANAGED, indexers=VOLUME_INDEXERS),
        revocations=one_config_map(OBJECT_NAME, revocations.on_object),
        limits=one_config_map(names.LIMITS_CONFIG_MAP, limits.on_object),
    )


def _client(endpoint: Endpoint, metrics: Metrics, *, timeout: float = 30.0) -> Client:
    return Client(
        endpoint,
        field_manager=USER_AGENT,
        user_agent=USER_AGENT,
        timeout=timeout,
        on_request=metrics.count_call,
    )


async def _ask_pods(rooms: Rooms, watches: Iterable[Watch]) -> None:
    """Before the lists are complete, environments would seem to have no pod."""
    for watch in watches:
        await watch.synced.wait()
    # The stores live as long as the process; without this every full collection walks all of them, and all wait.
    gc.freeze()
    async with asyncio.TaskGroup() as group:
        group.create_task(rooms.activity.run())
        group.create_task(rooms.repositories.run())


async def _first_of(stop: asyncio.Event, watches: "Sequence[asyncio.Task[Any]]") -> None:
    """Waits for the signal to stop. A watch that ends by itself ends the server with its error."""
    waiting = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({waiting, *watches}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    for watch in watches:
        if watch in done:
            watch.result()
