"""A server that trusts a real identity provider."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.server.config import OidcConfig
from devworkspace.server.signin.oidc import provider
from tests.server.oidc.world import World
from tests.server.support import Clock, running_server
from tests.support.identity import running_provider
from tests.support.ports import free_port

ADA = {"preferred_username": "ada", "name": "Ada", "groups": ["developers"]}


@contextlib.asynccontextmanager
async def running_world(folder: Path, **options: Any) -> AsyncIterator[World]:
    """`provider` are options of the provider, `oidc` of our configuration, the rest of the server's."""
    port = free_port()
    origin = f"http://localhost:{port}"
    more = options.pop("provider", {})
    settings = options.pop("oidc", {})
    clock = Clock()
    # The provider has its own clock, so ours begins where that one is.
    clock.now = time.time()
    async with running_provider(folder, redirect_uri=f"{origin}/signin/callback", **more) as started:
        started.set_accounts({"1001": ADA})
        oidc = OidcConfig(
            **{
                "issuer": started.issuer,
                "client_dir": started.client_dir,
                "name": "Example Login",
                "scopes": ("openid", "profile", "email", "groups"),
                **settings,
            }
        )
        server_options = {"listen_port": port, "public_url": origin, "oidc": oidc, "clock": clock, **options}
        async with running_server(folder, **server_options) as server, server.browser() as browser:
            yield World(origin=server.origin, provider=started, browser=browser, server=server, clock=clock)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with a load of 50 a provider takes longer than a person should wait for a page."""
    monkeypatch.setattr(provider, "DISCOVERY_SECONDS", 60.0)
    monkeypatch.setattr(provider, "TIMEOUT_SECONDS", 60.0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as made:
        yield made
