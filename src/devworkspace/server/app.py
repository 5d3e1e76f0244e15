"""The composition root of the server: wires the rooms, watches the cluster, listens, and leaves in good order."""

import asyncio
import dataclasses
import gc
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import structlog
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.children import Namespace, PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.surroundings import ConfigMap
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.due import due
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import config as kube_config
from devworkspace.kube.client import Client
from devworkspace.kube.clock import now
from devworkspace.kube.config import Endpoint
from devworkspace.kube.informer import Informer
from devworkspace.kube.resource import CONFIG_MAPS, NAMESPACES, PODS, PVCS, Resource
from devworkspace.kube.review import AccessReviewer
from devworkspace.kube.tokens import TokenReviewer
from devworkspace.server.activity import ActivityRecorder, Reports, StatusWriter, announce_activity
from devworkspace.server.answers import Answers
from devworkspace.server.api.caller import Tokens
from devworkspace.server.api.catalogue import Catalogue, InformedCatalogue
from devworkspace.server.api.rooms import Console, make_api
from devworkspace.server.api.stream import Journal
from devworkspace.server.api.usual import UsualStarts
from devworkspace.server.api.viewing import Viewer
from devworkspace.server.api.volumes import VOLUME_INDEXERS, InformedVolumes, Volumes
from devworkspace.server.audit import Audit
from devworkspace.server.authorizer import Authorizer, Reviewer
from devworkspace.server.changes import Changes
from devworkspace.server.codes import OPEN_ALLOWANCE, RECORD_NAME, Codes
from devworkspace.server.config import ServerConfig, check_ways_in, parse_public_url
from devworkspace.server.connections import DoorServer
from devworkspace.server.dashboard.files import DashboardFiles, read_files
from devworkspace.server.dashboard.handler import DashboardRoom
from devworkspace.server.endless import EndlessAnswers
from devworkspace.server.environments import DoorPod, Environment, EnvironmentTable
from devworkspace.server.frontdoor import FrontDoor, PublicHandler
from devworkspace.server.gateway.handler import Gateway
from devworkspace.server.grants import Grants, InformedGrants
from devworkspace.server.keys import Keys
from devworkspace.server.kubesphere import KubeSphere
from devworkspace.server.lifecycle import Lifecycle, Writer
from devworkspace.server.limits import Limiter, replica_share
from devworkspace.server.metrics import CONTENT_TYPE, Metrics
from devworkspace.server.ownerlimits import OwnerLimits
from devworkspace.server.readiness import Readiness, Watch
from devworkspace.server.reports import PodReports
from devworkspace.server.rest.environments import Entrance
from devworkspace.server.revocations import OBJECT_NAME, ObjectClient, Revocations
from devworkspace.server.sessions import Sessions, sealed_until
from devworkspace.server.shared import SharedRecord
from devworkspace.server.signin.accounts import AdminAccount
from devworkspace.server.signin.handler import SignIn
from devworkspace.server.signin.oidc import turns
from devworkspace.server.signin.oidc.federation import Federation, Shared
from devworkspace.server.source import Sources, parse_networks
from devworkspace.server.starters import read_starters

log = structlog.get_logger("devworkspace.server")

MANAGED: Final = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
# Open sockets and streams are ended over this time when the server goes, so that they do not all come back at once.
DRAIN_SECONDS: Final = 5.0
BACKLOG: Final = 1024
USER_AGENT: Final = names.SERVER_FIELD_MANAGER
# Somebody waits for these answers: rights, tokens, ended sessions.
QUESTION_SECONDS: Final = 5.0


class ServerWriter(StatusWriter, Writer, Protocol):
    """Everything that the server writes."""

    async def merge_patch(
        self,
        resource: Resource,
        key: Key,
        patch: Mapping[str, Any],
        type: type[WorkspaceInstance],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> WorkspaceInstance: ...


@dataclasses.dataclass(frozen=True)
class Rooms:
    """The wired server, before it listens."""

    door: FrontDoor
    gateway: Gateway
    activity: ActivityRecorder
    metrics: Metrics
    readiness: Readiness
    endless: EndlessAnswers
    federation: Federation | None = None
    kubesphere: KubeSphere | None = None


def make_rooms(
    config: ServerConfig,
    *,
    table: EnvironmentTable,
    reviewer: Reviewer,
    tokens: Tokens,
    writer: ServerWriter,
    cluster: Client,
    reports: Reports,
    announce: Callable[[datetime], Awaitable[None]],
    catalogue: Catalogue,
    volumes: Volumes,
    revocations: Revocations,
    objects: ObjectClient,
    keys: Keys,
    metrics: Metrics,
    watches: Iterable[tuple[str, Watch]],
    files: DashboardFiles | None,
    grants: Grants | None = None,
    limits: OwnerLimits | None = None,
    clock: Callable[[], float] = time.time,
) -> Rooms:
    """Wires the rooms; `files` is the dashboard's build, `objects` reads and writes what replicas share.

    Raises ConfigurationError if a setting cannot work.
    """
    check_ways_in(config)
    public = parse_public_url(config.public_url, config.address_mode)
    readiness = Readiness(watches, revocations, stale_seconds=config.stale_seconds)
    answers = Answers(public)
    record = partial(_shared_record, objects, config, clock=clock)
    federation = None
    if config.oidc is not None:
        federation = Federation(config.oidc, keys=keys, record=record(turns.RECORD_NAME), clock=clock)
    sessions = Sessions(
        keys.ring.keys,
        seconds=config.session_seconds,
        revocations=revocations,
        clock=clock,
        vouched_until=federation.renewals.until if federation is not None else sealed_until,
    )
    openings = Limiter(OPEN_ALLOWANCE.share(config.replicas))
    codes = Codes(keys.ring.keys, record=record(RECORD_NAME), limiter=openings, clock=clock)
    keys.on_change(lambda ring: sessions.use_keys(ring.keys))
    keys.on_change(lambda ring: codes.use_keys(ring.keys))
    audit = Audit(metrics.count_audit)
    kubesphere = KubeSphere(config.kubesphere) if config.kubesphere is not None else None
    authorizer = Authorizer(
        reviewer,
        is_away=readiness.is_away,
        owner_only=public.mode == "path",
        kubesphere=kubesphere,
        grants=grants,
    )
    sign_in = SignIn(
        public=public,
        account=AdminAccount(config.admin_dir) if config.admin_dir is not None else None,
        provider=federation.button if federation is not None else None,
        sessions=sessions,
        codes=codes,
        authorizer=authorizer,
        find=table.find_at,
        clock=clock,
        count=metrics.count_sign_in,
        audit=audit,
        replicas=config.replicas,
    )

    async def announce_if_current(until: datetime) -> None:
        # On a stale view some environment may be missing.
        if readiness.problem() is None:
            await announce(until)

    def idle_stop(environment: Environment) -> datetime | None:
        found = due(environment.instance, catalogue.template(environment.template), now())
        return found.at if found is not None and found.reason == "Idle" else None

    activity = ActivityRecorder(
        table=table,
        reports=reports,
        writer=writer,
        now=now,
        count=metrics.count_activity,
        announce=announce_if_current,
        stops_at=idle_stop,
        period=config.activity_seconds,
    )
    changes = Changes(audit=audit, limiter=Limiter(config.change_allowance.share(config.replicas)))
    lifecycle = Lifecycle(writer, changes=changes, now=now)
    entrance = Entrance(
        public=public, table=table, authorizer=authorizer, session=sign_in.session, lifecycle=lifecycle, audit=audit
    )
    usual = UsualStarts(table)
    viewer = Viewer(public=public, authorizer=authorizer, catalogue=catalogue, volumes=volumes, usual=usual, now=now)
    gateway = Gateway(
        public=public,
        keys=keys,
        table=table,
        sessions=sessions,
        codes=codes,
        authorizer=authorizer,
        lifecycle=lifecycle,
        is_blind=readiness.is_blind,
        on_upstream_error=metrics.count_upstream,
        note_opened=activity.note_opened,
        startup=viewer.startup,
        audit=audit,
        sockets_per_person=replica_share(config.sockets_per_person, config.replicas),
    )

    metrics.keys(lambda: keys.ring.roles)
    keys.on_loss(gateway.sockets.renew)

    journal = Journal(table)
    # Who has signed out hears no more, at once and not at the next heartbeat.
    sessions.on_revoke(journal.wake)
    endless = EndlessAnswers()
    api = make_api(
        public=public,
        table=table,
        journal=journal,
        catalogue=catalogue,
        volumes=volumes,
        limits=limits or OwnerLimits(),
        usual=usual,
        viewer=viewer,
        authorizer=authorizer,
        lifecycle=lifecycle,
        cluster=cluster,
        session=sign_in.session,
        sessions=sessions,
        tokens=tokens,
        audit=audit,
        limiter=Limiter(config.api_allowance.share(config.replicas)),
        changes=changes,
        namespace=config.namespace,
        now=now,
        endless=endless,
        starters=read_starters(config.image_prefix),
        is_page_proof=sessions.is_page_proof if public.mode == "path" else None,
        console=Console(kubesphere, codes, clock) if kubesphere is not None else None,
    )
    prove = sessions.prove_page if public.mode == "path" else None
    console_host = config.kubesphere.host if config.kubesphere is not None else None
    shared = Shared(public, keys, sign_in, metrics.count_sign_in, audit)
    door = FrontDoor(
        public=public,
        api=api.handle,
        dashboard=DashboardRoom(
            public=public, files=files, session=sign_in.session, prove=prove, console_host=console_host
        ).find,
        routes={
            **sign_in.routes,
            **(federation.make_room(shared) if federation is not None else {}),
            **entrance.routes,
            **probe_routes(readiness, answers),
        },
        prepare=federation.make_renewer(sessions, public) if federation is not None else None,
        environment=gateway,
        observe=metrics.count_request,
        readiness=readiness,
        sources=Sources(parse_networks(config.trusted_proxies)),
        console_host=console_host,
    )
    metrics.gauge("devworkspace_server_open_sockets", "Open editor sockets", lambda: len(gateway.sockets))
    metrics.gauge("devworkspace_server_environments", "Environments in the table", lambda: len(table))
    metrics.gauge("devworkspace_server_ready", "1 if ready", lambda: float(readiness.problem() is None))
    metrics.gauge("devworkspace_server_activity_known", "Running environments whose use is known", activity.known)
    metrics.gauge("devworkspace_server_activity_unknown", "Those whose use is not", activity.unknown)
    return Rooms(
        door=door,
        gateway=gateway,
        activity=activity,
        metrics=metrics,
        readiness=readiness,
        endless=endless,
        federation=federation,
        kubesphere=kubesphere,
    )


def _shared_record(
    objects: ObjectClient, config: ServerConfig, name: str, *, clock: Callable[[], float]
) -> SharedRecord:
    return SharedRecord(objects, Key(config.namespace, name), clock=clock)


def probe_routes(readiness: Readiness, answers: Answers) -> dict[tuple[str, str], PublicHandler]:
    """The probes as the public host serves them."""

    async def healthz(_: web.BaseRequest) -> web.StreamResponse:
        return answers.plain(200, "ok")

    async def readyz(_: web.BaseRequest) -> web.StreamResponse:
        problem = readiness.problem()
        return answers.plain(200, "ok") if problem is None else answers.plain(503, problem)

    return {("GET", "/-/healthz"): healthz, ("GET", "/-/readyz"): readyz}


def make_internal_app(rooms: Rooms) -> web.Application:
    """Probes and figures for the cluster, on a port of their own that no ingress leads to."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = rooms.readiness.problem()
        return web.Response(text="ok\n") if problem is None else web.Response(text=problem + "\n", status=503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=rooms.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/-/healthz", healthz)
    app.router.add_get("/-/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


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
    internal = web.AppRunner(make_internal_app(rooms), access_log=None)
    front = web.ServerRunner(server, shutdown_timeout=config.drain_seconds)
    tasks = [
        asyncio.create_task(rooms.gateway.sockets.recheck_forever(seconds=config.recheck_seconds)),
        asyncio.create_task(rooms.gateway.sweep_forever()),
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
    table = EnvironmentTable()
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
        revocations = Revocations(questions, Key(config.namespace, OBJECT_NAME), clock=time.time)
        instances = Informer(client, INSTANCES, WorkspaceInstance, on_change=table.on_instance)
        pods = Informer(client, PODS, DoorPod, label_selector=MANAGED, on_change=table.on_pod)
        templates = Informer(client, TEMPLATES, WorkspaceTemplate)
        namespaces = Informer(client, NAMESPACES, Namespace)
        volumes = Informer(client, PVCS, PersistentVolumeClaim, label_selector=MANAGED, indexers=VOLUME_INDEXERS)
        record = Informer(
            client,
            CONFIG_MAPS,
            ConfigMap,
            namespace=config.namespace,
            field_selector=f"metadata.name={OBJECT_NAME}",
            on_change=revocations.on_object,
        )
        limits = OwnerLimits()
        limits_object = Informer(
            client,
            CONFIG_MAPS,
            ConfigMap,
            namespace=config.namespace,
            field_selector=f"metadata.name={names.LIMITS_CONFIG_MAP}",
            on_change=limits.on_object,
        )
        informers: tuple[Informer[Any], ...] = (
            instances,
            pods,
            templates,
            namespaces,
            volumes,
            record,
            limits_object,
        )
        reviewer = AccessReviewer(questions, observe=metrics.count_review)
        # Without them more is asked, so that nobody waits for them to be ready.
        grants = InformedGrants(client)
        rooms = make_rooms(
            config,
            table=table,
            reviewer=reviewer,
            tokens=TokenReviewer(questions, audience=config.api_audience),
            writer=client,
            reports=reports,
            cluster=client,
            volumes=InformedVolumes(volumes),
            announce=partial(announce_activity, client, Key(config.namespace, names.ACTIVITY_LEASE)),
            catalogue=InformedCatalogue(templates, namespaces),
            revocations=revocations,
            objects=questions,
            keys=keys,
            metrics=metrics,
            watches=tuple((informer.resource.plural, informer) for informer in informers),
            files=read_files(),
            grants=grants,
            limits=limits,
        )
        watches: list[asyncio.Task[Any]] = [
            asyncio.create_task(informer.run()) for informer in (*informers, *grants.informers)
        ]
        watches.append(asyncio.create_task(_record_activity(rooms, informers)))
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


def _client(endpoint: Endpoint, metrics: Metrics, *, timeout: float = 30.0) -> Client:
    return Client(
        endpoint,
        field_manager=USER_AGENT,
        user_agent=USER_AGENT,
        timeout=timeout,
        on_request=metrics.count_call,
    )


async def _record_activity(rooms: Rooms, watches: Iterable[Watch]) -> None:
    """Before the lists are complete, environments would seem to have no pod."""
    for watch in watches:
        await watch.synced.wait()
    # The stores live as long as the process; without this every full collection walks all of them, and all wait.
    gc.freeze()
    await rooms.activity.run()


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
