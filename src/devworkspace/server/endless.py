"""Answers that go on for as long as their reader wants: a server that leaves ends them, or they would hold it up.

A reader whose answer has ended comes back, to another replica.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web

from devworkspace.server.spreading import end_spread


class Endless:
    """One such answer. `over` is done when it is to end."""

    def __init__(self, request: web.BaseRequest) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request

    def end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
        self.let_go()

    @property
    def unread(self) -> int:
        """Bytes that wait here because the reader does not take them."""
        transport = self._request.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def let_go(self) -> None:
        """A reader that has stopped reading would hold up the end of its answer for ever."""
        if self.unread:
            self.break_off()

    def break_off(self) -> None:
        """So that nobody takes what came for all that there is."""
        if self._request.transport is not None:
            self._request.transport.abort()


class EndlessAnswers:
    """Those that are open now."""

    def __init__(self) -> None:
        self._open: set[Endless] = set()
        self._leaving = False

    @property
    def open(self) -> tuple[Endless, ...]:
        return tuple(self._open)

    @contextlib.contextmanager
    def opened(self, request: web.BaseRequest) -> Iterator[Endless]:
        """Inside, the answer is one of those that `drain` ends."""
        answer = Endless(request)
        self._open.add(answer)
        if self._leaving:
            answer.end()
        try:
            yield answer
        finally:
            self._open.discard(answer)

    async def drain(self, *, seconds: float) -> None:
        """Ends all, spread over about `seconds` at most, and whatever begins from now on at once."""
        self._leaving = True
        await end_spread(self._open, Endless.end, seconds=seconds)
