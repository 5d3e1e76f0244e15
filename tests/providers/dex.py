"""Dex, built from its Go module as `dex/go.mod` pins it."""

import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from yarl import URL

from tests.providers.process import CLIENT_ID, CLIENT_SECRET, ProviderProcess, agree, cache_folder
from tests.server.support import Browser
from tests.support.ports import free_port

SOURCE: Final = Path(__file__).with_name("dex")
PACKAGE: Final = "github.com/dexidp/dex/cmd/dex"


def installed() -> Path:
    """The program, built once for this go.sum."""
    pinned = hashlib.sha256((SOURCE / "go.sum").read_bytes()).hexdigest()[:12]
    with cache_folder(f"dex-{pinned}") as folder:
        program = folder / "dex"
        if not program.exists():
            print("dex: building, some minutes the first time ...", flush=True)
            # Its SQLite, the storage that survives a restart without a server, is in C.
            environment = {**os.environ, "CGO_ENABLED": "1"}
            subprocess.run(["go", "build", "-o", program, PACKAGE], cwd=SOURCE, env=environment, check=True)
    return program


# bcrypt of PASSWORD; each hash has its own salt, so that it cannot be computed again.
PASSWORD_HASH: Final = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"


class Dex(ProviderProcess):
    """Its people sign in with a password, or, with `connector`, are all the one person that its mock knows.

    With `durable` its keys and refresh tokens outlive a restart. ID and access tokens last `seconds`.
    """

    def __init__(
        self, folder: Path, *, origin: str, seconds: int, durable: bool = False, connector: str | None = None
    ) -> None:
        port = free_port()
        self._file = folder / "dex.json"
        self._storage: dict[str, Any] = {"type": "memory"}
        if durable:
            self._storage = {"type": "sqlite3", "config": {"file": str(folder / "dex.db")}}
        self._origin, self._port, self._seconds, self._connector = origin, port, seconds, connector
        super().__init__(
            issuer=f"http://localhost:{port}",
            command=[installed(), "serve", self._file],
            log_file=folder / "dex.log",
        )

    async def agree(self, browser: Browser, location: str, *, who: str, until: str) -> URL:
        """See `AnyProvider`."""
        return await agree(browser, location, who=who, until=until)

    def set_people(self, people: Sequence[dict[str, str]]) -> None:
        """From the next start on; whoever is not among them is gone."""
        config = {
            "issuer": self.issuer,
            "storage": self._storage,
            "web": {"http": f"127.0.0.1:{self._port}"},
            "expiry": {"idTokens": f"{self._seconds}s"},
            "enablePasswordDB": self._connector is None,
            "staticPasswords": people if self._connector is None else [],
            "connectors": [{"type": self._connector, "id": "mock", "name": "Mock"}] if self._connector else [],
            "staticClients": [
                {
                    "id": CLIENT_ID,
                    "secret": CLIENT_SECRET,
                    "name": "DevWorkspace",
                    "redirectURIs": [f"{self._origin}/signin/callback"],
                }
            ],
        }
        self._file.write_text(json.dumps(config))
