"""From bytes to a room: the checks that every request must pass before anybody looks at what it wants.

aiohttp's parser (llhttp, strict) has refused malformed heads before this code runs; what it tolerates and we do not is
refused here. tests/server/test_parsing.py puts the whole list to a real socket.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from devworkspace.server.answers import Answers, language_of
from devworkspace.server.config import PublicAddress
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
from devworkspace.server.pages.html import missing_page
from devworkspace.server.source import Sources

log = structlog.get_logger("devworkspace.server")

MAX_LINE_BYTES: Final = 8 * 1024
MAX_FIELD_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
API_PREFIX: Final = "/api/"
LINGER_SECONDS: Final = 2.0

PublicHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
EnvironmentHandler = Callable[[web.BaseRequest, Site], Awaitable[web.StreamResponse]]


class FrontDoor:
    """Chooses the room by host, method and path.

    `dashboard` finds what answers a GET of one of its paths; `observe` is told the room and the status of each answer;
    `prepare` runs before a room is entered.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        routes: Mapping[tuple[str, str], PublicHandler],
        api: PublicHandler,
        dashboard: Callable[[str], PublicHandler | None],
        environment: EnvironmentHandler,
        observe: Callable[[str, int], None],
        sources: Sources,
        prepare: Callable[[web.BaseRequest], Awaitable[None]] | None = None,
    ) -> None:
        self._sources = sources
        self._public = public
        self._routes = routes
        self._api = api
        self._dashboard = dashboard
        self._environment = environment
        self._observe = observe
        self._prepare = prepare
        self._answers = Answers(public)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        room = "refused"
        self._sources.note(request)
        try:
            checked = self._check(request)
            if self._prepare is not None and not isinstance(checked, web.Response):
                await self._prepare(request)
            if isinstance(checked, web.Response):
                response: web.StreamResponse = checked
            elif checked.environment_id is None:
                room = "public"
                response = await self._serve_public(request)
            else:
                room = "environment"
                response = await self._environment(request, checked)
        except (asyncio.CancelledError, ConnectionError):
            self._observe(room, 499)
            raise
        except Exception:
            log.exception("request failed", room=room, method=request.method)
            response = self._answers.problem(500, "The server failed; its log says why.")
            response.force_close()
        self._observe(room, response.status)
        return response

    def _check(self, request: web.BaseRequest) -> Site | web.Response:
        headers = request.headers
        hosts = headers.getall("Host", ())
        if len(hosts) != 1 or not target_is_strict(request.raw_path):
            return self._answers.refusal(400, "The request line or the Host header is not valid.")
        if request.method in REFUSED_METHODS:
            return self._answers.refusal(405, "This method is not allowed.")
        if "Transfer-Encoding" in headers and ("Content-Length" in headers or request.version < (1, 1)):
            return self._answers.refusal(400, "The length of the body is ambiguous.")
        if "Upgrade" in headers and headers["Upgrade"].lower() != "websocket":
            return self._answers.refusal(400, "Only WebSocket upgrades are supported.")
        if headers.get("Expect", "100-continue").lower() != "100-continue":
            return self._answers.refusal(417, "This expectation cannot be met.")
        site = parse_host(hosts[0], self._public)
        if site is None:
            return self._answers.refusal(421, "This host is not served here.")
        return site if self._public.mode == "subdomain" else self._by_path(request)

    def _by_path(self, request: web.BaseRequest) -> Site | web.Response:
        path = request.raw_path.partition("?")[0]
        if not is_plain(path):
            return self._answers.refusal(400, "This path is not allowed.")
        return parse_path(path) or Site(None)

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


class _Protocol(RequestHandler):
    """aiohttp's connection, with answers to unreadable requests that repeat nothing of them, not even in the log."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp passes it; it repeats the request
    ) -> web.StreamResponse:
        log.info("request refused by the parser", status=status, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun")
        response = web.Response(status=status, text="The request is not valid.\n", headers={"Server": "devworkspace"})
        response.force_close()
        return response


class _Refuser(asyncio.Protocol):
    """Takes a connection that is one too many and lets go of it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class DoorServer(web.Server):
    """aiohttp's low-level server with a bound on connections."""

    def __init__(self, handler: Any, *, max_connections: int, idle_seconds: float) -> None:
        self._max_connections = max_connections
        self._options: dict[str, Any] = {
            "access_log": None,
            # Also the time that a request head may take: aiohttp closes a connection that has no whole request by then.
            "keepalive_timeout": idle_seconds,
            "lingering_time": LINGER_SECONDS,
            "max_line_size": MAX_LINE_BYTES,
            "max_field_size": MAX_FIELD_BYTES,
            "max_headers": MAX_HEADERS,
            # A compressed upload is the editor's to unpack; its length would no longer be what the head says.
            "auto_decompress": False,
        }
        super().__init__(handler, handler_cancellation=True)

    def __call__(self) -> RequestHandler:
        if len(self._connections) >= self._max_connections:
            refuser: Any = _Refuser()
            return refuser  # type: ignore[no-any-return]
        return _Protocol(self, loop=self._loop, **self._options)
