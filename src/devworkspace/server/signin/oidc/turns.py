"""Refresh tokens that work once: replicas take turns, and each finds what the one before it has got.

A provider that exchanges refresh tokens takes a second use of one for theft and ends the sign-in. So the newest token
of a session stands, sealed, in an object that all replicas share (`SharedRecord`). Who wants to renew first writes that
it does; of two that try exactly one succeeds, and the other one waits for its outcome. What stands there outlives every
process.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from devworkspace.kube.errors import KubeError
from devworkspace.server.seal import Sealer
from devworkspace.server.sessions import Session
from devworkspace.server.shared import SharedRecord
from devworkspace.server.signin.oidc.provider import ProviderAwayError, ProviderRefusedError

log = structlog.get_logger("devworkspace.server")

RECORD_NAME: Final = "devworkspace-renewals"
# Longer than all that is asked of the provider for one renewal; then whoever had the turn counts as gone.
TURN_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
# An outcome that is not written costs the session: the token before it is used up.
WRITE_AGAIN_SECONDS: Final = (0.5, 2.0, 5.0)


class Newest(msgspec.Struct, frozen=True):
    """The newest word about a session and its refresh token; an empty one: it has ended. Unix times."""

    refresh: str
    until: float
    taken_until: float = 0.0


class Turn:
    """The right to ask the provider about one session, with the newest refresh token."""

    def __init__(self, turns: "Turns", session: Session, mine: Newest, *, stored: str) -> None:
        self._turns = turns
        self._session = session
        self._mine = mine
        self._stored = stored

    @property
    def refresh(self) -> str:
        return self._mine.refresh

    async def renewed(self, *, refresh: str, until: float) -> None:
        await self._leave(Newest(refresh=refresh, until=until))

    async def ended(self) -> None:
        await self._leave(Newest(refresh="", until=0.0))

    async def not_used(self) -> None:
        """The provider was away: the same token is the next one's."""
        await self._leave(msgspec.structs.replace(self._mine, taken_until=0.0))

    async def _leave(self, outcome: Newest) -> None:
        for seconds in (*WRITE_AGAIN_SECONDS, 0.0):
            try:
                if not await self._turns.write(self._session, expected=self._stored, newest=outcome):
                    log.warning("somebody else took the turn", user=self._session.name)
                return
            except KubeError as error:
                log.warning("the newest word of the provider is not written", user=self._session.name, error=str(error))
            await asyncio.sleep(seconds)


class Turns:
    """`clock` gives Unix time."""

    def __init__(self, master_keys: Sequence[bytes], *, record: SharedRecord, clock: Callable[[], float]) -> None:
        self._record = record
        self._clock = clock
        self.use_keys(master_keys)

    def use_keys(self, master_keys: Sequence[bytes]) -> None:
        """The first key seals from now on, all of them open."""
        self._sealer = Sealer(master_keys, purpose="renewal")

    async def take(self, session: Session, *, refresh: str, said: float) -> Turn | Newest:
        """What a replica has heard since the provider spoke at `said`, if it still counts; else the right to ask.

        `refresh` is the token to begin with where nobody has asked yet. Raises ProviderRefusedError if the session has
        ended, ProviderAwayError if nobody can tell.
        """
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        try:
            while True:
                stored = await self._record.read(_entry(session))
                newest = self._open(stored) or Newest(refresh=refresh, until=said)
                if not newest.refresh:
                    raise ProviderRefusedError("ended at another replica")
                now = self._clock()
                if newest.until > max(said, now):
                    return newest
                if newest.taken_until <= now:
                    mine = msgspec.structs.replace(newest, taken_until=now + TURN_SECONDS)
                    sealed = self._sealer.seal(mine)
                    if await self._exchange(session, expected=stored, sealed=sealed):
                        return Turn(self, session, mine, stored=sealed)
                elif asyncio.get_running_loop().time() > deadline:
                    raise ProviderAwayError("another replica asks, and has no answer yet")
                else:
                    await asyncio.sleep(LOOK_SECONDS)
        except KubeError as error:
            raise ProviderAwayError(f"the newest refresh token cannot be read: {error}") from None

    async def write(self, session: Session, *, expected: str | None, newest: Newest) -> bool:
        """Raises KubeError."""
        return await self._exchange(session, expected=expected, sealed=self._sealer.seal(newest))

    async def _exchange(self, session: Session, *, expected: str | None, sealed: str) -> bool:
        return await self._record.exchange(_entry(session), expected=expected, value=sealed, until=session.expires)

    def _open(self, stored: str | None) -> Newest | None:
        return None if stored is None else self._sealer.open(stored, Newest)


def _entry(session: Session) -> str:
    """Says nothing about the session."""
    return hashlib.sha256(b"renewal:" + session.sid.encode()).hexdigest()[:32]
