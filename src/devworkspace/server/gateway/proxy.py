"""One HTTP request through to a pod and its response back, streamed both ways.

Nothing is collected: a chunk is read only when the other side has taken the one before, so a slow browser slows the
editor down and a slow editor the browser, while this process holds at most a buffer of either.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from devworkspace.server.connections import BrowserConnection
from devworkspace.server.environments import Upstream
from devworkspace.server.gateway.exchange import Exchange
from devworkspace.server.gateway.head import Headers, Place
from devworkspace.server.gateway.upstream import Connection, ResponseHead, UpstreamError, UpstreamPool

# A first byte may take long (an upload being digested, a long poll); a browser that stops sending may not.
HEAD_SECONDS: Final = 300.0
UPLOAD_IDLE_SECONDS: Final = 60.0
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Way(NamedTuple):
    """Where a request goes in the pod, and the head that it has there, without the framing of its body."""

    upstream: Upstream
    target: str
    headers: Headers
    place: Place


class SentResponse(web.StreamResponse):
    """A response that has left already; aiohttp is told what became of it and has nothing more to do."""

    def __init__(self, status: int, *, keep_alive: bool) -> None:
        super().__init__(status=status)
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002 - aiohttp's
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: the exchange has written the end."""


class Proxy:
    """Streams requests to pods over pooled connections."""

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool

    def pass_on(self, message: RawRequestMessage, browser: BrowserConnection, way: Way) -> bool:
        """Sends a request without body over a kept connection; False, and nothing done, if it needs another way.

        The end is told to `browser.on_passed`.
        """
        connection = self._pool.take_idle(way.upstream) if message.method in _IDEMPOTENT else None
        if connection is None:
            return False

        def on_end(exchange: Exchange) -> None:
            self._settle(exchange)
            browser.on_passed(exchange)

        exchange = Exchange(
            browser,
            connection,
            method=message.method,
            version=message.version,
            keep_alive=not message.should_close,
            place=way.place,
            on_end=on_end,
        )
        connection.send_head(message.method, way.target, [*way.headers, *_framing(message.headers)])
        exchange.begin(seconds=HEAD_SECONDS)
        return True

    async def forward(self, request: web.BaseRequest, way: Way) -> web.StreamResponse:
        """The pod's response, already sent to the browser.

        Raises UpstreamError while nothing has been sent yet, so that the caller can answer in its own words.
        """
        kept = self._pool.take_idle(way.upstream)
        if kept is not None:
            try:
                return await self._forward_over(kept, request, way)
            except UpstreamError as error:
                # Only what has no body and may happen twice is sent again, and only if no answer can have begun.
                repeatable = request.method in _IDEMPOTENT and not request.body_exists
                if not repeatable or type(error) is not UpstreamError:
                    raise
        return await self._forward_over(await self._pool.connect(way.upstream), request, way)

    async def _forward_over(self, connection: Connection, request: web.BaseRequest, way: Way) -> web.StreamResponse:
        upload = None
        exchange, ended = make_exchange(request, connection, way.place)
        try:
            connection.send_head(
                request.method, way.target, [*way.headers, *_framing(request.headers, body_exists=request.body_exists)]
            )
            exchange.begin(seconds=HEAD_SECONDS)
            if request.body_exists:
                # In parallel, because a pod may answer before it has read everything.
                upload = asyncio.create_task(_upload(request, connection))
            await ended
            return take_response(exchange)
        finally:
            exchange.fail(ConnectionResetError("the browser left"))
            if upload is not None and not upload.done():
                upload.cancel()
                connection.close()
            self._settle(exchange)

    def _settle(self, exchange: Exchange) -> None:
        if exchange.status and exchange.error is None:
            self._pool.give_back(exchange.connection)
        else:
            exchange.connection.close()


def make_exchange(
    request: web.BaseRequest, connection: Connection, place: Place
) -> "tuple[Exchange, asyncio.Future[None]]":
    """An exchange for a request that a task handles, and the future that tells its end."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    browser: Any = request.protocol
    exchange = Exchange(
        browser,
        connection,
        method=request.method,
        version=request.version,
        keep_alive=request.keep_alive,
        place=place,
        on_end=lambda _: None if ended.done() else ended.set_result(None),
    )
    return exchange, ended


def take_response(exchange: Exchange) -> SentResponse:
    """What became of an exchange that has ended. Raises its error."""
    if exchange.error is None:
        return SentResponse(exchange.status, keep_alive=exchange.keep_alive)
    if exchange.started:
        raise ConnectionResetError("the pod broke off its response") from exchange.error
    if isinstance(exchange.error, UpstreamError):
        raise exchange.error
    raise UpstreamError(f"{type(exchange.error).__name__}: {exchange.error}") from exchange.error


async def relay_response(
    request: web.BaseRequest, connection: Connection, head: ResponseHead, place: Place
) -> web.StreamResponse:
    """Sends a response whose head has been read to the browser. Raises UpstreamError if nothing has been sent yet."""
    exchange, ended = make_exchange(request, connection, place)
    exchange.keep_alive = False
    exchange.begin(seconds=HEAD_SECONDS)
    exchange.on_head(head.message, head.body)
    exchange.on_data()
    try:
        await ended
    finally:
        exchange.fail(ConnectionResetError("the browser left"))
        connection.close()
    return take_response(exchange)


def _framing(headers: Mapping[str, str], *, body_exists: bool = False) -> Headers:
    """How the body is delimited towards the pod, decided from what our own parser understood."""
    length = headers.get("Content-Length")
    if not body_exists:
        return [("Content-Length", "0")] if length is not None else []
    return [("Transfer-Encoding", "chunked")] if length is None else [("Content-Length", str(int(length)))]


async def _upload(request: web.BaseRequest, connection: Connection) -> None:
    """Copies the request's body. Whatever goes wrong ends the connection to the pod, which ends the exchange."""
    chunked = request.content_length is None
    try:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await _send_continue(request.writer)
        content: StreamReader = request.content
        while True:
            async with asyncio.timeout(UPLOAD_IDLE_SECONDS):
                data = await content.readany()
            if not data:
                break
            await connection.send_body(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if chunked:
            await connection.send_body(b"0\r\n\r\n")
    except asyncio.CancelledError:
        raise
    except Exception:
        connection.close()


async def _send_continue(writer: AbstractStreamWriter) -> None:
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.output_size = 0
