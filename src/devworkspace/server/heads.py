"""What a request's head says, as pure functions: host, target, navigation, origin, cookies.

Every room asks here, so that no two of them can read the same bytes differently.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from devworkspace.api.meta import Key
from devworkspace.core.access import Knock
from devworkspace.core.address import PATH_PREFIX, address_id, path_base, port_label
from devworkspace.server.config import PublicAddress

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Methods whose meaning ends at a proxy or that reflect the request's headers, our cookies among them.
REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})
RESERVED_PREFIX: Final = "/-/"

_LABEL = re.compile(r"(?:(?P<port>[1-9][0-9]{0,4})--)?(?P<id>[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)")
MAX_PORT: Final = 65535
# The same few hosts come with every request of an editor.
MAX_HOSTS: Final = 1024
_EDITOR_PROXY = re.compile(r"/(?:abs)?proxy/(?P<port>[1-9][0-9]{0,4})(?P<rest>/.*)?")
# Nobody decodes a path three times.
MAX_DECODINGS: Final = 3
# Origin form in visible ASCII, without the two characters that browsers and servers are known to read differently.
_PATH_BASE = re.compile(
    rf"{PATH_PREFIX}(?P<namespace>[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?)"
    r"/(?P<name>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?P<rest>/.*)?"
)
_PORT_PATH = re.compile(r"/proxy/(?P<port>[1-9][0-9]{0,4})(?:/.*)?")
# What decoding or normalising may change.
_CHANGEABLE = re.compile(r"[%\\]|//|/\.")
_TARGET = re.compile(r"/[!\"$-\[\]-~]*")


class Site(NamedTuple):
    """Where a request goes: the public host (`environment_id` None), an environment, or a port of it.

    In path mode `base` is what stands before the environment's paths, `outer` what stands before those of the site
    itself, the port included; otherwise both are empty, because the host has said it all.
    """

    environment_id: str | None
    port: int | None = None
    base: str = ""
    outer: str = ""

    @property
    def label(self) -> str:
        """What an environment's session is asked for by: the part of the host name before the public one.

        Below one path editor and ports share one session, as they share the origin.
        """
        return port_label(self.environment_id or "", None if self.base else self.port)


@lru_cache(maxsize=MAX_HOSTS)
def parse_host(host: str, public: PublicAddress) -> Site | None:
    """The site that a `Host` header names, or None for a host that is not ours, a wrong port included."""
    host = host.lower()
    if host == public.netloc:
        return Site(None)
    label, dot, rest = host.partition(".")
    return parse_label(label) if dot and rest == public.netloc and public.mode == "subdomain" else None


def parse_path(path: str) -> Site | None:
    """The site that a path names in path mode, or None for a path of the public host; `path` has passed `is_plain`.

    The path of an environment, or of a port, without anything behind it belongs to it: `handle` adds the slash.
    """
    match = _PATH_BASE.fullmatch(path)
    if match is None:
        return None
    key = Key(match["namespace"], match["name"])
    base = path_base(key)
    port = _PORT_PATH.fullmatch(match["rest"] or "")
    if port is None or int(port["port"]) > MAX_PORT:
        return Site(address_id(key), None, base, base)
    return Site(address_id(key), int(port["port"]), base, path_base(key, port["port"]))


def is_plain(path: str) -> bool:
    r"""Whether a path stays the same for everybody who decodes or normalises it, however often.

    No `.`, `..` or empty segment, no `\`, hidden by percent signs or not: below one host the path alone says whose
    environment is meant. A decoded `/` inside an environment is harmless, it only ever leads deeper.
    """
    if not any(sign in path for sign in ("%", "\\", "//", "/.")):
        return True
    for _ in range(MAX_DECODINGS):
        path, decoded = unquote(path), path
        if path == decoded:
            break
    else:
        return False
    segments = decoded.split("/")[1:]
    return "\\" not in decoded and not any(
        segment in (".", "..") or (segment == "" and index < len(segments) - 1)
        for index, segment in enumerate(segments)
    )


def parse_label(label: str) -> Site | None:
    """The environment, and the port if one is named, of `<id>` or `<port>--<id>`; ids begin with a letter."""
    match = _LABEL.fullmatch(label)
    if match is None or (match["port"] is not None and int(match["port"]) > MAX_PORT):
        return None
    return Site(match["id"], int(match["port"]) if match["port"] is not None else None)


def target_is_strict(target: str) -> bool:
    r"""Whether a request target is in origin form and free of spaces, controls, `\`, `#` and non-ASCII characters."""
    return _TARGET.fullmatch(target) is not None


def is_disguised_reserved(path: str) -> bool:
    """Whether a path would become one of our own `/-/` paths if somebody decoded or normalised it.

    Our own routes are matched on the raw bytes only; a pod must not be sent something that looks like them later.
    """
    if path.startswith(RESERVED_PREFIX):
        path = path[len(RESERVED_PREFIX) - 1 :]
        return "%" in path or "//" in path or any(segment in (".", "..") for segment in path.split("/"))
    if _CHANGEABLE.search(path) is None:
        return path == "/-"
    decoded = unquote(unquote(path))
    segments: list[str] = []
    for segment in decoded.replace("\\", "/").split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return segments[:1] == ["-"]


class EditorProxy(NamedTuple):
    """A path of code-server's own proxy to ports; `port` is None where it is written in no way that we hand on."""

    port: int | None
    rest: str


def find_editor_proxy(path: str) -> EditorProxy | None:
    """What a path asks of the proxy in code-server, in any spelling that it may understand, or None."""
    if "%" not in path and "proxy" not in path.lower():
        return None
    first = next((part for part in unquote(unquote(path)).split("/") if part not in ("", ".")), "")
    if first.lower() not in ("proxy", "absproxy"):
        return None
    match = _EDITOR_PROXY.fullmatch(path)
    if match is None or int(match["port"]) > MAX_PORT:
        return EditorProxy(None, "/")
    return EditorProxy(int(match["port"]), match["rest"] or "/")


def is_navigation(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person opens a page, as opposed to a script, an image or a socket asking for something."""
    if method != "GET" or "Upgrade" in headers:
        return False
    mode = headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in headers.get("Accept", "")


def is_deliberate(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person opened this page on purpose: typed its address, reloaded it, or followed a link on its own host.

    Seen in Chromium 156: a page's own reload or redirect without a click lacks `Sec-Fetch-User`; a reload of a page
    that was reached from another site says `cross-site` and, unlike every link, `max-age=0`. Browsers that send none of
    these headers are believed.
    """
    if not is_navigation(method, headers) or "prefetch" in headers.get("Sec-Purpose", headers.get("Purpose", "")):
        return False
    if "Sec-Fetch-Mode" not in headers:
        return True
    if headers.get("Sec-Fetch-Dest") != "document" or headers.get("Sec-Fetch-User") != "?1":
        return False
    ours = headers.get("Sec-Fetch-Site") in ("none", "same-origin")
    return ours or headers.get("Cache-Control", "") in ("max-age=0", "no-cache")


def is_same_origin(headers: Mapping[str, str], origin: str) -> bool:
    """Whether the browser vouches that a page of `origin` made this request; silence is no proof.

    Browsers send `Origin` with every upgrade and every unsafe method; `Sec-Fetch-Site` is checked where it comes too.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    claimed = headers.get("Origin")
    if claimed is None:
        return site == "same-origin"
    return claimed == origin


def make_knock(method: str, headers: Mapping[str, str], *, origin: str) -> Knock:
    upgrade = "Upgrade" in headers
    return Knock(
        navigation=is_navigation(method, headers),
        deliberate=is_deliberate(method, headers),
        upgrade=upgrade,
        safe_method=method in SAFE_METHODS,
        # A WebSocket is the one request for which browsers may leave `Sec-Fetch-Site` out, so there `Origin` is a must.
        same_origin=is_same_origin(headers, origin) and not (upgrade and "Origin" not in headers),
    )


def cookie_values(headers: Iterable[str], name: str) -> set[str]:
    """All values that the `Cookie` headers give to `name`. More than one means that somebody tossed a cookie at us."""
    found = set()
    for header in headers:
        for pair in header.split(";"):
            key, equals, value = pair.strip().partition("=")
            if equals and key == name:
                found.add(value)
    return found


def only_cookie(headers: Iterable[str], name: str) -> str | None:
    """The cookie's value if there is exactly one; two different ones are as good as none."""
    values = cookie_values(headers, name)
    return values.pop() if len(values) == 1 else None


def printable(text: str) -> str:
    """Text from outside, fit for one line of a log."""
    return text if text.isprintable() else ascii(text)


def is_safe_path(path: str) -> bool:
    """Whether a browser sent to `path` surely stays on the host that sends it."""
    if not target_is_strict(path) or len(path) > 2048:
        return False
    decoded = unquote(unquote(path))
    return decoded[1:2] not in ("/", "\\") and decoded.isprintable()


def safe_next(wanted: str | None, public: PublicAddress) -> str:
    """Where to go after signing in: a path of the public host, or a page of one of its environments, else `/`."""
    if not wanted:
        return "/"
    if is_safe_path(wanted):
        return wanted
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    site = parse_host(parts.netloc, public)
    rest = wanted[len(f"{parts.scheme}://{parts.netloc}") :]
    ours = parts.scheme == public.scheme and site is not None and site.environment_id is not None
    exact = wanted.startswith(f"{public.scheme}://{parts.netloc}")
    return wanted if ours and exact and is_safe_path(rest or "/") else "/"
