"""The output of an environment's container, as it was or as it comes.

A chunk is read from the API server when the client has taken the one before; nothing is collected here. A stream that
follows ends when its reader's session or right does, whether the container says something or not. A server that leaves
breaks it off.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.client import Client
from devworkspace.kube.errors import ApiError, NotFound, clean
from devworkspace.server.answers import text_stream_headers
from devworkspace.server.api.caller import Callers
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.endless import EndlessAnswers
from devworkspace.server.environments import Environment

MAX_LINES: Final = 5000
# Of an answer that does not follow: an editor that prints without end must not fill a browser.
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_STREAMS_PER_PERSON: Final = 8
RECHECK_SECONDS: Final = 10.0


class LogQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`previous`: of the container's run before this one. `follow`: goes on until the container ends."""

    previous: bool = False
    follow: bool = False
    tail_lines: Annotated[int, Meta(ge=0, le=MAX_LINES)] = 500
    since_seconds: Annotated[int, Meta(ge=1, le=7 * 86400)] | None = None
    timestamps: bool = False


class Logs:
    """The address of an environment's log."""

    def __init__(self, *, cluster: Client, lookup: Lookup, callers: Callers, endless: EndlessAnswers) -> None:
        self._endless = endless
        self._cluster = cluster
        self._lookup = lookup
        self._callers = callers
        self._open: Counter[str] = Counter()

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/logs",
                self.serve,
                "Output of its container",
                None,
                query=LogQuery,
                problems=(404, 409, 429),
                media_type="text/plain",
                right=TO_OPEN,
            ),
        )

    async def serve(self, call: Call) -> web.StreamResponse:
        environment = await self._lookup.find(call)
        pod = _pod_of(environment)
        if self._open[call.identity.name] >= MAX_STREAMS_PER_PERSON:
            raise Problem(429, "You have too many logs open; close one of them.", retry_after=10)
        self._open[call.identity.name] += 1
        try:
            return await self._send(call, environment, pod)
        finally:
            self._open[call.identity.name] -= 1
            self._open += Counter()  # drops the zeros

    async def _send(self, call: Call, environment: Environment, pod: Key) -> web.StreamResponse:
        response = web.StreamResponse(headers=text_stream_headers())
        async with contextlib.AsyncExitStack() as stack:
            try:
                chunks = await stack.enter_async_context(self._cluster.log(pod, params=_parameters(call.query)))
            except ApiError as error:
                raise _explain(error) from None
            await response.prepare(call.request)
            if call.request.method != "HEAD":
                await self._pass_on(call, environment, response=response, chunks=chunks)
        return response

    async def _pass_on(
        self, call: Call, environment: Environment, *, response: web.StreamResponse, chunks: AsyncIterator[bytes]
    ) -> None:
        """Until the log has ended, or the reader may not read it any more."""
        pump = asyncio.create_task(_pump(response, chunks))
        with self._endless.opened(call.request) as answer:
            try:
                while not pump.done():
                    await asyncio.wait(
                        {pump, answer.over}, timeout=RECHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    if answer.over.done():
                        answer.break_off()
                        return
                    if not pump.done() and not await self._may_go_on(call, environment):
                        answer.let_go()
                        return
                await pump
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)

    async def _may_go_on(self, call: Call, environment: Environment) -> bool:
        return await self._callers.is_known(call.request) and await self._lookup.may_still_read(call, environment)


async def _pump(response: web.StreamResponse, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        await response.write(chunk)


def _pod_of(environment: Environment) -> Key:
    name = environment.instance.status.pod_name
    if not environment.progress.made or not name:
        raise Problem(409, "It has no container now, and a log ends with its container; start the environment first.")
    return Key(environment.key.namespace, name)


def _parameters(query: LogQuery) -> dict[str, str]:
    wanted = {
        "container": names.CONTAINER_NAME,
        "tailLines": query.tail_lines,
        "previous": "true" if query.previous else None,
        "follow": "true" if query.follow else None,
        "sinceSeconds": query.since_seconds,
        "timestamps": "true" if query.timestamps else None,
        "limitBytes": None if query.follow else MAX_BYTES,
    }
    return {name: str(value) for name, value in wanted.items() if value is not None}


def _explain(error: ApiError) -> Exception:
    """A container that has not started yet, or has no run before this one, is nobody's mistake."""
    if error.status == HTTPStatus.BAD_REQUEST:
        return Problem(409, f"There is no such log: {clean(error.message)}.")
    if isinstance(error, NotFound):
        return Problem(409, "Its container has gone meanwhile; start the environment first.")
    return error
