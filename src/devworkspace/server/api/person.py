"""Addresses about the person who asks: who they are, and where they may create."""

import asyncio
from typing import Final

import devworkspace
from devworkspace.api import names
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import (
    CONNECT,
    CREATE,
    CREATE_TEMPLATE,
    DELETE_TEMPLATE,
    EDIT_TEMPLATE,
    EVERYTHING,
    Authorizer,
)

# Grows only: a page shows a control if its feature is here.
FEATURES: Final = (
    "edit",
    "events",
    "git-user",
    "limits",
    "logs",
    "monthly-usage",
    "quota",
    "stop-reason",
    "stream",
    "system",
    "templates",
    "trials",
    "usage",
    "volumes",
    "yaml",
)


class TemplateRights(View, frozen=True):
    """What one may do to every template; roles for single templates do not show here."""

    create: bool
    edit: bool
    delete: bool


class Me(View, frozen=True):
    """`mayCreate`: environments, in one namespace at least. `features` names what this server can do.

    `audience` is what the tokens of programs must be made for; empty: the API server's own ones.
    """

    name: str
    groups: tuple[str, ...]
    may_create: bool
    templates: TemplateRights
    sees_all: bool
    version: str
    features: tuple[str, ...]
    audience: str


class NamespaceView(View, frozen=True):
    """`workspace` is the one of KubeSphere that it belongs to."""

    name: str
    workspace: str


class NamespaceList(View, frozen=True):
    items: tuple[NamespaceView, ...]


class Person:
    def __init__(self, *, authorizer: Authorizer, catalogue: Catalogue, audience: str) -> None:
        self._audience = audience
        self._authorizer = authorizer
        self._catalogue = catalogue

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/v1/me", self.me, "Who you are, as Kubernetes' RBAC sees you", Me),
            Route(
                "GET",
                "/api/v1/namespaces",
                self.namespaces,
                "Where you may create environments",
                NamespaceList,
                right="`create workspaceinstances`, asked for each",
            ),
        )

    async def me(self, call: Call) -> Me:
        identity = call.identity
        create, edit, delete, sees_all = await asyncio.gather(
            *(
                self._authorizer.answer(identity, EVERYTHING, right)
                for right in (CREATE_TEMPLATE, EDIT_TEMPLATE, DELETE_TEMPLATE, CONNECT)
            )
        )
        return Me(
            name=identity.name,
            groups=identity.groups,
            may_create=await self._authorizer.may_somewhere(identity, sorted(self._catalogue.namespaces()), CREATE),
            templates=TemplateRights(create=create is True, edit=edit is True, delete=delete is True),
            sees_all=sees_all is True,
            version=devworkspace.__version__,
            features=FEATURES,
            audience=self._audience,
        )

    async def namespaces(self, call: Call) -> NamespaceList:
        found = await self._authorizer.namespaces_with(call.identity, self._catalogue.namespaces(), CREATE)
        return NamespaceList(items=tuple(self._view(name) for name in sorted(found)))

    def _view(self, name: str) -> NamespaceView:
        labels = self._catalogue.namespace_labels(name) or {}
        return NamespaceView(name, labels.get(names.LABEL_KUBESPHERE_WORKSPACE, ""))
