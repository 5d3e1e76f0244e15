"""The option that operator, server and installer share: how the gateway tells environments apart."""

from collections.abc import Callable
from typing import Any, Final, get_args

import click

from devworkspace.core.address import AddressMode

MODES: Final = click.Choice(get_args(AddressMode))
HELP: Final = (
    "Environments at <id>.HOST, which needs a wildcard name, or at HOST/w/<namespace>/<name>/, less isolated and for "
    "their owners only."
)


def address_mode_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--address-mode` to a command."""
    return click.option("--address-mode", type=MODES, default="subdomain", show_default=True, help=HELP)(function)
