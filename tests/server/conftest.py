"""A server and a pod for every test that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.support import Browser, Harness, Pod, running_pod, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_server(tmp_path) as harness:
        yield harness


@pytest.fixture
async def pod() -> AsyncIterator[Pod]:
    async with running_pod() as running:
        yield running


@pytest.fixture
async def browser(server: Harness) -> AsyncIterator[Browser]:
    async with server.browser() as made:
        yield made


@pytest.fixture
async def signed_in(browser: Browser) -> Browser:
    assert (await browser.sign_in()).status == 303
    return browser
