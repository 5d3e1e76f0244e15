"""From a provider's claims to a person as Kubernetes' RBAC sees them. Values in, values out."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from devworkspace.core.access import Identity
from devworkspace.server.config import OidcConfig

MAX_GROUPS: Final = 500
# What `spec.owner` takes (crds/workspace_instance_crd.yaml).
MAX_NAME: Final = 253
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]+( [^\s\x00-\x1f\x7f]+)*")
# Names that mean something to Kubernetes or to us, and that no provider may hand out.
_RESERVED: Final = ("system:", "devworkspace:")
AUTHENTICATED: Final = "system:authenticated"


class ClaimsError(Exception):
    """The claims do not make a person; the message says which and why, for the log."""


def has_all(claims: Mapping[str, Any], config: OidcConfig) -> bool:
    """Whether userinfo need not be asked for what the ID token leaves out."""
    name = config.username_claim or "preferred_username"
    return name in claims and config.groups_claim in claims


def read_identity(claims: Mapping[str, Any], config: OidcConfig) -> Identity:
    """The person, who is bound to the account and not only to the name. Raises ClaimsError."""
    name = config.prefix + _username(claims, config)
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or not name.isprintable():
        raise ClaimsError("the user name is too long or has characters that are not allowed")
    if name.startswith(_RESERVED):
        raise ClaimsError("the user name begins like one of Kubernetes' own")
    groups = sorted({*_groups(claims.get(config.groups_claim), config.prefix), AUTHENTICATED})
    return Identity(name, tuple(groups), subject_of(config.issuer, claims["sub"]))


def subject_of(issuer: str, sub: str) -> str:
    """What stands for an account: nothing that could be read back, and never the same for two accounts."""
    return hashlib.sha256(f"{issuer}\n{sub}".encode()).hexdigest()[:32]


def _username(claims: Mapping[str, Any], config: OidcConfig) -> str:
    claim = config.username_claim or ("preferred_username" if claims.get("preferred_username") else "sub")
    value = claims.get(claim)
    if not isinstance(value, str) or not value:
        raise ClaimsError(f"the claim {claim!r} is missing or no text")
    # Whoever may type any address at the provider would become its owner here.
    if claim == "email" and claims.get("email_verified") is not True:
        raise ClaimsError("the e-mail address is not verified by the provider")
    return value


def _groups(value: Any, prefix: str) -> list[str]:
    if value is None:
        return []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ClaimsError("the groups are no list of texts")
    if len(names) > MAX_GROUPS:
        raise ClaimsError(f"there are {len(names)} groups, more than {MAX_GROUPS}")
    found = [prefix + name for name in names if name and name.isprintable()]
    return [name for name in found if not name.startswith(_RESERVED)]
