"""The two halves of a sign-in, and what ties them to one browser.

What the second half needs (state, nonce, PKCE verifier, aim) waits in a sealed cookie of the browser that began. An
answer of the provider counts only together with that cookie, once: a callback that somebody else began, or that is
sent twice, finds none.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from devworkspace.server.seal import Sealer
from devworkspace.server.signin.oidc.provider import Client, Metadata

LOGIN_SECONDS: Final = 600


class Login(msgspec.Struct, frozen=True):
    """A sign-in that has begun; `expires` is Unix time."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    next: str
    expires: float


class Begun(NamedTuple):
    cookie: str
    location: str


class Logins:
    """Begins sign-ins and recognises their answers. `clock` gives Unix time."""

    def __init__(self, master_keys: Sequence[bytes], *, redirect_uri: str, clock: Callable[[], float]) -> None:
        self.use_keys(master_keys)
        self._clock = clock
        self.redirect_uri = redirect_uri

    def use_keys(self, master_keys: Sequence[bytes]) -> None:
        """The first key seals from now on, all of them open."""
        self._sealer = Sealer(master_keys, purpose="login")

    def begin(self, metadata: Metadata, client: Client, *, scopes: str, next_address: str) -> Begun:
        """The cookie to set and where to send the browser."""
        login = Login(
            issuer=metadata.issuer,
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=next_address,
            expires=self._clock() + LOGIN_SECONDS,
        )
        query = urlencode(
            {
                "response_type": "code",
                "client_id": client.id,
                "redirect_uri": self.redirect_uri,
                "scope": scopes,
                "state": login.state,
                "nonce": login.nonce,
                "code_challenge": challenge_of(login.verifier),
                "code_challenge_method": "S256",
            }
        )
        endpoint = metadata.authorization_endpoint
        return Begun(self._sealer.seal(login), f"{endpoint}{'&' if '?' in endpoint else '?'}{query}")

    def find(self, cookie: str | None, *, state: str, issuer: str) -> Login | None:
        """The sign-in that this browser began and this answer belongs to."""
        login = self._sealer.open(cookie, Login) if cookie else None
        if login is None or login.issuer != issuer or login.expires <= self._clock():
            return None
        return login if hmac.compare_digest(login.state.encode(), state.encode()) else None


def challenge_of(verifier: str) -> str:
    """RFC 7636, S256."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
