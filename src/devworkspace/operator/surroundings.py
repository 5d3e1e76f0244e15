"""What is known beside the instances' own objects: Warning Events about them, and the nodes that they run on.

Both only explain. So the operator works without them: where the right to read them is missing or their watch is dead
they are unknown, and nothing waits for them longer than a moment.

Both are chatty in a large cluster. Events about anything but our pods and volumes are dropped as they arrive, and a
node is news only when its verdict changes: a heartbeat wakes nobody.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from devworkspace.api.children import Pod
from devworkspace.api.meta import Key
from devworkspace.api.surroundings import Event, Node
from devworkspace.core.hindrances import EVENT_REASONS
from devworkspace.core.nodestate import NodeVerdict, judge_node
from devworkspace.kube.client import Client
from devworkspace.kube.informer import Informer, Timing
from devworkspace.kube.resource import EVENTS, NODES

# Whoever may write Events into a namespace can write any number of them.
MAX_EVENTS: Final = 20_000
# As long as a watch may be silent before the process counts as blind.
UNKNOWN_AFTER_SECONDS: Final = 210.0
# The API server keeps no cache of Events, so a watch of them has no bookmarks: in a healthy cluster it would be silent
# for longer than a living watch may be. It is renewed before that.
WARNINGS_WATCH_SECONDS: Final = 50
_START_WAIT_SECONDS: Final = 2.0
_BY_OBJECT: Final = "object"


class Surroundings:
    """`owner_of` names the instance of a pod or volume, `pods_on` the pods of a node, `enqueue` is told who has news.

    The informer of Events asks `owner_of` which ones to keep: run it once instances and volumes are known.
    """

    def __init__(
        self,
        client: Client,
        *,
        owner_of: Callable[[Key], Key | None],
        pods_on: Callable[[str], Iterable[Pod]],
        enqueue: Callable[[Key], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owner_of = owner_of
        self._pods_on = pods_on
        self._enqueue = enqueue
        self._monotonic = monotonic
        self.nodes = Informer(client, NODES, Node, on_change=self._node_changed)
        self.warnings = Informer(
            client,
            EVENTS,
            Event,
            field_selector="type=Warning",
            keep=self._is_about_us,
            limit=MAX_EVENTS,
            indexers={_BY_OBJECT: _object_uid},
            on_change=self._warning_changed,
            timing=Timing(watch=WARNINGS_WATCH_SECONDS),
        )

    @property
    def informers(self) -> tuple[Informer[Node], Informer[Event]]:
        return self.nodes, self.warnings

    async def wait_tried(self) -> None:
        """Gives both a moment, so that a restarted operator does not begin with less than it knew before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_WAIT_SECONDS):
                await asyncio.gather(*(informer.tried.wait() for informer in self.informers))

    def node(self, name: str | None) -> NodeVerdict | None:
        """The verdict on a node, None where it is unknown."""
        if name is None or not self.nodes.synced.is_set():
            return None
        if self.nodes.is_stale(UNKNOWN_AFTER_SECONDS, self._monotonic()):
            return None
        return judge_node(self.nodes.get(Key("", name)))

    def about(self, uids: Iterable[str]) -> tuple[Event, ...]:
        """The Warning Events about these objects."""
        return tuple(event for uid in uids for event in self.warnings.by_index(_BY_OBJECT, uid))

    def _is_about_us(self, event: Event) -> bool:
        about = event.involved_object
        return (
            event.reason in EVENT_REASONS
            and about.kind in ("Pod", "PersistentVolumeClaim")
            and self._owner_of(Key(about.namespace, about.name)) is not None
        )

    def _warning_changed(self, _old: Event | None, new: Event | None) -> None:
        # One that expired tells nothing: what it explained may last.
        if new is None:
            return
        owner = self._owner_of(Key(new.involved_object.namespace, new.involved_object.name))
        if owner is not None:
            self._enqueue(owner)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        node = new if new is not None else old
        if node is None or (old is not None and judge_node(old) == judge_node(new)):
            return
        for pod in self._pods_on(node.metadata.name):
            if (owner := self._owner_of(pod.metadata.key)) is not None:
                self._enqueue(owner)


def _object_uid(event: Event) -> Iterator[str]:
    yield event.involved_object.uid
