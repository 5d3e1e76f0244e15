"""The pages before the editor."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.e2e


async def test_the_pages_speak_chinese(
    browser: BrowserContext, surroundings: Surroundings, password: str, pictures: Path
) -> None:
    page = await browser.new_page()
    await page.goto(f"{surroundings.url}/signin?lang=zh")
    await expect(page.get_by_role("button", name="登录")).to_be_visible()
    await page.screenshot(path=pictures / "signin-zh.png")
    await page.locator("input[autocomplete='username']").fill("admin")
    await page.locator("input[type='password']").fill(password)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", name="云开发环境")).to_be_visible()
    await page.screenshot(path=pictures / "list-zh.png")


async def test_a_wrong_password_is_refused_with_one_neutral_sentence(
    browser: BrowserContext, surroundings: Surroundings
) -> None:
    page = await browser.new_page()
    await page.goto(f"{surroundings.url}/")
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert "admin" not in await page.get_by_role("alert").inner_text()


async def test_a_stranger_is_sent_to_sign_in_and_back(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str
) -> None:
    await live.create(template="base")
    url = (await live.wait_phase("Running")).status.url or ""
    page = await browser.new_page()
    await page.goto(url)
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator(".monaco-workbench")).to_be_visible()
    assert page.url.startswith(url)
