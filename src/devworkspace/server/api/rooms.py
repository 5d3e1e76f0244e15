"""Puts the API together."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from aiohttp import web

import devworkspace
from devworkspace.api.children import Namespace
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.kube.informer import Informer
from devworkspace.server.api import environments
from devworkspace.server.api.environments import Environments
from devworkspace.server.api.openapi import make_document
from devworkspace.server.api.person import Person
from devworkspace.server.api.route import Call, Route, Router
from devworkspace.server.api.stream import Journal, Stream
from devworkspace.server.api.templates import Templates
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import EnvironmentTable
from devworkspace.server.lifecycle import Lifecycle, Patcher
from devworkspace.server.sessions import Session


class Writer(environments.Writer, Patcher, Protocol):
    """The part of the Kubernetes client that writes."""


class Catalogue(Protocol):
    """Templates and namespaces, as the watches tell them."""

    def templates(self) -> Iterable[WorkspaceTemplate]: ...
    def template(self, name: str) -> WorkspaceTemplate | None: ...
    def namespaces(self) -> Iterable[str]: ...
    def namespace_labels(self, name: str) -> Mapping[str, str] | None: ...


class InformedCatalogue:
    """The catalogue behind two informers."""

    def __init__(self, templates: Informer[WorkspaceTemplate], namespaces: Informer[Namespace]) -> None:
        self._templates = templates
        self._namespaces = namespaces

    def templates(self) -> Iterable[WorkspaceTemplate]:
        return self._templates.values()

    def template(self, name: str) -> WorkspaceTemplate | None:
        return self._templates.get(Key("", name))

    def namespaces(self) -> Iterable[str]:
        return [item.metadata.name for item in self._namespaces.values() if item.metadata.deletion_timestamp is None]

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        found = self._namespaces.get(Key("", name))
        return found.metadata.labels if found is not None else None


def make_api(
    *,
    public: PublicAddress,
    table: EnvironmentTable,
    catalogue: Catalogue,
    authorizer: Authorizer,
    lifecycle: Lifecycle,
    writer: Writer,
    session: Callable[[web.BaseRequest], Session | None],
) -> Router:
    """All routes, and the document about them."""
    rooms = Environments(public=public, table=table, authorizer=authorizer, lifecycle=lifecycle, writer=writer)
    stream = Stream(
        journal=Journal(table),
        authorizer=authorizer,
        make_view=rooms.view,
        is_valid=lambda request: session(request) is not None,
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
    return Router((about, *routes), public=public, session=session)
