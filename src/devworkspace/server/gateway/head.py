"""What of a request's head reaches a pod, and what of a response's head reaches a browser. Pure functions.

The pod is the user's own: everything that it sends is untrusted, and nothing of ours may reach it but its credential.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

Headers = list[tuple[str, str]]

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Set by us, or by nobody.
_REQUEST_DROPPED: Final = _HOP_BY_HOP | {
    "authorization",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "via",
    "x-client-ip",
    "x-devworkspace-opening",
    "x-cluster-client-ip",
    "x-real-ip",
    "x-rewrite-url",
    "true-client-ip",
}
_REQUEST_DROPPED_PREFIXES: Final = ("x-forwarded", "x-remote-", "x-original-", "x-envoy-", "x-auth-request-")
_RESPONSE_DROPPED: Final = _HOP_BY_HOP | {
    "alt-svc",
    "clear-site-data",
    "content-length",
    "server",
    "strict-transport-security",
}
# What a page may say about its origin as a whole; below one host an environment would speak for all, us included.
_ORIGIN_WIDE: Final = frozenset(
    {
        # Ours keeps the windows apart; an environment's would hold on to those that it opens.
        "cross-origin-opener-policy",
        "nel",
        "report-to",
        "sec-session-registration",
        "secure-session-registration",
        "set-login",
    }
)
_NONE: Final[frozenset[str]] = frozenset()
# Header names that are remembered in lower case: a browser and an editor use a few dozen between them.
MAX_NAMES: Final = 512
_COOKIE_PREFIXES: Final = ("__host-", "__secure-")
_RESERVED_COOKIE_PREFIX: Final = "dw-"
_RESERVED_COOKIES: Final = frozenset({"code-server-session"})


class Place(NamedTuple):
    """Where a pod's paths are: behind `inner` at the pod itself, behind `outer` for the browser, whose origin this is.

    `outer` is there in path mode only, and means that the origin belongs to others as well.
    """

    inner: str = ""
    outer: str = ""
    origin: str = ""

    def for_browser(self, path: str) -> str:
        """A path that the pod names, as the browser must ask for it."""
        if self.inner and path.startswith(f"{self.inner}/"):
            path = path[len(self.inner) :]
        inside = f"{path}/".startswith(f"{self.outer}/")
        return path if inside else self.outer + path


NOWHERE: Final = Place()


def is_reserved_cookie(name: str) -> bool:
    """Whether a cookie is ours or the editor's credential, with or without browser prefix, in any case."""
    name = name.strip().lower()
    for prefix in _COOKIE_PREFIXES:
        name = name.removeprefix(prefix)
    return name.startswith(_RESERVED_COOKIE_PREFIX) or name in _RESERVED_COOKIES


def strip_cookies(values: Iterable[str]) -> list[str]:
    """The `name=value` pairs of the `Cookie` headers that may reach a pod."""
    pairs = (pair.strip() for value in values for pair in value.split(";"))
    return [pair for pair in pairs if pair and not is_reserved_cookie(pair.partition("=")[0])]


@lru_cache(maxsize=MAX_NAMES)
def _lowered(name: str) -> str:
    return name.lower()


@lru_cache(maxsize=MAX_NAMES)
def _canonical(name: str) -> str:
    """Lower case with dashes: servers behind us may read `X_Forwarded_Host` or `X.Forwarded.Host` as the real one."""
    return name.lower().replace("_", "-").replace(".", "-")


@lru_cache(maxsize=MAX_NAMES)
def _is_request_header_dropped(canonical: str) -> bool:
    return canonical in _REQUEST_DROPPED or canonical.startswith(_REQUEST_DROPPED_PREFIXES)


def request_headers(received: Iterable[tuple[str, str]], *, host: str, scheme: str, credential: str | None) -> Headers:
    """The head for the pod, without framing (`Content-Length`, `Transfer-Encoding`) and without `Upgrade`.

    `host` is the browser's host with port: the editor compares it with `Origin`. `credential` is a whole cookie pair,
    or None for what is not the editor.
    """
    received = list(received)
    named = _connection_tokens(received)
    kept: Headers = [("Host", host)]
    cookies = []
    for name, value in received:
        canonical = _canonical(name)
        if canonical == "cookie":
            cookies.append(value)
        elif not (canonical in named or _is_request_header_dropped(canonical)):
            kept.append((name, value))
    if pairs := [*strip_cookies(cookies), *([credential] if credential is not None else [])]:
        kept.append(("Cookie", "; ".join(pairs)))
    kept.append(("X-Forwarded-Host", host))
    kept.append(("X-Forwarded-Proto", scheme))
    return kept


def response_headers(received: Iterable[tuple[str, str]], place: Place = NOWHERE) -> Headers:
    """The head for the browser, without framing."""
    received = list(received)
    named = _connection_tokens(received)
    kept: Headers = []
    framed = False
    for name, value in received:
        lowered = _lowered(name)
        if lowered in _RESPONSE_DROPPED or lowered in named or not _is_allowed(lowered, value):
            continue
        framed = framed or (lowered == "content-security-policy" and "frame-ancestors" in value.lower())
        if lowered == "location":
            value = _placed_location(value, place)
        if place.outer:
            if lowered in _ORIGIN_WIDE:
                continue
            if lowered == "service-worker-allowed":
                value = f"{place.outer}/"
            elif lowered == "set-cookie":
                value = _placed_cookie(value, place)
        kept.append((name, value))
    if not framed or place.outer:
        # A second policy only narrows: an editor must not be framed by another environment's page.
        kept.append(("Content-Security-Policy", "frame-ancestors 'self'"))
    return kept


def _placed_location(value: str, place: Place) -> str:
    if value.startswith("/") and not value.startswith("//"):
        return place.for_browser(value)
    if place.outer and value.startswith(f"{place.origin}/"):
        return place.origin + place.for_browser(value[len(place.origin) :])
    return value


def _placed_cookie(value: str, place: Place) -> str:
    """The cookie for the site's own paths, whatever path it names; the last one counts, as for browsers."""
    pair, *attributes = value.split(";")
    path = "/"
    kept = [pair]
    for attribute in attributes:
        name, _, wanted = attribute.partition("=")
        if name.strip().lower() != "path":
            kept.append(attribute)
        else:
            path = wanted.strip() if wanted.strip().startswith("/") else "/"
    return ";".join([*kept, f" Path={place.for_browser(path)}"])


def _is_allowed(lowered: str, value: str) -> bool:
    if lowered == "set-cookie":
        name, *attributes = value.split(";")
        wide = any(attribute.partition("=")[0].strip().lower() == "domain" for attribute in attributes)
        return not wide and not is_reserved_cookie(name.partition("=")[0])
    if lowered == "service-worker-allowed":
        return value.startswith("/") and not value.startswith("//")
    return True


def _connection_tokens(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The header names that `Connection` declares to be for this hop only."""
    values = [value for name, value in headers if _lowered(name) == "connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(",")) if values else _NONE
