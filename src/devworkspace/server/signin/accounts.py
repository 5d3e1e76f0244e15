"""The generated admin account: a name and an argon2 hash in a mounted Secret, read again at every sign-in."""

import asyncio
import hmac
from pathlib import Path
from typing import Final

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from devworkspace.core.access import Identity

log = structlog.get_logger("devworkspace.server")

ADMIN_GROUPS: Final = ("devworkspace:admins", "system:authenticated")
MAX_PASSWORD_BYTES: Final = 1024
# argon2 takes 64 MiB and a core for ~50 ms each time: two at once, a few in the queue, the rest is told to come back.
PARALLEL_CHECKS: Final = 2
MAX_WAITING_CHECKS: Final = 16


class BusyError(Exception):
    """Too many passwords are being checked already."""


class AdminAccount:
    """Checks the one local account. `directory` holds `username` and `password-hash`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._hasher = PasswordHasher()
        self._slots = asyncio.Semaphore(PARALLEL_CHECKS)
        self._waiting = 0

    async def check(self, username: str, password: str) -> Identity | None:
        """The person's identity, or None if name or password is wrong; both take the same time.

        Raises BusyError if the queue is full.
        """
        if self._waiting >= MAX_WAITING_CHECKS:
            raise BusyError
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(self._check, username, password)
        finally:
            self._waiting -= 1

    def _check(self, username: str, password: str) -> Identity | None:
        try:
            expected = (self._directory / "username").read_text().strip()
            stored = (self._directory / "password-hash").read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            log.error("cannot read the admin account", directory=str(self._directory), error=repr(error))
            return None
        # The password is checked against the one hash that there is whoever asks, so the time tells nothing.
        right_password = self._verify(stored, password)
        right_name = hmac.compare_digest(expected.encode(), username.encode("utf-8", "surrogateescape"))
        return Identity(expected, ADMIN_GROUPS) if expected and right_name and right_password else None

    def _verify(self, stored: str, password: str) -> bool:
        data = password.encode("utf-8", "surrogateescape")
        if len(data) > MAX_PASSWORD_BYTES:
            return False
        try:
            return self._hasher.verify(stored, data)
        except InvalidHashError:
            log.error("the admin account's password hash is not an argon2 hash", directory=str(self._directory))
        except Argon2Error:
            pass
        return False
