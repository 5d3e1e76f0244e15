"""Addresses about the person who asks: who they are, and where they may create."""

import asyncio
from collections.abc import Callable, Iterable

from devworkspace.api.meta import Key
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import CREATE, EVERYTHING, Authorizer


class Me(View, frozen=True):
    name: str
    groups: tuple[str, ...]


class NamespaceView(View, frozen=True):
    name: str


class NamespaceList(View, frozen=True):
    items: tuple[NamespaceView, ...]


class Person:
    """`namespaces` yields the names of all namespaces that are not being removed."""

    def __init__(self, *, authorizer: Authorizer, namespaces: Callable[[], Iterable[str]]) -> None:
        self._authorizer = authorizer
        self._namespaces = namespaces

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/v1/me", self.me, "Who you are, as Kubernetes' RBAC sees you", Me),
            Route("GET", "/api/v1/namespaces", self.namespaces, "Where you may create environments", NamespaceList),
        )

    async def me(self, call: Call) -> Me:
        return Me(name=call.identity.name, groups=call.identity.groups)

    async def namespaces(self, call: Call) -> NamespaceList:
        names = sorted(self._namespaces())
        if await self._authorizer.answer(call.identity, EVERYTHING, CREATE) is not True:
            answers = await asyncio.gather(
                *(self._authorizer.answer(call.identity, Key(name, ""), CREATE) for name in names)
            )
            names = [name for name, answer in zip(names, answers, strict=True) if answer is True]
        return NamespaceList(items=tuple(NamespaceView(name) for name in names))
