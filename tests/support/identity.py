"""A real identity provider as a process: `oidc-provider` for Node.js, with the accounts of a test."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from yarl import URL

from tests.server.support import Browser
from tests.support.forms import follow
from tests.support.packages import NODE, install
from tests.support.ports import free_port

SOURCE = Path(__file__).parents[1] / "identity"
CLIENT_ID = "devworkspace"
CLIENT_SECRET = "a secret of the tests, long enough for HS256"


def installed() -> Path:
    """The folder with the provider and its packages."""
    return install(SOURCE, name="identity-provider", program="provider.mjs")


class IdentityProvider:
    """`accounts` by `sub`: their claims, which may change at any time."""

    def __init__(self, folder: Path, *, redirect_uri: str, **options: Any) -> None:
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.redirect_uri = redirect_uri
        self.client_dir = folder / "client"
        self.client_dir.mkdir()
        (self.client_dir / "client-id").write_text(CLIENT_ID + "\n")
        (self.client_dir / "client-secret").write_text(CLIENT_SECRET + "\n")
        self._accounts = folder / "accounts.json"
        self._options = {"kubesphere": False, "rotate": False, "seconds": 3600, "refresh": True, **options}
        self._process: asyncio.subprocess.Process | None = None
        self.set_accounts({})

    def set_accounts(self, accounts: Mapping[str, Mapping[str, Any]]) -> None:
        self._accounts.write_text(json.dumps(accounts))

    async def start(self) -> None:
        options = {
            **self._options,
            "port": self.port,
            "accounts": str(self._accounts),
            "client": {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "token_endpoint_auth_method": "client_secret_post"
                if self._options["kubesphere"]
                else "client_secret_basic",
                "redirect_uris": [self.redirect_uri],
                "post_logout_redirect_uris": [self.redirect_uri.removesuffix("/callback")],
                "grant_types": ["authorization_code", *(["refresh_token"] if self._options["refresh"] else [])],
            },
        }
        folder = installed()
        self._process = await asyncio.create_subprocess_exec(
            str(NODE),
            "provider.mjs",
            json.dumps(options),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(180):
            while (line := await self._process.stdout.readline()) != b"ready\n":
                assert line, "the identity provider ended while starting"

    async def agree(self, browser: Browser, location: str, *, who: str, until: str) -> URL:
        """Signs in on its pages as the account `who`; see `AnyProvider`."""
        return await follow(browser, location, until=until, answers={"login": who, "password": "any"})

    async def stop(self) -> None:
        """As a crash would: all its sessions, codes, tokens and keys are gone."""
        if self._process is not None:
            self._process.kill()
            await self._process.communicate()
            self._process = None


@contextlib.asynccontextmanager
async def running_provider(folder: Path, *, redirect_uri: str, **options: Any) -> AsyncIterator[IdentityProvider]:
    provider = IdentityProvider(folder, redirect_uri=redirect_uri, **options)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()
