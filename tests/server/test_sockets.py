"""The registry of open sockets, with relays that stay open."""

import asyncio
import time
from typing import Any

from devworkspace.core.access import Identity
from devworkspace.server.gateway.sockets import RECHECKED_AT_ONCE
from devworkspace.server.sessions import Session
from tests.server.support import ADMIN, Harness

COUNT = 25 * RECHECKED_AT_ONCE


class Stays:
    """In the place of a relay."""

    def __init__(self) -> None:
        self.closed: list[int] = []
        self._end = asyncio.Event()

    def close(self, code: int, _: str) -> None:
        self.closed.append(code)
        self._end.set()

    async def run(self) -> None:
        await self._end.wait()


async def test_whoever_comes_during_a_recheck_does_not_wait_for_all_of_it(server: Harness) -> None:
    server.add(1, name="kept")
    server.add(1, name="foreign", owner="li.wei")
    sockets, turns = server.rooms.gateway.sockets, 0
    session = Session("sid", ADMIN, Identity(ADMIN, ()).groups, expires=time.time() + 60, issued=time.time())

    def open_one(name: str) -> tuple[Stays, asyncio.Task[None]]:
        relay: Any = Stays()
        environment = server.table.find(f"{name}--team")
        assert environment is not None
        return relay, asyncio.create_task(sockets.run(relay, session=session, environment=environment))

    opened = [open_one("kept" if number % 2 else "foreign") for number in range(COUNT)]
    await asyncio.sleep(0)
    assert len(sockets) == COUNT
    recheck = asyncio.create_task(sockets.recheck())
    while not recheck.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > COUNT / RECHECKED_AT_ONCE
    assert [len(relay.closed) for relay, _ in opened] == [number % 2 == 0 for number in range(COUNT)]
    for relay, task in opened:
        relay.close(1001, "")
        await task
