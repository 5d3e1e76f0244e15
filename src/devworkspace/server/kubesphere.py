"""KubeSphere's own account of who somebody is and what they may do, got by using their token towards ks-apiserver.

Kubernetes' RBAC does not know the roles of KubeSphere's workspaces and platform, so it cannot be asked about its
users; and ks-apiserver passes review requests on under its own name, whose answer would always be yes. What is left is
to do the thing in question in a way that changes nothing, with the person's own token, and to see whether ks-apiserver
lets it through to the API server behind: a body that no API server takes, `dryRun=All`, a UID that no object has, and
for our own subresources an address that does not exist. Only an answer that the API server behind gave counts as a yes.

Nothing is believed that a request says about its sender beside the token: `X-Remote-User` passes ks-apiserver
unchanged on a WebSocket's upgrade.
"""

import asyncio
import hashlib
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import aiohttp
import msgspec
import structlog

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.errors import Unreachable
from devworkspace.kube.tokens import TokenUser
from devworkspace.server.config import ConfigurationError, KubeSphereConfig

log = structlog.get_logger("devworkspace.server")

ACCEPT_SECONDS: Final = 30.0
REFUSE_SECONDS: Final = 5.0
ALLOW_SECONDS: Final = 15.0
TIMEOUT_SECONDS: Final = 10.0
MAX_ENTRIES: Final = 10_000
MAX_AT_ONCE: Final = 16
MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_NAME: Final = 253
GROUPS: Final = ("system:authenticated",)
# Stands for any object of a namespace where none is meant; a role for this name alone would be a strange one.
ANY_NAME: Final = "devworkspace-any"
# What an API server says about a request that it was allowed to look at, and found senseless.
_SENSELESS: Final = frozenset({400, 404, 405, 409, 415, 422})
_NO_OBJECT: Final = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "none"}, "dryRun": ["All"]}
_PREFIXES: Final = {names.GROUP: f"/apis/{names.API_VERSION}", "": "/api/v1"}
_METHODS: Final = {"get": "GET", "create": "POST", "update": "PUT", "delete": "DELETE"}

Answer = TypeVar("Answer")


class Question(NamedTuple):
    """A verb on an object, or on a subresource of it; an empty name means any object of the namespace."""

    verb: str
    group: str
    resource: str
    subresource: str
    key: Key


class _Userinfo(msgspec.Struct, frozen=True):
    sub: str = ""


class _Status(msgspec.Struct, frozen=True):
    kind: str = ""
    api_version: str = msgspec.field(default="", name="apiVersion")


class _Cache(Generic[Answer]):
    """Answers by what they depend on, each until its time; tokens are in it as hashes only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._kept: OrderedDict[object, tuple[Answer, float]] = OrderedDict()

    def find(self, key: object) -> tuple[Answer, float] | None:
        kept = self._kept.get(key)
        return kept if kept is not None and self._monotonic() < kept[1] else None

    def keep(self, key: object, answer: Answer, *, seconds: float) -> None:
        self._kept[key] = (answer, self._monotonic() + seconds)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_ENTRIES:
            self._kept.popitem(last=False)


class KubeSphere:
    """Asks ks-apiserver. Raises ConfigurationError if a setting cannot work."""

    def __init__(self, config: KubeSphereConfig, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        if not config.url.startswith(("http://", "https://")):
            raise ConfigurationError(f"the address of ks-apiserver {config.url!r} must begin with http:// or https://")
        try:
            self._tls = ssl.create_default_context(cafile=str(config.ca_file) if config.ca_file else None)
        except OSError as error:
            raise ConfigurationError(f"the certificates {config.ca_file} cannot be read: {error}") from error
        self._url = config.url.rstrip("/")
        self._http: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._users: _Cache[TokenUser | None] = _Cache(monotonic)
        self._rights: _Cache[bool] = _Cache(monotonic)

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def identify(self, token: str) -> TokenUser | None:
        """The token's user, or None for one that is not accepted; raises `Unreachable` if that cannot be found out."""
        digest = _digest(token)
        if (known := self._users.find(digest)) is not None:
            return known[0]
        status, _, body = await self._request("GET", "/oauth/userinfo", token)
        user = _user_of(body) if status == 200 else None
        if user is None and status not in (200, 401, 403):
            raise Unreachable(f"ks-apiserver answered {status} to the question whose token it is")
        self._users.keep(digest, user, seconds=ACCEPT_SECONDS if user is not None else REFUSE_SECONDS)
        return user

    async def allowed(self, token: str, question: Question) -> bool:
        """Whether ks-apiserver lets the person do it; raises `Unreachable` if that cannot be found out."""
        key = (_digest(token), question)
        if (known := self._rights.find(key)) is not None:
            return known[0]
        answer = await self._try(token, question)
        self._rights.keep(key, answer, seconds=ALLOW_SECONDS if answer else REFUSE_SECONDS)
        return answer

    async def _try(self, token: str, question: Question) -> bool:
        path = _path_of(question)
        if path is None:
            return False
        method = _METHODS[question.verb]
        body: Any = None if method == "GET" else _NO_OBJECT if method == "DELETE" else {}
        status, content_type, answer = await self._request(method, path, token, body=body)
        if status in (401, 403):
            return False
        if status == 200 and method == "GET":
            return True
        if status in _SENSELESS and content_type == "application/json" and _is_status(answer):
            return True
        raise Unreachable(f"ks-apiserver answered {status} to the question what a person may do")

    async def _request(self, method: str, path: str, token: str, *, body: Any = None) -> tuple[int, str, bytes]:
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._http = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False, "ssl": self._tls}
        if body is not None:
            headers["Content-Type"] = "application/json"
            options["data"] = msgspec.json.encode(body)
        try:
            async with self._at_once, self._http.request(method, self._url + path, **options) as response:
                answer = await response.content.read(MAX_ANSWER_BYTES)
                return response.status, response.content_type, answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"ks-apiserver cannot be reached: {type(error).__name__}") from None


def _path_of(question: Question) -> str | None:
    """Where to try, or None for what cannot be tried without harm: that is a no.

    Behind an address about all namespaces there is nothing that would answer, so that nobody may do something
    everywhere at once; each namespace is asked about instead.
    """
    prefix = _PREFIXES.get(question.group)
    namespaced = question.resource != names.TEMPLATE_PLURAL
    if prefix is None or question.verb not in _METHODS or (namespaced and not question.key.namespace):
        return None
    place = f"/namespaces/{question.key.namespace}" if namespaced else ""
    whole = question.verb == "create" and not question.subresource
    item = "" if whole else f"/{question.key.name or ANY_NAME}"
    part = f"/{question.subresource}" if question.subresource else ""
    dry = "" if question.verb == "get" else "?dryRun=All"
    return f"{prefix}{place}/{question.resource}{item}{part}{dry}"


def _user_of(body: bytes) -> TokenUser | None:
    try:
        name = msgspec.json.decode(body, type=_Userinfo).sub
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    fits = 0 < len(name) <= MAX_NAME and name.isprintable() and not name.startswith(("system:", "devworkspace:"))
    return TokenUser(name, GROUPS) if fits else None


def _is_status(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=_Status) == _Status("Status", "v1")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
