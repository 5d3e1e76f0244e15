"""The API server of a history: the fake one's memory, reached by the real client without sockets.

A request that belongs to a decision about an environment (`Round`) waits in `waiting` until the history releases it,
with an outcome of its choice. Everything else (lists and watches of the caches) is answered at once; what a watch has
to tell waits in its `Stream` until the history delivers it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, cast

import aiohttp
import msgspec

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.kube import resource as kinds
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.kube.errors import ApiError, Unreachable, api_error
from devworkspace.kube.transport import Request, RetryPolicy, Transport
from tests.support.fake_answers import WITHOUT_STATUS, answer, event_kind, is_selected, refusal_body
from tests.support.fake_apiserver import KNOWN
from tests.support.fake_objects import Object
from tests.support.fake_routes import Target, target_of
from tests.support.fake_store import Change, Refusal, Store

Outcome = Literal["answered", "lost before", "lost after", "conflict", "overload", "failure"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("answered", "lost before", "lost after", "conflict", "overload", "failure")
_REFUSALS: Final[Mapping[str, tuple[int, str]]] = {
    "conflict": (409, "Conflict"),
    "overload": (429, "TooManyRequests"),
    "failure": (503, "ServiceUnavailable"),
}
_WRITES: Final = ("apply", "create", "patch", "update", "delete")
OPERATOR: Final = "devworkspace-operator"
# Whose round it is that fills and empties the pools.
POOLS: Final = Key("", "pools")


@dataclass(eq=False)
class Round:
    """One decision of one operator: whose it is, and what the operator knew of the instance when it began."""

    key: Key
    instance: WorkspaceInstance | None
    consent: dict[str, bool] = field(default_factory=dict)


ROUND: ContextVar[Round | None] = ContextVar("ROUND", default=None)


@dataclass(frozen=True)
class Write:
    """A write of an operator that took effect; `before` is None for an object that it made."""

    round: Round
    target: Target
    body: Object
    before: Object | None
    after: Object | None


@dataclass(eq=False)
class Waiting:
    """A request of a decision that has not reached the server."""

    sender: Client
    round: Round
    request: Request
    target: Target
    reply: asyncio.Future[bytes]

    @property
    def order(self) -> tuple[str, ...]:
        return (*self.round.key, self.target.verb, self.target.label, *self.target.key)


@dataclass(frozen=True)
class _Head:
    method: str
    path: str
    query: Mapping[str, str]
    content_type: str


class Stream:
    """One open watch of one replica; what it has not been told yet waits in `due`."""

    def __init__(self, target: Target, query: Mapping[str, str]) -> None:
        self.target = target
        self.query = query
        self.due: list[tuple[str, Object]] = []
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def take(self, change: Change) -> None:
        if (kind := event_kind(self.query, self.target, change)) is not None:
            self.due.append((kind, change.new))

    def deliver(self, count: int) -> None:
        for kind, obj in self.due[:count]:
            self._lines.put_nowait(msgspec.json.encode({"type": kind, "object": obj}) + b"\n")
        del self.due[:count]

    def expire(self) -> None:
        """Ends the watch as too old, with all that it should have told."""
        self.due = [("ERROR", refusal_body(410, "Expired", "too old resource version"))]
        self.deliver(1)
        self._lines.put_nowait(None)

    @property
    def content(self) -> "Stream":
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        while (line := await self._lines.get()) is not None:
            yield line


class MemoryServer:
    """See the module. `judge` sees each request of a decision, `on_write` each write that took effect."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.garbage: list[Callable[[], None]] = []
        self._uids = 0
        self.store = Store(window=100_000, clock=clock, new_uid=self._new_uid, soon=self.garbage.append)
        self.store.graceful = {kinds.PODS}
        self.waiting: list[Waiting] = []
        self.streams: dict[Client, list[Stream]] = {}
        self.admission: list[Callable[[Target, Object | None, Object], None]] = []
        self.on_request: Callable[[Round, Target], None] = lambda round, target: None
        self.on_write: Callable[[Write], None] = lambda write: None
        self.writes: list[Write] = []
        self.store.listeners.append(self._tell)

    def _new_uid(self) -> str:
        self._uids += 1
        return f"{self._uids * 0x9E3779B1 % 2**32:08x}-0000-4000-8000-{self._uids:012x}"

    def _tell(self, change: Change) -> None:
        for streams in self.streams.values():
            for stream in streams:
                stream.take(change)

    def find(self, resource: kinds.Resource, key: Key) -> Object | None:
        stored = self.store.objects.get(resource, {}).get(key)
        return stored.obj if stored is not None else None

    def stream_of(self, client: Client, plural: str) -> Stream | None:
        return next((s for s in self.streams.get(client, ()) if s.target.resource.plural == plural), None)

    def sorted_waiting(self, sender: Client | None = None) -> list[Waiting]:
        """In an order that does not depend on how tasks were scheduled."""
        return sorted((one for one in self.waiting if sender in (None, one.sender)), key=lambda one: one.order)

    def release(self, one: Waiting, outcome: Outcome = "answered") -> None:
        """Lets a request have its outcome."""
        self.waiting.remove(one)
        if one.reply.done():
            return
        if outcome in _REFUSALS:
            status, reason = _REFUSALS[outcome]
            one.reply.set_exception(_as_received(Refusal(status, reason, f"told to answer {status}")))
            return
        lost = Unreachable(f"{one.request}: no answer in time")
        if outcome == "lost before":
            one.reply.set_exception(lost)
            return
        try:
            reply = self.serve(one.request, one.round)
        except Refusal as refusal:
            one.reply.set_exception(_as_received(refusal))
            return
        if outcome == "lost after":
            one.reply.set_exception(lost)
        else:
            one.reply.set_result(reply)

    def drop(self, sender: Client, *, commits: Callable[[Waiting], bool]) -> None:
        """The sender is gone; of its requests under way those that `commits` chooses still take effect."""
        for one in self.sorted_waiting(sender):
            self.waiting.remove(one)
            if commits(one):
                try:
                    self.serve(one.request, one.round)
                except Refusal:
                    continue
        self.streams.pop(sender, None)

    def serve(self, request: Request, round: Round | None) -> bytes:
        """Answers now; raises `Refusal`."""
        target = target_of_request(request)
        if round is not None:
            self.on_request(round, target)
        if target.verb == "list":
            return msgspec.json.encode(self._list(request, target))
        body: Object = msgspec.json.decode(request.body) if request.body else {}
        if target.verb not in _WRITES:
            return msgspec.json.encode(answer(self.store, target, request.params, body))
        if target.verb == "create":
            # The path of a creation does not name what is made.
            target = replace(target, key=kinds.key_of(body))
        before = self.find(target.resource, target.key)
        for check in self.admission:
            check(target, before, body)
        answered = answer(self.store, target, request.params, body)
        if round is not None:
            after = self.find(target.resource, target.key)
            write = Write(round, target, body, before, after)
            self.writes.append(write)
            self.on_write(write)
        return msgspec.json.encode(answered)

    def _list(self, request: Request, target: Target) -> Object:
        items = [o for o in self.store.list(target.resource, target.key.namespace) if is_selected(request.params, o)]
        return {"metadata": {"resourceVersion": str(self.store.version)}, "items": items}


def _as_received(refusal: Refusal) -> ApiError:
    body = refusal_body(refusal.status, refusal.reason, refusal.message, refusal.details)
    return api_error(status=refusal.status, body=msgspec.json.encode(body))


def target_of_request(request: Request) -> Target:
    head = _Head(request.method, request.path, request.params, request.content_type)
    return target_of(head, KNOWN, without_status=WITHOUT_STATUS)


class _MemoryTransport(Transport):
    """The real one's retries, with an exchange that is a function call."""

    def __init__(self, server: MemoryServer, client: Client) -> None:
        super().__init__(
            client.endpoint,
            timeout=30.0,
            limit=1,
            user_agent="history",
            retry=RetryPolicy(jitter=lambda: 1.0),
            on_request=None,
            gate=None,
            rate_limit=None,
        )
        self._server = server
        self._client = client

    def server_time(self) -> datetime:
        return self._server.store.clock()

    async def _exchange(self, request: Request) -> bytes:
        round = ROUND.get()
        if round is None:
            try:
                return self._server.serve(request, None)
            except Refusal as refusal:
                raise _as_received(refusal) from refusal
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._server.waiting.append(Waiting(self._client, round, request, target_of_request(request), reply))
        return await reply

    @asynccontextmanager
    async def stream(self, request: Request, *, silence: float | None) -> AsyncIterator[aiohttp.ClientResponse]:
        target = target_of_request(request)
        stream = Stream(target, request.params)
        for change in self._server.store.since(target.resource, int(request.params["resourceVersion"])):
            stream.take(change)
        streams = self._server.streams.setdefault(self._client, [])
        streams.append(stream)
        try:
            yield cast(aiohttp.ClientResponse, stream)
        finally:
            if stream in streams:
                streams.remove(stream)


class MemoryClient(Client):
    """The real client on a server in memory; it needs no opening."""

    def __init__(self, server: MemoryServer) -> None:
        super().__init__(Endpoint(server="http://memory"), field_manager=OPERATOR)
        self._transport = _MemoryTransport(server, self)


Body = dict[str, Any]
