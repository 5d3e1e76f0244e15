"""What environments say of their Git repositories: fetched from their pods, kept in memory, told when it changes.

Nothing of it is written into the cluster: the pod knows best, and a server that starts anew has asked them all within
a minute. What a pod has said last is kept while the environment is stopped, so that whoever deletes it then hears
what was not pushed.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn, Protocol

import structlog
from msgspec.structs import replace

from devworkspace.core.repository import MAX_STATE_BYTES, RepositoryState, directory_of, parse_repository_state
from devworkspace.server.activity import is_watched, reports_itself
from devworkspace.server.environments import Environment, EnvironmentTable

log = structlog.get_logger("devworkspace.server")

# Written by images/base/rootfs/usr/local/bin/devworkspace-repository.
STATE_PATH: Final = "/tmp/devworkspace-activity/repository"  # noqa: S108 - in the pod
LOOK_SECONDS: Final = 1.0
# Somebody waits for the end of the clone.
HASTY_SECONDS: Final = 3.0
# The pod itself looks no more often.
CALM_SECONDS: Final = 60.0
# A clone that takes longer, and an image that clones nothing, are asked as seldom as all others: two minutes of haste.
HASTE: Final = 40
MAX_AT_ONCE: Final = 32


class PodFiles(Protocol):
    """Where files of pods come from; None for one that is not there, and if a pod does not answer as it should."""

    async def fetch(self, environment: Environment, path: str, *, most: int) -> bytes | None: ...


class _Known(NamedTuple):
    """What a pod has said, and where its repository is."""

    pod_uid: str
    state: RepositoryState
    folder: str | None


class _Watched:
    """One pod that has something to tell; `due` by the event loop's clock."""

    def __init__(self, environment: Environment) -> None:
        self.id = environment.id
        self.pod_uid = _pod_uid(environment)
        self.due = 0.0
        self.asked = 0


class Repositories:
    """Asks each running environment with a repository, and knows what each of them said last."""

    def __init__(self, *, table: EnvironmentTable, files: PodFiles) -> None:
        self._table = table
        self._files = files
        self._watched: dict[str, _Watched] = {}
        self._known: dict[str, _Known] = {}
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._on_news: list[Callable[[Environment], None]] = []
        table.on_change(self._on_change)

    def on_news(self, callback: Callable[[Environment], None]) -> None:
        """`callback` is called when an environment says something else than before, but for the time."""
        self._on_news.append(callback)

    def of(self, uid: str) -> RepositoryState | None:
        """What the environment said last; None if nobody knows. The same value until it says something else."""
        known = self._known.get(uid)
        return known.state if known is not None else None

    def folder(self, uid: str) -> str | None:
        """Where its repository is, once it is there."""
        known = self._known.get(uid)
        is_there = known is not None and known.state.state == "cloned" and known.state.changed_files is not None
        return known.folder if known is not None and is_there else None

    async def run(self) -> NoReturn:
        """Asks whoever is due, for ever."""
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                for uid in [uid for uid, watched in self._watched.items() if watched.due <= clock()]:
                    await self._slots.acquire()
                    group.create_task(self._ask_in_slot(uid))

    async def ask(self, environment: Environment) -> RepositoryState | None:
        """What it says now, or what it said last where it does not answer."""
        body = None
        if is_watched(environment) and reports_itself(environment):
            body = await self._files.fetch(environment, STATE_PATH, most=MAX_STATE_BYTES)
        said = parse_repository_state(body) if body is not None else None
        current = self._table.find(environment.id)
        # Meanwhile it may have another pod, or be another environment of the same name.
        if said is not None and current is not None and current.upstream == environment.upstream:
            self._note(current, said)
        return self.of(environment.uid)

    async def _ask_in_slot(self, uid: str) -> None:
        try:
            watched = self._watched.get(uid)
            if watched is not None:
                # Until it has answered, however long that takes.
                watched.due, watched.asked = float("inf"), watched.asked + 1
                seconds = await self._ask_safely(watched)
                watched.due = asyncio.get_running_loop().time() + seconds
        finally:
            self._slots.release()

    async def _ask_safely(self, watched: _Watched) -> float:
        """Asks, and says in how many seconds to ask again."""
        environment = self._table.find(watched.id)
        try:
            state = await self.ask(environment) if environment is not None else None
        except Exception:
            # One environment must not end the asking of all.
            log.exception("repository not asked for", environment=watched.id)
            return CALM_SECONDS
        is_open = state is None or state.state == "cloning"
        return HASTY_SECONDS if is_open and watched.asked < HASTE else CALM_SECONDS

    def _note(self, environment: Environment, said: RepositoryState) -> None:
        known = self.of(environment.uid)
        if said == known:
            return
        self._known[environment.uid] = _Known(_pod_uid(environment), said, _folder(environment))
        if known is None or replace(known, as_of=said.as_of) != said:
            for callback in self._on_news:
                callback(environment)

    def _on_change(self, old: Environment | None, new: Environment | None) -> None:
        if old is not None and (new is None or new.uid != old.uid):
            self._watched.pop(old.uid, None)
            self._known.pop(old.uid, None)
        if new is None or new.instance.spec.git is None:
            return
        known = self._known.get(new.uid)
        if not (is_watched(new) and reports_itself(new)):
            self._watched.pop(new.uid, None)
            if known is not None and known.state.state == "cloning":
                self._known.pop(new.uid)
            return
        watched, pod_uid = self._watched.get(new.uid), _pod_uid(new)
        if known is not None and known.pod_uid != pod_uid:
            # That a clone failed in the pod before it is no news of this one.
            self._known.pop(new.uid)
        if watched is None or watched.pod_uid != pod_uid:
            self._watched[new.uid] = _Watched(new)


def _folder(environment: Environment) -> str | None:
    variables = environment.container.env if environment.container is not None else ()
    home = next((variable.value for variable in variables if variable.name == "HOME"), None)
    git = environment.instance.spec.git
    return f"{home}/{directory_of(git)}" if home is not None and git is not None else None


def _pod_uid(environment: Environment) -> str:
    return environment.upstream.pod_uid if environment.upstream is not None else ""
