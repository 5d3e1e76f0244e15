"""The options of the server for how much one person may ask for."""

import functools
from collections.abc import Callable
from typing import Any

import click

from devworkspace.cli.groups import add_options
from devworkspace.server.limits import API_ALLOWANCE, CHANGE_ALLOWANCE, SOCKETS_PER_PERSON, Allowance

_OPTIONS = (
    click.option(
        "--api-rate",
        type=click.FloatRange(min=0),
        default=API_ALLOWANCE.rate,
        show_default=True,
        help="Requests to the API that a person may send each second on average, 0: no limit.",
    ),
    click.option(
        "--api-burst",
        type=click.IntRange(min=1),
        default=API_ALLOWANCE.burst,
        show_default=True,
        help="As many at once.",
    ),
    click.option(
        "--change-rate",
        type=click.FloatRange(min=0),
        default=CHANGE_ALLOWANCE.rate,
        show_default=True,
        help="Environments that a person may create, start, stop, restart or delete each second on average, "
        "0: no limit.",
    ),
    click.option(
        "--change-burst",
        type=click.IntRange(min=1),
        default=CHANGE_ALLOWANCE.burst,
        show_default=True,
        help="As many at once.",
    ),
    click.option(
        "--sockets-per-person",
        type=click.IntRange(min=0),
        default=SOCKETS_PER_PERSON,
        show_default=True,
        help="WebSockets to editors and ports that a person may have open, 0: no limit.",
    ),
)


def limit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them by the names that `ServerConfig` has."""

    @functools.wraps(function)
    def command(*, api_rate: float, api_burst: int, change_rate: float, change_burst: int, **values: Any) -> Any:
        return function(
            api_allowance=Allowance(rate=api_rate, burst=api_burst),
            change_allowance=Allowance(rate=change_rate, burst=change_burst),
            **values,
        )

    return add_options(command, _OPTIONS)
