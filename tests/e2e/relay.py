"""A network between browser and server that a test can cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.ports import free_port


class Relay:
    """Passes connections to `port` on to `target`, both on this machine."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def restore(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Ends all connections; new ones are refused."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream, sink = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, sink}
        try:
            await asyncio.gather(_copy(reader, sink), _copy(upstream, writer))
        finally:
            self._open -= {writer, sink}
            for end in (writer, sink):
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Either end may go at any time; that is what this is for.
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@contextlib.asynccontextmanager
async def running_relay(target: int) -> AsyncIterator[Relay]:
    relay = Relay(target)
    await relay.restore()
    try:
        yield relay
    finally:
        await relay.cut()
