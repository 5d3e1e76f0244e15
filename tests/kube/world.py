"""A server, a client and an informer on it, for the tests of the informer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from devworkspace.kube.client import Client
from devworkspace.kube.informer import Informer
from devworkspace.kube.resource import PODS
from tests.kube.kinds import Thing, key, thing
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import QUICK_TIMING, client_of


def name_of(obj: Thing | None) -> str | None:
    return obj.metadata.name if obj is not None else None


@dataclass
class World:
    """A server, an informer on it, and what the informer told."""

    server: FakeApiServer
    client: Client
    informer: Informer[Thing]
    changes: list[tuple[str | None, str | None]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return sorted(obj.metadata.name for obj in self.informer.values())

    @property
    def lists(self) -> int:
        return sum(request.verb == "list" for request in self.server.requests)

    def agrees(self) -> bool:
        """Tell whether the store holds exactly what the server holds, in the same versions."""
        held = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in self.server.objects(PODS)}
        return held == {obj.metadata.name: obj.metadata.resource_version for obj in self.informer.values()}

    def stored(self, name: str) -> Thing:
        """Return the server's object as the client would decode it."""
        obj = self.server.get(PODS, key(name))
        assert obj is not None
        return msgspec.convert(obj, Thing)


@asynccontextmanager
async def world(
    *names: str, client: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[World]:
    """Open a world with some objects; the informer does not run yet."""
    async with FakeApiServer(**(server or {})) as fake, client_of(fake, **(client or {})) as api:
        for name in names:
            fake.put(PODS, thing(name))
        changes: list[tuple[str | None, str | None]] = []
        listener = options.pop("on_change", lambda old, new: changes.append((name_of(old), name_of(new))))
        informer = Informer(api, PODS, Thing, on_change=listener, **({"timing": QUICK_TIMING} | options))
        yield World(fake, api, informer, changes)
