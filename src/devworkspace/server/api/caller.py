"""Who makes a request to the API: a browser with a session, or a program with a token of the cluster."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from aiohttp import web

from devworkspace.core.access import Identity, Secret
from devworkspace.kube.errors import KubeError
from devworkspace.kube.tokens import TokenUser
from devworkspace.server.api.problems import Problem
from devworkspace.server.sessions import Session

MAX_TOKEN: Final = 8192
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")


class Tokens(Protocol):
    """The cached TokenReview of the kube layer."""

    async def identify(self, token: str) -> TokenUser | None: ...


class Caller(NamedTuple):
    """`by_token`: no browser sends a token by itself, so that another site cannot make it do so.

    `sid` is the id of a browser's session. `by_console`: KubeSphere's console sent its user's token, because a page in
    the browser made it do so.
    """

    identity: Identity
    by_token: bool
    sid: str = ""
    by_console: bool = False


class Callers:
    """`session` reads the cookie of a browser; `kubesphere` knows the tokens of its users."""

    def __init__(
        self,
        *,
        session: Callable[[web.BaseRequest], Session | None],
        tokens: Tokens,
        kubesphere: Tokens | None = None,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._kubesphere = kubesphere

    async def find(self, request: web.BaseRequest) -> Caller | None:
        """The caller, or None for a stranger; a token that is sent must be good, whatever the cookie says."""
        headers = request.headers.getall("Authorization", ())
        if not headers:
            session = self._session(request)
            return Caller(session.identity, by_token=False, sid=session.sid) if session is not None else None
        scheme, _, token = headers[0].partition(" ")
        if len(headers) > 1 or scheme.lower() != "bearer" or len(token) > MAX_TOKEN or not _TOKEN.fullmatch(token):
            raise Problem(401, "Authorization must be one bearer token.")
        if self._kubesphere is not None and (user := await self._kubesphere.identify(token)) is not None:
            identity = Identity(user.name, user.groups, token=Secret(token))
            return Caller(identity, by_token=True, by_console=True)
        user = await self._tokens.identify(token)
        if user is None:
            raise Problem(401, "The token is not accepted: it is wrong, has expired, or is not made for this audience.")
        return Caller(Identity(user.name, user.groups), by_token=True)

    async def is_known(self, request: web.BaseRequest) -> bool:
        """Whether the session or token of an answer under way still holds; an API server that is away ends nothing."""
        try:
            return await self.find(request) is not None
        except Problem:
            return False
        except KubeError:
            return True
