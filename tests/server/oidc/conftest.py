"""A server that trusts a real identity provider."""

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.server.config import OidcConfig
from tests.server.oidc.world import World
from tests.server.support import Clock, free_port, running_server
from tests.support.identity import running_provider

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
    async with running_provider(folder, redirect_uri=f"{origin}/signin/callback", **more) as provider:
        provider.set_accounts({"1001": ADA})
        oidc = OidcConfig(
            **{
                "issuer": provider.issuer,
                "client_dir": provider.client_dir,
                "name": "Example Login",
                "scopes": ("openid", "profile", "email", "groups"),
                **settings,
            }
        )
        server_options = {"listen_port": port, "public_url": origin, "oidc": oidc, "clock": clock, **options}
        async with running_server(folder, **server_options) as server, server.browser() as browser:
            yield World(server=server, provider=provider, browser=browser, clock=clock)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as made:
        yield made
