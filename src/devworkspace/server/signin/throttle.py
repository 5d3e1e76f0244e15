"""Slows down guessing: per address and per account, in bounded memory."""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

MAX_ENTRIES: Final = 10_000
FORGET_SECONDS: Final = 900.0


class Limits(msgspec.Struct, frozen=True):
    """`free` failures cost nothing, each further one doubles the wait, up to `longest` seconds.

    `gentle`: the waits stay as short with more replicas.
    """

    free: int
    longest: float
    gentle: bool = False

    def share(self, replicas: int) -> "Limits":
        """For each of so many replicas, so that all together take as many guesses."""
        longest = self.longest if self.gentle else self.longest * replicas
        return Limits(free=max(1, self.free // replicas), longest=longest, gentle=self.gentle)


# Somebody who guesses from many addresses must not be able to lock the owner of an account out: its waits stay short.
PER_ADDRESS: Final = Limits(free=5, longest=300.0)
PER_ACCOUNT: Final = Limits(free=10, longest=5.0, gentle=True)


class _Record(msgspec.Struct):
    failures: int
    last: float
    until: float


class Throttle:
    """Counts failures per key. `clock` gives seconds on any steady scale."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def wait(self, key: str) -> int:
        """Whole seconds until the next attempt is looked at; 0 if that is now."""
        record = self._records.get(key)
        return 0 if record is None else max(0, math.ceil(record.until - self._clock()))

    def failed(self, key: str) -> None:
        now = self._clock()
        record = self._records.pop(key, None)
        if record is None or now - record.last > max(FORGET_SECONDS, 3 * self._limits.longest):
            record = _Record(failures=0, last=now, until=now)
        record.failures += 1
        record.last = now
        excess = record.failures - self._limits.free
        if excess > 0:
            record.until = now + min(self._limits.longest, 2.0 ** min(excess, 30))
        self._records[key] = record
        if len(self._records) > MAX_ENTRIES:
            self._records.popitem(last=False)

    def succeeded(self, key: str) -> None:
        self._records.pop(key, None)


def address_key(remote: str | None) -> str:
    """The key of a client: its IPv4 address, or its IPv6 /64, which one machine has to itself."""
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
