"""What this process knows of the cluster right now: whether it should get traffic, and what it may still decide.

Three stages when the API server is away. At once: nothing new is decided, neither sessions nor rights that nobody asked
about before; what is known goes on (`is_away`). After `stale_seconds` without a word nobody can say whether anything
still holds: all is refused (`is_blind`), and other replicas, which may hear, get the traffic (`problem`).
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from devworkspace.server.revocations import OBJECT_NAME, Revocations

# The answer is asked with each request, and costs as much as the rest of its checks.
REMEMBER_SECONDS: Final = 1.0


class Watch(Protocol):
    """What is asked of an informer."""

    @property
    def synced(self) -> asyncio.Event: ...
    @property
    def is_interrupted(self) -> bool: ...
    def is_stale(self, limit_seconds: float, now: float) -> bool: ...


class Readiness:
    """`watches` by name; `leaving` is set when the process has been told to go."""

    def __init__(
        self,
        watches: Iterable[tuple[str, Watch]],
        revocations: Revocations,
        *,
        stale_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watches = tuple(watches)
        self._revocations = revocations
        self._stale_seconds = stale_seconds
        self._monotonic = monotonic
        self._blind = True
        self._asked = float("-inf")
        self.leaving = False

    def problem(self) -> str | None:
        """Why this process should get no traffic, or None."""
        return "the server is shutting down" if self.leaving else self._ignorance()

    def is_away(self) -> bool:
        """Whether the API server does not answer at the moment."""
        return any(watch.is_interrupted for _, watch in self._watches)

    def is_blind(self) -> bool:
        """Whether too little is known to let anybody do anything."""
        now = self._monotonic()
        if now - self._asked >= REMEMBER_SECONDS:
            self._blind, self._asked = self._ignorance() is not None, now
        return self._blind

    def _ignorance(self) -> str | None:
        now = self._monotonic()
        for name, watch in self._watches:
            if not watch.synced.is_set():
                return f"the watch on {name} has not synced yet"
            if watch.is_stale(self._stale_seconds, now):
                return f"the watch on {name} is stale"
        if not self._revocations.is_known:
            return f"the ConfigMap {OBJECT_NAME} is missing; apply deploy/server.yaml again"
        return None
