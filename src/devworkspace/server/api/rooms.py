"""Puts the API together."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

import devworkspace
from devworkspace.server.api.caller import Callers, Tokens
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.environments import Environments
from devworkspace.server.api.openapi import make_document
from devworkspace.server.api.person import Person
from devworkspace.server.api.route import Call, Route, Router
from devworkspace.server.api.stream import Journal, Stream
from devworkspace.server.api.templates import Templates
from devworkspace.server.audit import Audit
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import EnvironmentTable
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.limits import Limiter
from devworkspace.server.sessions import Session


def make_api(
    *,
    public: PublicAddress,
    table: EnvironmentTable,
    catalogue: Catalogue,
    authorizer: Authorizer,
    lifecycle: Lifecycle,
    session: Callable[[web.BaseRequest], Session | None],
    tokens: Tokens,
    audit: Audit,
    limiter: Limiter,
) -> Router:
    """All routes, and the document about them."""
    callers = Callers(session=session, tokens=tokens)
    rooms = Environments(public=public, table=table, authorizer=authorizer, lifecycle=lifecycle, catalogue=catalogue)
    stream = Stream(
        journal=Journal(table),
        authorizer=authorizer,
        make_view=rooms.view,
        callers=callers,
    )
    routes: tuple[Route, ...] = (
        *Person(authorizer=authorizer, namespaces=catalogue.namespaces).routes,
        *Templates(catalogue=catalogue, authorizer=authorizer).routes,
        *stream.routes,
        *rooms.routes,
    )
    document = make_document(routes, version=devworkspace.__version__)

    async def openapi(_: Call) -> dict[str, Any]:
        return document

    about = Route("GET", "/api/v1/openapi.json", openapi, "This document", None)
    return Router((about, *routes), public=public, callers=callers, audit=audit, limiter=limiter)
