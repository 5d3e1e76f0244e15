"""Entries that all replicas agree on: a ConfigMap that they change one after the other.

A write counts only on the state that its writer has read; the object's version says so. Of two replicas that want to
change the same entry exactly one succeeds. Each entry says until when anybody needs it, and the next write after that
removes it. Changes that wait while one is written go together in the next one: of ten browsers that open an editor at
once the last would otherwise wait for nine writes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from devworkspace.api.meta import Key
from devworkspace.api.surroundings import ConfigMap
from devworkspace.kube.errors import Conflict, KubeError
from devworkspace.kube.resource import CONFIG_MAPS
from devworkspace.server.revocations import ObjectClient

# The API server takes 1 MiB; half as much again goes to the owners of the fields.
MAX_BYTES: Final = 700_000
MAX_PRUNED: Final = 500
# How far the clocks of replicas may differ.
SKEW_SECONDS: Final = 60.0
# Others write other entries meanwhile; each attempt that fails means that one of theirs succeeded.
ATTEMPTS: Final = 20


class FullRecordError(KubeError):
    """There is no room for one entry more."""


@dataclass(eq=False, kw_only=True)
class _Change:
    """`made` is None until it is known whether this change or somebody else's holds."""

    entry: str
    expected: str | None
    value: str
    text: str
    made: bool | None = None


class SharedRecord:
    """`key` names the ConfigMap, which must exist. `clock` gives Unix time; methods raise `KubeError`."""

    def __init__(self, client: ObjectClient, key: Key, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._known: ConfigMap | None = None
        self._lock = asyncio.Lock()
        self._waiting: list[_Change] = []

    async def read(self, entry: str) -> str | None:
        """The value of an entry as the API server has it now, None if there is none."""
        return _value(await self._read(), entry)

    async def exchange(self, entry: str, *, expected: str | None, value: str, until: float) -> bool:
        """Writes `value` where `expected` stands, None for nothing; False if something else does.

        `value` must be one that nobody else writes, so that a write whose answer got lost is known again.
        """
        change = _Change(entry=entry, expected=expected, value=value, text=f"{ceil(until)} {value}")
        self._waiting.append(change)
        try:
            async with self._lock:
                if change.made is None:
                    await self._make(self._waiting.copy())
        finally:
            self._waiting.remove(change)
        return change.made is True

    async def _make(self, changes: list[_Change]) -> None:
        """Each gets its `made`. What fails here is raised to who asked first; the others try again for themselves."""
        for _ in range(ATTEMPTS):
            known = self._known
            if known is None or any(_value(known, change.entry) != change.expected for change in changes):
                known = await self._read()
            going: dict[str, _Change] = {}
            for change in changes:
                if (found := _value(known, change.entry)) != change.expected:
                    change.made = found == change.value
                else:
                    going.setdefault(change.entry, change)
            if going:
                try:
                    self._known = await self._write(known, {entry: change.text for entry, change in going.items()})
                except Conflict:
                    self._known = None
                    continue
                for change in going.values():
                    change.made = True
            changes = [change for change in changes if change.made is None]
            if not changes:
                return
        raise Conflict(status=409, reason="Conflict", message=f"{self._key} changes too fast")

    async def _read(self) -> ConfigMap:
        self._known = known = await self._client.get(CONFIG_MAPS, self._key, ConfigMap)
        return known

    async def _write(self, known: ConfigMap, entries: dict[str, str]) -> ConfigMap:
        data: dict[str, str | None] = {**dict.fromkeys(self._outdated(known)), **entries}
        kept = sum(len(name) + len(found) for name, found in known.data.items() if name not in data)
        if kept + sum(len(name) + len(text) for name, text in entries.items()) > MAX_BYTES:
            raise FullRecordError(f"{self._key} holds {kept} bytes already")
        patch = {"metadata": {"resourceVersion": known.metadata.resource_version}, "data": data}
        return await self._client.merge_patch(CONFIG_MAPS, self._key, patch, ConfigMap)

    def _outdated(self, known: ConfigMap) -> list[str]:
        before = self._clock() - SKEW_SECONDS
        return [entry for entry, text in known.data.items() if _until(text) < before][:MAX_PRUNED]


def _value(known: ConfigMap, entry: str) -> str | None:
    text = known.data.get(entry)
    return None if text is None else text.partition(" ")[2]


def _until(text: str) -> float:
    until = text.partition(" ")[0]
    # What cannot be read says nothing to anybody.
    return float(until) if until.isdecimal() else 0.0
