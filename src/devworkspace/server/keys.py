"""The master keys as this process knows them now: read again while it runs, so that a rotation needs no restart."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import structlog

from devworkspace.api.meta import Key
from devworkspace.core.credential import (
    NEXT_FILE,
    PREVIOUS_FILE,
    Keyring,
    environment_credential,
    find_opening,
    key_id,
    make_keyring,
)
from devworkspace.kube.mounts import read_files
from devworkspace.server.config import ConfigurationError
from devworkspace.server.environments import Environment

log = structlog.get_logger("devworkspace.server")

MAX_CREDENTIALS: Final = 10_000


class Keys:
    """`file` is the master key; `next` and `previous` may stand beside it. Raises ConfigurationError."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.ring = read_keyring(file)
        self._on_change: list[Callable[[Keyring], None]] = []
        self._on_loss: list[Callable[[], None]] = []
        self._credentials: dict[tuple[str, str | None], str | None] = {}
        self._openings: dict[tuple[str, str], str | None] = {}

    def on_change(self, callback: Callable[[Keyring], None]) -> None:
        """Calls back when there are other keys than before."""
        self._on_change.append(callback)

    def credential(self, environment: Environment) -> str | None:
        """What the environment's editor lets in; None if it was derived from a key that is not known here."""
        wanted = (environment.uid, environment.key_id)
        # Deriving costs a tenth of a request.
        if wanted not in self._credentials:
            if len(self._credentials) >= MAX_CREDENTIALS:
                self._credentials.clear()
            key = self.ring.find(environment.key_id)
            self._credentials[wanted] = None if key is None else environment_credential(key, environment.uid)
        return self._credentials[wanted]

    def opening(self, environment: Environment) -> str | None:
        """What opens the lock of a pod from a pool; None if it has none, or one of a key that is not known here."""
        pod = environment.instance.status.pod_name
        if environment.lock is None or pod is None:
            return None
        wanted = (str(Key(environment.key.namespace, pod)), environment.lock)
        if wanted not in self._openings:
            if len(self._openings) >= MAX_CREDENTIALS:
                self._openings.clear()
            self._openings[wanted] = find_opening(self.ring, *wanted)
        return self._openings[wanted]

    def on_loss(self, callback: Callable[[], None]) -> None:
        """Calls back when a key counts no more: what was opened with what it sealed must prove itself anew."""
        self._on_loss.append(callback)

    async def follow(self, *, seconds: float) -> NoReturn:
        """Looks for other keys until cancelled. Keys that cannot be read change nothing."""
        while True:
            await asyncio.sleep(seconds)
            try:
                ring = await asyncio.to_thread(read_keyring, self._file)
            except ConfigurationError as error:
                log.error("the keys cannot be read; those of before go on", error=str(error))
            else:
                self.change(ring)

    def change(self, ring: Keyring) -> None:
        """Uses these keys from now on."""
        if ring == self.ring:
            return
        lost = set(self.ring.keys) - set(ring.keys)
        self.ring = ring
        self._credentials.clear()
        self._openings.clear()
        log.info("the keys have changed", master=key_id(ring.master), accepted=[key_id(key) for key in ring.keys])
        for callback in self._on_change:
            callback(ring)
        for told in self._on_loss if lost else ():
            told()


def read_keyring(file: Path) -> Keyring:
    """Raises ConfigurationError if a key is unreadable or too short."""
    try:
        return make_keyring(read_files(file.parent, (file.name, NEXT_FILE, PREVIOUS_FILE)), file.name)
    except OSError as error:
        raise ConfigurationError(f"cannot read the master key {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{file}: {error}") from error
