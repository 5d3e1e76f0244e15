"""ssh into an environment: one WebSocket for each connection, opened with a token instead of a cookie.

The decision, the registry with its re-check, the limits and the relay are those of the editor's sockets. What speaks
ssh is a part of the editor (images/base/editor/ssh.js), reached by its port with the environment's credential.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from devworkspace.api import names
from devworkspace.core.access import Identity, Knock, Verdict, decide
from devworkspace.core.credential import COOKIE_NAME
from devworkspace.server.answers import Answers
from devworkspace.server.audit import Actor, Audit
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import Environment
from devworkspace.server.gateway.head import NOWHERE, request_headers
from devworkspace.server.gateway.proxy import Way
from devworkspace.server.gateway.sockets import Sockets
from devworkspace.server.gateway.upstream import UpstreamError, UpstreamPool, UpstreamTimeoutError
from devworkspace.server.gateway.websocket import DeclinedError, is_valid_upgrade, open_relay_for
from devworkspace.server.keys import Keys
from devworkspace.server.limits import LimitedError
from devworkspace.server.sessions import Sessions
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

RETRY_SECONDS: Final = 2
# All of a handshake that is the pod's business.
_PASSED: Final = frozenset(
    {"sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol", names.SSH_KEY_HEADER.lower()}
)
# No browser adds a token to a request by itself, so that no other site can have caused it.
_KNOCK: Final = Knock(upgrade=True, same_origin=True)
_ABSENT: Final = "This environment does not exist or is not shared with you."
_NO_SSH: Final = (
    "This environment's image has no ssh. Use an image that stands on one of DevWorkspace's own, as new as this "
    "server, and restart the environment."
)
_NOT_THERE: Final = {
    Verdict.STOPPED: "The environment is stopped; start it first.",
    Verdict.FAILED: "The environment has failed; look at its message, and restart it.",
}


class Tunnels:
    """`word` gives what opens an editor that was nobody's, `note_opened` is told that somebody is at work."""

    def __init__(
        self,
        *,
        public: PublicAddress,
        keys: Keys,
        sessions: Sessions,
        authorizer: Authorizer,
        sockets: Sockets,
        pool: UpstreamPool,
        word: Callable[[Environment], str | None],
        note_opened: Callable[[Environment], None],
        on_upstream_error: Callable[[str], None],
        audit: Audit,
    ) -> None:
        self._public = public
        self._keys = keys
        self._sessions = sessions
        self._authorizer = authorizer
        self._sockets = sockets
        self._pool = pool
        self._word = word
        self._note_opened = note_opened
        self._on_upstream_error = on_upstream_error
        self._audit = audit
        self._answers = Answers(public)

    async def open(
        self,
        request: web.BaseRequest,
        environment: Environment,
        identity: Identity,
        *,
        is_known: Callable[[], Awaitable[bool]],
    ) -> web.StreamResponse:
        """Answers a handshake, and carries its bytes until either side or the right to be here ends.

        `is_known` asks whether the token still holds. Raises KubeError if nobody can tell whose sessions have ended.
        """
        if not is_valid_upgrade(request) or len(request.headers.getall(names.SSH_KEY_HEADER, ())) != 1:
            sentence = "This address takes WebSockets of `devworkspace ssh`."
            return self._answers.problem(426, sentence, headers={"Upgrade": "websocket"})
        by = Actor(identity.name, source_of(request))
        granted = await self._authorizer.admits(identity, environment)
        verdict = decide(_KNOCK, identity=identity, door=environment.door, granted=granted)
        if verdict is not Verdict.STREAM:
            return self._refuse(verdict, environment, by)
        if not environment.has_code_server:
            return self._answers.problem(501, _NO_SSH)
        way = self._find_way(request, environment)
        if way is None:
            return self._unreachable(environment, "its key is not known")
        try:
            with self._sockets.counted(identity.name):
                return await self._run(request, way, environment, identity, is_known=is_known)
        except LimitedError as error:
            self._audit.record("open", "denied", by, environment=environment.key, via="ssh", reason="limit")
            return self._answers.problem(429, "You have too many sockets open.", retry_after=error.seconds)
        except DeclinedError as error:
            # 401 is an editor that does not know the credential (yet), and says nothing about ssh.
            declined = self._answers.problem(501, _NO_SSH)
            return self._unreachable(environment, str(error)) if error.status == 401 else declined
        except UpstreamTimeoutError:
            self._on_upstream_error("timeout")
            return self._answers.problem(504, "The environment took the request and did not answer.")
        except UpstreamError as error:
            self._on_upstream_error("unreachable")
            return self._unreachable(environment, str(error))

    async def _run(
        self,
        request: web.BaseRequest,
        way: Way,
        environment: Environment,
        identity: Identity,
        *,
        is_known: Callable[[], Awaitable[bool]],
    ) -> web.StreamResponse:
        session = await self._sessions.begin_for_ticket(identity, until=math.inf)
        relay, response = await open_relay_for(names.SSH_PROTOCOL, request, way, pool=self._pool)
        self._note_opened(environment)
        by = Actor(identity.name, source_of(request))
        self._audit.record("open", "ok", by, environment=environment.key, via="ssh")
        await self._sockets.run(relay, session=session, environment=environment, is_known=is_known)
        return response

    def _refuse(self, verdict: Verdict, environment: Environment, by: Actor) -> web.Response:
        if verdict in _NOT_THERE:
            return self._answers.problem(409, _NOT_THERE[verdict])
        if verdict is Verdict.WAIT:
            return self._answers.problem(503, "The environment is not running yet.", retry_after=RETRY_SECONDS)
        self._audit.record("open", "denied", by, environment=environment.key, via="ssh", reason="right")
        return self._answers.problem(404, _ABSENT)

    def _unreachable(self, environment: Environment, error: str) -> web.Response:
        log.info("environment not reachable", environment=str(environment.key), error=error)
        return self._answers.problem(502, "The environment's editor does not answer.", retry_after=RETRY_SECONDS)

    def _find_way(self, request: web.BaseRequest, environment: Environment) -> Way | None:
        """To what speaks ssh; None if the pod was made with a key that is not known here any more, or not yet."""
        credential = self._keys.credential(environment)
        if environment.upstream is None or credential is None:
            return None
        headers = request_headers(
            [(name, value) for name, value in request.headers.items() if name.lower() in _PASSED],
            host=self._public.environment_host(environment.id),
            scheme=self._public.scheme,
            credential=f"{COOKIE_NAME}={credential}",
        )
        if (word := self._word(environment)) is not None:
            headers.append((names.OPENING_HEADER, word))
        return Way(environment.upstream, target=names.SSH_PATH, headers=headers, place=NOWHERE)
