"""A WebSocket through to a pod: the upgrade is negotiated end to end, then raw bytes are spliced both ways.

Compression, fragments, pings and close codes are the business of browser and editor; this relay only knows where frames
end, so that it can close both sides properly when somebody loses the right to be here. When one side does not take
more, reading from the other stops: the process holds at most the transport's buffer.
"""

import asyncio
import base64
import binascii
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol

from devworkspace.server.gateway.exchange import response_head
from devworkspace.server.gateway.frames import FrameError, FrameTracker, Side, close_frame
from devworkspace.server.gateway.head import Headers, response_headers
from devworkspace.server.gateway.proxy import SentResponse, Way, relay_response
from devworkspace.server.gateway.upstream import Connection, ResponseHead, UpstreamPool

UPGRADE_SECONDS: Final = 30.0
# How long a frame that is under way, or the other side's answer to our close, may take.
CLOSE_SECONDS: Final = 1.0
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
POLICY_VIOLATION: Final = 1008
# Come back at once.
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013


class DeclinedError(Exception):
    """The pod does not speak the protocol that was asked for; `status` is what it answered."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the pod answered {status} and does not speak the protocol")
        self.status = status


def is_valid_upgrade(request: web.BaseRequest) -> bool:
    """Whether this is a WebSocket handshake of RFC 6455 and nothing else."""
    headers = request.headers
    tokens = [token.strip().lower() for value in headers.getall("Connection", ()) for token in value.split(",")]
    return (
        request.method == "GET"
        and request.version == (1, 1)
        and [value.lower() for value in headers.getall("Upgrade", ())] == ["websocket"]
        and "upgrade" in tokens
        and headers.getall("Sec-WebSocket-Version", ()) == ["13"]
        and len(headers.getall("Sec-WebSocket-Key", ())) == 1
        and _is_key(headers["Sec-WebSocket-Key"])
        and "Content-Length" not in headers
        and "Transfer-Encoding" not in headers
    )


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


class _Direction(asyncio.Protocol):
    """Copies one direction, in the place of `source` as its transport's protocol.

    Everything but bytes stays the business of `source`, aiohttp's protocol, to which this is the parser of a socket: it
    hands over what had come before, and the end.
    """

    def __init__(self, relay: "Relay", *, source: BaseProtocol, sink: BaseProtocol, side: Side) -> None:
        self._relay = relay
        self._source = source
        self._sink = sink
        self._side = side
        self.tracker = FrameTracker(side)
        self._resuming: asyncio.Task[None] | None = None
        self._ending: bytes | None = None
        self._ended = False

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            border = self.tracker.feed(data)
        except FrameError:
            self._relay.fail()
            return
        if self._ending is not None and border:
            self._write(data[:border] + self._ending)
            self._ended = True
        else:
            self._write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._source.connection_lost(exc)

    def pause_writing(self) -> None:
        self._source.pause_writing()

    def resume_writing(self) -> None:
        self._source.resume_writing()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data_received(data)
        return False, b""

    def feed_eof(self) -> None:
        self._relay.on_eof()

    def end(self, code: int, reason: str) -> None:
        """Puts a close frame behind the frame that is under way and passes nothing more on."""
        frame = close_frame(code, reason, self._side)
        if self._ended or self.tracker.closing:
            self._ended = True
        elif self.tracker.at_border:
            self._write(frame)
            self._ended = True
        else:
            self._ending = frame

    def _write(self, data: bytes) -> None:
        transport = self._sink.transport
        if transport is None or transport.is_closing():
            self._relay.on_eof()
            return
        transport.write(data)
        if self._sink.writing_paused and self._resuming is None:
            self._source.pause_reading()
            self._resuming = asyncio.create_task(self._resume())

    async def _resume(self) -> None:
        try:
            await self._sink._drain_helper()
            self._source.resume_reading()
        except OSError:
            self._relay.on_eof()
        finally:
            self._resuming = None

    def stop(self) -> None:
        if self._resuming is not None:
            self._resuming.cancel()


class Relay:
    """Two protocols spliced together until one side ends, or `close` ends both."""

    def __init__(self, browser: BaseProtocol, pod: BaseProtocol) -> None:
        self._browser = browser
        self._pod = pod
        self.up = _Direction(self, source=browser, sink=pod, side=Side.CLIENT)
        self.down = _Direction(self, source=pod, sink=browser, side=Side.SERVER)
        self._done = asyncio.get_running_loop().create_future()

    def on_eof(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def fail(self) -> None:
        """Ends a relay whose bytes make no sense: no close frame can be placed any more."""
        for protocol in (self._browser, self._pod):
            if protocol.transport is not None:
                protocol.transport.abort()
        self.on_eof()

    def close(self, code: int, reason: str) -> None:
        """Tells both sides why, then lets go of them."""
        self.up.end(code, reason)
        self.down.end(code, reason)
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.on_eof)

    async def run(self) -> None:
        try:
            await self._done
        finally:
            self.up.stop()
            self.down.stop()
            for protocol in (self._browser, self._pod):
                if protocol.transport is not None:
                    protocol.transport.close()


async def open_relay(
    request: web.BaseRequest, way: Way, *, pool: UpstreamPool
) -> "tuple[Relay, web.StreamResponse] | web.StreamResponse":
    """Dials the pod and repeats the handshake there; what the pod answers goes to the browser.

    Returns the relay, to be run, and the response that belongs to it; or, if the pod declined, its response.
    Raises UpstreamError while nothing has been sent yet.
    """
    async with _asked(way, pool) as (connection, head):
        if head.message.code != 101:
            return await relay_response(request, connection, head, way.place)
        return _splice(request, connection, response_headers(head.message.headers.items(), way.place))


async def open_relay_for(
    protocol: str, request: web.BaseRequest, way: Way, *, pool: UpstreamPool
) -> "tuple[Relay, web.StreamResponse]":
    """The same with a pod that must choose this subprotocol; raises DeclinedError if it does anything else."""
    async with _asked(way, pool) as (connection, head):
        if head.message.code != 101 or head.message.headers.getall("Sec-WebSocket-Protocol", ()) != [protocol]:
            raise DeclinedError(head.message.code)
        return _splice(request, connection, response_headers(head.message.headers.items(), way.place))


@contextlib.asynccontextmanager
async def _asked(way: Way, pool: UpstreamPool) -> "AsyncIterator[tuple[Connection, ResponseHead]]":
    """A connection with the pod's answer to the handshake; it is closed if what comes next fails."""
    connection = await pool.connect(way.upstream)
    try:
        connection.send_head("GET", way.target, [*way.headers, ("Connection", "Upgrade"), ("Upgrade", "websocket")])
        yield connection, await connection.read_head(seconds=UPGRADE_SECONDS)
    except BaseException:
        connection.close()
        raise


def _splice(request: web.BaseRequest, connection: Connection, headers: Headers) -> "tuple[Relay, web.StreamResponse]":
    switch = [*headers, ("Connection", "Upgrade"), ("Upgrade", "websocket")]
    transport, pod_transport = request.transport, connection.protocol.transport
    if transport is None or pod_transport is None:
        raise ConnectionResetError("one side left before the switch")
    transport.write(response_head(request.version, 101, "Switching Protocols", switch))
    relay = Relay(request.protocol, connection.protocol)
    # Both protocols hand over what already arrived behind the handshake when they get their parser.
    browser: Any = request.protocol
    browser.set_parser(relay.up)
    connection.protocol.set_parser(relay.down, payload=None)
    transport.set_protocol(relay.up)
    pod_transport.set_protocol(relay.down)
    return relay, SentResponse(101, keep_alive=False)
