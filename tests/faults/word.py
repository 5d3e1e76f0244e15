"""The servers' word that all activity they know of is written; without it nobody is stopped for being idle."""

import asyncio
from datetime import datetime
from typing import Final

from tests.faults.direct import Direct
from tests.faults.worldclock import WorldClock

_NAME: Final = "devworkspace-activity"
_PERIOD_SECONDS: Final = 10.0


class Word:
    """In the namespace that the operator takes for the servers'; `run` gives it again and again."""

    def __init__(self, direct: Direct, clock: WorldClock, *, namespace: str) -> None:
        self._direct = direct
        self._clock = clock
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{_NAME}"
        self._until: datetime | None = None

    async def tell(self, until: datetime) -> None:
        """Everything is written up to `until`, or to a later time that was told."""
        self._until = until if self._until is None else max(until, self._until)
        renewed = self._until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": _NAME},
            "spec": {"holderIdentity": "server", "renewTime": renewed},
        }
        await self._direct.apply(self._path, body)

    async def run(self) -> None:
        """Never returns."""
        while True:
            await self.tell(self._clock.now())
            await asyncio.sleep(_PERIOD_SECONDS)
