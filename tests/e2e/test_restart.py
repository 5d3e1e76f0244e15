"""An open editor outlives the server."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.e2e.steps import open_editor, sign_in, survive_restarts
from tests.support.environment import Surroundings
from tests.support.live import Live

# Ends everybody's connections, and a port-forward with them.
pytestmark = [pytest.mark.e2e, pytest.mark.destructive, pytest.mark.alone]


async def test_a_killed_and_a_replaced_server_cost_an_open_tab_nothing(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="base")
    pod = (await live.wait_phase("Running")).status.pod_name or ""
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    editor = await open_editor(browser, page, instance.metadata.uid)
    await survive_restarts(editor, live, pod, surroundings)
    await editor.screenshot(path=pictures / "after-restarts.png")
