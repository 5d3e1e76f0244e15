"""What ended sessions before their time, the same on every replica.

One ConfigMap holds it; every replica watches it and writes to it by merge patches, which need no reading before and
cannot undo each other. Two kinds of entries, both under hashes: `s.<session>` ends one session, its value is when the
session would have ended anyway; `p.<person>` ends all sessions that the person got until a time, its value is that time
and when the last of them would have ended. Afterwards entries are of no use, and the next write removes them.

Memory only grows by what is read and shrinks by time. So an object that was deleted or restored from a backup brings no
session back here, and what it lacks is written again.
"""

import asyncio
import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import ceil, inf
from typing import Any, Final, NamedTuple, Protocol

import structlog

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.api.surroundings import ConfigMap
from devworkspace.kube.errors import KubeError
from devworkspace.kube.informer import is_newer
from devworkspace.kube.resource import CONFIG_MAPS, Resource

log = structlog.get_logger("devworkspace.server")

OBJECT_NAME: Final = "devworkspace-revocations"
# An entry takes up to 60 bytes and its field's owner 35 more; the API server takes 1 MiB of data.
MAX_SESSIONS: Final = 6_000
MAX_PERSONS: Final = 4_000
MAX_PRUNED: Final = 500
# How far the clocks of replicas may differ: what is ended now ends sessions that another replica dates so much later,
# and is remembered so much longer.
SKEW_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 300.0
_SESSION: Final = "s."
_PERSON: Final = "p."


class FullError(Exception):
    """No entry more fits, so that nothing was ended."""


class ObjectClient(Protocol):
    """The part of the Kubernetes client that is used here."""

    async def get(self, resource: Resource, key: Key, type: type[ConfigMap]) -> ConfigMap: ...

    async def merge_patch(
        self, resource: Resource, key: Key, patch: Mapping[str, Any], type: type[ConfigMap]
    ) -> ConfigMap: ...


class _Ended(NamedTuple):
    """All sessions that were issued until `at` have ended; nobody needs to know after `until`."""

    at: float
    until: float


class Revocations:
    """`key` names the ConfigMap, which must exist. `clock` gives Unix time; methods raise `KubeError`."""

    def __init__(self, client: ObjectClient, key: Key, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._sessions: dict[str, float] = {}
        self._persons: dict[str, _Ended] = {}
        self._newest: ObjectMeta | None = None
        self._healing: asyncio.Task[None] | None = None
        self._on_change: list[Callable[[], None]] = []

    @property
    def is_known(self) -> bool:
        """Whether the object was read, so that nobody is let in who was signed out before this process began."""
        return self._newest is not None

    def on_change(self, callback: Callable[[], None]) -> None:
        """Calls back as soon as any session may have ended."""
        self._on_change.append(callback)

    def has_ended(self, *, sid: str, name: str, issued: float) -> bool:
        """Whether somebody ended this session of the person `name`."""
        if session_entry(sid) in self._sessions:
            return True
        ended = self._persons.get(person_entry(name))
        return ended is not None and issued <= ended.at

    def earliest(self, name: str) -> float:
        """The time from which on a session of this person counts; 0 if none was ended."""
        ended = self._persons.get(person_entry(name))
        return 0.0 if ended is None else ended.at + 0.001

    async def refresh(self) -> None:
        """Reads the object now: what another replica wrote a moment ago counts for whoever signs in."""
        self._take(await self._client.get(CONFIG_MAPS, self._key, ConfigMap))

    async def end_session(self, sid: str, *, expires: float, name: str, seconds: float) -> None:
        """Ends one session; all of the person if there is no room for single ones. `seconds` is how long one lives."""
        if len(self._sessions) >= MAX_SESSIONS:
            await self.end_person(name, seconds=seconds)
        else:
            await self._write({session_entry(sid): str(ceil(expires))})

    async def end_person(self, name: str, *, seconds: float) -> None:
        """Ends all sessions that this person has; `seconds` is how long a session lives. Raises FullError."""
        entry = person_entry(name)
        if entry not in self._persons and len(self._persons) >= MAX_PERSONS:
            raise FullError(f"{OBJECT_NAME} holds {MAX_PERSONS} persons already")
        at = max(self._clock() + SKEW_SECONDS, self.earliest(name))
        await self._write({entry: _person_value(_Ended(at, at + seconds))})

    def on_object(self, _: ConfigMap | None, new: ConfigMap | None) -> None:
        """The informer's callback."""
        if new is None:
            log.error(
                "the record of ended sessions is gone; nobody can sign in or out until it is there",
                object=str(self._key),
            )
        else:
            self._take(new)

    async def _write(self, entries: Mapping[str, str]) -> None:
        patch: dict[str, str | None] = dict.fromkeys(self._outdated())
        answer = await self._client.merge_patch(CONFIG_MAPS, self._key, {"data": {**patch, **entries}}, ConfigMap)
        self._take(answer)

    def _outdated(self) -> list[str]:
        now = self._clock() - KEPT_SECONDS
        sessions = [entry for entry, until in self._sessions.items() if until < now]
        persons = [entry for entry, ended in self._persons.items() if ended.until < now]
        return [*sessions, *persons][:MAX_PRUNED]

    def _take(self, new: ConfigMap) -> None:
        """Adds what the object says. The answer to a write may come before the events about earlier ones."""
        is_late = self._newest is not None and not is_newer(new.metadata, self._newest)
        if not is_late:
            self._forget(new.data)
            self._newest = new.metadata
        for entry, value in new.data.items():
            if entry.startswith(_SESSION):
                self._sessions[entry] = _session_until(value)
            elif entry.startswith(_PERSON):
                ended = _read_person(value)
                known = self._persons.get(entry)
                self._persons[entry] = ended if known is None or ended.at > known.at else known
        if not is_late and (missing := self._missing(new.data)):
            self._heal(missing)
        for callback in self._on_change:
            callback()

    def _forget(self, data: Mapping[str, str]) -> None:
        """Lets go of what is over and no longer in the object."""
        for entry in self._outdated():
            if entry not in data:
                self._sessions.pop(entry, None)
                self._persons.pop(entry, None)

    def _missing(self, data: Mapping[str, str]) -> dict[str, str]:
        """What was ended and does not stand in the object, or only an earlier end."""
        sessions = {
            entry: str(ceil(until)) for entry, until in self._sessions.items() if entry not in data and until < inf
        }
        persons = {
            entry: _person_value(ended)
            for entry, ended in self._persons.items()
            if ended.at < inf and (entry not in data or _read_person(data[entry]).at < ended.at)
        }
        return {**sessions, **persons}

    def _heal(self, missing: Mapping[str, str]) -> None:
        if self._healing is None or self._healing.done():
            self._healing = asyncio.create_task(self._write_again(missing))

    async def _write_again(self, missing: Mapping[str, str]) -> None:
        log.warning("ended sessions were missing in the record, writing them again", count=len(missing))
        try:
            await self._write(missing)
        except KubeError as error:
            log.warning("the record of ended sessions could not be written", error=str(error))


@lru_cache(maxsize=20_000)
def session_entry(sid: str) -> str:
    """The key under which this session is ended; says nothing about it."""
    return _SESSION + _digest(sid)


@lru_cache(maxsize=20_000)
def person_entry(name: str) -> str:
    """The key under which this person's sessions are ended."""
    return _PERSON + _digest(name)


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")


def _session_until(value: str) -> float:
    # What cannot be read ends the session all the same.
    return float(value) if value.isdecimal() else inf


def _person_value(ended: _Ended) -> str:
    return f"{ended.at:.3f} {ceil(ended.until)}"


def _read_person(value: str) -> _Ended:
    at, _, until = value.partition(" ")
    try:
        return _Ended(float(at), float(until))
    except ValueError:
        return _Ended(inf, inf)
