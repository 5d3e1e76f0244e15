"""Keeps sessions no longer than the identity provider wants them, without the browser noticing.

A provider's word is good for as long as its access token. In the last moments of that, sessions which are in use are
asked about with their refresh token, in the background; a session that nobody used meanwhile is asked about when its
next request comes. A no ends the session at once, and so do another account, name or groups: the next sign-in, mostly
without a question, has the new ones. A provider that is away keeps an earlier yes for five minutes more.

What was renewed is remembered in this process. The cookies keep the first refresh token, so that every replica, and the
same one after a restart, can ask by itself. Where the provider exchanges refresh tokens, `Turns` has the newest one.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from devworkspace.server.sessions import Session
from devworkspace.server.signin.oidc.people import ClaimsError
from devworkspace.server.signin.oidc.provider import Provider, ProviderAwayError, ProviderRefusedError
from devworkspace.server.signin.oidc.tokens import TokenError
from devworkspace.server.signin.oidc.turns import Newest, Turns

log = structlog.get_logger("devworkspace.server")

# Longer than the time between two looks at an open socket, so that each gets its look before its word ends.
MARGIN_SECONDS: Final = 90.0
STEP_SECONDS: Final = 15.0
GRACE_SECONDS: Final = 300.0
MAX_WORDS: Final = 20_000
FINISH_SECONDS: Final = 5.0


class _Known(NamedTuple):
    """`until` is what counts, `said` what the provider said last; they differ while it is away."""

    until: float
    said: float
    refresh: str


class Renewals:
    """What the provider said about sessions since they were sealed; with `turns`, to whichever replica."""

    def __init__(self, provider: Provider, *, clock: Callable[[], float], turns: Turns | None = None) -> None:
        self._provider = provider
        self._clock = clock
        self._turns = turns
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._due: dict[str, Session] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def until(self, session: Session) -> float:
        """Until when the session may be used; for `Sessions`. Notes those that should be asked about soon."""
        if session.vouch is None:
            return math.inf
        if session.vouch.issuer != self._provider.config.issuer:
            return 0.0
        known = self._know(session)
        if known.refresh and known.until - self._clock() < MARGIN_SECONDS:
            self._due[session.sid] = session
        return known.until

    async def ensure(self, session: Session) -> None:
        """Asks the provider now if its word has ended; who waits for the same session waits together."""
        if session.vouch is None or session.vouch.issuer != self._provider.config.issuer:
            return
        known = self._know(session)
        if not known.refresh or known.until > self._clock():
            return
        await asyncio.shield(self._ask_once(session))

    async def run_forever(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            await self.renew_due()

    async def finish(self) -> None:
        """Lets those under way end: an answer that nobody notes may have used a refresh token up."""
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=FINISH_SECONDS)

    async def renew_due(self) -> None:
        due, self._due = self._due, {}
        await asyncio.gather(*(self._ask_once(session) for session in due.values()))

    def _know(self, session: Session) -> _Known:
        assert session.vouch is not None
        known = self._known.get(session.sid)
        return known or _Known(session.vouch.until, session.vouch.until, session.vouch.refresh)

    def _ask_once(self, session: Session) -> "asyncio.Task[None]":
        task = self._asking.get(session.sid)
        if task is None:
            task = asyncio.create_task(self._ask(session))
            self._asking[session.sid] = task
            task.add_done_callback(lambda _: self._asking.pop(session.sid, None))
        return task

    async def _ask(self, session: Session) -> None:
        known = self._know(session)
        if not known.refresh:
            return
        try:
            renewed = await self._renew(session, known)
        except ProviderAwayError as error:
            log.warning("identity provider away, session not renewed", user=session.name, error=str(error))
            limit = known.said + GRACE_SECONDS
            if limit > self._clock():
                self._keep(session, known._replace(until=limit))
            return
        except (ProviderRefusedError, TokenError, ClaimsError) as error:
            self._end(session, str(error))
            return
        self._keep(session, renewed)

    async def _renew(self, session: Session, known: _Known) -> _Known:
        if self._turns is None:
            return await self._ask_provider(session, known.refresh)
        turn = await self._turns.take(session, refresh=known.refresh, said=known.said)
        if isinstance(turn, Newest):
            return _Known(turn.until, turn.until, turn.refresh)
        try:
            renewed = await self._ask_provider(session, turn.refresh)
        except ProviderAwayError:
            await turn.not_used()
            raise
        except (ProviderRefusedError, TokenError, ClaimsError):
            await turn.ended()
            raise
        await turn.renewed(refresh=renewed.refresh, until=renewed.until)
        return renewed

    async def _ask_provider(self, session: Session, refresh: str) -> _Known:
        word = await self._provider.renew(refresh)
        same = (word.identity.name, word.identity.subject) == (session.name, session.subject)
        if not same or set(word.identity.groups) != set(session.groups):
            raise ClaimsError("name or groups have changed")
        return _Known(word.until, word.until, word.refresh)

    def _end(self, session: Session, reason: str) -> None:
        log.info("session ended by the identity provider", user=session.name, reason=reason)
        self._keep(session, _Known(until=0.0, said=0.0, refresh=""))

    def _keep(self, session: Session, known: _Known) -> None:
        self._known[session.sid] = known
        self._known.move_to_end(session.sid)
        while len(self._known) > MAX_WORDS:
            self._known.popitem(last=False)
