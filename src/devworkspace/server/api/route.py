"""The table of the API's addresses, and the one way of every request through it.

Known address, known person, not another site's doing, readable body: in this order, before a handler sees anything.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import structlog
from aiohttp import web

from devworkspace.core.access import Identity
from devworkspace.kube.errors import KubeError
from devworkspace.server.answers import AWAY, AWAY_RETRY_SECONDS, Answers
from devworkspace.server.api.caller import Caller, Callers
from devworkspace.server.api.etags import is_known, make_etag
from devworkspace.server.api.problems import FieldError, Problem, from_cluster
from devworkspace.server.audit import Actor, Audit
from devworkspace.server.bodies import read_body
from devworkspace.server.config import PublicAddress
from devworkspace.server.heads import SAFE_METHODS, is_same_origin
from devworkspace.server.limits import LimitedError, Limiter
from devworkspace.server.source import source_of

log = structlog.get_logger("devworkspace.server")

# Scripts of other origins cannot set it without asking first, which is always refused.
CSRF_HEADER: Final = "X-DevWorkspace-CSRF"
MAX_BODY_BYTES: Final = 64 * 1024
BODY_SECONDS: Final = 10.0
# Answers to a known person that mean "you may not"; what may not be known is absent.
_DENIALS: Final = frozenset({403, 404})
# Kubernetes names and nothing else: what stands in a path becomes part of a request to the API server.
SEGMENT: Final = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"


class Call(NamedTuple):
    """One request of a known person. `path` has the address's parameters, `query` and `body` the declared types.

    `data` is the body as it was sent.
    """

    identity: Identity
    request: web.BaseRequest
    path: Mapping[str, str]
    query: Any
    body: Any
    data: bytes = b""


class Route(NamedTuple):
    """One address. `query`, `body` and `returns` are structs, from which the OpenAPI document is made as well.

    A handler returns a value of type `returns`, None for 204, or a response of its own (a stream). `problems` are the
    statuses above 399 that are particular to it, `right` says for the documents what RBAC must grant.
    """

    method: str
    path: str
    handle: Callable[[Call], Awaitable[Any]]
    summary: str
    returns: type[msgspec.Struct] | None
    status: int = 200
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    problems: tuple[int, ...] = ()
    media_type: str = "application/json"
    right: str = ""


class IsPageProof(Protocol):
    """Whether a value was given to a page of ours for the session with this id."""

    def __call__(self, value: str, *, sid: str) -> bool: ...


class Router:
    """Finds and calls the handler.

    `is_page_proof` is there in path mode, where pages of environments have our origin, and their requests our cookies.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        public: PublicAddress,
        callers: Callers,
        audit: Audit,
        limiter: Limiter,
        is_away: Callable[[], bool],
        is_page_proof: IsPageProof | None = None,
    ) -> None:
        self._is_page_proof = is_page_proof
        self._audit = audit
        self._limiter = limiter
        self._is_away = is_away
        self.routes = tuple(routes)
        self._patterns = [(re.compile(_pattern(route.path)), route) for route in self.routes]
        self._public = public
        self._callers = callers
        self._answers = Answers(public)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        caller: Caller | None = None
        try:
            route, path = self._find(request)
            caller = await self._find_caller(request)
            return await self._dispatch(request, caller, route, path)
        except Problem as problem:
            if caller is not None and problem.status in _DENIALS and self._is_away():
                return self._problem(Problem(503, AWAY, retry_after=AWAY_RETRY_SECONDS))
            if caller is not None and problem.status in _DENIALS:
                self._deny(request, caller.identity.name, status=problem.status)
            return self._problem(problem)
        except LimitedError as error:
            # A change too many is in the audit log already, under its own name.
            return self._problem(Problem(429, str(error), retry_after=error.seconds))
        except KubeError as error:
            log.info("refused by the cluster", path=request.raw_path.partition("?")[0], error=str(error))
            return self._problem(from_cluster(error))

    async def _find_caller(self, request: web.BaseRequest) -> Caller:
        """Raises Problem for a stranger, a bad token, and a known person's request that is one too many."""
        try:
            caller = await self._callers.find(request)
        except Problem as problem:
            self._deny(request, None, status=problem.status)
            raise
        if caller is None:
            raise Problem(401, "Sign in first.")
        try:
            self._limiter.take(caller.identity.name)
        except LimitedError:
            self._deny(request, caller.identity.name, status=429)
            raise
        return caller

    def _deny(self, request: web.BaseRequest, user: str | None, *, status: int) -> None:
        by = Actor(user, source_of(request))
        path = request.raw_path.partition("?")[0]
        self._audit.record("request", "denied", by, method=request.method, path=path, status=status)

    async def _dispatch(
        self, request: web.BaseRequest, caller: Caller, route: Route, path: Mapping[str, str]
    ) -> web.StreamResponse:
        if request.method not in SAFE_METHODS and not caller.by_token:
            self._check_origin(request, caller)
        if request.method not in SAFE_METHODS and caller.by_console and CSRF_HEADER not in request.headers:
            # The console adds the token to whatever a page of any site makes the browser send there.
            raise Problem(403, f"Requests that change something need the header {CSRF_HEADER}.")
        query = _read_query(request, route.query)
        data = await _read_data(request, route.body)
        call = Call(
            identity=caller.identity,
            request=request,
            path=path,
            query=query,
            body=_decode(data, route.body),
            data=data,
        )
        result = await route.handle(call)
        if isinstance(result, web.StreamResponse):
            return result
        return self._answers.empty() if result is None else self._answer(request, result, status=route.status)

    def _answer(self, request: web.BaseRequest, result: Any, *, status: int) -> web.Response:
        """JSON with its ETag, or 304 for who has it already."""
        body = msgspec.json.encode(result)
        etag = make_etag(result, body)
        if request.method in SAFE_METHODS and is_known(request.headers.getall("If-None-Match", ()), etag):
            return self._answers.unchanged(etag)
        return self._answers.json_bytes(body, status=status, etag=etag)

    def _find(self, request: web.BaseRequest) -> tuple[Route, Mapping[str, str]]:
        path = request.raw_path.partition("?")[0]
        method = "GET" if request.method == "HEAD" else request.method
        known = [(route, match) for pattern, route in self._patterns if (match := pattern.fullmatch(path))]
        for route, match in known:
            if route.method == method:
                return route, match.groupdict()
        if known:
            methods = ", ".join(sorted(route.method for route, _ in known))
            raise Problem(405, f"This address takes {methods}.", headers={"Allow": methods})
        raise Problem(404, "There is no such address; /api/v1/openapi.json lists them.")

    def _check_origin(self, request: web.BaseRequest, caller: Caller) -> None:
        if CSRF_HEADER not in request.headers or not is_same_origin(request.headers, self._public.origin):
            raise Problem(403, f"Requests that change something need the header {CSRF_HEADER} and this site's Origin.")
        if self._is_page_proof is not None and not self._is_page_proof(request.headers[CSRF_HEADER], sid=caller.sid):
            raise Problem(403, "Changes are made from the dashboard, or with a token; environments share this origin.")

    def _problem(self, problem: Problem) -> web.Response:
        return self._answers.problem(
            problem.status,
            problem.detail,
            reason=problem.reason,
            errors=problem.errors,
            limits=problem.limits,
            retry_after=problem.retry_after,
            headers=problem.headers,
        )


def _pattern(path: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", lambda match: f"(?P<{match[1]}>{SEGMENT})", re.escape(path))


def _read_query(request: web.BaseRequest, type_: type[msgspec.Struct] | None) -> Any:
    if type_ is None:
        return None
    known = {field.encode_name for field in msgspec.structs.fields(type_)}
    unknown = sorted(set(request.query) - known)
    if unknown:
        raise Problem(400, f"Unknown parameter {unknown[0][:64]!r}; known are: {', '.join(sorted(known))}.")
    try:
        return msgspec.convert(dict(request.query), type_, strict=False)
    except msgspec.ValidationError as error:
        raise _unreadable(error) from None


async def _read_data(request: web.BaseRequest, type_: type[msgspec.Struct] | None) -> bytes:
    if type_ is None:
        return b""
    if request.content_type != "application/json":
        raise Problem(415, "Send JSON, with Content-Type: application/json.")
    data = await read_body(request, max_bytes=MAX_BODY_BYTES, seconds=BODY_SECONDS)
    if data is None:
        raise Problem(413, f"The body is larger than {MAX_BODY_BYTES} bytes or came too slowly.")
    return data


def _decode(data: bytes, type_: type[msgspec.Struct] | None) -> Any:
    if type_ is None:
        return None
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.ValidationError as error:
        raise _unreadable(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "The body is not valid JSON.") from None


def _unreadable(error: msgspec.ValidationError) -> Problem:
    """msgspec says `Expected x, got y - at `$.field``."""
    message, _, place = str(error).partition(" - at `$")
    field = place.rstrip("`").lstrip(".")
    return Problem(422, f"{message}{f' ({field})' if field else ''}.", errors=(FieldError(field, message),))
