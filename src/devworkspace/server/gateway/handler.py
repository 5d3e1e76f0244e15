"""An environment's host: decide, then stream or say why not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
import structlog
from aiohttp import web
from aiohttp.http import RawRequestMessage
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.access import Verdict, asks_to_start, decide
from devworkspace.core.address import port_label
from devworkspace.core.credential import COOKIE_NAME
from devworkspace.core.repository import RepositoryState
from devworkspace.core.resolve import Refusal
from devworkspace.kube.errors import KubeError
from devworkspace.server.answers import AWAY, AWAY_RETRY_SECONDS, Answers, language_of
from devworkspace.server.audit import Actor, Audit
from devworkspace.server.authorizer import MANAGE, Authorizer
from devworkspace.server.codes import NONCE_SECONDS, Code, Codes
from devworkspace.server.config import PublicAddress
from devworkspace.server.connections import BrowserConnection
from devworkspace.server.environments import Environment, EnvironmentTable
from devworkspace.server.gateway.doorstep import CANCEL_PATH, LOG_PATH, RESTART_PATH, START_PATH, STATE_PATH, Doorstep
from devworkspace.server.gateway.head import Place, request_headers
from devworkspace.server.gateway.proxy import Proxy, Way
from devworkspace.server.gateway.sockets import Sockets
from devworkspace.server.gateway.tunnel import Tunnels
from devworkspace.server.gateway.upstream import UpstreamError, UpstreamPool, UpstreamTimeoutError
from devworkspace.server.gateway.websocket import is_valid_upgrade, open_relay
from devworkspace.server.heads import (
    RESERVED_PREFIX,
    Site,
    cookie_values,
    find_editor_proxy,
    is_deliberate,
    is_disguised_reserved,
    is_navigation,
    is_safe_path,
    make_knock,
    only_cookie,
)
from devworkspace.server.keys import Keys
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.limits import LimitedError
from devworkspace.server.pages.assets import find_asset
from devworkspace.server.pages.html import away_page, message_page, missing_page
from devworkspace.server.pages.starting import Start
from devworkspace.server.pages.texts import text
from devworkspace.server.promptly import result_at_once
from devworkspace.server.sessions import CookieNames, Session, Sessions
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

CALLBACK_PATH: Final = "/-/callback"
TICKET_PATH: Final = "/-/ticket"
SWEEP_SECONDS: Final = 2.0
MAX_TOSSED: Final = 8
_DOORSTEP: Final = frozenset(
    {
        ("GET", STATE_PATH),
        ("GET", LOG_PATH),
        ("POST", START_PATH),
        ("POST", RESTART_PATH),
        ("POST", CANCEL_PATH),
    }
)
_REFUSALS: Final = frozenset({Verdict.FORBIDDEN, Verdict.UNAUTHORIZED, Verdict.SIGN_IN, Verdict.NOT_FOUND})
_NO_ENVIRONMENT: Final = "This environment does not exist or is not shared with you."
_TOO_MANY_SOCKETS: Final = "You have as many sockets open as a person may have; close some pages and try again."


class Gateway:
    """Serves `<id>.<public host>` and `<port>--<id>.<public host>`, in path mode what is below `/w/`."""

    def __init__(
        self,
        *,
        public: PublicAddress,
        keys: Keys,
        table: EnvironmentTable,
        sessions: Sessions,
        codes: Codes,
        authorizer: Authorizer,
        lifecycle: Lifecycle,
        refuse_start: Callable[[WorkspaceInstance], Refusal | None],
        is_blind: Callable[[], bool],
        on_upstream_error: Callable[[str], None],
        note_opened: Callable[[Environment], None],
        startup: Callable[[Environment], Start | None],
        read_log: Callable[[Environment], Awaitable[str]],
        repository_state: Callable[[str], RepositoryState | None],
        audit: Audit,
        sockets_per_person: int,
    ) -> None:
        self._note_opened = note_opened
        self._public = public
        self._audit = audit
        self._on_upstream_error = on_upstream_error
        self._keys = keys
        self._table = table
        self._sessions = sessions
        self._codes = codes
        self._authorizer = authorizer
        self._answers = Answers(public)
        self._doorstep = Doorstep(
            public=public,
            lifecycle=lifecycle,
            authorizer=authorizer,
            refuse_start=refuse_start,
            startup=startup,
            read_log=read_log,
            repository_state=repository_state,
            audit=audit,
        )
        self._cookies = CookieNames.for_scheme(secure=public.secure, mode=public.mode)
        self._pool = UpstreamPool()
        self._proxy = Proxy(self._pool)
        self.sockets = Sockets(
            sessions=sessions,
            authorizer=authorizer,
            find=table.find,
            is_blind=is_blind,
            per_person=sockets_per_person,
        )
        self.tunnels = Tunnels(
            public=public,
            keys=keys,
            sessions=sessions,
            authorizer=authorizer,
            sockets=self.sockets,
            pool=self._pool,
            word=self._word,
            note_opened=note_opened,
            on_upstream_error=on_upstream_error,
            audit=audit,
        )
        table.on_change(self._on_change)

    async def handle(self, request: web.BaseRequest, site: Site) -> web.StreamResponse:
        """Answers one request for the environment's host; `request` has passed the checks of the head."""
        target = request.raw_path[len(site.outer) :]
        path = target.partition("?")[0]
        if path == "":
            return self._answers.redirect(f"{site.outer}/{target}", status=308)
        if site.base and site.port is not None:
            # Below one path there is one doorstep for editor and ports.
            return await self._enter(request, site, target)
        if is_disguised_reserved(path):
            return self._answers.refusal(400, "This path is not allowed.")
        if path.startswith(RESERVED_PREFIX):
            return await self._reserved(request, path, site)
        return await self._enter(request, site, target)

    def pass_on(self, message: RawRequestMessage, site: Site, browser: BrowserConnection) -> bool:
        """Sends a request to its pod if that is all there is to do; False, and nothing done, if `handle` is to."""
        target = message.path[len(site.outer) :]
        path = target.partition("?")[0]
        ours = path == "" or path.startswith(RESERVED_PREFIX) or is_disguised_reserved(path)
        if ours or is_deliberate(message.method, message.headers):
            return False
        environment = self._find(site)
        session = self._session(message, environment)
        verdict = result_at_once(self._decide(message, site, session=session, environment=environment))
        if session is None or environment is None or verdict is not Verdict.STREAM:
            return False
        if not self._audit.is_open(session.sid, environment=environment.key, port=site.port):
            return False
        if self._is_locked(environment):
            return False
        way = self._find_way(message, site, target, environment=environment)
        return way is not None and self._proxy.pass_on(message, browser, way)

    def _find(self, site: Site) -> Environment | None:
        # Below one path the editor's session is that of its ports.
        return self._table.find_at(site.environment_id or "", None if site.base else site.port)

    async def _enter(self, request: web.BaseRequest, site: Site, target: str) -> web.StreamResponse:
        environment = self._find(site)
        session = self._session(request, environment)
        verdict = await self._decide(request, site, session=session, environment=environment)
        if session is None or environment is None or verdict in _REFUSALS:
            return self._refuse(request, verdict, site=site, session=session)
        if verdict is Verdict.STREAM:
            way = self._find_way(request, site, target, environment=environment)
            if way is None:
                return self._to_port(request, environment, target)
            if is_deliberate(request.method, request.headers):
                self._note_opened(environment)
            by = Actor(session.name, source_of(request))
            self._audit.opened(session.sid, by, environment=environment.key, port=site.port)
            if self._is_locked(environment):
                log.error("the pod's key is not known", environment=str(environment.key), key=environment.key_id)
                return self._doorstep.unreachable(request, environment)
            return await self._stream(request, way, session=session, environment=environment)
        return await self._doorstep.receive(request, verdict, base=site.base, session=session, environment=environment)

    def _is_locked(self, environment: Environment) -> bool:
        """Whether the pod was made with a key that is not known here any more, or not yet."""
        return environment.has_code_server and self._keys.credential(environment) is None

    def _to_port(self, request: web.BaseRequest, environment: Environment, target: str) -> web.Response:
        """Sends a page of a port to the port's own host."""
        path, _, query = target.partition("?")
        proxied = find_editor_proxy(path)
        if proxied is None:
            return self._not_found(request)
        if proxied.port is None or request.method not in ("GET", "HEAD") or "Upgrade" in request.headers:
            return self._answers.problem(404, "Ports have addresses of their own.")
        origin = self._public.environment_origin(port_label(environment.id, proxied.port))
        return self._answers.redirect(f"{origin}{proxied.rest}" + (f"?{query}" if query else ""))

    async def _decide(
        self,
        request: web.BaseRequest | RawRequestMessage,
        site: Site,
        *,
        session: Session | None,
        environment: Environment | None,
    ) -> Verdict:
        knock = make_knock(request.method, request.headers, origin=self._public.environment_origin(site.label))
        identity = None if session is None else session.identity
        door = None if environment is None else environment.door
        granted = may_manage = False
        if identity is not None and environment is not None:
            granted = await self._authorizer.admits(identity, environment)
            if asks_to_start(knock, door):
                may_manage = await self._authorizer.has(identity, environment, MANAGE)
        return decide(
            knock,
            identity=identity,
            door=door,
            granted=granted,
            may_manage=may_manage,
        )

    def _session(self, request: web.BaseRequest | RawRequestMessage, environment: Environment | None) -> Session | None:
        if environment is None:
            return None
        headers = request.headers.getall("Cookie", ())
        if self._public.mode == "subdomain":
            token = only_cookie(headers, self._cookies.environment)
            return self._sessions.read_for_environment(token, uid=environment.uid)
        # Any page below this host can toss a cookie at any path. One that is no session must not lock the owner out.
        tokens = cookie_values(headers, self._cookies.environment)
        found = {self._sessions.read_for_environment(token, uid=environment.uid) for token in list(tokens)[:MAX_TOSSED]}
        found.discard(None)
        return found.pop() if len(found) == 1 else None

    def _find_way(
        self, request: web.BaseRequest | RawRequestMessage, site: Site, target: str, *, environment: Environment
    ) -> Way | None:
        """To the editor, or to what listens on a port; None for what has another address.

        That is the editor's own port, and what code-server would hand on to a port: below the editor's host, a page
        from there would be the editor, terminal included.

        Development servers listen on the loopback address, where only code-server's own proxy reaches them; a custom
        server has none, so what runs beside it must listen on the pod's address.
        """
        upstream = environment.upstream
        if upstream is None or upstream.port == site.port:
            return None
        to_editor = site.port is None and not site.base and environment.has_code_server
        if to_editor and find_editor_proxy(target.partition("?")[0]) is not None:
            return None
        place = Place(outer=site.outer, origin=self._public.origin)
        value = self._keys.credential(environment)
        credential = f"{COOKIE_NAME}={value}" if value is not None else None
        if site.port is not None and environment.has_code_server:
            place = place._replace(inner=f"/proxy/{site.port}")
        elif site.port is not None:
            upstream, credential = replace(upstream, port=site.port), None
        headers = request_headers(
            request.headers.items(),
            host=self._public.environment_host(site.label),
            scheme=self._public.scheme,
            credential=credential,
        )
        if credential is not None and (word := self._word(environment)) is not None:
            headers.append((names.OPENING_HEADER, word))
        return Way(upstream, target=place.inner + target, headers=headers, place=place)

    def _word(self, environment: Environment) -> str | None:
        """What opens an editor that was nobody's, and tells it its address: each time, it may have started anew."""
        opening = self._keys.opening(environment)
        if opening is None:
            return None
        told = {"opening": opening, **self._public.editor_addresses(environment.key)}
        return msgspec.json.encode(told).decode()

    async def _stream(
        self, request: web.BaseRequest, way: Way, *, session: Session, environment: Environment
    ) -> web.StreamResponse:
        try:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                return await self._proxy.forward(request, way)
            if not is_valid_upgrade(request):
                return self._answers.refusal(400, "This is not a valid WebSocket handshake.")
            with self.sockets.counted(session.name):
                return await self._splice(request, way, session=session, environment=environment)
        except LimitedError as error:
            by = Actor(session.name, source_of(request))
            self._audit.record("open", "denied", by, environment=environment.key, reason="limit")
            return self._answers.problem(429, _TOO_MANY_SOCKETS, retry_after=error.seconds)
        except UpstreamTimeoutError:
            self._on_upstream_error("timeout")
            return self._answers.problem(504, "The environment took the request and did not answer.")
        except UpstreamError as error:
            self._on_upstream_error("unreachable")
            log.info("environment not reachable", environment=str(environment.key), error=str(error))
            return self._doorstep.unreachable(request, environment)

    async def _splice(
        self, request: web.BaseRequest, way: Way, *, session: Session, environment: Environment
    ) -> web.StreamResponse:
        opened = await open_relay(request, way, pool=self._pool)
        if isinstance(opened, web.StreamResponse):
            return opened
        relay, response = opened
        await self.sockets.run(relay, session=session, environment=environment)
        return response

    def _refuse(
        self, request: web.BaseRequest, verdict: Verdict, *, site: Site, session: Session | None
    ) -> web.Response:
        if verdict is Verdict.FORBIDDEN or session is not None:
            self._deny(request, site, session, reason="origin" if verdict is Verdict.FORBIDDEN else "right")
        if verdict is Verdict.FORBIDDEN:
            return self._answers.problem(403, "Requests from pages of other sites are not accepted.")
        if verdict is Verdict.UNAUTHORIZED:
            return self._answers.problem(401, "Sign in first.")
        if verdict is Verdict.SIGN_IN:
            return self._to_sign_in(request, site)
        return self._not_found(request)

    def _deny(self, request: web.BaseRequest, site: Site, session: Session | None, *, reason: str) -> None:
        by = Actor(None if session is None else session.name, source_of(request))
        self._audit.record("open", "denied", by, address=site.label, port=site.port, reason=reason)

    def _to_sign_in(self, request: web.BaseRequest, site: Site) -> web.Response:
        target = request.raw_path[len(site.base) :]
        cookie = only_cookie(request.headers.getall("Cookie", ()), self._cookies.nonce)
        # A nonce that is there is kept, so that several tabs opened at once do not invalidate each other.
        nonce_hash = self._codes.hash_of_nonce(cookie, environment_id=site.label)
        if cookie is None or nonce_hash is None:
            cookie = self._codes.make_nonce(site.label)
            nonce_hash = self._codes.hash_of_nonce(cookie, environment_id=site.label)
        query = urlencode(
            {"env": site.label, "nonce": nonce_hash or "", "next": target if is_safe_path(target) else "/"}
        )
        response = self._answers.redirect(f"{self._public.origin}/-/authorize?{query}")
        self._answers.set_cookie(response, self._cookies.nonce, cookie, seconds=NONCE_SECONDS, path=f"{site.base}/")
        return response

    def _not_found(self, request: web.BaseRequest) -> web.Response:
        if self._authorizer.is_away():
            return self._away(request)
        if not is_navigation(request.method, request.headers):
            return self._answers.problem(404, _NO_ENVIRONMENT)
        page = missing_page("missing.environment", link=self._public.origin + "/", language=language_of(request))
        return self._answers.page(page, status=404)

    def _away(self, request: web.BaseRequest) -> web.Response:
        if not is_navigation(request.method, request.headers):
            return self._answers.problem(503, AWAY, retry_after=AWAY_RETRY_SECONDS)
        page = away_page(link=self._public.origin + "/", language=language_of(request))
        return self._answers.page(page, status=503, retry_after=AWAY_RETRY_SECONDS)

    async def _reserved(self, request: web.BaseRequest, path: str, site: Site) -> web.Response:
        asset = find_asset(path)
        if asset is not None and request.method == "GET":
            return asset
        if path == CALLBACK_PATH and request.method == "GET":
            return await self._callback(request, site)
        if path == TICKET_PATH and request.method == "GET":
            return await self._admit(request, site)
        if (request.method, path) in _DOORSTEP:
            return await self._at_doorstep(request, path, site)
        return self._answers.problem(404, "There is no such page.")

    async def _at_doorstep(self, request: web.BaseRequest, path: str, site: Site) -> web.Response:
        environment = self._table.find_at(site.environment_id or "", site.port)
        session = self._session(request, environment)
        if session is None or environment is None:
            return self._answers.problem(401, "Sign in first.")
        if not await self._authorizer.may_enter(session.identity, environment):
            self._deny(request, site, session, reason="right")
            return self._not_found(request)
        if path == STATE_PATH:
            return await self._doorstep.state(request, base=site.base, session=session, environment=environment)
        if path == LOG_PATH:
            return await self._doorstep.output(environment)
        origin = self._public.environment_origin(site.label)
        return await self._doorstep.press(
            request, path, origin=origin, base=site.base, session=session, environment=environment
        )

    async def _callback(self, request: web.BaseRequest, site: Site) -> web.Response:
        """Turns a one-time code into the session cookie of this environment."""
        environment = self._table.find_at(site.environment_id or "", site.port)
        cookie = only_cookie(request.headers.getall("Cookie", ()), self._cookies.nonce)
        nonce_hash = self._codes.hash_of_nonce(cookie, environment_id=site.label)
        uid = environment.uid if environment is not None else ""
        return await self._let_in(
            request, site, self._codes.redeem(request.query.get("code", ""), uid=uid, nonce_hash=nonce_hash)
        )

    async def _admit(self, request: web.BaseRequest, site: Site) -> web.Response:
        """The same for a ticket, which a page in KubeSphere's console has got."""
        environment = self._table.find_at(site.environment_id or "", site.port)
        uid = environment.uid if environment is not None else ""
        return await self._let_in(request, site, self._codes.redeem_ticket(request.query.get("ticket", ""), uid=uid))

    async def _let_in(self, request: web.BaseRequest, site: Site, redeeming: Awaitable[Code | None]) -> web.Response:
        try:
            code = await redeeming
        except LimitedError as error:
            return self._answers.problem(429, str(error), retry_after=error.seconds)
        except KubeError as error:
            log.warning("nobody can tell whether a ticket was used before", error=str(error))
            return self._away(request)
        if code is None or not self._sessions.is_valid(code.session):
            return self._spent(request, site)
        response = self._answers.redirect(site.base + code.path)
        token = self._sessions.issue_for_environment(code.session, uid=code.uid)
        seconds = self._sessions.remaining(code.session)
        self._answers.set_cookie(response, self._cookies.environment, token, seconds=seconds, path=f"{site.base}/")
        self._answers.set_cookie(response, self._cookies.nonce, "", seconds=0, path=f"{site.base}/")
        return response

    def _spent(self, request: web.BaseRequest, site: Site) -> web.Response:
        language = language_of(request)
        page = message_page(
            text("code.title", language),
            text("code.hint", language),
            link=f"{site.base}/",
            link_text=text("code.again", language),
            language=language,
        )
        return self._answers.page(page, status=400)

    def _on_change(self, old: Environment | None, new: Environment | None) -> None:
        before = old.upstream if old is not None else None
        after = new.upstream if new is not None else None
        if before is not None and (after is None or after.pod_uid != before.pod_uid):
            self._pool.drop(before.pod_uid)

    async def sweep_forever(self) -> None:
        """Closes idle connections to pods in time."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._pool.sweep()

    def close(self) -> None:
        self._pool.close()
