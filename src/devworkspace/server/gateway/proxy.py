"""One HTTP request through to a pod and its response back, streamed both ways.

Nothing is collected: a chunk is read only when the other side has taken the one before, so a slow browser slows the
editor down and a slow editor the browser, while this process holds at most a buffer of either.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import must_be_empty_body
from aiohttp.http import HttpVersion11
from aiohttp.streams import StreamReader

from devworkspace.server.environments import Upstream
from devworkspace.server.gateway.head import NOWHERE, Place, response_headers
from devworkspace.server.gateway.upstream import Connection, ResponseHead, UpstreamError, UpstreamPool

# A first byte may take long (an upload being digested, a long poll); a browser that stops sending may not.
HEAD_SECONDS: Final = 300.0
UPLOAD_IDLE_SECONDS: Final = 60.0
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class RelayedResponse(web.StreamResponse):
    """A response whose head is the pod's: nothing is added but the framing of this hop.

    aiohttp would add `Server`, `Date` and, to responses without one, a `Content-Type` that turns pages into downloads.
    The head waits for the first part of the body, to leave in the same packet; `send_head` lets it go alone.
    """

    _send_headers_immediately = False

    def send_head(self) -> None:
        assert self._payload_writer is not None
        self._payload_writer.send_headers()

    async def _prepare_headers(self) -> None:
        request, writer = self._req, self._payload_writer
        assert request is not None and writer is not None
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        if not self._must_be_empty_body:
            writer.length = self.content_length
            if writer.length is None and request.version >= HttpVersion11:
                writer.enable_chunking()
                self.headers["Transfer-Encoding"] = "chunked"
            elif writer.length is None:
                self._keep_alive = False
        if self.status != 101:
            self.headers["Connection"] = "keep-alive" if self._keep_alive else "close"


class Proxy:
    """Streams requests to pods over pooled connections."""

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool

    async def forward(
        self,
        request: web.BaseRequest,
        *,
        target: str,
        headers: Iterable[tuple[str, str]],
        upstream: Upstream,
        place: Place = NOWHERE,
    ) -> web.StreamResponse:
        """The pod's response, already sent to the browser.

        Raises UpstreamError while nothing has been sent yet, so that the caller can answer in its own words.
        """
        headers = [*headers, *_framing(request)]
        connection, head, upload = await self._exchange(request, target=target, headers=headers, upstream=upstream)
        finished = False
        try:
            response = await relay_response(request, head, place)
            finished = upload is None or upload.done()
            return response
        finally:
            if upload is not None and not upload.done():
                upload.cancel()
            if finished:
                self._pool.give_back(connection)
            else:
                connection.close()

    async def _exchange(
        self, request: web.BaseRequest, *, target: str, headers: list[tuple[str, str]], upstream: Upstream
    ) -> "tuple[Connection, ResponseHead, asyncio.Task[None] | None]":
        """Sends the request and waits for the response's head; repeats once if a kept connection had gone stale."""
        kept = self._pool.take_idle(upstream)
        if kept is not None:
            try:
                return await self._send(kept, request, target=target, headers=headers)
            except UpstreamError as error:
                # Only what has no body and may happen twice is sent again, and only if no answer can have begun.
                repeatable = request.method in _IDEMPOTENT and not request.body_exists
                if not repeatable or type(error) is not UpstreamError:
                    raise
        fresh = await self._pool.connect(upstream)
        return await self._send(fresh, request, target=target, headers=headers)

    async def _send(
        self, connection: Connection, request: web.BaseRequest, *, target: str, headers: list[tuple[str, str]]
    ) -> "tuple[Connection, ResponseHead, asyncio.Task[None] | None]":
        upload = None
        try:
            connection.send_head(request.method, target, headers)
            if request.body_exists:
                # In parallel, because a pod may answer before it has read everything.
                upload = asyncio.create_task(_upload(request, connection))
            return connection, await connection.read_head(seconds=HEAD_SECONDS), upload
        except BaseException:
            if upload is not None:
                upload.cancel()
            connection.close()
            raise


def _framing(request: web.BaseRequest) -> list[tuple[str, str]]:
    """How the body is delimited towards the pod, decided from what our own parser understood."""
    if not request.body_exists:
        return [("Content-Length", "0")] if request.headers.get("Content-Length") is not None else []
    length = request.content_length
    return [("Transfer-Encoding", "chunked")] if length is None else [("Content-Length", str(length))]


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


async def relay_response(request: web.BaseRequest, head: ResponseHead, place: Place) -> web.StreamResponse:
    """Sends the pod's response to the browser as it comes."""
    message, body = head
    response = RelayedResponse(status=message.code, reason=message.reason or "")
    response.headers.extend(response_headers(message.headers.items(), place))
    length = message.headers.get("Content-Length")
    if length is not None and message.code != 204 and not message.chunked:
        response.headers["Content-Length"] = length
    await response.prepare(request)
    if must_be_empty_body(request.method, message.code):
        return response
    try:
        if data := body.read_nowait():
            await response.write(data)
        else:
            response.send_head()
        while data := await body.readany():
            await response.write(data)
    except (OSError, asyncio.CancelledError):
        raise
    except Exception as error:
        # The pod broke off in the middle: the browser must see a broken response, not a short one that looks whole.
        raise ConnectionResetError("the pod broke off its response") from error
    await response.write_eof()
    return response
