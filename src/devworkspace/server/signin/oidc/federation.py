"""The identity provider as the rest of the server sees it."""

import dataclasses
from collections.abc import Callable

from aiohttp import web

from devworkspace.server.audit import Audit
from devworkspace.server.config import OidcConfig, PublicAddress
from devworkspace.server.heads import only_cookie
from devworkspace.server.keys import Keys
from devworkspace.server.pages.html import ProviderButton
from devworkspace.server.sessions import CookieNames, Sessions
from devworkspace.server.shared import SharedRecord
from devworkspace.server.signin.oidc.handler import BEGIN_PATH, CALLBACK_PATH, Entrance, Handler, ProviderSignIn
from devworkspace.server.signin.oidc.login import Logins
from devworkspace.server.signin.oidc.provider import Provider, ProviderAwayError
from devworkspace.server.signin.oidc.renewals import Renewals
from devworkspace.server.signin.oidc.turns import Turns


@dataclasses.dataclass(frozen=True)
class Shared:
    """What the server has for every way of signing in."""

    public: PublicAddress
    keys: Keys
    entrance: Entrance
    count: Callable[[str], None]
    audit: Audit


class Federation:
    """`clock` gives Unix time; `record` has what replicas must know of each other where the provider exchanges refresh
    tokens. Raises ConfigurationError if a setting cannot work.
    """

    def __init__(self, config: OidcConfig, *, keys: Keys, record: SharedRecord, clock: Callable[[], float]) -> None:
        self.provider = Provider(config, clock=clock)
        turns = Turns(keys.ring.keys, record=record, clock=clock) if config.single_use_refresh else None
        if turns is not None:
            keys.on_change(lambda ring: turns.use_keys(ring.keys))
        self.renewals = Renewals(self.provider, clock=clock, turns=turns)
        self._clock = clock

    async def button(self) -> ProviderButton:
        """Whether there is a use in going to the provider now."""
        try:
            await self.provider.metadata()
        except ProviderAwayError:
            return ProviderButton(self.provider.config.name, None)
        return ProviderButton(self.provider.config.name, BEGIN_PATH)

    def make_room(self, shared: Shared) -> dict[tuple[str, str], Handler]:
        """The addresses of the sign-in."""
        redirect_uri = shared.public.origin + CALLBACK_PATH
        logins = Logins(shared.keys.ring.keys, redirect_uri=redirect_uri, clock=self._clock)
        shared.keys.on_change(lambda ring: logins.use_keys(ring.keys))
        room = ProviderSignIn(
            public=shared.public,
            provider=self.provider,
            logins=logins,
            entrance=shared.entrance,
            count=shared.count,
            audit=shared.audit,
        )
        return room.routes

    def make_renewer(self, sessions: Sessions, public: PublicAddress) -> "Renewer":
        cookies = CookieNames.for_scheme(secure=public.secure, mode=public.mode)
        return Renewer(self.renewals, sessions, cookies)

    async def run_forever(self) -> None:
        await self.renewals.run_forever()

    async def close(self) -> None:
        await self.renewals.finish()
        await self.provider.close()


class Renewer:
    """Before a request is looked at: a session whose provider's word has ended meanwhile gets a new one, or none."""

    def __init__(self, renewals: Renewals, sessions: Sessions, cookies: CookieNames) -> None:
        self._renewals = renewals
        # Each kind by its own key: what another key has sealed is tried in vain each time.
        self._kinds = (
            (cookies.session, sessions.lapsed),
            (cookies.environment, sessions.lapsed_for_environment),
        )

    async def __call__(self, request: web.BaseRequest) -> None:
        sent = request.headers.getall("Cookie", ())
        for name, find_lapsed in self._kinds:
            session = find_lapsed(only_cookie(sent, name))
            if session is not None:
                await self._renewals.ensure(session)
