"""The way from KubeSphere's console into an environment.

The console's proxy passes no cookie on, so that a page inside of it cannot have a session here. It asks for a ticket
with its user's token instead, and opens the ticket's address in a window: the environment's host turns it into a
session of its own, once, within half a minute.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import Problem, absent
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.codes import CODE_SECONDS, Codes
from devworkspace.server.config import PublicAddress
from devworkspace.server.sessions import MAX_COOKIE, Sessions

TICKET_PATH: Final = "/-/ticket"
# For a token that does not say when it ends.
DEFAULT_SECONDS: Final = 1800.0


class Ticket(View, frozen=True):
    """An address to open in a window of the browser, once, within `expires_in` seconds."""

    url: str
    expires_in: int


class _Expiry(msgspec.Struct, frozen=True):
    exp: float


class Tickets:
    """`clock` gives Unix time."""

    def __init__(
        self,
        *,
        public: PublicAddress,
        lookup: Lookup,
        authorizer: Authorizer,
        sessions: Sessions,
        codes: Codes,
        clock: Callable[[], float],
    ) -> None:
        self._public = public
        self._lookup = lookup
        self._authorizer = authorizer
        self._sessions = sessions
        self._codes = codes
        self._clock = clock

    @property
    def routes(self) -> tuple[Route, ...]:
        summary = "An address that opens it once, for a page in KubeSphere's console"
        return (
            Route(
                "POST",
                f"{ENVIRONMENT}/ticket",
                self.make,
                summary,
                Ticket,
                status=201,
                problems=(403, 404),
                right=TO_OPEN,
            ),
        )

    async def make(self, call: Call) -> Any:
        environment = await self._lookup.find(call)
        if not call.identity.token:
            raise Problem(403, "Tickets are for users of KubeSphere's console; others open the environment's address.")
        if not await self._authorizer.may_enter(call.identity, environment):
            raise absent()
        until = _ends(call.identity.token) or self._clock() + DEFAULT_SECONDS
        session = await self._sessions.begin_for_ticket(call.identity, until=until)
        ticket = self._codes.issue_ticket(session, uid=environment.uid)
        if len(ticket) > MAX_COOKIE:
            raise Problem(403, "The token is too long for a session.")
        address = self._public.environment_url(environment.key)
        url = f"{address.rstrip('/')}{TICKET_PATH}?{urlencode({'ticket': ticket})}"
        return Ticket(url=url, expires_in=int(CODE_SECONDS))


def _ends(token: str) -> float | None:
    """When a token says that it ends. KubeSphere has just accepted it, so that it is what KubeSphere wrote there."""
    parts = token.split(".")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=_Expiry).exp
    except (IndexError, ValueError, binascii.Error, msgspec.DecodeError):
        return None
