"""The addresses of a sign-in with the identity provider."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import urlencode

import structlog
from aiohttp import web

from devworkspace.core.access import Identity
from devworkspace.server.answers import Answers, language_of
from devworkspace.server.audit import Actor, Audit
from devworkspace.server.config import PublicAddress
from devworkspace.server.heads import only_cookie, printable, safe_next
from devworkspace.server.pages.html import leave_page
from devworkspace.server.sessions import CookieNames, Vouch
from devworkspace.server.signin.oidc.login import LOGIN_SECONDS, Login, Logins
from devworkspace.server.signin.oidc.people import ClaimsError
from devworkspace.server.signin.oidc.provider import Metadata, Provider, ProviderAwayError, ProviderRefusedError, Word
from devworkspace.server.signin.oidc.tokens import TokenError
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

BEGIN_PATH: Final = "/signin/provider"
CALLBACK_PATH: Final = "/signin/callback"
LEAVE_PATH: Final = "/signin/leave"
# What an error of the provider may be called in the log.
MAX_ERROR: Final = 100

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Entrance(Protocol):
    """The part of the sign-in room that all ways of signing in share."""

    async def enter(
        self, request: web.BaseRequest, identity: Identity, *, next_address: str, vouch: Vouch | None = None
    ) -> web.Response: ...

    async def again(self, request: web.BaseRequest, status: int, key: str, *, next_address: str) -> web.Response: ...


class ProviderSignIn:
    """`entrance` makes sessions and pages."""

    def __init__(
        self,
        *,
        public: PublicAddress,
        provider: Provider,
        logins: Logins,
        entrance: Entrance,
        count: Callable[[str], None],
        audit: Audit,
    ) -> None:
        self._public = public
        self._provider = provider
        self._logins = logins
        self._entrance = entrance
        self._count = count
        self._audit = audit
        self._answers = Answers(public)
        self._cookie = CookieNames.for_scheme(secure=public.secure).login

    @property
    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", BEGIN_PATH): self.begin,
            ("GET", CALLBACK_PATH): self.callback,
            ("GET", LEAVE_PATH): self.leave,
        }

    async def begin(self, request: web.BaseRequest) -> web.StreamResponse:
        """Sends the browser to the provider."""
        next_address = safe_next(request.query.get("next"), self._public)
        try:
            metadata, client = await self._provider.metadata(), self._provider.client()
        except ProviderAwayError as error:
            log.warning("sign-in not possible", error=str(error))
            return await self._entrance.again(request, 503, "provider.away", next_address=next_address)
        begun = self._logins.begin(
            metadata, client, scopes=" ".join(self._provider.config.scopes), next_address=next_address
        )
        response = self._answers.redirect(begun.location)
        self._answers.set_cookie(response, self._cookie, begun.cookie, seconds=LOGIN_SECONDS)
        return response

    async def callback(self, request: web.BaseRequest) -> web.StreamResponse:
        """Takes the provider's answer; whatever it is, the browser's cookie has served."""
        response = await self._answer(request)
        self._answers.set_cookie(response, self._cookie, "", seconds=0)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        query = request.query
        login = None
        # A parameter that comes twice is read differently by different programs.
        if len(set(query)) == len(query):
            cookie = only_cookie(request.headers.getall("Cookie", ()), self._cookie)
            issuer = self._provider.config.issuer
            login = self._logins.find(cookie, state=query.get("state", ""), issuer=issuer)
        if login is None:
            self._refuse(request, "not begun in this browser, or too long ago")
            return await self._entrance.again(request, 400, "provider.stale", next_address="/")
        try:
            word = await self._redeem(request, login)
        except ProviderAwayError as error:
            log.warning("sign-in not possible", error=str(error))
            self._audit.record("sign-in", "failed", Actor(None, source_of(request)), method="provider", reason="away")
            return await self._entrance.again(request, 503, "provider.away", next_address=login.next)
        except (ProviderRefusedError, TokenError, ClaimsError) as error:
            self._refuse(request, f"{type(error).__name__}: {error}")
            return await self._entrance.again(request, 403, "provider.refused", next_address=login.next)
        vouch = Vouch(issuer=self._provider.config.issuer, until=word.until, refresh=word.refresh)
        # The aim was safe when it was sealed; the public address may have changed since.
        aim = safe_next(login.next, self._public)
        return await self._entrance.enter(request, word.identity, next_address=aim, vouch=vouch)

    async def _redeem(self, request: web.BaseRequest, login: Login) -> Word:
        metadata = await self._provider.metadata()
        _check_issuer(request.query.get("iss"), metadata)
        if "error" in request.query or not request.query.get("code"):
            raise ProviderRefusedError(printable(request.query.get("error", "no code")[:MAX_ERROR]))
        return await self._provider.redeem(
            request.query["code"],
            verifier=login.verifier,
            redirect_uri=self._logins.redirect_uri,
            nonce=login.nonce,
        )

    def _refuse(self, request: web.BaseRequest, reason: str) -> None:
        log.warning("sign-in refused", provider=self._provider.config.issuer, source=source_of(request), reason=reason)
        self._count("refused")
        self._audit.record("sign-in", "denied", Actor(None, source_of(request)), method="provider", reason="provider")

    async def leave(self, request: web.BaseRequest) -> web.StreamResponse:
        """After our own session has ended, ends the one at the provider, who asks the person."""
        try:
            metadata, client = await self._provider.metadata(), self._provider.client()
        except ProviderAwayError:
            return self._answers.redirect("/signin?signed-out=1", status=303)
        if not metadata.end_session_endpoint:
            return self._answers.redirect("/signin?signed-out=1", status=303)
        back = f"{self._public.origin}/signin"
        query = urlencode({"client_id": client.id, "post_logout_redirect_uri": back})
        endpoint = metadata.end_session_endpoint
        address = f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
        return self._answers.page(
            leave_page(name=self._provider.config.name, address=address, language=language_of(request))
        )


def _check_issuer(said: str | None, metadata: Metadata) -> None:
    """RFC 9207: a code of another provider must not be sent to this one."""
    if said is None and not metadata.authorization_response_iss_parameter_supported:
        return
    if said != metadata.issuer:
        raise TokenError("the answer comes from another provider")
