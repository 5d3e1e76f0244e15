"""The open sockets, and the regular question whether each of them may stay open."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import structlog

from devworkspace.core.access import SocketVerdict, decide_socket, has_right
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.environments import Environment
from devworkspace.server.gateway.websocket import GOING_AWAY, POLICY_VIOLATION, SERVICE_RESTART, TRY_AGAIN_LATER, Relay
from devworkspace.server.limits import LimitedError
from devworkspace.server.sessions import Session, Sessions
from devworkspace.server.spreading import end_spread

log = structlog.get_logger("devworkspace.server")

# How long an earlier yes of RBAC counts while the API server cannot be asked.
STALE_GRANT_SECONDS: Final = 300.0
RENEW_SECONDS: Final = 5.0
# Each costs 20 to 40 µs, during which nothing else happens.
RECHECKED_AT_ONCE: Final = 20
# When somebody with too many sockets may try again: closed tabs are what helps, and nobody knows when.
FULL_SECONDS: Final = 10
_CLOSING: Final = {
    SocketVerdict.REVOKED: (POLICY_VIOLATION, "access has ended"),
    SocketVerdict.GONE: (GOING_AWAY, "the environment is gone"),
}


class OpenSocket(msgspec.Struct, eq=False):
    """A relay and what its right to exist rests on. `granted_at` is loop time.

    `is_known` is there where a token has made the session, and asks whether the token still holds.
    """

    relay: Relay
    session: Session
    environment: Environment
    granted_at: float
    is_known: Callable[[], Awaitable[bool]] | None = None


class Sockets:
    """Registry of open relays. `find` gives the environment that now stands at an address id.

    A person may have `per_person` of them, 0 for any number.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        authorizer: Authorizer,
        find: Callable[[str], Environment | None],
        is_blind: Callable[[], bool],
        per_person: int,
    ) -> None:
        self._is_blind = is_blind
        self._per_person = per_person
        self._held: Counter[str] = Counter()
        self._sessions = sessions
        self._authorizer = authorizer
        self._find = find
        self._open: set[OpenSocket] = set()
        self._renewing: asyncio.Task[None] | None = None
        sessions.on_revoke(self._close_revoked)

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def counted(self, person: str) -> Iterator[None]:
        """Around one socket of a person, its handshake included. Raises `LimitedError` for one too many."""
        if 0 < self._per_person <= self._held[person]:
            raise LimitedError(FULL_SECONDS)
        self._held[person] += 1
        try:
            yield
        finally:
            self._held[person] -= 1
            if self._held[person] == 0:
                del self._held[person]

    async def run(
        self,
        relay: Relay,
        *,
        session: Session,
        environment: Environment,
        is_known: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Keeps the relay registered for as long as it runs."""
        now = asyncio.get_running_loop().time()
        socket = OpenSocket(relay=relay, session=session, environment=environment, granted_at=now, is_known=is_known)
        self._open.add(socket)
        try:
            await relay.run()
        finally:
            self._open.discard(socket)

    async def recheck_forever(self, *, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.recheck()

    async def recheck(self) -> None:
        """Closes every socket that would not be opened now."""
        if self._is_blind():
            for socket in list(self._open):
                socket.relay.close(TRY_AGAIN_LATER, "no contact with the cluster")
            return
        # None waits for another's answer, and equal questions share one; but nobody's key press waits for all of them.
        async with asyncio.TaskGroup() as group:
            for number, socket in enumerate(list(self._open), start=1):
                group.create_task(self._recheck(socket))
                if number % RECHECKED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _recheck(self, socket: OpenSocket) -> None:
        verdict = await self._verdict(socket)
        if verdict is not SocketVerdict.KEEP:
            self._close(socket, verdict)

    async def _verdict(self, socket: OpenSocket) -> SocketVerdict:
        session, opened = socket.session, socket.environment
        environment = self._find(opened.id)
        if environment is not None and environment.uid != opened.uid:
            environment = None
        valid = self._sessions.is_valid(session) and (socket.is_known is None or await socket.is_known())
        granted = False
        if valid and environment is not None:
            granted = await self._granted(socket, environment)
        same_pod = environment is not None and environment.upstream == opened.upstream
        return decide_socket(
            session.identity if valid else None,
            door=None if environment is None else environment.door,
            granted=granted,
            same_pod=same_pod,
        )

    async def _granted(self, socket: OpenSocket, environment: Environment) -> bool:
        identity = socket.session.identity
        if has_right(identity, environment, granted=False) or self._authorizer.owner_only:
            return False
        now = asyncio.get_running_loop().time()
        answer = await self._authorizer.answer(identity, environment.key)
        if answer is None:
            return now - socket.granted_at < STALE_GRANT_SECONDS
        if answer:
            socket.granted_at = now
        return answer

    def _close(self, socket: OpenSocket, verdict: SocketVerdict) -> None:
        code, reason = _CLOSING[verdict]
        log.info(
            "socket closed", user=socket.session.name, environment=str(socket.environment.key), verdict=verdict.value
        )
        socket.relay.close(code, reason)

    def _close_revoked(self) -> None:
        for socket in list(self._open):
            if not self._sessions.is_valid(socket.session):
                self._close(socket, SocketVerdict.REVOKED)

    def renew(self) -> None:
        """Lets every editor come back with what its browser holds now; those that may not are refused."""
        self._renewing = asyncio.create_task(self.drain(seconds=RENEW_SECONDS))

    async def drain(self, *, seconds: float) -> None:
        """Closes all sockets, spread over about `seconds` at most.

        Editors come back at once, so that a thousand in the same moment would be a burst for whoever takes them.
        """
        await end_spread(
            self._open, lambda socket: socket.relay.close(SERVICE_RESTART, "the server restarts"), seconds=seconds
        )
