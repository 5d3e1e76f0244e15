"""A provider as a process of its own, and where its program is kept."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import aiohttp
from yarl import URL

from tests.server.support import Browser
from tests.support.forms import follow

CLIENT_ID = "devworkspace"
CLIENT_SECRET = "a secret of the tests, long enough for HS256"
PASSWORD = "password"
# Keycloak builds itself anew at its first start; on a busy machine that takes minutes.
START_SECONDS = 600.0


@contextlib.contextmanager
def cache_folder(name: str) -> Iterator[Path]:
    """A folder for one version of a program, which nobody else fills meanwhile."""
    root = Path(os.environ.get("DEVWORKSPACE_CACHE", Path.home() / ".cache" / "devworkspace")) / "providers"
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield folder


def write_client(folder: Path) -> Path:
    """The mounted Secret by which the provider knows us."""
    client = folder / "client"
    client.mkdir()
    (client / "client-id").write_text(CLIENT_ID + "\n")
    (client / "client-secret").write_text(CLIENT_SECRET + "\n")
    return client


async def agree(browser: Browser, location: str, *, who: str, until: str) -> URL:
    """Signs in on a provider's pages as a person does; see `AnyProvider`."""
    answers = {"login": who, "username": who, "password": PASSWORD}
    return await follow(browser, location, until=until, answers=answers)


class ProviderProcess:
    """`issuer` answers once `command` is up; `log_file` has what it says."""

    def __init__(
        self,
        *,
        issuer: str,
        command: Sequence[str | Path],
        log_file: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.issuer = issuer
        self.log_file = log_file
        self._command = tuple(map(str, command))
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """From a first start on until the end, whatever happens between."""
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Returns when its discovery document is there."""
        with self.log_file.open("ab") as log:
            # A group of its own: what a script starts goes with it.
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        address = f"{self.issuer}/.well-known/openid-configuration"
        async with aiohttp.ClientSession() as session, asyncio.timeout(START_SECONDS):
            while True:
                assert self._process.poll() is None, self.log_file.read_text()[-4000:]
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(address) as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """As a crash would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await asyncio.to_thread(self._process.wait)
            self._process = None
