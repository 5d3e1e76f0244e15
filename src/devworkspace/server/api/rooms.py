"""Puts the API together."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

import devworkspace
from devworkspace.core.prices import Prices
from devworkspace.kube.client import Client
from devworkspace.server.activity import Figures
from devworkspace.server.api.caller import Callers, Tokens
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.endings import Endings
from devworkspace.server.api.environments import Environments
from devworkspace.server.api.events import Events
from devworkspace.server.api.extending import Extending
from devworkspace.server.api.figures import FigureRoutes
from devworkspace.server.api.git import Git
from devworkspace.server.api.holdings import Holdings
from devworkspace.server.api.logs import Logs
from devworkspace.server.api.lookup import Lookup
from devworkspace.server.api.manifests import Manifests
from devworkspace.server.api.monthly import Monthly
from devworkspace.server.api.openapi import make_document
from devworkspace.server.api.person import Person
from devworkspace.server.api.publishing import Publisher
from devworkspace.server.api.quota import Quota
from devworkspace.server.api.route import Call, IsPageProof, Route, Router
from devworkspace.server.api.shares import Shares
from devworkspace.server.api.ssh import OpenTunnel, Ssh
from devworkspace.server.api.starters import Starters
from devworkspace.server.api.stream import Journal, Stream
from devworkspace.server.api.system import System
from devworkspace.server.api.templates import Templates
from devworkspace.server.api.tickets import Tickets
from devworkspace.server.api.trials import Trying
from devworkspace.server.api.usage import Usage
from devworkspace.server.api.usual import UsualStarts
from devworkspace.server.api.viewing import Viewer
from devworkspace.server.api.volumes import KeptVolumes, Volumes
from devworkspace.server.audit import Audit
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.changes import Changes
from devworkspace.server.codes import Codes
from devworkspace.server.config import PublicAddress
from devworkspace.server.endless import EndlessAnswers
from devworkspace.server.environments import Environment, EnvironmentTable
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.limits import Limiter
from devworkspace.server.pastusage import PastUsage
from devworkspace.server.publishing import Publishing
from devworkspace.server.purging import Purging
from devworkspace.server.repositories import Repositories
from devworkspace.server.sessions import Session, Sessions
from devworkspace.server.starters import Starter
from devworkspace.server.trials import Trials


@dataclasses.dataclass(frozen=True)
class Console:
    """What pages in KubeSphere's console need. `clock` gives Unix time."""

    users: Tokens
    codes: Codes
    clock: Callable[[], float]


def make_api(
    *,
    public: PublicAddress,
    table: EnvironmentTable,
    journal: Journal,
    catalogue: Catalogue,
    volumes: Volumes,
    shares: Shares,
    usual: UsualStarts,
    viewer: Viewer,
    repositories: Repositories,
    authorizer: Authorizer,
    lifecycle: Lifecycle,
    cluster: Client,
    session: Callable[[web.BaseRequest], Session | None],
    sessions: Sessions,
    tokens: Tokens,
    audit: Audit,
    limiter: Limiter,
    changes: Changes,
    trials: Trials,
    namespace: str,
    now: Callable[[], datetime],
    endless: EndlessAnswers,
    audience: str,
    open_tunnel: OpenTunnel,
    present_usage: Callable[[Environment], Figures | None],
    past_usage: PastUsage,
    prices: Prices | None = None,
    starters: Sequence[Starter] = (),
    is_page_proof: IsPageProof | None = None,
    console: Console | None = None,
) -> Router:
    """All routes, and the document about them. `cluster` is for what is read or written on request only.

    `namespace` is the installation's own. `console` is there where people come through KubeSphere's; `endless` knows
    what must be ended one day; tokens of programs are made for `audience`; `open_tunnel` is the gateway's;
    `present_usage` is what an environment's last report said of it.
    """
    callers = Callers(session=session, tokens=tokens, kubesphere=console.users if console is not None else None)
    lookup = Lookup(table=table, authorizer=authorizer)
    environments = Environments(
        lookup=lookup,
        table=table,
        authorizer=authorizer,
        lifecycle=lifecycle,
        catalogue=catalogue,
        viewer=viewer,
        shares=shares,
    )
    stream = Stream(journal=journal, authorizer=authorizer, make_view=viewer.view, callers=callers, endless=endless)
    publishing = Publishing(cluster, changes=changes)
    publisher = Publisher(publishing=publishing, authorizer=authorizer, catalogue=catalogue, table=table)
    trying = Trying(
        trials=trials, authorizer=authorizer, catalogue=catalogue, lookup=lookup, viewer=viewer, shares=shares
    )
    figures = FigureRoutes(
        lookup=lookup,
        table=table,
        authorizer=authorizer,
        volumes=volumes,
        past=past_usage,
        present=present_usage,
        now=now,
    )
    usage = Usage(cluster=cluster, lookup=lookup, volumes=volumes, present=present_usage, prices=prices, now=now)
    routes: tuple[Route, ...] = (
        *Person(authorizer=authorizer, catalogue=catalogue, audience=audience).routes,
        *Endings(sessions=sessions, authorizer=authorizer, changes=changes).routes,
        *System(cluster=cluster, authorizer=authorizer, public=public, namespace=namespace, now=now).routes,
        *Quota(cluster=cluster, authorizer=authorizer, table=table, shares=shares).routes,
        *Holdings(shares=shares, authorizer=authorizer, namespace=namespace).routes,
        *Templates(catalogue=catalogue, authorizer=authorizer, table=table, usual=usual).routes,
        *publisher.routes,
        *trying.routes,
        *Starters(starters=starters, catalogue=catalogue, authorizer=authorizer).routes,
        *stream.routes,
        *environments.routes,
        *Extending(lookup=lookup, catalogue=catalogue, lifecycle=lifecycle, viewer=viewer, now=now).routes,
        *Git(lookup=lookup, repositories=repositories).routes,
        *Events(cluster=cluster, lookup=lookup).routes,
        *Logs(cluster=cluster, lookup=lookup, callers=callers, endless=endless).routes,
        *Ssh(lookup=lookup, callers=callers, open_tunnel=open_tunnel).routes,
        *usage.routes,
        *figures.routes,
        *Monthly(table=table, authorizer=authorizer, prices=prices, now=now).routes,
        *Manifests(cluster=cluster, lookup=lookup, authorizer=authorizer).routes,
        *KeptVolumes(volumes=volumes, authorizer=authorizer, purging=Purging(cluster, changes=changes)).routes,
    )
    if console is not None:
        tickets = Tickets(
            public=public,
            lookup=lookup,
            authorizer=authorizer,
            sessions=sessions,
            codes=console.codes,
            clock=console.clock,
        )
        routes = (*routes, *tickets.routes)
    document = make_document(routes, version=devworkspace.__version__)

    async def openapi(_: Call) -> dict[str, Any]:
        return document

    about = Route("GET", "/api/v1/openapi.json", openapi, "This document", None)
    return Router(
        (about, *routes),
        public=public,
        callers=callers,
        audit=audit,
        limiter=limiter,
        is_away=authorizer.is_away,
        is_page_proof=is_page_proof,
    )
