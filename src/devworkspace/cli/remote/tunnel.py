"""The bytes of one ssh connection, from standard input and to standard output, over a WebSocket of the server."""

import asyncio
import contextlib
import sys
import time
from typing import Any, Final

import aiohttp
import click
import uvloop

from devworkspace.api import names
from devworkspace.cli.environments.words import language
from devworkspace.cli.remote.place import Place
from devworkspace.cli.remote.words import tell

CHUNK: Final = 256 * 1024
START_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.5
_CONNECT_SECONDS: Final = 30.0
# How long an environment that runs may not be reached.
_PATIENCE_SECONDS: Final = 10.0
# An environment on its way, or a part of the way that has just begun to answer.
_LATER: Final = frozenset({409, 502, 503, 504})
# What `ws` sends without a code, and what a client asks for.
_NORMAL: Final = frozenset({0, 1000, 1005})
_REASONS: Final = {1001: "gone", 1008: "no-access", 1011: "no-sshd", 1012: "restarts", 1013: "restarts"}
_END_SECONDS: Final = 2.0
_TOLD: Final = {401: "token", 404: "absent", 429: "limit", 501: "no-ssh"}


class Server:
    """What `devworkspace ssh` asks of the REST API about one environment."""

    def __init__(self, session: aiohttp.ClientSession, place: Place) -> None:
        self._session = session
        self._place = place
        self._path = f"{place.server}/api/v1/namespaces/{place.key.namespace}/environments/{place.key.name}"
        # The second says that no other site's page has caused this, where KubeSphere's console could have been used.
        self._headers = {"Authorization": str(place.authorization), "X-DevWorkspace-CSRF": "1"}

    async def connect(self, public_key: str) -> aiohttp.ClientWebSocketResponse:
        """Raises WSServerHandshakeError if the server refuses."""
        headers = {**self._headers, names.SSH_KEY_HEADER: public_key}
        return await self._session.ws_connect(
            f"{self._path}/ssh", protocols=(names.SSH_PROTOCOL,), headers=headers, compress=0, max_msg_size=0
        )

    async def read(self) -> dict[str, Any]:
        """The environment; raises ClickException."""
        async with self._session.get(self._path, headers=self._headers) as response:
            if response.status != 200:
                raise refusal(self._place, response.status)
            found: dict[str, Any] = await response.json()
            return found

    async def start(self) -> None:
        """Raises ClickException with the server's words."""
        async with self._session.post(f"{self._path}/start", headers=self._headers) as response:
            # 409: somebody else was faster.
            if response.status not in (204, 409):
                body = await response.json(content_type=None)
                detail = body.get("detail", "") if isinstance(body, dict) else response.reason
                raise click.ClickException(tell("no-start", name=self._place.key, detail=detail))


def refusal(place: Place, status: int) -> click.ClickException:
    """What a person is told about an answer."""
    return click.ClickException(tell(_TOLD.get(status, "answer"), server=place.server, name=place.key, status=status))


async def open_tunnel(server: Server, place: Place, public_key: str, *, start: bool) -> aiohttp.ClientWebSocketResponse:
    """A connection to the environment once it runs; one that is stopped is started if that is wanted."""
    began = not_running = time.monotonic()
    told = ""
    while True:
        try:
            return await server.connect(public_key)
        except aiohttp.WSServerHandshakeError as error:
            if error.status not in _LATER or time.monotonic() - not_running > _PATIENCE_SECONDS:
                raise refusal(place, error.status) from error
        found = await server.read()
        phase, message = str(found["phase"]), str(found["message"])
        if phase != "Running":
            not_running = time.monotonic()
            await _see_to(server, place, phase=phase, message=message, start=start)
            if message != told:
                told = message
                print(f"{phase}: {message}", file=sys.stderr, flush=True)
        if time.monotonic() - began > START_SECONDS:
            values = {"seconds": f"{START_SECONDS:g}", "phase": phase, "message": message}
            raise click.ClickException(tell("not-running", name=place.key, **values))
        await asyncio.sleep(_POLL_SECONDS)


async def _see_to(server: Server, place: Place, *, phase: str, message: str, start: bool) -> None:
    """Raises ClickException where waiting does not help."""
    if phase == "Failed":
        raise click.ClickException(tell("failed", name=place.key, message=message))
    if phase == "Stopped" and not start:
        short = f"{place.key.name} -n {place.key.namespace}"
        raise click.ClickException(tell("stopped", name=place.key, short=short))
    if phase == "Stopped":
        await server.start()


async def carry(place: Place, public_key: str, *, start: bool) -> None:
    """Until either side has ended. Raises ClickException if there is no connection, or if it is taken away."""
    # A proxy would read what goes over plain http, which is for this machine only.
    session = aiohttp.ClientSession(
        headers={"Accept-Language": language(), "User-Agent": "devworkspace-cli"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        trust_env=place.server.startswith("https:"),
    )
    async with session:
        try:
            socket = await open_tunnel(Server(session, place), place, public_key, start=start)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise click.ClickException(tell("unreachable", server=place.server, error=error)) from error
        async with socket:
            reason = await splice(socket)
    if reason:
        raise click.ClickException(tell("ended", name=place.key, reason=reason))


async def splice(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Why the connection was taken away; empty if ssh ended it, on either side."""
    reader, writer = await _standard_streams()
    up, down = asyncio.create_task(_up(reader, socket)), asyncio.create_task(_down(socket, writer))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and up.exception() is not None:
            # It cannot be written to because it ends, and why comes from the other direction.
            await asyncio.wait({down}, timeout=_END_SECONDS)
        return down.result() if down.done() else ""
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()


async def _up(reader: asyncio.StreamReader, socket: aiohttp.ClientWebSocketResponse) -> None:
    while data := await reader.read(CHUNK):
        await socket.send_bytes(data)


async def _down(socket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> str:
    while True:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            break
        try:
            writer.write(message.data)
            await writer.drain()
        except ConnectionError:
            return ""
    if message.type is not aiohttp.WSMsgType.CLOSE:
        return tell("broken-off")
    if message.data in _NORMAL:
        return ""
    return tell(_REASONS.get(message.data, "broken-off"))


async def _standard_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # A writer wants this protocol, of which nothing is read.
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), sys.stdout
    )
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


def run_tunnel(place: Place, public_key: str, *, start: bool) -> None:
    """`carry` to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(carry(place, public_key, start=start))
