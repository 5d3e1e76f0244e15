"""Ends many things without making all of their owners come back in the same moment."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

STEP_SECONDS: Final = 0.05

Thing = TypeVar("Thing")


async def end_spread(things: Iterable[Thing], end: Callable[[Thing], None], *, seconds: float) -> None:
    """Ends all, in random order and uneven steps, over about `seconds` at most."""
    left = list(things)
    random.shuffle(left)
    for thing in left:
        end(thing)
        step = min(STEP_SECONDS, seconds / len(left))
        await asyncio.sleep(step * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load only
