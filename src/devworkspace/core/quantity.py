"""Kubernetes quantities (`500m`, `2Gi`, `1e3`) as exact decimals."""

import re
from decimal import Decimal
from typing import Final

_PATTERN: Final = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?", re.ASCII
)
_FACTORS: Final = {
    **{suffix: Decimal(10) ** power for suffix, power in zip("num", (-9, -6, -3), strict=True)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


def parse_quantity(text: str | int) -> Decimal:
    """The value of a quantity in its base unit (cores, bytes, pieces).

    Raises ValueError naming the text and the accepted form.
    """
    match = _PATTERN.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: expected a number with an optional suffix, as in 500m, 2 or 4Gi")
    number, exponent, suffix = match.groups()
    value = Decimal(number + (exponent or ""))
    return value * _FACTORS[suffix] if suffix else value
