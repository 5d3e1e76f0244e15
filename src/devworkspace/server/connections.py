"""A browser's connection: aiohttp's own, with a short way for requests that can be passed on at once.

aiohttp parses each request and would then hand it to a task. That task and its objects cost more than all the rest of
the way to a pod, so a request without a body is first offered to `pass_on`: it either sends it on its way, from where
callbacks bring the answer back, or declines, and aiohttp goes on as ever. One request at a time: what comes behind one
that is under way waits. The same parser has read both, and the same checks and decision come next.
"""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec
import structlog
from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

log = structlog.get_logger("devworkspace.server")

MAX_LINE_BYTES: Final = 8 * 1024
MAX_FIELD_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
LINGER_SECONDS: Final = 2.0

_Messages = list[tuple[RawRequestMessage, StreamReader]]


class Passage(Protocol):
    """An answer on its way to the browser; `error` and what else became of it are there when it has ended."""

    status: int
    keep_alive: bool
    started: bool
    error: Exception | None

    def on_data(self) -> None:
        """The browser takes more again."""

    def fail(self, error: Exception) -> None:
        """The browser is gone."""


class BrowserConnection(RequestHandler):
    """`pass_on` and `count` are `FrontDoor`'s. `exchange` is the answer under way, whoever began it."""

    __slots__ = ("_began", "_count", "_held", "_pass_on", "_passing", "exchange")

    def __init__(
        self,
        manager: web.Server,
        *,
        pass_on: "Callable[[RawRequestMessage, BrowserConnection], bool]",
        count: Callable[[int, float], None],
        **options: Any,
    ) -> None:
        super().__init__(manager, **options)
        self.exchange: Passage | None = None
        self._pass_on = pass_on
        self._count = count
        self._passing: RawRequestMessage | None = None
        self._began = 0.0
        self._held: _Messages = []
        self._parser: Any = _Sieve(self._parser, self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def sift(self, messages: _Messages) -> _Messages:
        """What of new messages is aiohttp's to handle now."""
        if self._passing is None:
            if not messages or not self.is_resting or not self._begin(*messages[0]):
                return messages
            messages = messages[1:]
        self._held += messages
        if self._held and not self._buffer_paused:
            # As aiohttp does when its queue is full; it reads on when the queue has been worked off.
            self._pause_reading_for_buffer()
        return []

    @property
    def is_resting(self) -> bool:
        """Whether it waits for the next request, or for the rest of its head, with nothing left to do."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._messages and self._passing is None

    def _begin(self, message: RawRequestMessage, payload: StreamReader) -> bool:
        headers = message.headers
        if payload is not EMPTY_PAYLOAD or message.version != HttpVersion11 or "Upgrade" in headers:
            return False
        began = time.monotonic()
        if not self._pass_on(message, self):
            return False
        self._passing = message
        self._began = began
        # aiohttp's own sign that a shutdown has something to wait for.
        self._request_in_progress = True
        return True

    def on_passed(self, exchange: Passage) -> None:
        """What `pass_on` began has ended: rest, close, or give the request to aiohttp after all."""
        message, self._passing = self._passing, None
        assert message is not None
        self._request_in_progress = False
        if self._handler_waiter is not None:
            self._handler_waiter.set_result(None)
        if self._parser is not None:
            self._parser.message_consumed()
        if exchange.error is None:
            self._count(exchange.status, time.monotonic() - self._began)
            if exchange.keep_alive and not self._close:
                self._rest()
            else:
                self.force_close()
        elif exchange.started or self.transport is None:
            self._count(499, time.monotonic() - self._began)
            self.force_close()
        elif isinstance(exchange.error, TimeoutError):
            self._queue([(_ErrInfo(504, exchange.error, "no answer"), EMPTY_PAYLOAD)])
        else:
            # The kept connection had gone stale: this time with a task that can dial.
            self._queue([(message, EMPTY_PAYLOAD)])

    def _rest(self) -> None:
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._held:
            self._queue([])

    def _queue(self, messages: Any) -> None:
        self._messages.extend([*messages, *self._held])
        self._held = []
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def fail_passing(self) -> bool:
        """Whether a request is under way that unreadable bytes have followed; it will be the connection's last."""
        if self._passing is None:
            return False
        self._close = True
        return True

    def _process_keepalive(self) -> None:
        if self._passing is not None:
            # For aiohttp this connection rests.
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.exchange is not None:
            self.exchange.on_data()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.exchange is not None:
            self.exchange.fail(ConnectionResetError("the browser left"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp passes it; it repeats the request
    ) -> web.StreamResponse:
        """Answers that repeat nothing of the request, not even in the log."""
        log.info("request refused by the parser", status=status, error=type(exc).__name__)
        if request.writer.output_size > 0 or self.transport is None:
            raise ConnectionError("the answer has already begun")
        if isinstance(exc, LineTooLong):
            detail = f"The address is over {MAX_LINE_BYTES} bytes or a header over {MAX_FIELD_BYTES}; send less."
        else:
            detail = "The request is not valid." if status < 500 else "No answer came."
        # For programs: no browser sends such a thing by itself.
        body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        headers = {"Server": "devworkspace", "Content-Type": "application/problem+json"}
        response = web.Response(status=status, body=msgspec.json.encode(body), headers=headers)
        response.force_close()
        return response


class _Sieve:
    """aiohttp's request parser, whose messages the connection sees first."""

    def __init__(self, parser: Any, connection: BrowserConnection) -> None:
        self._parser = parser
        self._connection = connection
        self.pause_reading = parser.pause_reading
        self.message_consumed = parser.message_consumed
        self.set_upgraded = parser.set_upgraded

    def feed_data(self, data: bytes) -> tuple[_Messages, bool, bytes]:
        try:
            messages, upgraded, tail = self._parser.feed_data(data)
        except HttpProcessingError:
            if self._connection.fail_passing():
                return [], False, b""
            raise
        return self._connection.sift(list(messages)), upgraded, tail


class _Refuser(asyncio.Protocol):
    """Takes a connection that is one too many and lets go of it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class DoorServer(web.Server):
    """aiohttp's low-level server with a bound on connections.

    When all are taken, one that rests gives its place to the next, so that nobody shuts others out by doing nothing.
    """

    def __init__(
        self,
        handler: Any,
        *,
        pass_on: Callable[[RawRequestMessage, BrowserConnection], bool],
        count: Callable[[int, float], None],
        max_connections: int,
        idle_seconds: float,
    ) -> None:
        self._max_connections = max_connections
        self._options: dict[str, Any] = {
            "pass_on": pass_on,
            "count": count,
            "access_log": None,
            # Also the time that a request head may take: aiohttp closes a connection that has no whole request by then.
            "keepalive_timeout": idle_seconds,
            "lingering_time": LINGER_SECONDS,
            "max_line_size": MAX_LINE_BYTES,
            "max_field_size": MAX_FIELD_BYTES,
            "max_headers": MAX_HEADERS,
            # A compressed upload is the editor's to unpack; its length would no longer be what the head says.
            "auto_decompress": False,
        }
        super().__init__(handler, handler_cancellation=True)

    def __call__(self) -> RequestHandler:
        if len(self._connections) >= self._max_connections and not self._make_room():
            refuser: Any = _Refuser()
            return refuser  # type: ignore[no-any-return]
        return BrowserConnection(self, loop=self._loop, **self._options)

    def _make_room(self) -> bool:
        """Ends the oldest connection that rests; False if all are at work."""
        resting = (one for one in self._connections if isinstance(one, BrowserConnection) and one.is_resting)
        oldest = next(resting, None)
        if oldest is not None:
            oldest.force_close()
        return oldest is not None
