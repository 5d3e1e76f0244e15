"""Sign-in page, sign-out, and the public half of the way into an environment."""

import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs, quote, urlencode

import structlog
from aiohttp import web

from devworkspace.core.access import Identity
from devworkspace.kube.errors import KubeError
from devworkspace.server.answers import AWAY_RETRY_SECONDS, Answers, language_of
from devworkspace.server.audit import Action, Actor, Audit
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.bodies import read_body
from devworkspace.server.codes import Codes
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import Environment
from devworkspace.server.heads import Site, is_safe_path, is_same_origin, only_cookie, parse_label, safe_next
from devworkspace.server.pages.html import ProviderButton, away_page, message_page, missing_page, sign_in_page
from devworkspace.server.pages.texts import LANGUAGE_COOKIE, text
from devworkspace.server.revocations import FullError
from devworkspace.server.sessions import MAX_COOKIE, CookieNames, Session, Sessions, Vouch
from devworkspace.server.signin.accounts import AdminAccount, BusyError
from devworkspace.server.signin.throttle import PER_ACCOUNT, PER_ADDRESS, Throttle, address_key
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

MAX_FORM_BYTES: Final = 8 * 1024
FORM_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 5
# A label of a host name has 63 characters at most.
MAX_LABEL: Final = 70
LANGUAGE_SECONDS: Final = 365 * 24 * 3600
NO_FORM: Final = "There is no local account here; use the sign-in page."
_NONCE_HASH = re.compile(r"[0-9a-f]{64}")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class SignIn:
    """The room of the public host that knows passwords and sessions.

    `account` None: there is no local account. `provider` tells of the identity provider, if one is configured. Guesses
    are counted so that all of `replicas` together take no more than one alone. `prefetch` is what the dashboard needs.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        account: AdminAccount | None,
        provider: Callable[[], Awaitable[ProviderButton]] | None,
        sessions: Sessions,
        codes: Codes,
        authorizer: Authorizer,
        find: Callable[[str, int | None], Environment | None],
        clock: Callable[[], float],
        count: Callable[[str], None],
        audit: Audit,
        replicas: int = 1,
        prefetch: tuple[str, ...] = (),
    ) -> None:
        self._prefetch = prefetch
        self._audit = audit
        self._public = public
        self._account = account
        self._provider = provider
        self._sessions = sessions
        self._codes = codes
        self._authorizer = authorizer
        self._find = find
        self._answers = Answers(public)
        self._cookies = CookieNames.for_scheme(secure=public.secure, mode=public.mode)
        self._by_address = Throttle(PER_ADDRESS.share(replicas), clock=clock)
        self._by_account = Throttle(PER_ACCOUNT.share(replicas), clock=clock)
        self._count = count

    @property
    def routes(self) -> dict[tuple[str, str], Handler]:
        return {
            ("GET", "/signin"): self.show,
            ("POST", "/signin"): self.submit,
            ("POST", "/signout"): self.sign_out,
            ("POST", "/signout-everywhere"): self.sign_out_everywhere,
            ("GET", "/-/authorize"): self.authorize,
        }

    def session(self, request: web.BaseRequest) -> Session | None:
        """Who makes this request to the public host."""
        return self._sessions.read(only_cookie(request.headers.getall("Cookie", ()), self._cookies.session))

    async def show(self, request: web.BaseRequest) -> web.StreamResponse:
        language = language_of(request)
        next_address = safe_next(request.query.get("next"), self._public)
        if self.session(request) is not None:
            return self._answers.redirect(next_address, status=303)
        notice = text("signin.done", language) if request.query.get("signed-out") == "1" else None
        page = await self._page(request, next_address=next_address, notice=notice)
        self.keep_language(request, page)
        return page

    async def _page(
        self,
        request: web.BaseRequest,
        *,
        next_address: str,
        user: str = "",
        alert: str | None = None,
        notice: str | None = None,
        status: int = 200,
        retry_after: int | None = None,
    ) -> web.Response:
        page = sign_in_page(
            language=language_of(request),
            next_address=next_address,
            user=user,
            alert=alert,
            notice=notice,
            provider=await self._provider() if self._provider is not None else None,
            local=self._account is not None,
            prefetch=self._prefetch,
        )
        return self._answers.page(page, status=status, retry_after=retry_after)

    def keep_language(self, request: web.BaseRequest, response: web.Response) -> None:
        """Remembers an explicit choice of language."""
        if request.query.get("lang") in ("en", "zh"):
            self._answers.set_cookie(response, LANGUAGE_COOKIE, request.query["lang"], seconds=LANGUAGE_SECONDS)

    async def submit(self, request: web.BaseRequest) -> web.StreamResponse:
        form = await _read_form(request)
        if form is None:
            return self._answers.refusal(400, "The form cannot be read.")
        username, next_address = form.get("username", "")[:256], safe_next(form.get("next"), self._public)
        if not is_same_origin(request.headers, self._public.origin):
            return await self.again(request, 403, "signin.foreign", username=username, next_address=next_address)
        if self._account is None:
            return self._answers.refusal(403, NO_FORM)
        address = address_key(source_of(request))
        wait = max(self._by_address.wait(address), self._by_account.wait(username))
        if wait:
            return await self._throttled(request, wait, username=username, next_address=next_address)
        try:
            identity = await self._account.check(username, form.get("password", ""))
        except BusyError:
            return await self._throttled(request, 2, username=username, next_address=next_address)
        if identity is None:
            self._by_address.failed(address)
            self._by_account.failed(username)
            self._count("wrong")
            self._audit.record("sign-in", "denied", Actor(username, source_of(request)), reason="password")
            return await self.again(request, 401, "signin.wrong", username=username, next_address=next_address)
        self._by_address.succeeded(address)
        self._by_account.succeeded(username)
        return await self.enter(request, identity, next_address=next_address)

    async def enter(
        self, request: web.BaseRequest, identity: Identity, *, next_address: str, vouch: Vouch | None = None
    ) -> web.Response:
        """Gives the browser a session of this person, however the person was recognised."""
        method = "password" if vouch is None else "provider"
        try:
            token, session = await self._sessions.begin(identity, vouch)
        except KubeError as error:
            self._count("away")
            log.warning("sign-in not possible", error=str(error))
            self._audit.record("sign-in", "failed", Actor(identity.name, source_of(request)), reason="cluster")
            return await self.again(request, 503, "signin.away", next_address=next_address)
        if len(token) > MAX_COOKIE:
            log.warning("too many groups for a cookie", user=identity.name, size=len(token), limit=MAX_COOKIE)
            self._audit.record("sign-in", "denied", Actor(identity.name, source_of(request)), reason="groups")
            return await self.again(request, 403, "provider.groups", next_address=next_address)
        self._count("ok")
        self._audit.record("sign-in", "ok", Actor(identity.name, source_of(request)), method=method)
        response = self._answers.redirect(next_address, status=303)
        seconds = self._sessions.remaining(session)
        self._answers.set_cookie(response, self._cookies.session, token, seconds=seconds)
        return response

    async def _throttled(
        self, request: web.BaseRequest, wait: int, *, username: str, next_address: str
    ) -> web.Response:
        self._count("throttled")
        self._audit.record("sign-in", "denied", Actor(username, source_of(request)), reason="throttle")
        alert = text("signin.throttled", language_of(request), seconds=wait)
        return await self._page(
            request, next_address=next_address, user=username, alert=alert, status=429, retry_after=wait
        )

    async def again(
        self, request: web.BaseRequest, status: int, key: str, *, next_address: str, username: str = ""
    ) -> web.Response:
        """The page once more, with the reason."""
        alert = text(key, language_of(request))
        return await self._page(request, next_address=next_address, user=username, alert=alert, status=status)

    async def sign_out(self, request: web.BaseRequest) -> web.StreamResponse:
        """Ends the session, those of all environments opened with it, and their sockets, on every replica."""
        return await self._leave(request, "sign-out", self._sessions.revoke)

    async def sign_out_everywhere(self, request: web.BaseRequest) -> web.StreamResponse:
        """The same for every session of the person."""
        end = self._sessions.revoke_all
        return await self._leave(request, "sign-out-everywhere", lambda session: end(session.name))

    async def _leave(
        self, request: web.BaseRequest, action: Action, revoke: Callable[[Session], Awaitable[None]]
    ) -> web.StreamResponse:
        if not is_same_origin(request.headers, self._public.origin):
            return self._answers.problem(403, "Requests from pages of other sites are not accepted.")
        session = self.session(request)
        if session is not None:
            try:
                await revoke(session)
            except (KubeError, FullError) as error:
                log.warning("sign-out not possible", error=str(error))
                self._audit.record(action, "failed", Actor(session.name, source_of(request)), reason="cluster")
                return self._still_signed_in(request)
            self._audit.record(action, "ok", Actor(session.name, source_of(request)))
        address = "/signin/leave" if session is not None and session.vouch is not None else "/signin?signed-out=1"
        response = self._answers.redirect(address, status=303)
        self._answers.set_cookie(response, self._cookies.session, "", seconds=0)
        return response

    def _still_signed_in(self, request: web.BaseRequest) -> web.Response:
        """The cookie stays: without it nobody could try again, and its copies would go on."""
        language = language_of(request)
        page = message_page(
            text("signout.failed.title", language),
            text("signout.failed.hint", language),
            link="/",
            link_text=text("back", language),
            language=language,
        )
        return self._answers.page(page, status=503, retry_after=RETRY_SECONDS)

    async def authorize(self, request: web.BaseRequest) -> web.StreamResponse:
        """Sends a signed-in person back to the environment's host with a one-time code."""
        query = request.query
        label, nonce_hash, path = query.get("env", ""), query.get("nonce", ""), query.get("next", "/")
        if not _NONCE_HASH.fullmatch(nonce_hash):
            return self._answers.plain(400, "This address is incomplete; open the environment from the list.")
        session = self.session(request)
        if session is None:
            parameters = urlencode({"env": label, "nonce": nonce_hash, "next": path})
            return self._answers.redirect("/signin?next=" + quote(f"/-/authorize?{parameters}", safe=""))
        site = self._site(label)
        environment = self._find(site.environment_id or "", site.port) if site is not None else None
        if environment is None or not await self._authorizer.may_enter(session.identity, environment):
            by = Actor(session.name, source_of(request))
            self._audit.record("open", "denied", by, address=label[:MAX_LABEL], reason="right")
            return self._not_found(request)
        code = self._codes.issue(
            session, uid=environment.uid, nonce_hash=nonce_hash, path=path if is_safe_path(path) else "/"
        )
        address = self._public.environment_url(environment.key, site.port if site is not None else None)
        return self._answers.redirect(f"{address}-/callback?{urlencode({'code': code})}")

    def _site(self, label: str) -> Site | None:
        """Where a session is asked for; in path mode ports have none of their own."""
        site = parse_label(label)
        return None if site is not None and site.port is not None and self._public.mode == "path" else site

    def _not_found(self, request: web.BaseRequest) -> web.Response:
        language = language_of(request)
        if self._authorizer.is_away():
            return self._answers.page(
                away_page(link="/", language=language), status=503, retry_after=AWAY_RETRY_SECONDS
            )
        page = missing_page("missing.environment", link="/", language=language)
        return self._answers.page(page, status=404)


async def _read_form(request: web.BaseRequest) -> dict[str, str] | None:
    """The fields of a small form, or None if it is not one."""
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    data = await read_body(request, max_bytes=MAX_FORM_BYTES, seconds=FORM_SECONDS)
    if data is None:
        return None
    try:
        fields = parse_qs(data.decode("ascii"), keep_blank_values=True, max_num_fields=10, strict_parsing=bool(data))
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items() if len(values) == 1}
