"""The address of an environment's ssh, for `devworkspace ssh`: a WebSocket, which the gateway carries to the pod."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from devworkspace.core.access import Identity
from devworkspace.server.api.caller import Callers
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.environments import Environment


class OpenTunnel(Protocol):
    """The gateway's: decides, then carries the bytes. `is_known` asks whether the caller's token still holds."""

    async def __call__(
        self,
        request: web.BaseRequest,
        environment: Environment,
        identity: Identity,
        *,
        is_known: Callable[[], Awaitable[bool]],
    ) -> web.StreamResponse: ...


class Ssh:
    def __init__(self, *, lookup: Lookup, callers: Callers, open_tunnel: OpenTunnel) -> None:
        self._lookup = lookup
        self._callers = callers
        self._open_tunnel = open_tunnel

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/ssh",
                self.serve,
                "A WebSocket with ssh, for programs with a token (`devworkspace ssh`)",
                None,
                status=101,
                problems=(403, 404, 409, 426, 501, 502, 504),
                right=TO_OPEN,
            ),
        )

    async def serve(self, call: Call) -> web.StreamResponse:
        environment = await self._lookup.find(call)
        if "Authorization" not in call.request.headers:
            raise Problem(403, "ssh is for programs with a token; a browser has a terminal in the editor.")
        return await self._open_tunnel(
            call.request, environment, call.identity, is_known=lambda: self._callers.is_known(call.request)
        )
