"""Asks the API server whose token this is, seldom enough to ask on every request.

A token is never kept: answers are found by its SHA-256. A good one counts for `accept_ttl` seconds, which is how long a
revoked token may still work; a bad one for `refuse_ttl`. A question that cannot be answered raises (fail closed).
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from devworkspace.kube.client import Client
from devworkspace.kube.codec import decode
from devworkspace.kube.resource import TOKEN_REVIEWS


class TokenUser(NamedTuple):
    """Who a token belongs to."""

    name: str
    groups: tuple[str, ...]


class _Answer(NamedTuple):
    user: TokenUser | None
    expires: float


class _User(msgspec.Struct, frozen=True):
    username: str = ""
    groups: tuple[str, ...] = ()


class _ReviewStatus(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()
    audiences: tuple[str, ...] = ()


class _Review(msgspec.Struct, frozen=True):
    # Required: an answer without a status must fail instead of reading as a refusal that gets cached.
    status: _ReviewStatus


class TokenReviewer:
    """Answers by TokenReview for tokens that were made for `audience`; an empty one means the API server's own.

    A token for an audience of its own is worth nothing elsewhere, not even to whoever runs this server.
    """

    def __init__(
        self,
        client: Client,
        *,
        audience: str,
        accept_ttl: float = 30.0,
        refuse_ttl: float = 5.0,
        max_entries: int = 10_000,
        max_at_once: int = 4,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._audience = audience
        self._accept_ttl = accept_ttl
        self._refuse_ttl = refuse_ttl
        self._max_entries = max_entries
        # Strangers may send any number of made-up tokens; they wait for each other and not the API server for them.
        self._at_once = asyncio.Semaphore(max_at_once)
        self._monotonic = monotonic
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()

    async def identify(self, token: str) -> TokenUser | None:
        """The token's user, or None for one that is not accepted; raises `KubeError` when that cannot be found out."""
        digest = hashlib.sha256(token.encode()).digest()
        if (known := self._known(digest)) is not None:
            return known.user
        async with self._at_once:
            # Somebody before us in the queue may have asked the same.
            if (known := self._known(digest)) is not None:
                return known.user
            user = await self._ask(token)
        expires = self._monotonic() + (self._accept_ttl if user is not None else self._refuse_ttl)
        self._answers[digest] = _Answer(user, expires)
        self._answers.move_to_end(digest)
        while len(self._answers) > self._max_entries:
            self._answers.popitem(last=False)
        return user

    def _known(self, digest: bytes) -> _Answer | None:
        answer = self._answers.get(digest)
        return answer if answer is not None and self._monotonic() < answer.expires else None

    async def _ask(self, token: str) -> TokenUser | None:
        wanted = {"audiences": [self._audience]} if self._audience else {}
        body = {
            "apiVersion": TOKEN_REVIEWS.api_version,
            "kind": TOKEN_REVIEWS.kind,
            "spec": {"token": token, **wanted},
        }
        answer = await self._client.raw(
            "POST", TOKEN_REVIEWS.path(), resource=TOKEN_REVIEWS.plural, body=body, idempotent=True
        )
        status = decode(answer, _Review, what="TokenReview").status
        # An authenticator that knows no audiences leaves them out, and its yes is about the API server's own.
        if not status.authenticated or (self._audience and self._audience not in status.audiences):
            return None
        return TokenUser(status.user.username, status.user.groups) if status.user.username else None
