"""ETags: which version of an answer somebody has."""

import hashlib
from collections.abc import Iterable


def make_etag(value: object, body: bytes) -> str:
    """A strong ETag of `body`; of a single object it begins with the version that `If-Match` is about."""
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    version = getattr(value, "resource_version", "")
    return f'"{version}-{digest}"' if version else f'"{digest}"'


def is_known(if_none_match: Iterable[str], etag: str) -> bool:
    """Whether the headers `If-None-Match` name this version; weak comparison, as for every GET."""
    named = [item.strip().removeprefix("W/") for header in if_none_match for item in header.split(",")]
    return "*" in named or etag in named
