"""What an admin asks for what was requested: no prices, no money anywhere."""

from devworkspace.api.instance import MonthUsage
from devworkspace.api.meta import Struct

_HOUR_SECONDS = 3600
# The smallest unit of most currencies with two more digits, so that sums of rounded rows stay right.
_DIGITS = 4


class Prices(Struct, frozen=True, kw_only=True):
    """For an hour of one core, of a GiB of memory and of a GiB of disk. `currency` is an ISO 4217 code, as `CNY`."""

    currency: str
    cpu_hour: float = 0.0
    memory_gib_hour: float = 0.0
    storage_gib_hour: float = 0.0


def cost_of(usage: MonthUsage, prices: Prices) -> float:
    """In `prices.currency`."""
    seconds = (
        prices.cpu_hour * usage.cpu_millicore_seconds / 1000
        + prices.memory_gib_hour * usage.memory_mebibyte_seconds / 1024
        + prices.storage_gib_hour * usage.storage_mebibyte_seconds / 1024
    )
    return round(seconds / _HOUR_SECONDS, _DIGITS)
