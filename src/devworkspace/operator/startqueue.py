"""Who starts and who waits, kept up to date as statuses change.

The statuses are the truth (core/pacing.py). Held in memory only, and for one round of one instance at most, is what was
decided and is not written yet: without it the workers that decide at the same moment would give a place away twice.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.limits import Limits
from devworkspace.core.pacing import Hold, Place, place_at, queue_hold, waiting_place, whose_turn
from devworkspace.core.timestamps import format_timestamp


class StartQueue:
    """By UID of the instance."""

    def __init__(self) -> None:
        self._starting: dict[str, tuple[str, datetime]] = {}
        self._decided: dict[str, str] = {}
        self._places: dict[str, Place] = {}
        self._waiting: list[Place] = []

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def starting(self) -> int:
        return sum(self._count().values())

    def see(self, instance: WorkspaceInstance, until: datetime | None) -> None:
        """Takes what an instance's status says; `until` is there for one that starts."""
        uid = instance.metadata.uid
        self._leave(uid)
        started = self._starting.pop(uid, None)
        if until is not None:
            self._starting[uid] = (instance.metadata.namespace, until)
            return
        if started is not None:
            # It has failed within the very round: its place is free at once.
            self._decided.pop(uid, None)
        if uid not in self._decided and (place := waiting_place(instance)) is not None:
            self._wait(uid, place)

    def forget(self, uid: str) -> None:
        self._leave(uid)
        self._starting.pop(uid, None)
        self._decided.pop(uid, None)

    def ask(self, instance: WorkspaceInstance, limits: Limits, now: datetime) -> Hold | None:
        """None gives it a place, which it has until `decided` is told; else it waits."""
        uid = instance.metadata.uid
        self._expire(now)
        if uid in self._starting or uid in self._decided:
            self._decided[uid] = instance.metadata.namespace
            return None
        if uid not in self._places:
            self._wait(uid, waiting_place(instance) or place_at(instance, format_timestamp(now)))
        place = self._places[uid]
        if any(found == place for found in self._turns(limits)):
            self._leave(uid)
            self._decided[uid] = instance.metadata.namespace
            return None
        position = bisect_left(self._waiting, place) + 1
        return queue_hold(instance.status, position=position, total=len(self._waiting))

    def decided(self, uid: str) -> None:
        """The round is over; from here on only the status counts."""
        self._decided.pop(uid, None)

    def next(self, limits: Limits) -> tuple[Key, ...]:
        """Those whose turn it is."""
        return tuple(place.key for place in self._turns(limits))

    def waiting(self) -> tuple[Key, ...]:
        return tuple(place.key for place in self._waiting)

    def _turns(self, limits: Limits) -> Iterator[Place]:
        if not self._waiting:
            return iter(())
        return whose_turn(self._waiting, starting=self._count(), limits=limits)

    def _count(self) -> Counter[str]:
        starting = {uid: namespace for uid, (namespace, _) in self._starting.items()}
        return Counter((starting | self._decided).values())

    def _expire(self, now: datetime) -> None:
        for uid in [uid for uid, (_, until) in self._starting.items() if until <= now]:
            del self._starting[uid]

    def _wait(self, uid: str, place: Place) -> None:
        self._places[uid] = place
        insort(self._waiting, place)

    def _leave(self, uid: str) -> None:
        if (place := self._places.pop(uid, None)) is not None:
            del self._waiting[bisect_left(self._waiting, place)]
