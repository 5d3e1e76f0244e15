"""A template in two languages, and what is offered instead of one that was replaced, on a real cluster."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from devworkspace.api.meta import Key
from tests.e2e.dashboard import Dashboard
from tests.support.live import TEMPLATES, Live

pytestmark = pytest.mark.e2e


def row_of(dashboard: Dashboard, template: str) -> Locator:
    return dashboard.page.locator(f"[data-template='{template}']")


async def change(live: Live, name: str, **spec: Any) -> None:
    await live.client.merge_patch(TEMPLATES, Key("", name), {"spec": spec}, dict[str, Any])


async def wait_successor(live: Live, name: str, reason: str) -> None:
    """The condition follows about a second after the change."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = await live.client.get(TEMPLATES, Key("", name), dict[str, Any])
        conditions = {one["type"]: one["reason"] for one in found.get("status", {}).get("conditions", ())}
        if conditions.get("SuccessorUsable") == reason:
            return
        assert time.monotonic() < deadline, conditions
        await asyncio.sleep(0.1)


async def test_a_template_speaks_the_language_of_the_page(dashboard: Dashboard, live: Live, pictures: Path) -> None:
    name, page = f"{live.namespace}-two", dashboard.page
    await live.create_template("two", displayName="Numbers", description="For reports.")
    await dashboard.open(f"/templates/{name}/edit")
    await page.get_by_role("textbox", name="Name in Chinese").fill("数据分析")
    await page.get_by_role("textbox", name="Description in Chinese").fill("用于制作报表。")
    await expect(page.get_by_text("The cluster accepts this.")).to_be_visible()
    await page.screenshot(path=pictures / "template-texts.png", full_page=True)
    await page.get_by_role("button", name="Review and save").click()
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()

    await expect(row_of(dashboard, name)).to_contain_text("Numbers")
    await dashboard.open("/templates?lang=zh")
    await expect(row_of(dashboard, name).get_by_text("数据分析").first).to_have_attribute("lang", "zh")
    await expect(row_of(dashboard, "python")).to_contain_text("Python 与 pip、venv")
    await page.screenshot(path=pictures / "templates-zh.png")
    # Who reads Chinese and remembers the English name finds it, and the other way round.
    await dashboard.open("/templates?lang=zh&q=numbers")
    await expect(row_of(dashboard, name)).to_be_visible()
    await expect(row_of(dashboard, "python")).to_have_count(0)
    await dashboard.open("/templates?lang=en&q=报表")
    await expect(row_of(dashboard, name)).to_contain_text("Numbers")
    await dashboard.open("/new?lang=zh")
    await expect(page.get_by_role("radio", name=re.compile("^数据分析"))).to_be_visible()


async def test_a_replaced_template_leads_to_its_successor(dashboard: Dashboard, live: Live, pictures: Path) -> None:
    old, page = f"{live.namespace}-old", dashboard.page
    await live.create_template("old", displayName="Old tools")
    await live.create("demo", template=old, running=False, owner="admin")
    await live.wait_phase("Stopped")
    written = (await live.get()).metadata.resource_version
    await change(live, old, state="Deprecated", replacedBy=f"{live.namespace}-new")
    await wait_successor(live, old, "SuccessorMissing")
    await dashboard.open("/templates")
    await expect(row_of(dashboard, old)).to_contain_text("nobody is offered a successor")
    texts = {"zh": {"displayName": "新工具"}}
    await live.create_template("new", displayName="New tools", translations=texts)
    await wait_successor(live, old, "SuccessorFound")

    for language, replaced, create in (
        ("zh", "Old tools 已由 新工具 替代", "用 新工具 创建"),
        ("en", "Old tools is replaced by New tools", "Create from New tools"),
    ):
        await dashboard.open(f"/envs/{live.namespace}/demo?lang={language}")
        await expect(page.get_by_text(replaced)).to_be_visible()
        await page.screenshot(path=pictures / f"replaced-{language}.png")
        assert await dashboard.find_barriers() == []
        await page.get_by_role("link", name=create).click()
        radio = page.get_by_role("radio", name=re.compile("^(New tools|新工具)"))
        await expect(radio).to_be_checked()
    await dashboard.open(f"/new?template={old}")
    await page.screenshot(path=pictures / "replaced-form.png")
    assert await dashboard.find_barriers() == []
    await page.get_by_role("button", name="Use New tools").click()
    await expect(radio).to_be_checked()
    await expect(radio).to_be_focused()
    assert (await live.get()).metadata.resource_version == written, "none of this was a write of the environment"
