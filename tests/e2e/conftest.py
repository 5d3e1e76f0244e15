"""A real Chromium in front of a real installation."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, async_playwright, expect

from tests.attacks.conftest import scene, stage
from tests.cluster.conftest import client, live, surroundings
from tests.e2e.dashboard import Dashboard, open_dashboard
from tests.e2e.installation import switch_mode
from tests.support.environment import Surroundings

__all__ = ["client", "live", "scene", "stage", "surroundings"]

_CHROMIUM_OPTIONS = (
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--disable-3d-apis",  # a terminal then writes its text into the page, where a test can read it
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def running_chromium(*options: str) -> AsyncIterator[BrowserContext]:
    """A fresh profile; pages wait up to 60 s, because 2 cores start an editor beside a browser."""
    program = shutil.which("chromium") or pytest.fail("no chromium in PATH; on Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=[*_CHROMIUM_OPTIONS, *options])
        context = await chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
        context.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield context
        await chromium.close()


async def new_context(browser: BrowserContext) -> BrowserContext:
    """Another browser, as far as cookies are concerned."""
    assert browser.browser is not None
    context = await browser.browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.set_default_timeout(60_000)
    return context


@pytest.fixture
async def browser() -> AsyncIterator[BrowserContext]:
    async with running_chromium() as context:
        yield context


@pytest.fixture(scope="session")
def password(surroundings: Surroundings) -> str:
    """The generated administrator's password, from where the installer keeps it."""
    kept = os.environ.get("DEVWORKSPACE_PASSWORD_FILE")
    if kept is None:
        uid = surroundings.run_kubectl("get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}")
        kept = f".local/admin-password-{uid[:8]}"
    return Path(kept).read_text(encoding="utf-8").strip()


@pytest.fixture
async def dashboard(browser: BrowserContext, surroundings: Surroundings, password: str) -> AsyncIterator[Dashboard]:
    """Signed in; fails if the browser had anything to complain about."""
    opened = await open_dashboard(browser, url=surroundings.url, password=password)
    yield opened
    assert opened.complaints == []


@pytest.fixture(scope="session")
def path_mode(surroundings: Surroundings) -> Iterator[Surroundings]:
    """The installation in path mode; tests that need it come last, so that it is switched once."""
    switch_mode(surroundings, "path")
    yield surroundings
    switch_mode(surroundings, "subdomain")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "path_mode" in getattr(item, "fixturenames", ()))


@pytest.fixture
def pictures() -> Path:
    """Where screenshots go, for people to look at after a run."""
    folder = Path(".local/test-results/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
