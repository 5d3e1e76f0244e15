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


def environment_url(key: Key, *, gateway_url: str) -> str:
    """The address at which the gateway serves an environment.

    `gateway_url` is the gateway's own address, e.g. `http://localhost:8080`; the label goes before its host.
    """
    scheme, separator, rest = gateway_url.partition("://")
    return f"{scheme}{separator}{address_id(key)}.{rest.rstrip('/')}/"
