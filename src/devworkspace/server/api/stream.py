"""Changes of environments as they happen, as server-sent events that a broken connection can resume.

Every change has a number. A client that comes back with the last one it saw gets what it missed; one that was away for
too long, or comes to another process, reads the list again. Nothing is collected for a client: one that is too slow
falls behind the journal, gets `reset`, and reads the list again, too.

The first event is `hello`, which says whether the stream goes on where the last one ended: a list that is read after it
lacks nothing. A `heartbeat` comes whenever nothing else did for a while: a proxy may hold a connection open long after
it is dead, and only who knows when to expect something can tell. Comments would not do, browsers keep them to
themselves.
"""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Meta

from devworkspace.core.access import Identity
from devworkspace.server.answers import stream_headers
from devworkspace.server.api.caller import Callers
from devworkspace.server.api.lookup import TO_OPEN
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import EnvironmentView
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.endless import Endless, EndlessAnswers
from devworkspace.server.environments import Environment, EnvironmentTable

JOURNAL_SIZE: Final = 4096
# Below the idle timeouts of common proxies; also how often it is asked whether the session still holds.
HEARTBEAT_SECONDS: Final = 15.0
LAST_EVENT_ID: Final = "Last-Event-ID"
# Before everything that a journal holds, so that the list is to be read.
NOWHERE: Final = -1
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class StreamQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`since` is the id of the last event that was seen, for those who cannot send the header `Last-Event-ID`."""

    since: Annotated[str, Meta(max_length=64)] | None = None


class Hello(msgspec.Struct, frozen=True, rename="camel"):
    """To whom the stream speaks, whether nothing is missing since the event they named, and how long it is silent."""

    name: str
    resumed: bool
    heartbeat_seconds: float


# A server that leaves says when to come back: in milliseconds, sooner than browsers would by themselves.
GOODBYE: Final = b"retry: 1000\n\n"


class Change(NamedTuple):
    number: int
    old: Environment | None
    new: Environment | None


class Journal:
    """The latest changes of the table, numbered; `epoch` tells this process's numbers from another's."""

    def __init__(self, table: EnvironmentTable) -> None:
        self.epoch = secrets.token_hex(4)
        self._changes: deque[Change] = deque(maxlen=JOURNAL_SIZE)
        self._number = 0
        self._waiting: set[asyncio.Future[None]] = set()
        table.on_change(self.note)

    @property
    def last(self) -> int:
        return self._number

    def since(self, number: int) -> list[Change] | None:
        """The changes after `number`, or None if they are not all there any more."""
        if number > self._number or self._number - number > len(self._changes):
            return None
        return [change for change in self._changes if change.number > number]

    async def wait(self, seconds: float, *, over: "asyncio.Future[None]") -> None:
        """Returns at the next change, when somebody is to look up, when the time is over, or when `over` is done."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future, over}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(future)

    def wake(self) -> None:
        """Ends all waiting: a session may have ended."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def note(self, old: Environment | None, new: Environment | None) -> None:
        """A change of the table, or of something else that is told of an environment."""
        self._number += 1
        self._changes.append(Change(self._number, old, new))
        self.wake()


class Stream:
    """The address of the changes. `make_view` makes what is sent."""

    def __init__(
        self,
        *,
        journal: Journal,
        authorizer: Authorizer,
        make_view: Callable[[Identity, Environment], Awaitable[EnvironmentView]],
        callers: Callers,
        endless: EndlessAnswers,
    ) -> None:
        self._endless = endless
        self._journal = journal
        self._authorizer = authorizer
        self._make_view = make_view
        self._callers = callers

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/environments/stream",
                self.serve,
                "Their changes: events `hello` (not `resumed`: read the list), `environment` (an environment), `gone` "
                "(its uid), `reset` (read the list again), `heartbeat`",
                None,
                query=StreamQuery,
                media_type="text/event-stream",
                right=TO_OPEN,
            ),
        )

    async def serve(self, call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers=stream_headers())
        await response.prepare(call.request)
        if call.request.method == "HEAD":
            return response
        with self._endless.opened(call.request) as answer:
            async for event in self._events(call, answer):
                await response.write(event)
            if answer.over.done():
                await response.write(GOODBYE)
        return response

    async def _events(self, call: Call, answer: Endless) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        number = self._resume(call)
        resumed = self._journal.since(number) is not None
        if not resumed:
            number = self._journal.last
        hello = Hello(name=call.identity.name, resumed=resumed, heartbeat_seconds=HEARTBEAT_SECONDS)
        yield self._event("hello", number, msgspec.json.encode(hello))
        said = clock()
        while not answer.over.done() and await self._callers.is_known(call.request):
            changes = self._journal.since(number)
            if changes is None:
                number, said = self._journal.last, clock()
                yield self._event("reset", number, b"{}")
                continue
            for change in changes:
                if answer.over.done():
                    return
                number = change.number
                if (event := await self._tell(call.identity, change)) is not None:
                    yield event
                    said = clock()
            # What others do wakes this loop as well, and is no sign of life to this listener.
            left = said + HEARTBEAT_SECONDS - clock()
            if left <= 0:
                yield self._event("heartbeat", number, b"{}")
                said = clock()
            elif number == self._journal.last:
                await self._journal.wait(left, over=answer.over)

    def _resume(self, call: Call) -> int:
        """The number to go on after."""
        last = call.request.headers.get(LAST_EVENT_ID) or call.query.since or ""
        epoch, _, number = last.partition("-")
        return int(number) if epoch == self._journal.epoch and _NUMBER.fullmatch(number) else NOWHERE

    async def _tell(self, identity: Identity, change: Change) -> bytes | None:
        environment = change.new if change.new is not None else change.old
        if environment is None or not await self._authorizer.sees(identity, environment):
            return None
        if change.new is None:
            return self._event("gone", change.number, msgspec.json.encode({"uid": environment.uid}))
        view = await self._make_view(identity, environment)
        return self._event("environment", change.number, msgspec.json.encode(view))

    def _event(self, name: str, number: int, data: bytes) -> bytes:
        # JSON has no line break of its own, so one `data` line is enough.
        return b"event: %s\nid: %s-%d\ndata: %s\n\n" % (name.encode(), self._journal.epoch.encode(), number, data)
