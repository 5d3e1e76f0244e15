"""A stopped environment stays stopped for a tab that was left open, and starts for a person."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.e2e.steps import let_it_sleep, open_editor, see_workbench, sign_in
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.e2e


async def test_an_open_tab_lets_a_stopped_environment_sleep_and_a_reload_wakes_it(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="base")
    await live.wait_phase("Running")
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    editor = await open_editor(browser, page, instance.metadata.uid)
    await let_it_sleep(editor, live, pictures / "waiting.png")

    await live.patch(running=False)
    await live.wait_phase("Stopped")
    await page.bring_to_front()
    row = page.locator(f"tr[data-uid='{instance.metadata.uid}']")
    async with browser.expect_page() as opened:
        await row.get_by_role("link", name="Start and open").click()
    await see_workbench(await opened.value)
