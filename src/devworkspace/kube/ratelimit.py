"""How many requests this process sends at most, so that it cannot overrun an API server that others need, too."""

import asyncio
from collections.abc import Callable

from devworkspace.kube import clock


class TokenBucket:
    """`rate` requests per second on average, `burst` at once after a pause; whoever asks first goes first."""

    def __init__(self, *, rate: float, burst: int, elapsed: Callable[[], float] = clock.elapsed) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"a limit needs a rate above 0 and a burst of at least 1, not {rate:g} and {burst}")
        self._rate = rate
        self._burst = burst
        self._elapsed = elapsed
        self._tokens = float(burst)
        self._filled_at = elapsed()

    def reserve(self) -> float:
        """Take a token, also one that is not there yet; return in how many seconds it will be."""
        now = self._elapsed()
        self._tokens = min(float(self._burst), self._tokens + (now - self._filled_at) * self._rate) - 1.0
        self._filled_at = now
        return max(0.0, -self._tokens / self._rate)

    async def take(self) -> None:
        """Wait for a token; who is cancelled meanwhile gives it back."""
        if (seconds := self.reserve()) > 0:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self._tokens += 1.0
                raise
