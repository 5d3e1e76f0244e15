"""One-time codes: how a session of the public host becomes a session of one environment's host.

The environment's host sets a nonce cookie and sends the browser to the public host with the nonce's hash; the public
host, which alone knows who is signed in, answers with a code bound to this hash, to the instance's UID and to the
session. A stolen code is worthless in another browser, for another environment, after 30 seconds, or a second time.

Which codes are spent all replicas know (`SharedRecord`). While the API server does not answer, only the replica knows
that took a code; a ticket, which nothing binds to a browser, counts only if all know.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from devworkspace.kube.errors import KubeError, Unreachable
from devworkspace.server.limits import Allowance, Limiter
from devworkspace.server.seal import Sealer
from devworkspace.server.sessions import Session
from devworkspace.server.shared import SharedRecord

log = structlog.get_logger("devworkspace.server")

RECORD_NAME: Final = "devworkspace-codes"
# Each costs a write; far more than somebody opens by hand.
OPEN_ALLOWANCE: Final = Allowance(rate=1.0, burst=60)
# Somebody waits for it.
SPEND_SECONDS: Final = 3.0
CODE_SECONDS: Final = 30.0
NONCE_SECONDS: Final = 600
MAX_REDEEMED: Final = 100_000


class Code(msgspec.Struct, frozen=True):
    """What a code carries: whose session, for which instance, for which browser, and where to go afterwards."""

    id: str
    session: Session
    uid: str
    nonce_hash: str
    path: str
    expires: float


class Nonce(msgspec.Struct, frozen=True):
    value: str
    environment_id: str


class Codes:
    """Issues and redeems codes, makes and checks nonces. `clock` gives Unix time, `record` has those that are spent."""

    def __init__(
        self, master_keys: Sequence[bytes], *, record: SharedRecord, limiter: Limiter, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._record = record
        self._limiter = limiter
        self._redeemed: OrderedDict[str, float] = OrderedDict()
        self.use_keys(master_keys)

    def use_keys(self, master_keys: Sequence[bytes]) -> None:
        """The first key seals from now on, all of them open."""
        self._codes = Sealer(master_keys, purpose="code")
        self._nonces = Sealer(master_keys, purpose="nonce")
        self._tickets = Sealer(master_keys, purpose="ticket")

    def make_nonce(self, environment_id: str) -> str:
        """A cookie value for the environment's host. Says nothing about whether the environment exists."""
        return self._nonces.seal(Nonce(value=secrets.token_urlsafe(16), environment_id=environment_id))

    def hash_of_nonce(self, cookie: str | None, *, environment_id: str) -> str | None:
        """The hash to send along, or None if the cookie is not a nonce of ours for this environment."""
        nonce = self._nonces.open(cookie, Nonce) if cookie else None
        if nonce is None or nonce.environment_id != environment_id:
            return None
        return hashlib.sha256(nonce.value.encode()).hexdigest()

    def issue(self, session: Session, *, uid: str, nonce_hash: str, path: str) -> str:
        expires = self._clock() + CODE_SECONDS
        code = Code(
            id=secrets.token_urlsafe(12), session=session, uid=uid, nonce_hash=nonce_hash, path=path, expires=expires
        )
        return self._codes.seal(code)

    async def redeem(self, token: str, *, uid: str, nonce_hash: str | None) -> Code | None:
        """The code if everything that it is bound to matches; afterwards it is spent. Raises LimitedError."""
        code = self._codes.open(token, Code)
        if code is None or nonce_hash is None or not hmac.compare_digest(code.nonce_hash, nonce_hash):
            return None
        try:
            return await self._spend(code, uid=uid)
        except KubeError as error:
            # Whoever holds it holds the browser's cookie, too.
            log.warning("a code is spent at this replica only", error=str(error))
            return code

    def issue_ticket(self, session: Session, *, uid: str) -> str:
        """A code that is bound to no browser, for one that has not been here before."""
        expires = self._clock() + CODE_SECONDS
        code = Code(id=secrets.token_urlsafe(12), session=session, uid=uid, nonce_hash="", path="/", expires=expires)
        return self._tickets.seal(code)

    async def redeem_ticket(self, token: str, *, uid: str) -> Code | None:
        """The code if it is for this environment; afterwards it is spent. Raises LimitedError and KubeError."""
        code = self._tickets.open(token, Code)
        return None if code is None else await self._spend(code, uid=uid)

    async def _spend(self, code: Code, *, uid: str) -> Code | None:
        now = self._clock()
        if code.expires <= now or code.uid != uid or code.id in self._redeemed:
            return None
        self._limiter.take(code.session.name)
        self._remember(code, now)
        try:
            async with asyncio.timeout(SPEND_SECONDS):
                mine = secrets.token_urlsafe(9)
                is_first = await self._record.exchange(code.id, expected=None, value=mine, until=code.expires)
        except TimeoutError:
            raise Unreachable(f"{RECORD_NAME} could not be written within {SPEND_SECONDS:.0f} s") from None
        return code if is_first else None

    def _remember(self, code: Code, now: float) -> None:
        self._redeemed[code.id] = code.expires
        while self._redeemed:
            oldest = next(iter(self._redeemed))
            if self._redeemed[oldest] > now and len(self._redeemed) <= MAX_REDEEMED:
                break
            del self._redeemed[oldest]
