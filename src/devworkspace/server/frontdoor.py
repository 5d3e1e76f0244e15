"""From bytes to a room: the checks that every request must pass before anybody looks at what it wants.

aiohttp's parser (llhttp, strict) has refused malformed heads before this code runs; what it tolerates and we do not is
refused here. tests/server/test_parsing.py puts the whole list to a real socket.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import structlog
from aiohttp import web
from aiohttp.http import HttpVersion, RawRequestMessage
from multidict import CIMultiDictProxy

from devworkspace.server.answers import AWAY_RETRY_SECONDS, BLIND, Answers, language_of
from devworkspace.server.config import PublicAddress
from devworkspace.server.connections import BrowserConnection
from devworkspace.server.heads import (
    REFUSED_METHODS,
    Site,
    is_navigation,
    is_plain,
    parse_host,
    parse_path,
    target_is_strict,
)
from devworkspace.server.pages.assets import find_asset
from devworkspace.server.pages.html import message_page, missing_page
from devworkspace.server.pages.texts import text
from devworkspace.server.readiness import Readiness
from devworkspace.server.source import Sources

log = structlog.get_logger("devworkspace.server")

# What decides whether a request comes from a page of its own host.
_SINGULAR: Final = ("Origin", "Sec-Fetch-Site")
PROBES: Final = frozenset({"/-/healthz", "/-/readyz"})
API_PREFIX: Final = "/api/"
ALLOWED_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
# Told apart by identity from the public host, which is no environment's either.
CONSOLE: Final = Site(None, None, "console")

PublicHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class EnvironmentHandler(Protocol):
    """The gateway: `pass_on` does at once what needs no waiting, `handle` everything."""

    async def handle(self, request: web.BaseRequest, site: Site) -> web.StreamResponse: ...
    def pass_on(self, message: RawRequestMessage, site: Site, browser: BrowserConnection) -> bool: ...


class FrontDoor:
    """Chooses the room by host, method and path.

    `dashboard` finds what answers a GET of one of its paths; `observe` is told room, status and seconds of each;
    `prepare` runs before a room is entered. Under `console_host` KubeSphere's console gets dashboard and API.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        routes: Mapping[tuple[str, str], PublicHandler],
        api: PublicHandler,
        dashboard: Callable[[str], PublicHandler | None],
        environment: EnvironmentHandler,
        observe: Callable[[str, int, float | None], None],
        readiness: Readiness,
        sources: Sources,
        prepare: Callable[[web.BaseRequest], Awaitable[None]] | None = None,
        console_host: str | None = None,
    ) -> None:
        self._readiness = readiness
        self._sources = sources
        self._public = public
        self._routes = routes
        self._api = api
        self._dashboard = dashboard
        self._environment = environment
        self._observe = observe
        self._prepare = prepare
        self._console_host = console_host
        self._answers = Answers(public)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        room, began = "refused", time.monotonic()
        self._sources.note(request)
        try:
            checked = self._check(request.method, request.raw_path, version=request.version, headers=request.headers)
            if self._prepare is not None and not isinstance(checked, web.Response):
                await self._prepare(request)
            if isinstance(checked, web.Response):
                response: web.StreamResponse = checked
            elif self._readiness.is_blind() and not _is_always_served(request.path):
                response = self._blind(request)
            elif checked is CONSOLE:
                room = "console"
                response = await self._serve_console(request)
            elif checked.environment_id is None:
                room = "api" if request.path.startswith(API_PREFIX) else "public"
                response = await self._serve_public(request)
            else:
                room = "environment"
                response = await self._environment.handle(request, checked)
        except (asyncio.CancelledError, ConnectionError):
            self._observe(room, 499, None)
            raise
        except Exception:
            log.exception("request failed", room=room, method=request.method)
            response = self._answers.problem(500, "The server failed; its log says why.")
            response.force_close()
        endless = response.status == 101 or response.content_type == "text/event-stream"
        self._observe(room, response.status, None if endless else time.monotonic() - began)
        if self._readiness.leaving:
            self._part(request, response)
        return response

    def _part(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Lets go of the connection after this answer, with a word about it if the head has not been sent yet."""
        if not response.prepared:
            response.force_close()
        elif request.protocol is not None:
            request.protocol.close()

    def _blind(self, request: web.BaseRequest) -> web.Response:
        if not is_navigation(request.method, request.headers):
            return self._answers.problem(503, BLIND, retry_after=AWAY_RETRY_SECONDS)
        language = language_of(request)
        page = message_page(
            text("blind.title", language),
            text("blind.hint", language),
            link=request.raw_path,
            link_text=text("blind.again", language),
            language=language,
        )
        return self._answers.page(page, status=503, retry_after=AWAY_RETRY_SECONDS)

    def pass_on(self, message: RawRequestMessage, browser: BrowserConnection) -> bool:
        """Sends a request without body on its way if that needs no waiting; False, and nothing done, if it does.

        The checks and the decision are those of `handle`; `count_passed` is to be told how it ended.
        """
        if self._readiness.leaving or self._readiness.is_blind():
            return False
        try:
            checked = self._check(message.method, message.path, version=message.version, headers=message.headers)
            if not isinstance(checked, Site) or checked.environment_id is None:
                return False
            return self._environment.pass_on(message, checked, browser)
        except Exception:
            log.exception("request not passed on", method=message.method)
            return False

    def count_passed(self, status: int, seconds: float) -> None:
        self._observe("environment", status, seconds)

    def _check(
        self, method: str, target: str, *, version: HttpVersion, headers: CIMultiDictProxy[str]
    ) -> Site | web.Response:
        hosts = headers.getall("Host", ())
        if len(hosts) != 1 or not target_is_strict(target):
            return self._answers.refusal(400, "The request line or the Host header is not valid.")
        if method in REFUSED_METHODS:
            refused = self._answers.refusal(405, "This method is not allowed.")
            refused.headers["Allow"] = ALLOWED_METHODS
            return refused
        if "Transfer-Encoding" in headers and ("Content-Length" in headers or version < (1, 1)):
            return self._answers.refusal(400, "The length of the body is ambiguous.")
        if "Upgrade" in headers and headers["Upgrade"].lower() != "websocket":
            return self._answers.refusal(400, "Only WebSocket upgrades are supported.")
        if headers.get("Expect", "100-continue").lower() != "100-continue":
            return self._answers.refusal(417, "This expectation cannot be met.")
        if any(name in headers and len(headers.getall(name)) > 1 for name in _SINGULAR):
            return self._answers.refusal(400, "Where the request comes from is ambiguous.")
        if self._console_host is not None and hosts[0].lower() == self._console_host:
            return CONSOLE
        site = parse_host(hosts[0], self._public)
        if site is None:
            return self._answers.refusal(421, "This host is not served here.")
        return site if self._public.mode == "subdomain" else self._by_path(target)

    def _by_path(self, target: str) -> Site | web.Response:
        path = target.partition("?")[0]
        if not is_plain(path):
            return self._answers.refusal(400, "This path is not allowed.")
        return parse_path(path) or Site(None)

    async def _serve_console(self, request: web.BaseRequest) -> web.StreamResponse:
        """What needs no cookie: the console passes none on. Nobody signs in here."""
        path = request.raw_path.partition("?")[0]
        if path.startswith(API_PREFIX):
            return await self._api(request)
        handler = self._dashboard(path) if request.method in ("GET", "HEAD") else None
        return await handler(request) if handler is not None else self._answers.problem(404, "There is no such page.")

    async def _serve_public(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        method = "GET" if request.method == "HEAD" else request.method
        handler = self._routes.get((method, path))
        if handler is not None and "Upgrade" not in request.headers:
            return await handler(request)
        if path.startswith(API_PREFIX):
            return await self._api(request)
        asset = find_asset(path)
        if asset is not None and method == "GET":
            return asset
        page = self._dashboard(path)
        if page is not None and method == "GET":
            return await page(request)
        if not is_navigation(request.method, request.headers):
            return self._answers.problem(404, "There is no such page.")
        missing = missing_page("missing.page", link="/", language=language_of(request))
        return self._answers.page(missing, status=404)


def _is_always_served(path: str) -> bool:
    """Probes say what is the matter, and the page that says it needs its style."""
    return path in PROBES or find_asset(path) is not None
