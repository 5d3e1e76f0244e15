"""Sessions: sealed cookies that carry who somebody is, plus the little that must be remembered to end them early.

Two kinds, two keys: the session of the public host, and one per environment that opens nothing but this environment.
The second is born from the first, ends with it at the latest, and is revoked with it (same session id).
"""

import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from devworkspace.core.access import Identity, Secret
from devworkspace.core.address import AddressMode
from devworkspace.server.revocations import Revocations
from devworkspace.server.seal import Sealer

# Opening a token costs 50 µs, a look-up in the cache 0.1 µs.
MAX_OPENED: Final = 10_000
# Browsers keep at least 4,096 bytes of a cookie: name, value and attributes.
MAX_COOKIE: Final = 3_900


class Vouch(msgspec.Struct, frozen=True):
    """The word of an identity provider: good until a Unix time, renewed with the token `refresh` if there is one."""

    issuer: str
    until: float
    refresh: str = ""


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who signed in. `audience` is the instance's UID, empty for the public host; the times are Unix times.

    `vouch` is None for the local account; `subject` as in `Identity`.
    """

    sid: str
    name: str
    groups: tuple[str, ...]
    expires: float
    audience: str = ""
    subject: str = ""
    vouch: Vouch | None = None
    issued: float = 0.0
    token: str = ""

    @property
    def identity(self) -> Identity:
        return Identity(self.name, self.groups, self.subject, Secret(self.token))


def sealed_until(session: Session) -> float:
    """Until when the provider vouched for the session when it was sealed; for ever without a provider."""
    return math.inf if session.vouch is None else session.vouch.until


class PageProof(msgspec.Struct, frozen=True):
    """Shown by requests of a page that was made for the session with this id."""

    sid: str


class CookieNames(msgspec.Struct, frozen=True):
    """The names that browsers protect where the address allows them.

    `__Host-` means Secure, no Domain, Path=/. In path mode the sessions of environments are bound to paths, so that
    each comes with the requests of its own environment only; `__Secure-` is what is left for them.
    """

    session: str
    environment: str
    nonce: str
    login: str

    @classmethod
    def for_scheme(cls, *, secure: bool, mode: AddressMode = "subdomain") -> "CookieNames":
        host, path = ("__Host-", "__Secure-") if secure else ("", "")
        own = host if mode == "subdomain" else path
        return cls(
            session=f"{host}dw-session",
            environment=f"{own}dw-env",
            nonce=f"{own}dw-nonce",
            login=f"{host}dw-login",
        )


class Sessions:
    """Issues, reads and revokes sessions. `clock` gives Unix time, `vouched_until` what the provider says by now."""

    def __init__(
        self,
        master_keys: Sequence[bytes],
        *,
        seconds: float,
        revocations: Revocations,
        clock: Callable[[], float],
        vouched_until: Callable[[Session], float] = sealed_until,
    ) -> None:
        self._seconds = seconds
        self._vouched_until = vouched_until
        self._clock = clock
        self._revocations = revocations
        self.use_keys(master_keys)

    def use_keys(self, master_keys: Sequence[bytes]) -> None:
        """The first key seals from now on, all of them open; what others have sealed is no session any more."""
        self._public = _Opener(Sealer(master_keys, purpose="session"))
        self._environment = _Opener(Sealer(master_keys, purpose="environment-session"))
        self._proofs = Sealer(master_keys, purpose="page-proof")

    def on_revoke(self, callback: Callable[[], None]) -> None:
        """Calls back as soon as sessions may have been revoked, here or on another replica."""
        self._revocations.on_change(callback)

    async def begin(self, identity: Identity, vouch: Vouch | None = None) -> tuple[str, Session]:
        """The session of somebody who signs in: the cookie's value and the session.

        Raises KubeError while the API server does not answer: what was revoked a moment ago would not be known.
        """
        await self._revocations.refresh()
        return self.issue(identity, vouch)

    def issue(self, identity: Identity, vouch: Vouch | None = None) -> tuple[str, Session]:
        """A new session of the public host, dated after the last end of all sessions that is known here."""
        session = self._make(identity, vouch)
        return self._public.sealer.seal(session), session

    async def begin_for_ticket(self, identity: Identity, *, until: float) -> Session:
        """A session without the public host, for one environment; ends with the person's token. Raises KubeError."""
        await self._revocations.refresh()
        session = self._make(identity, None)
        return msgspec.structs.replace(session, expires=min(session.expires, until), token=str(identity.token))

    def _make(self, identity: Identity, vouch: Vouch | None) -> Session:
        now = self._clock()
        return Session(
            sid=secrets.token_urlsafe(16),
            name=identity.name,
            groups=identity.groups,
            expires=now + self._seconds,
            issued=max(now, self._revocations.earliest(identity.name)),
            subject=identity.subject,
            vouch=vouch,
        )

    def prove_page(self, session: Session) -> str:
        """For a page of ours that a person opened; what it sends with it was not sent by another page of its host."""
        return self._proofs.seal(PageProof(sid=session.sid))

    def is_page_proof(self, value: str, *, sid: str) -> bool:
        proof = self._proofs.open(value, PageProof)
        return proof is not None and proof.sid == sid

    def issue_for_environment(self, session: Session, *, uid: str) -> str:
        """The cookie's value for one environment; lives as long as `session`."""
        return self._environment.sealer.seal(msgspec.structs.replace(session, audience=uid))

    def read(self, token: str | None) -> Session | None:
        """The valid session of the public host, or None."""
        session = self._public.open(token)
        return session if session is not None and session.audience == "" and self.is_valid(session) else None

    def read_for_environment(self, token: str | None, *, uid: str) -> Session | None:
        """The valid session for the environment with this UID, or None."""
        session = self._environment.open(token)
        return session if session is not None and session.audience == uid and self.is_valid(session) else None

    def is_valid(self, session: Session) -> bool:
        return self._is_running(session) and self._vouched_until(session) > self._clock()

    def lapsed(self, token: str | None) -> Session | None:
        """The session of the public host that only its provider's renewed word would make valid again."""
        return self._lapsed(self._public.open(token))

    def lapsed_for_environment(self, token: str | None) -> Session | None:
        """The same for one of an environment."""
        return self._lapsed(self._environment.open(token))

    def _lapsed(self, session: Session | None) -> Session | None:
        return session if session is not None and self._is_running(session) and not self.is_valid(session) else None

    def _is_running(self, session: Session) -> bool:
        return session.expires > self._clock() and not self._revocations.has_ended(
            sid=session.sid, name=session.name, issued=session.issued
        )

    def remaining(self, session: Session) -> int:
        """Whole seconds until the session ends."""
        return max(0, int(session.expires - self._clock()))

    async def revoke(self, session: Session) -> None:
        """Ends the session and every environment session born from it, at once, on all replicas.

        Raises KubeError if it could not be written; then it has not ended.
        """
        await self._revocations.end_session(
            session.sid, expires=session.expires, name=session.name, seconds=self._seconds
        )

    async def revoke_all(self, name: str) -> None:
        """Ends all sessions of a person. Raises KubeError or FullError; then none has ended."""
        await self._revocations.end_person(name, seconds=self._seconds)


class _Opener:
    """Opens tokens once and remembers the result: the same few cookies come with every request of an editor."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer
        self._opened: OrderedDict[str, Session] = OrderedDict()

    def open(self, token: str | None) -> Session | None:
        if not token:
            return None
        session = self._opened.get(token)
        if session is None:
            session = self.sealer.open(token, Session)
            if session is not None:
                self._opened[token] = session
                if len(self._opened) > MAX_OPENED:
                    self._opened.popitem(last=False)
        return session
