"""Options that belong together and are declared once, in the order in which help shows them."""

from collections.abc import Callable, Sequence
from typing import Any

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def add_options(command: Callable[..., Any], options: Sequence[Decorator]) -> Callable[..., Any]:
    """The command with `click.option` decorators, of which the one nearest to the function is shown last."""
    for option in reversed(options):
        command = option(command)
    return command
