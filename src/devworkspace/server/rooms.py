"""Wires the rooms of the server: what each of them is handed by the others and from outside.

`make_rooms` is the whole of it, step by step; each step is a function of its own below.
"""

import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.due import due
from devworkspace.kube.client import Client
from devworkspace.kube.clock import now
from devworkspace.kube.resource import Resource
from devworkspace.server.activity import ActivityRecorder, Reports, StatusWriter
from devworkspace.server.api.caller import Tokens
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.rooms import Console, make_api
from devworkspace.server.api.route import Router
from devworkspace.server.api.shares import Shares
from devworkspace.server.api.stream import Journal
from devworkspace.server.api.usual import UsualStarts
from devworkspace.server.api.viewing import Viewer
from devworkspace.server.api.volumes import Volumes
from devworkspace.server.audit import Audit
from devworkspace.server.authorizer import Authorizer, Reviewer
from devworkspace.server.changes import Changes
from devworkspace.server.codes import OPEN_ALLOWANCE, RECORD_NAME, Codes
from devworkspace.server.config import PublicAddress, ServerConfig, check_ways_in, parse_public_url
from devworkspace.server.dashboard.files import DashboardFiles
from devworkspace.server.dashboard.handler import DashboardRoom
from devworkspace.server.endless import EndlessAnswers
from devworkspace.server.environments import Environment, EnvironmentTable
from devworkspace.server.frontdoor import FrontDoor
from devworkspace.server.gateway.handler import Gateway
from devworkspace.server.grants import Grants
from devworkspace.server.keys import Keys
from devworkspace.server.kubesphere import KubeSphere
from devworkspace.server.lifecycle import Lifecycle, Writer
from devworkspace.server.limits import Limiter, replica_share
from devworkspace.server.logtail import LogTail
from devworkspace.server.metrics import Metrics
from devworkspace.server.ownerlimits import OwnerLimits
from devworkspace.server.pastusage import PastUsage, UsageReports
from devworkspace.server.probes import probe_routes
from devworkspace.server.readiness import Readiness, Watch
from devworkspace.server.repositories import PodFiles, Repositories
from devworkspace.server.rest.environments import Entrance
from devworkspace.server.revocations import ObjectClient, Revocations
from devworkspace.server.sessions import Sessions, sealed_until
from devworkspace.server.shared import SharedRecord
from devworkspace.server.signin.accounts import AdminAccount
from devworkspace.server.signin.handler import SignIn
from devworkspace.server.signin.oidc import turns
from devworkspace.server.signin.oidc.federation import Federation, Shared
from devworkspace.server.source import Sources, parse_networks
from devworkspace.server.starters import read_starters
from devworkspace.server.trials import Trials


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


class PodReader(Reports, UsageReports, PodFiles, Protocol):
    """Everything that is asked of pods."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outside:
    """What the rooms get from outside: what the watches tell, whom to ask, where to write.

    `cluster` is for what is read or written on request, `objects` reads and writes what replicas share, `announce`
    says until when all use is known, `files` is the dashboard's build. Without `grants` the API server is asked more.
    `clock` gives Unix time.
    """

    table: EnvironmentTable
    catalogue: Catalogue
    volumes: Volumes
    watches: Iterable[tuple[str, Watch]]
    reviewer: Reviewer
    tokens: Tokens
    writer: ServerWriter
    cluster: Client
    reports: PodReader
    announce: Callable[[datetime], Awaitable[None]]
    revocations: Revocations
    objects: ObjectClient
    keys: Keys
    metrics: Metrics
    files: DashboardFiles | None
    grants: Grants | None = None
    limits: OwnerLimits = dataclasses.field(default_factory=OwnerLimits)
    clock: Callable[[], float] = time.time


@dataclasses.dataclass(frozen=True)
class Rooms:
    """The wired server, before it listens."""

    door: FrontDoor
    gateway: Gateway
    activity: ActivityRecorder
    repositories: Repositories
    trials: Trials
    metrics: Metrics
    readiness: Readiness
    endless: EndlessAnswers
    federation: Federation | None = None
    kubesphere: KubeSphere | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ground:
    """What every room stands on."""

    config: ServerConfig
    outside: Outside
    public: PublicAddress
    readiness: Readiness
    audit: Audit


@dataclasses.dataclass(frozen=True, kw_only=True)
class _People:
    """Who somebody is and what they may do."""

    federation: Federation | None
    kubesphere: KubeSphere | None
    sessions: Sessions
    codes: Codes
    authorizer: Authorizer
    sign_in: SignIn


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Environments:
    """What is done with environments and told about them, whichever way somebody comes."""

    activity: ActivityRecorder
    changes: Changes
    lifecycle: Lifecycle
    repositories: Repositories
    shares: Shares
    trials: Trials
    usual: UsualStarts
    viewer: Viewer


def make_rooms(config: ServerConfig, outside: Outside) -> Rooms:
    """Raises ConfigurationError if a setting cannot work."""
    check_ways_in(config)
    ground = _Ground(
        config=config,
        outside=outside,
        public=parse_public_url(config.public_url, config.address_mode),
        readiness=Readiness(outside.watches, outside.revocations, stale_seconds=config.stale_seconds),
        audit=Audit(outside.metrics.count_audit),
    )
    people = _make_people(ground)
    environments = _make_environments(ground, people)
    gateway = _make_gateway(ground, people=people, environments=environments)
    endless = EndlessAnswers()
    api = _make_api(ground, people=people, environments=environments, gateway=gateway, endless=endless)
    door = _make_door(ground, people=people, environments=environments, gateway=gateway, api=api)
    _tell_figures(ground, gateway=gateway, activity=environments.activity)
    return Rooms(
        door=door,
        gateway=gateway,
        activity=environments.activity,
        repositories=environments.repositories,
        trials=environments.trials,
        metrics=outside.metrics,
        readiness=ground.readiness,
        endless=endless,
        federation=people.federation,
        kubesphere=people.kubesphere,
    )


def _make_people(ground: _Ground) -> _People:
    config, outside = ground.config, ground.outside
    federation = _make_federation(ground)
    kubesphere = KubeSphere(config.kubesphere) if config.kubesphere is not None else None
    sessions, codes = _make_sessions(ground, federation)
    authorizer = Authorizer(
        outside.reviewer,
        is_away=ground.readiness.is_away,
        owner_only=ground.public.mode == "path",
        kubesphere=kubesphere,
        grants=outside.grants,
    )
    sign_in = SignIn(
        public=ground.public,
        account=AdminAccount(config.admin_dir) if config.admin_dir is not None else None,
        provider=federation.button if federation is not None else None,
        sessions=sessions,
        codes=codes,
        authorizer=authorizer,
        find=outside.table.find_at,
        clock=outside.clock,
        count=outside.metrics.count_sign_in,
        audit=ground.audit,
        replicas=config.replicas,
        prefetch=outside.files.first if outside.files is not None else (),
    )
    return _People(
        federation=federation,
        kubesphere=kubesphere,
        sessions=sessions,
        codes=codes,
        authorizer=authorizer,
        sign_in=sign_in,
    )


def _make_federation(ground: _Ground) -> Federation | None:
    config, outside = ground.config, ground.outside
    if config.oidc is None:
        return None
    record = _shared_record(ground, turns.RECORD_NAME)
    return Federation(config.oidc, keys=outside.keys, record=record, clock=outside.clock)


def _make_sessions(ground: _Ground, federation: Federation | None) -> tuple[Sessions, Codes]:
    """Both are sealed with the keys of the moment."""
    config, outside = ground.config, ground.outside
    keys = outside.keys
    sessions = Sessions(
        keys.ring.keys,
        seconds=config.session_seconds,
        revocations=outside.revocations,
        clock=outside.clock,
        vouched_until=federation.renewals.until if federation is not None else sealed_until,
    )
    codes = Codes(
        keys.ring.keys,
        record=_shared_record(ground, RECORD_NAME),
        limiter=Limiter(OPEN_ALLOWANCE.share(config.replicas)),
        clock=outside.clock,
    )
    keys.on_change(lambda ring: sessions.use_keys(ring.keys))
    keys.on_change(lambda ring: codes.use_keys(ring.keys))
    return sessions, codes


def _shared_record(ground: _Ground, name: str) -> SharedRecord:
    outside = ground.outside
    return SharedRecord(outside.objects, Key(ground.config.namespace, name), clock=outside.clock)


def _make_environments(ground: _Ground, people: _People) -> _Environments:
    config, outside = ground.config, ground.outside
    changes = Changes(audit=ground.audit, limiter=Limiter(config.change_allowance.share(config.replicas)))
    lifecycle = Lifecycle(outside.writer, changes=changes, now=now)
    usual = UsualStarts(outside.table)
    repositories = Repositories(table=outside.table, files=outside.reports)
    viewer = Viewer(
        public=ground.public,
        authorizer=people.authorizer,
        catalogue=outside.catalogue,
        volumes=outside.volumes,
        usual=usual,
        repository_state=repositories.of,
        offers_safe_start=config.safe_start,
        now=now,
    )
    return _Environments(
        activity=_make_activity(ground),
        changes=changes,
        lifecycle=lifecycle,
        repositories=repositories,
        shares=Shares(table=outside.table, catalogue=outside.catalogue, volumes=outside.volumes, limits=outside.limits),
        trials=Trials(
            outside.cluster,
            changes=changes,
            lifecycle=lifecycle,
            table=outside.table,
            catalogue=outside.catalogue,
            is_current=lambda: ground.readiness.problem() is None,
            now=now,
        ),
        usual=usual,
        viewer=viewer,
    )


def _make_activity(ground: _Ground) -> ActivityRecorder:
    outside = ground.outside

    async def announce_if_current(until: datetime) -> None:
        # On a stale view some environment may be missing.
        if ground.readiness.problem() is None:
            await outside.announce(until)

    def idle_stop(environment: Environment) -> datetime | None:
        found = due(environment.instance, outside.catalogue.template(environment.template), now())
        return found.at if found is not None and found.reason == "Idle" else None

    return ActivityRecorder(
        table=outside.table,
        reports=outside.reports,
        writer=outside.writer,
        now=now,
        count=outside.metrics.count_activity,
        announce=announce_if_current,
        stops_at=idle_stop,
        period=ground.config.activity_seconds,
    )


def _make_gateway(ground: _Ground, *, people: _People, environments: _Environments) -> Gateway:
    config, outside = ground.config, ground.outside
    gateway = Gateway(
        public=ground.public,
        keys=outside.keys,
        table=outside.table,
        sessions=people.sessions,
        codes=people.codes,
        authorizer=people.authorizer,
        lifecycle=environments.lifecycle,
        refuse_start=environments.shares.refuse_start,
        is_blind=ground.readiness.is_blind,
        on_upstream_error=outside.metrics.count_upstream,
        note_opened=environments.activity.note_opened,
        startup=environments.viewer.startup,
        read_log=LogTail(outside.cluster).read,
        repository_state=environments.repositories.of,
        audit=ground.audit,
        sockets_per_person=replica_share(config.sockets_per_person, config.replicas),
    )
    outside.keys.on_loss(gateway.sockets.renew)
    return gateway


def _make_api(
    ground: _Ground, *, people: _People, environments: _Environments, gateway: Gateway, endless: EndlessAnswers
) -> Router:
    config, outside, sessions = ground.config, ground.outside, people.sessions
    journal = Journal(outside.table)
    # Who has signed out hears no more, at once and not at the next heartbeat.
    sessions.on_revoke(journal.wake)
    environments.repositories.on_news(lambda environment: journal.note(environment, environment))
    console = Console(people.kubesphere, people.codes, outside.clock) if people.kubesphere is not None else None
    return make_api(
        public=ground.public,
        table=outside.table,
        journal=journal,
        catalogue=outside.catalogue,
        volumes=outside.volumes,
        shares=environments.shares,
        usual=environments.usual,
        viewer=environments.viewer,
        repositories=environments.repositories,
        authorizer=people.authorizer,
        lifecycle=environments.lifecycle,
        cluster=outside.cluster,
        session=people.sign_in.session,
        sessions=sessions,
        tokens=outside.tokens,
        audit=ground.audit,
        limiter=Limiter(config.api_allowance.share(config.replicas)),
        changes=environments.changes,
        trials=environments.trials,
        namespace=config.namespace,
        now=now,
        endless=endless,
        prices=config.prices,
        audience=config.api_audience,
        open_tunnel=gateway.tunnels.open,
        present_usage=environments.activity.figures,
        past_usage=PastUsage(outside.reports),
        starters=read_starters(config.image_prefix),
        is_page_proof=sessions.is_page_proof if ground.public.mode == "path" else None,
        console=console,
    )


def _make_door(
    ground: _Ground, *, people: _People, environments: _Environments, gateway: Gateway, api: Router
) -> FrontDoor:
    config, outside, public = ground.config, ground.outside, ground.public
    sign_in, sessions, federation = people.sign_in, people.sessions, people.federation
    console_host = config.kubesphere.host if config.kubesphere is not None else None
    dashboard = DashboardRoom(
        public=public,
        files=outside.files,
        session=sign_in.session,
        prove=sessions.prove_page if public.mode == "path" else None,
        console_host=console_host,
    )
    entrance = Entrance(
        public=public,
        table=outside.table,
        authorizer=people.authorizer,
        session=sign_in.session,
        lifecycle=environments.lifecycle,
        refuse_start=environments.shares.refuse_start,
        folder=environments.repositories.folder,
        audit=ground.audit,
    )
    shared = Shared(public, outside.keys, sign_in, outside.metrics.count_sign_in, ground.audit)
    return FrontDoor(
        public=public,
        api=api.handle,
        dashboard=dashboard.find,
        routes={
            **sign_in.routes,
            **(federation.make_room(shared) if federation is not None else {}),
            **entrance.routes,
            **probe_routes(ground.readiness, public),
        },
        prepare=federation.make_renewer(sessions, public) if federation is not None else None,
        environment=gateway,
        observe=outside.metrics.count_request,
        readiness=ground.readiness,
        sources=Sources(parse_networks(config.trusted_proxies)),
        console_host=console_host,
    )


def _tell_figures(ground: _Ground, *, gateway: Gateway, activity: ActivityRecorder) -> None:
    outside, readiness = ground.outside, ground.readiness
    keys, metrics, table = outside.keys, outside.metrics, outside.table
    metrics.keys(lambda: keys.ring.roles)
    metrics.gauge("devworkspace_server_open_sockets", "Open editor sockets", lambda: len(gateway.sockets))
    metrics.gauge("devworkspace_server_environments", "Environments in the table", lambda: len(table))
    metrics.gauge("devworkspace_server_ready", "1 if ready", lambda: float(readiness.problem() is None))
    metrics.gauge("devworkspace_server_activity_known", "Running environments whose use is known", activity.known)
    metrics.gauge("devworkspace_server_activity_unknown", "Those whose use is not", activity.unknown)
