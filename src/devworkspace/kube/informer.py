"""A local copy of one kind that stays true.

Promise: whatever happens to connections, versions and servers, the store converges to what the server holds, and every
difference on the way is reported once through `on_change(old, new)`; `new` is None for an object that is gone.

How it is kept:
- A list replaces the store as a whole, so objects that vanished while nobody watched are reported as gone.
- A watch continues from the last version seen (events and bookmarks). A broken or silent connection resumes there;
  "too old" (410), three failures in a row, or half an hour (insurance against our own mistakes) lead to a new list.
- `remember` puts the answer of our own write into the store before its event comes. Versions decide which of two
  states of an object is newer; a list decides over versions, because a restored server may count from below. An
  answer that is not newer than the last version seen brings nothing: the watch has told of it already, and perhaps of
  the object's end, which a late answer must not undo.
- Only the first list makes the copy usable (`synced`); afterwards it is served even while the server is away, and
  `is_stale` tells for how long nothing was heard.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Generic, NoReturn, TypeVar

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.kube.client import Client, ListResult, WatchEvent
from devworkspace.kube.codec import KubeObject
from devworkspace.kube.errors import Gone, KubeError
from devworkspace.kube.index import Index, Indexer
from devworkspace.kube.resource import Resource

T = TypeVar("T", bound=KubeObject)

OnChange = Callable[[T | None, T | None], None]

_FAILURES_BEFORE_LIST: Final = 3

log: Final = logging.getLogger("devworkspace.kube")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds. `relist` and the back-off are multiplied by `jitter()`, so that replicas do not move in step."""

    relist: float = 1800.0
    watch: int = 300
    base_delay: float = 0.2
    max_delay: float = 30.0
    jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)  # noqa: S311  (spreads load only)


def is_newer(candidate: ObjectMeta, known: ObjectMeta) -> bool:
    """Tell whether `candidate` is a later state than `known`; in doubt yes, since events come in order."""
    if candidate.resource_version.isdecimal() and known.resource_version.isdecimal():
        return int(candidate.resource_version) > int(known.resource_version)
    return candidate.resource_version != known.resource_version


class Informer(Generic[T]):
    """See the module. Reading methods never wait; objects are shared and must not be changed.

    `keep` leaves objects out that no selector can tell apart, `limit` is how many are held at most; the others cost no
    memory. `tried` is set once the first list has succeeded or failed, `synced` once it has succeeded. `is_interrupted`
    from a failure until the server is heard again.

    `indexers` name functions from an object to the values under which `by_index` finds it. `on_change` runs in the
    event loop after the store has changed, must not wait, and may be called by `remember` and `forget`, too. Its
    errors are logged and go no further. `metadata_only` keeps contents on the server (`Client.list`).
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        type: type[T],
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        keep: Callable[[T], bool] | None = None,
        limit: int | None = None,
        on_change: OnChange[T] | None = None,
        indexers: Mapping[str, Indexer[T]] | None = None,
        timing: Timing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.tried = asyncio.Event()
        self.last_contact: float | None = None
        self.is_interrupted = False
        self._client = client
        self._type = type
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._metadata_only = metadata_only
        self._keep = keep
        self._limit = limit
        self._is_full = False
        self._on_change = on_change
        self._timing = timing or Timing()
        self._monotonic = monotonic
        self._store: dict[Key, T] = {}
        self._index: Index[T] = Index(indexers or {})
        self._remembered_during_list: set[Key] | None = None
        self._resource_version = ""
        self._relist_at = 0.0
        self._failures = 0

    def __len__(self) -> int:
        return len(self._store)

    def get(self, key: Key) -> T | None:
        """Return the object, or None if there is none."""
        return self._store.get(key)

    def values(self) -> tuple[T, ...]:
        """Return all objects, a copy that later changes do not touch."""
        return tuple(self._store.values())

    def by_index(self, name: str, value: str) -> tuple[T, ...]:
        """Return the objects for which indexer `name` yields `value`, ordered by key."""
        return tuple(self._store[key] for key in self._index.find(name, value))

    def index_values(self, name: str) -> tuple[str, ...]:
        """Return what indexer `name` yields for any object."""
        return self._index.values(name)

    def is_stale(self, limit_seconds: float, now: float) -> bool:
        """Tell whether nothing was heard from the server for longer than `limit_seconds` at monotonic time `now`."""
        return self.last_contact is None or now - self.last_contact > limit_seconds

    def remember(self, obj: T) -> None:
        """Put the server's answer to our own write into the store, unless what is known is newer.

        Call it only with objects that match the informer's namespace and selectors.
        """
        if not is_newer(obj.metadata, ObjectMeta(resource_version=self._resource_version)):
            return
        key = obj.metadata.key
        if self._remembered_during_list is not None:
            self._remembered_during_list.add(key)
        self._put_if_newer(obj)

    def forget(self, key: Key, uid: str) -> None:
        """Remove an object that the server said is gone (404, or Conflict on its uid); another uid is left alone."""
        known = self._store.get(key)
        if known is not None and known.metadata.uid == uid:
            self._remove(key)

    async def run(self) -> NoReturn:
        """Keep the store true until cancelled. Failures of the server are waited out; a bug raises."""
        try:
            while True:
                try:
                    await self._follow()
                except KubeError as error:
                    await self._recover(error)
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.exception("the informer of %s has crashed", self.resource.plural)
            raise

    async def _follow(self) -> None:
        """List if needed, then watch until the server ends the stream; raises what ends it earlier."""
        if not self._resource_version or self._monotonic() >= self._relist_at:
            await self._list()
        started = self._monotonic()
        await self._watch()
        if self._monotonic() - started < self._timing.base_delay:
            # A stream that ends at once, again and again, must not become a busy loop.
            await asyncio.sleep(self._timing.base_delay * self._timing.jitter())

    async def _recover(self, error: KubeError) -> None:
        """Decide from where to go on, and wait."""
        self.tried.set()
        self.is_interrupted = True
        self._failures += 1
        if isinstance(error, Gone) or self._failures >= _FAILURES_BEFORE_LIST:
            self._resource_version = ""
        if self._failures == 1:
            log.info("the watch of %s was interrupted: %s", self.resource.plural, error)
        elif self._failures == _FAILURES_BEFORE_LIST:
            log.warning("%s cannot be followed, still trying: %s", self.resource.plural, error)
        delay = min(self._timing.max_delay, self._timing.base_delay * 2.0 ** min(self._failures - 1, 30))
        await asyncio.sleep(delay * self._timing.jitter())

    async def _list(self) -> None:
        self._remembered_during_list = set()
        try:
            result = await self._client.list(
                self.resource,
                self._type,
                namespace=self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                metadata_only=self._metadata_only,
                keep=self._keep,
            )
            written = self._remembered_during_list
        finally:
            self._remembered_during_list = None
        self._touch()
        self._replace(result, written)
        self._resource_version = result.resource_version
        self._relist_at = self._monotonic() + self._timing.relist * self._timing.jitter()
        if not self.synced.is_set():
            log.info("%s: %d objects listed", self.resource.plural, len(self._store))
            self.synced.set()
        self.tried.set()

    def _replace(self, result: ListResult[T], written: set[Key]) -> None:
        """Make the store what was listed, then report the differences.

        Kept beyond the list: answers to writes that came while it was under way and are newer (their events follow),
        and the last readable state of objects that exist but cannot be read now.
        """
        listed = {item.metadata.key: item for item in result.items}
        listed_at = ObjectMeta(resource_version=result.resource_version)
        keep = {key for key in written if key in self._store and is_newer(self._store[key].metadata, listed_at)}
        keep |= {metadata.key for metadata in result.unreadable}
        before = dict(self._store)
        for key in before.keys() - listed.keys() - keep:
            self._unset(key)
        for key, item in listed.items():
            if key not in keep and self._has_room(key):
                self._set(key, item)
        for key in before.keys() | self._store.keys():
            self._report(before.get(key), self._store.get(key))

    async def _watch(self) -> None:
        events = self._client.watch(
            self.resource,
            self._type,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            resource_version=self._resource_version,
            timeout_seconds=self._timing.watch,
            metadata_only=self._metadata_only,
            on_contact=self._touch,
        )
        async with aclosing(events):
            async for event in events:
                self._apply(event)
                if event.metadata.resource_version:
                    self._resource_version = event.metadata.resource_version
                if self._failures:
                    log.info("the watch of %s goes on", self.resource.plural)
                    self._failures = 0
                if self._monotonic() >= self._relist_at:
                    return
        self._failures = 0

    def _apply(self, event: WatchEvent[T]) -> None:
        key = event.metadata.key
        if event.kind == "DELETED":
            known = self._store.get(key)
            # A successor of the same name may already be remembered; the event is about its predecessor.
            if known is not None and (
                known.metadata.uid == event.metadata.uid or not is_newer(known.metadata, event.metadata)
            ):
                self._remove(key)
        elif event.object is None:
            return
        elif self._keep is not None and not self._keep(event.object):
            if key in self._store:
                self._remove(key)
        elif self._has_room(key):
            self._put_if_newer(event.object)

    def _has_room(self, key: Key) -> bool:
        if self._limit is None or len(self._store) < self._limit or key in self._store:
            return True
        if not self._is_full:
            log.warning("%s: more than %d, the others are left out", self.resource.plural, self._limit)
            self._is_full = True
        return False

    def _put_if_newer(self, obj: T) -> None:
        key = obj.metadata.key
        known = self._store.get(key)
        if known is not None and not is_newer(obj.metadata, known.metadata):
            return
        self._set(key, obj)
        self._report(known, obj)

    def _remove(self, key: Key) -> None:
        known = self._store[key]
        self._unset(key)
        self._report(known, None)

    def _set(self, key: Key, obj: T) -> None:
        self._index.replace(key, self._store.get(key), obj)
        self._store[key] = obj

    def _unset(self, key: Key) -> None:
        self._index.replace(key, self._store.pop(key), None)

    def _report(self, old: T | None, new: T | None) -> None:
        if self._on_change is None or old is new:
            return
        if old is not None and new is not None and old.metadata.resource_version == new.metadata.resource_version:
            return
        try:
            self._on_change(old, new)
        except Exception:
            changed = new if new is not None else old
            log.exception(
                "a listener failed on a change of %s %s", self.resource.plural, changed and changed.metadata.key
            )

    def _touch(self) -> None:
        self.last_contact = self._monotonic()
        self.is_interrupted = False
