"""How much one person may ask for: a token bucket for each, in the memory of this process."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

MAX_PERSONS: Final = 10_000


class Allowance(NamedTuple):
    """`rate` requests a second on average, `burst` at once after a pause; a rate of 0 is no limit."""

    rate: float
    burst: int

    def share(self, replicas: int) -> "Allowance":
        """What each of so many replicas may grant, so that all together grant this much."""
        return Allowance(self.rate / replicas, max(1, self.burst // replicas))


# A page of the list with its details, many times over; more environments than somebody starts in a morning.
API_ALLOWANCE: Final = Allowance(rate=20.0, burst=200)
CHANGE_ALLOWANCE: Final = Allowance(rate=0.5, burst=30)
# An editor has two in each tab, and one more for each page of an application that reloads itself.
SOCKETS_PER_PERSON: Final = 500


def replica_share(count: int, replicas: int) -> int:
    """What each of so many replicas may hold of `count` things that stay; 0 is no limit."""
    return math.ceil(count / replicas)


class LimitedError(Exception):
    """Too much was asked for; `seconds` is how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many requests; try again in {seconds} s.")
        self.seconds = seconds


class _Bucket(NamedTuple):
    tokens: float
    at: float


class Limiter:
    """Counts per person and process, see `Allowance.share`. `monotonic` gives seconds of the process."""

    def __init__(self, allowance: Allowance, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, user: str) -> None:
        """Counts one request; raises LimitedError if it is one too many, which then is not counted."""
        rate, burst = self._allowance
        if rate == 0:
            return
        now = self._monotonic()
        bucket = self._buckets.pop(user, _Bucket(burst, now))
        tokens = min(burst, bucket.tokens + (now - bucket.at) * rate)
        allowed = tokens >= 1
        self._buckets[user] = _Bucket(tokens - 1 if allowed else tokens, now)
        # Whoever was quiet for longest goes first: their bucket is the one that is most likely full again.
        if len(self._buckets) > MAX_PERSONS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise LimitedError(max(1, math.ceil((1 - tokens) / rate)))
