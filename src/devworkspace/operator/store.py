"""Objects of one of our own kinds, as Kopf's watch reports them."""

from collections.abc import Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.kube.index import Index, Indexer

_BY_NAMESPACE: Final = "namespace"


class Named(Protocol):
    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Named)


class Store(Generic[T]):
    """A dictionary by key that never lets an older version replace a newer one of the same object."""

    def __init__(self, indexers: Mapping[str, Indexer[T]] | None = None) -> None:
        self._objects: dict[Key, T] = {}
        self._index: Index[T] = Index({**(indexers or {}), _BY_NAMESPACE: lambda known: (known.metadata.namespace,)})
        self._unreadable: dict[Key, int] = {}

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

    def version(self, key: Key) -> int:
        """The newest version that the watch reported under this name, 0 for none."""
        known = self._objects.get(key)
        return max(self._unreadable.get(key, 0), _version(known) if known is not None else 0)

    def skip(self, metadata: ObjectMeta) -> None:
        """Notes that the watch reported an object that could not be read: it was seen, and is not served."""
        self._unreadable[metadata.key] = int(metadata.resource_version or 0)

    def drop(self, key: Key, uid: str) -> None:
        """Forgets an object; a successor of the same name stays."""
        self._unreadable.pop(key, None)
        if (known := self._objects.get(key)) is not None and known.metadata.uid == uid:
            self._index.replace(key, self._objects.pop(key), None)

    def absent_from(self, present: Iterable[tuple[Key, str]]) -> tuple[T, ...]:
        """Known objects that a complete list (key, UID) does not have: their deletion was missed."""
        listed = set(present)
        return tuple(known for key, known in self._objects.items() if (key, known.metadata.uid) not in listed)


def _version(object_: Named) -> int:
    """Resource versions are opaque by contract and decimal numbers in fact (and by contract since Kubernetes 1.35)."""
    return int(object_.metadata.resource_version or 0)
