"""Finding objects by what is written in them, without walking a whole store."""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from devworkspace.api.meta import Key

T = TypeVar("T")

Indexer = Callable[[T], Iterable[str]]


class Index(Generic[T]):
    """Keys of objects under the values that named functions (`indexers`) yield for them."""

    def __init__(self, indexers: Mapping[str, Indexer[T]]) -> None:
        self._indexers = dict(indexers)
        self._keys: dict[str, dict[str, set[Key]]] = {name: {} for name in self._indexers}

    def find(self, name: str, value: str) -> tuple[Key, ...]:
        """Keys of the objects for which indexer `name` yields `value`, in order."""
        return tuple(sorted(self._keys[name].get(value, ())))

    def values(self, name: str) -> tuple[str, ...]:
        """What indexer `name` yields for any object."""
        return tuple(self._keys[name])

    def count(self, name: str, value: str) -> int:
        return len(self._keys[name].get(value, ()))

    def replace(self, key: Key, old: T | None, new: T | None) -> None:
        """Follows a change of the store; None is an object that is not there."""
        for name, indexer in self._indexers.items():
            keys = self._keys[name]
            before = set(indexer(old)) if old is not None else set()
            after = set(indexer(new)) if new is not None else set()
            for value in before - after:
                keys[value].discard(key)
                if not keys[value]:
                    del keys[value]
            for value in after - before:
                keys.setdefault(value, set()).add(key)
