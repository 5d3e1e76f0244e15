"""Where a request comes from, also behind proxies that are trusted to say so."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from aiohttp import web

from devworkspace.server.config import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SOURCE: Final = web.RequestKey("source", str)
HEADER: Final = "X-Forwarded-For"


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises ConfigurationError for what is no network, such as `10.0.0.0/8` or `2001:db8::/32`."""
    try:
        return tuple(ipaddress.ip_network(text.strip()) for text in texts if text.strip())
    except ValueError as error:
        raise ConfigurationError(f"--trusted-proxies: {error}; write networks as 10.0.0.0/8") from error


class Sources:
    """Notes the source of each request. Only `trusted` peers are believed what they say about others."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._find = lru_cache(maxsize=10_000)(lambda peer, claimed: find_source(peer, claimed, trusted))

    def note(self, request: web.BaseRequest) -> None:
        request[_SOURCE] = self._find(request.remote or "", tuple(request.headers.getall(HEADER, ())))


def source_of(request: web.BaseRequest) -> str | None:
    """The address of the client, as text; None if it is unknown."""
    return request.get(_SOURCE) or request.remote


def find_source(peer: str, claimed: Sequence[str], trusted: Sequence[Network]) -> str:
    """The last address of the chain that no trusted proxy stands at.

    Each proxy appends whom it heard, so the chain is true from its end on, up to the first that is not trusted; what
    stands before that one, anybody may have written.
    """
    found = peer
    for hop in reversed([hop for header in claimed for hop in header.split(",")]):
        if not _is_trusted(found, trusted):
            break
        address = _read(hop)
        if address is None:
            break
        found = str(address)
    return found


def _is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    address = _read(text)
    return address is not None and any(address in network for network in trusted)


def _read(text: str) -> Address | None:
    """An address; also as `[2001:db8::1]:443` and `192.0.2.1:443`, as some proxies write it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
