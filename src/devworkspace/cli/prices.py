"""The options of the server for what an hour costs."""

import functools
import re
from collections.abc import Callable
from typing import Any

import click

from devworkspace.cli.groups import add_options
from devworkspace.cli.language import phrase
from devworkspace.core.prices import Prices

_PRICE = click.FloatRange(min=0)
_OPTIONS = (
    click.option("--currency", default="", help="ISO 4217 code of the prices, as CNY or EUR. Without it: no money."),
    click.option("--cpu-hour-price", type=_PRICE, default=0.0, show_default=True, help="An hour of one core."),
    click.option(
        "--memory-gib-hour-price", type=_PRICE, default=0.0, show_default=True, help="An hour of one GiB of memory."
    ),
    click.option(
        "--storage-gib-hour-price", type=_PRICE, default=0.0, show_default=True, help="An hour of one GiB of disk."
    ),
)
# What browsers accept; for any other text they show no number at all.
_CODE = re.compile(r"[A-Z]{3}")


def price_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as one value `prices`, None without a currency."""

    @functools.wraps(function)
    def command(
        *,
        currency: str,
        cpu_hour_price: float,
        memory_gib_hour_price: float,
        storage_gib_hour_price: float,
        **values: Any,
    ) -> Any:
        prices = Prices(
            currency=currency,
            cpu_hour=cpu_hour_price,
            memory_gib_hour=memory_gib_hour_price,
            storage_gib_hour=storage_gib_hour_price,
        )
        priced = cpu_hour_price or memory_gib_hour_price or storage_gib_hour_price
        if priced and not currency:
            raise click.UsageError(phrase("prices need a currency: add --currency, as in --currency=CNY"))
        if currency and _CODE.fullmatch(currency) is None:
            raise click.UsageError(
                phrase("--currency={code!r} is no ISO 4217 code; it has three capital letters, as CNY", code=currency)
            )
        return function(prices=prices if currency else None, **values)

    return add_options(command, _OPTIONS)
