"""The end of a process's tasks, in a time that has a limit."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final

from devworkspace.operator.kopf_runner import END_SECONDS

logger = logging.getLogger(__name__)

CANCELLATIONS: Final = 2
# Kopf must not be interrupted in its own clean-up.
CANCELLATION_SECONDS: Final = END_SECONDS + 2.0


async def end_all(tasks: Iterable["asyncio.Task[Any]"], *, seconds: float = CANCELLATION_SECONDS) -> bool:
    """Cancels tasks and waits for them, two times `seconds` at most; tells whether all have ended.

    A cancellation can be lost where a timeout strikes in the same moment, and what waits for a broken connection may
    wait for ever: seen once, with a leader that was paused for 17 s and then did not end.
    """
    pending = set(tasks)
    for _ in range(CANCELLATIONS):
        for task in pending:
            task.cancel()
        if pending:
            done, pending = await asyncio.wait(pending, timeout=seconds)
            # Told by whoever asks for it; asyncio would log the others as an error.
            for task in done:
                _ = task.cancelled() or task.exception()
        for task in pending:
            logger.warning("%s has not ended: it waits at %s", task.get_name(), task.get_stack(limit=1))
    return not pending
