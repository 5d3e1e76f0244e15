"""The public address of an environment: one DNS label per environment, so that one wildcard name serves all."""

import hashlib

from devworkspace.api.meta import Key

# A DNS label has 63 characters and a port preview needs the five digits and two dashes of `65535--<id>` before the id.
MAX_ID_LENGTH = 63 - len("65535--")


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


def port_label(environment_id: str, port: int | None) -> str:
    """The label of a port preview; without a port, of the environment itself."""
    return environment_id if port is None else f"{port}--{environment_id}"


def port_url(key: Key, port: int | str, *, gateway_url: str) -> str:
    """The address at which the gateway serves what listens on a port inside the environment.

    `port` may be a placeholder that somebody else fills in.
    """
    scheme, separator, rest = gateway_url.partition("://")
    return f"{scheme}{separator}{port}--{address_id(key)}.{rest.rstrip('/')}/"


def environment_url(key: Key, *, gateway_url: str) -> str:
    """The address at which the gateway serves an environment.

    `gateway_url` is the gateway's own address, e.g. `http://localhost:8080`; the label goes before its host.
    """
    scheme, separator, rest = gateway_url.partition("://")
    return f"{scheme}{separator}{address_id(key)}.{rest.rstrip('/')}/"
