"""Whose turn it is to start, where more want to start than a cluster takes at once.

All of it follows from what stands in the statuses: who starts (`Provisioning`), who waits (`StartQueued`) and since
when (`startedAt`). So a new operator process goes on where the last one stopped. A start that fails leaves
`Provisioning` and thereby its place; one that nobody looks after any more loses it with its start timeout.

The place in the queue is told anew each time that it has halved: about log2(n) writes for the n-th.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from devworkspace.api import names, reasons
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Key, Struct
from devworkspace.api.template import Lifecycle, WorkspaceTemplate
from devworkspace.core.duration import parse_duration
from devworkspace.core.limits import Limits, is_queued
from devworkspace.core.timestamps import parse_timestamp

_TOLD: Final = re.compile(r"place (\d{1,9}) of (\d{1,9}) in the queue")
_LOOK_AGAIN: Final = timedelta(seconds=10)
# All of those who wait together are not looked at more often than so many times in a second.
_LOOKS_PER_SECOND: Final = 20


class Hold(Struct, frozen=True):
    """Why an environment that could start does not start yet; looked at again after `look_again` at the latest."""

    reason: str
    message: str
    look_again: timedelta | None = None


class Place(NamedTuple):
    """Where somebody stands in the queue: by the time that it waits, then by age."""

    since: str
    created: str
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        return Key(self.namespace, self.name)


class Told(NamedTuple):
    """What a message says about the queue."""

    position: int
    total: int


def waiting_place(instance: WorkspaceInstance) -> Place | None:
    """The place of one whose status says that it waits."""
    since = instance.status.started_at
    if not is_queued(instance.status) or since is None or not _is_tended(instance):
        return None
    return place_at(instance, since)


def place_at(instance: WorkspaceInstance, since: str) -> Place:
    metadata = instance.metadata
    return Place(since, metadata.creation_timestamp or "", metadata.namespace, metadata.name)


def starting_until(instance: WorkspaceInstance, template: WorkspaceTemplate | None) -> datetime | None:
    """Until when a start that is under way keeps its place; None for what does not start."""
    status = instance.status
    if status.phase != "Provisioning" or status.started_at is None or not _is_tended(instance):
        return None
    lifecycle = template.spec.lifecycle if template is not None else Lifecycle()
    return parse_timestamp(status.started_at) + parse_duration(lifecycle.start_timeout)


def _is_tended(instance: WorkspaceInstance) -> bool:
    """Whether the operator works on it: nobody waits behind one that is left alone."""
    metadata = instance.metadata
    paused = metadata.annotations.get(names.ANNOTATION_PAUSED) == "true"
    return instance.spec.running and metadata.deletion_timestamp is None and not paused


def whose_turn(waiting: Iterable[Place], *, starting: Mapping[str, int], limits: Limits) -> Iterator[Place]:
    """Those of `waiting`, in order, who may start now; `starting` counts by namespace those who do.

    Who waits for a namespace that is full keeps nobody of another one waiting.
    """
    free = limits.starts - sum(starting.values())
    taken = Counter(starting)
    for place in waiting:
        if free <= 0:
            return
        if limits.starts_in_namespace is not None and taken[place.namespace] >= limits.starts_in_namespace:
            continue
        taken[place.namespace] += 1
        free -= 1
        yield place


def queue_hold(status: InstanceStatus, *, position: int, total: int) -> Hold:
    """What one who waits is told: the old words until its position has halved, or doubled because older ones came."""
    told = read_position(status)
    message = status.message or ""
    if told is None or not told.position < 2 * position < 4 * told.position:
        message = (
            f"It waits for its turn to start: place {position} of {total} in the queue, because many start at the same "
            "time. It starts by itself."
        )
    return Hold(
        reasons.START_QUEUED,
        message,
        look_again=max(_LOOK_AGAIN, timedelta(seconds=total / _LOOKS_PER_SECOND)),
    )


def read_position(status: InstanceStatus) -> Told | None:
    """The place in the queue as the status tells it; None for one that does not wait."""
    return read_place(status.message or "") if is_queued(status) else None


def read_place(message: str) -> Told | None:
    """What the message of one that waits says."""
    found = _TOLD.search(message)
    return Told(int(found[1]), int(found[2])) if found is not None else None
