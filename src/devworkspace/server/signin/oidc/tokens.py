"""Whether an ID token is what it claims to be. Values in, values out; the keys come from `keys.py`.

The algorithms are ours to choose, not the token's: `none` is no signature, and HS256 would make the client secret, or
a public key taken for one, the signing key.
"""

import hmac
import math
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_SECONDS: Final = 60.0
MAX_SUB: Final = 255


class TokenError(Exception):
    """The token is not accepted; the message says why, for the log, and repeats nothing of it."""


class UnknownKeyError(TokenError):
    """It is signed with a key that is not among these; the provider may have new ones."""


def read_signed(token: str, keys: KeySet) -> dict[str, Any]:
    """The claims of a token that one of the keys has signed."""
    try:
        return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except InvalidKeyIdError:
        raise UnknownKeyError("its key is not among the provider's") from None
    except (JoseError, ValueError) as error:
        raise TokenError(f"its signature is not accepted ({type(error).__name__})") from None


def check_claims(claims: dict[str, Any], *, issuer: str, client_id: str, nonce: str | None, now: float) -> None:
    """OpenID Connect Core 3.1.3.7; `nonce` None for a token that came by a refresh, which need not repeat it."""
    if claims.get("iss") != issuer:
        raise TokenError("another provider issued it")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise TokenError("it is made for another client")
    if ("azp" in claims or len(audiences) > 1) and claims.get("azp") != client_id:
        raise TokenError("it was given to another client")
    if _seconds(claims, "exp") <= now - LEEWAY_SECONDS:
        raise TokenError("it has expired")
    if _seconds(claims, "iat") > now + LEEWAY_SECONDS:
        raise TokenError("it is from the future; compare the clocks")
    if "nbf" in claims and _seconds(claims, "nbf") > now + LEEWAY_SECONDS:
        raise TokenError("it is not valid yet")
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 0 < len(sub) <= MAX_SUB:
        raise TokenError("it names nobody")
    said = claims.get("nonce")
    if nonce is not None and not (isinstance(said, str) and hmac.compare_digest(said.encode(), nonce.encode())):
        raise TokenError("it answers another sign-in")


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenError(f"it has no readable {name!r}")
    return float(value)
