"""Looks at every instance again from time to time, whatever the watches say.

Nothing should need it: each change wakes its instance. It is the net under mistakes of ours, and a second run of the
same plan writes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from devworkspace.operator.cluster import Cluster

# A round costs 0.8 ms, measured with the queue and its share of the sweeps: no more than 0.4 % of a core.
MAX_PER_SECOND: Final = 5.0


class Resync:
    """Wakes each instance once in `every` seconds, evenly spread; with more than 5 in a second it takes longer."""

    def __init__(
        self, cluster: Cluster, *, every: float, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._cluster = cluster
        self._every = every
        self._pause = pause

    async def run(self) -> NoReturn:
        """Goes round for ever; started with the workers."""
        while True:
            keys = [instance.metadata.key for instance in self._cluster.instances.values()]
            if not keys:
                await self._pause(self._every)
            for key in keys:
                await self._pause(max(self._every / len(keys), 1.0 / MAX_PER_SECOND))
                self._cluster.instance_changed(key)
