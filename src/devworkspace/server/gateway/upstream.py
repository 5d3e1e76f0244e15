"""Connections to pods: dial, keep for reuse, give back. Kept by pod UID and port, because addresses are used again.

aiohttp's client is not used: its session, cookie and redirect layers cost about as much as the rest of the path, and it
repeats requests on its own terms. Its response parser and flow control are used as they are.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from devworkspace.server.environments import Upstream

CONNECT_SECONDS: Final = 2.0
# Node closes idle connections after 5 s; being faster makes the race of a request against that close rare.
IDLE_SECONDS: Final = 4.0
MAX_IDLE_PER_POD: Final = 64
MAX_HEADER_BYTES: Final = 32 * 1024


class UpstreamError(Exception):
    """The pod cannot be reached or broke off before it answered."""


class UpstreamTimeoutError(UpstreamError, TimeoutError):
    """The pod took the request and did not answer in time."""


class ResponseHead(NamedTuple):
    message: RawResponseMessage
    body: StreamReader


class Listener(Protocol):
    """Who is called when something comes from a pod, instead of waiting for it."""

    def on_head(self, message: RawResponseMessage, body: StreamReader) -> bool: ...
    def on_data(self) -> None: ...
    def on_lost(self) -> None: ...


class PodProtocol(ResponseHandler):
    """aiohttp's client side of a connection, which tells a listener, if it has one, what comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.listener: Listener | None = None

    def feed_data(self, data: Any, size: int = 0) -> None:
        """A response's head, from aiohttp's parser. One that nobody takes makes the connection unfit for reuse."""
        if self.listener is None or not self.listener.on_head(*data):
            super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.listener is not None:
            self.listener.on_data()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Asked for after each read of a body; only what is paused has anything to resume."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.listener is not None:
            self.listener.on_lost()


class Connection:
    """One HTTP/1.1 connection to a pod. `used` counts the requests that it has carried."""

    def __init__(self, protocol: PodProtocol, *, upstream: Upstream) -> None:
        self.protocol = protocol
        self.upstream = upstream
        self.used = 0
        self.idle_since = 0.0

    @property
    def is_reusable(self) -> bool:
        return self.protocol.is_connected() and not self.protocol.should_close

    def send_head(self, method: str, target: str, headers: Iterable[tuple[str, str]]) -> None:
        """Writes the request line and headers. Raises UpstreamError if the pod has closed the connection."""
        self.protocol.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        self.used += 1
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        self._write(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("utf-8", "surrogateescape"))

    def _write(self, data: bytes) -> None:
        transport = self.protocol.transport
        if transport is None or transport.is_closing():
            raise UpstreamError("the pod closed the connection")
        transport.write(data)

    async def send_body(self, data: bytes) -> None:
        """Writes a part of the body and waits while the pod does not take it. Raises UpstreamError or OSError."""
        self._write(data)
        await self.protocol._drain_helper()

    async def read_head(self, *, seconds: float) -> ResponseHead:
        """The head of the final response; informational ones are skipped. Raises UpstreamError."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message, body = await self.protocol.read()
                    if message.code == 101 or message.code >= 200:
                        return ResponseHead(message, body)
        except TimeoutError as error:
            raise UpstreamTimeoutError(f"no answer within {seconds:g} s") from error
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise UpstreamError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        self.protocol.close()


def _keep_alive(protocol: ResponseHandler) -> None:
    """Has the kernel notice a node that vanished: a minute of silence, then four probes."""
    if protocol.transport is None:
        return
    raw = protocol.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
        raw.setsockopt(socket.IPPROTO_TCP, option, value)


class UpstreamPool:
    """Hands out connections and takes them back."""

    def __init__(self) -> None:
        self._idle: dict[Upstream, deque[Connection]] = {}

    def take_idle(self, upstream: Upstream) -> Connection | None:
        """The most recently used live connection to the pod, if one is kept."""
        idle = self._idle.get(upstream)
        now = time.monotonic()
        while idle:
            connection = idle.pop()
            if connection.is_reusable and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def connect(self, upstream: Upstream) -> Connection:
        """A new connection. Raises UpstreamError if the pod does not accept it within two seconds."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, protocol = await loop.create_connection(lambda: PodProtocol(loop), upstream.host, upstream.port)
        except TimeoutError as error:
            raise UpstreamError(f"the pod did not accept a connection within {CONNECT_SECONDS:g} s") from error
        except OSError as error:
            raise UpstreamError(f"the pod refused the connection: {error.strerror or error}") from error
        _keep_alive(protocol)
        return Connection(protocol, upstream=upstream)

    def give_back(self, connection: Connection) -> None:
        """Keeps the connection for the next request, or closes it if it cannot carry one."""
        idle = self._idle.get(connection.upstream)
        if idle is None:
            idle = self._idle[connection.upstream] = deque()
        if not connection.is_reusable or len(idle) >= MAX_IDLE_PER_POD:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        idle.append(connection)

    def drop(self, pod_uid: str) -> None:
        """Closes what is kept for a pod that is gone."""
        for upstream in [known for known in self._idle if known.pod_uid == pod_uid]:
            for connection in self._idle.pop(upstream):
                connection.close()

    def sweep(self) -> None:
        """Closes what has been idle for too long; to be called every few seconds."""
        now = time.monotonic()
        for upstream, idle in list(self._idle.items()):
            while idle and (now - idle[0].idle_since >= IDLE_SECONDS or not idle[0].is_reusable):
                idle.popleft().close()
            if not idle:
                del self._idle[upstream]

    def close(self) -> None:
        for upstream in list(self._idle):
            self.drop(upstream.pod_uid)
