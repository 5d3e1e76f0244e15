"""A network between a program and a server, both on this machine: a test can look into it and cut it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

# Reads and answers what comes before the bytes that are passed on.
Greeting = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Relay:
    """Passes connections to `port` on to `target`; its own side speaks TLS where `tls` is given."""

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None, greeting: Greeting | None = None) -> None:
        self.port = 0
        self.target = target
        self._tls = tls
        self._greeting = greeting
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def restore(self) -> None:
        """Takes connections, after a cut on the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Ends all connections; new ones are refused."""
        if self._server is not None:
            self._server.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        # The event loop closes what was aborted in its next round.
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not this task itself: the library takes its cancellation for an error of the server's.
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        await asyncio.wait({connection})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            if self._greeting is not None:
                await self._greeting(reader, writer)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(far_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, far_writer))
                both.create_task(_copy(far_reader, writer))
        except* (OSError, EOFError):
            # Either end may go at any time; that is what this is for.
            pass
        finally:
            for end in ends:
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        # TLS has no half of a connection.
        writer.close()


@contextlib.asynccontextmanager
async def running_relay(
    target: int, *, tls: ssl.SSLContext | None = None, greeting: Greeting | None = None
) -> AsyncIterator[Relay]:
    relay = Relay(target, tls=tls, greeting=greeting)
    await relay.restore()
    try:
        yield relay
    finally:
        await relay.cut()
