"""Up to when the servers say that every work they know of stands in a status."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from devworkspace.api import names
from devworkspace.api.meta import Key, Struct
from devworkspace.kube.client import Client
from devworkspace.kube.clock import parse_timestamp
from devworkspace.kube.errors import KubeError
from devworkspace.kube.resource import LEASES

logger = logging.getLogger(__name__)

# Many environments may wait for the servers' word at once; it changes once a minute.
KEEP_SECONDS: Final = 10.0


class LeaseSpec(Struct, frozen=True):
    renew_time: str | None = None


class Lease(Struct, frozen=True):
    spec: LeaseSpec = LeaseSpec()


class ActivityWord:
    """Reads the servers' Lease when somebody asks, at most every `KEEP_SECONDS`."""

    def __init__(self, client: Client, *, namespace: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._key = Key(namespace, names.ACTIVITY_LEASE)
        self._monotonic = monotonic
        self._read_at: float | None = None
        self._until: datetime | None = None

    async def known_until(self) -> datetime | None:
        """None where it is not known; nothing is stopped then."""
        if self._read_at is None or self._monotonic() - self._read_at >= KEEP_SECONDS:
            self._until = await self._read()
            self._read_at = self._monotonic()
        return self._until

    async def _read(self) -> datetime | None:
        try:
            lease = await self._client.get(LEASES, self._key, Lease)
            return parse_timestamp(lease.spec.renew_time) if lease.spec.renew_time else None
        except (KubeError, ValueError) as error:
            logger.warning("no idle environment is stopped, the Lease %s cannot be read: %s", self._key, error)
            return None
