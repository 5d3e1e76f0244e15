"""The public address of an environment: one DNS label each, so that one wildcard name serves all, or a path each.

Paths are for where no wildcard name can be had: all environments then share one origin, see docs/SERVER.md.
"""

import hashlib
from typing import Final, Literal, NamedTuple

from devworkspace.api.meta import Key

# A DNS label has 63 characters and a port preview needs the five digits and two dashes of `65535--<id>` before the id.
MAX_ID_LENGTH = 63 - len("65535--")

AddressMode = Literal["subdomain", "path"]
PATH_PREFIX: Final = "/w/"


class Gateway(NamedTuple):
    """Where people reach the gateway, e.g. `http://localhost:8080`, and how it tells environments apart there."""

    url: str
    mode: AddressMode = "subdomain"


def address_id(key: Key) -> str:
    """The label of an environment: `<name>--<namespace>`, or a hash where that is too long or could be another's.

    `a--b` in `c` and `a` in `b--c` would share a label, so a name or namespace with two dashes is hashed;
    a hash has no double dash and can therefore not meet a plain id.
    """
    plain = f"{key.name}--{key.namespace}"
    ambiguous = "--" in key.name or "--" in key.namespace or "." in key.name
    if len(plain) <= MAX_ID_LENGTH and not ambiguous:
        return plain
    return "w" + hashlib.sha256(str(key).encode()).hexdigest()[:24]


def port_label(environment_id: str, port: int | str | None) -> str:
    """The label of a port preview; without a port, of the environment itself."""
    return environment_id if port is None else f"{port}--{environment_id}"


def path_base(key: Key, port: int | str | None = None) -> str:
    """What stands before an environment's own paths in path mode, or before those of its port."""
    base = f"{PATH_PREFIX}{key.namespace}/{key.name}"
    return base if port is None else f"{base}/proxy/{port}"


def editor_addresses(key: Key, gateway: Gateway) -> dict[str, str]:
    """What an editor that was started before it was anybody's must be told of its addresses."""
    if gateway.mode == "path":
        return {"basePath": path_base(key)}
    return {"proxyUri": environment_url(key, gateway, port="{{port}}")}


def environment_url(key: Key, gateway: Gateway, *, port: int | str | None = None) -> str:
    """The address at which the gateway serves an environment, or what listens on a port inside.

    `port` may be a placeholder that somebody else fills in.
    """
    if gateway.mode == "path":
        return f"{gateway.url.rstrip('/')}{path_base(key, port)}/"
    scheme, separator, rest = gateway.url.partition("://")
    return f"{scheme}{separator}{port_label(address_id(key), port)}.{rest.rstrip('/')}/"
