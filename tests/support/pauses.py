"""A plugin of pytest for tests that hold by chance: `pytest -p tests.support.pauses`.

Before one callback in 250 the process does nothing for up to 0.8 s, as if a busy machine had given it no processor.
Processes that a test starts are not slowed down.
"""

import random
import time
from asyncio import Handle
from typing import Final

SHARE: Final = 1 / 250
LONGEST_SECONDS: Final = 0.8

_run = Handle._run


def _run_late(handle: Handle) -> None:
    if random.random() < SHARE:
        time.sleep(random.random() * LONGEST_SECONDS)
    _run(handle)


Handle._run = _run_late  # type: ignore[method-assign, assignment]
