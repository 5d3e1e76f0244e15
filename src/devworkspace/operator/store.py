"""Objects of one of our own kinds, as Kopf's watch reports them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.kube.index import Index, Indexer

_BY_NAMESPACE: Final = "namespace"


class Named(Protocol):
    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Named)

OnChange = Callable[[Key, T | None, T | None], None]


class Unreadable(NamedTuple):
    """What is known of an object that does not fit its type; `template` is the one that it names, if any."""

    metadata: ObjectMeta
    template: str | None = None


class Store(Generic[T]):
    """A dictionary by key that never lets an older version replace a newer one of the same object.

    `on_change(key, old, new)` is called after each change; `new` is None for what is gone or cannot be read any more.
    """

    def __init__(
        self, indexers: Mapping[str, Indexer[T]] | None = None, *, on_change: OnChange[T] | None = None
    ) -> None:
        self._objects: dict[Key, T] = {}
        self._on_change = on_change
        self._index: Index[T] = Index({**(indexers or {}), _BY_NAMESPACE: lambda known: (known.metadata.namespace,)})
        self._unreadable: dict[Key, Unreadable] = {}
        self._heard: dict[Key, int] = {}

    def get(self, key: Key) -> T | None:
        return self._objects.get(key)

    def values(self) -> tuple[T, ...]:
        return tuple(self._objects.values())

    def by_index(self, name: str, value: str) -> tuple[T, ...]:
        """The objects for which indexer `name` yields `value`, ordered by key."""
        return tuple(self._objects[key] for key in self._index.find(name, value))

    def keys_in(self, namespace: str) -> tuple[Key, ...]:
        return self._index.find(_BY_NAMESPACE, namespace)

    def count(self, namespace: str) -> int:
        return self._index.count(_BY_NAMESPACE, namespace)

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, new: T) -> None:
        key, old = new.metadata.key, self._objects.get(new.metadata.key)
        if old is None or old.metadata.uid != new.metadata.uid or _version(new) >= _version(old):
            self._index.replace(key, old, new)
            self._objects[key] = new
            if (unread := self._unreadable.get(key)) is not None and _version(new) >= _version(unread):
                del self._unreadable[key]
            self._changed(key, old, new)

    def hear(self, new: T) -> bool:
        """Takes what a watch or a list reported, and tells whether it is the first to report this state.

        The answer to an own write comes through `put` and is no report: behind it may stand somebody else's change.
        """
        self.put(new)
        key, version = new.metadata.key, _version(new)
        if self._heard.get(key, -1) >= version:
            return False
        self._heard[key] = version
        return True

    def version(self, key: Key) -> int:
        """The newest version that the watch reported under this name, 0 for none."""
        seen: tuple[Named | None, ...] = (self._unreadable.get(key), self._objects.get(key))
        return max((_version(known) for known in seen if known is not None), default=0)

    def skip(self, metadata: ObjectMeta, *, template: str | None = None) -> None:
        """Notes that the watch reported an object that could not be read: what was known before is served on."""
        self._unreadable[metadata.key] = Unreadable(metadata, template)
        self._changed(metadata.key, self._objects.get(metadata.key), None)

    @property
    def unreadable(self) -> Mapping[Key, Unreadable]:
        """The objects whose present state could not be read."""
        return self._unreadable

    def drop(self, key: Key, uid: str) -> None:
        """Forgets an object; a successor of the same name stays."""
        self._heard.pop(key, None)
        unread, known = self._unreadable.get(key), self._objects.get(key)
        if unread is not None and unread.metadata.uid == uid:
            del self._unreadable[key]
        if known is not None and known.metadata.uid == uid:
            self._index.replace(key, self._objects.pop(key), None)
        self._changed(key, known, None)

    def _changed(self, key: Key, old: T | None, new: T | None) -> None:
        if self._on_change is not None:
            self._on_change(key, old, new)

    def absent_from(self, present: Iterable[tuple[Key, str]]) -> tuple[ObjectMeta, ...]:
        """Known objects that a complete list (key, UID) does not have: their deletion was missed."""
        listed = set(present)
        known: tuple[Named, ...] = (*self._objects.values(), *self._unreadable.values())
        return tuple(found.metadata for found in known if (found.metadata.key, found.metadata.uid) not in listed)


def template_named_by(body: Mapping[str, Any]) -> str | None:
    """The template that an unreadable instance names: it counts as a use, whatever else is wrong with it."""
    spec = body.get("spec")
    name = spec.get("templateRef") if isinstance(spec, Mapping) else None
    return name if isinstance(name, str) else None


def _version(object_: Named) -> int:
    """Resource versions are opaque by contract and decimal numbers in fact (and by contract since Kubernetes 1.35)."""
    return int(object_.metadata.resource_version or 0)
