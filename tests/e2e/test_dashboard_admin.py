"""What admins do with environments of others, and what a project's quota means to those who create."""

import asyncio
import csv
import io

import pytest
from playwright.async_api import expect

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import CONFIG_MAPS, RESOURCE_QUOTAS
from tests.e2e.dashboard import Dashboard
from tests.support.live import Anything, Live

pytestmark = pytest.mark.e2e


async def test_an_admin_stops_for_a_reason_and_the_owner_reads_it(dashboard: Dashboard, live: Live) -> None:
    instance = await live.create("busy", template="base", owner="li.wei")
    uid = instance.metadata.uid
    await live.wait_phase("Running", "busy")
    page = dashboard.page
    await dashboard.open("/envs")
    await page.get_by_role("link", name="Administration").click()
    await page.get_by_role("searchbox", name="Search by name, owner, project, template").fill(live.namespace)
    row = dashboard.row(uid)
    await expect(row).to_contain_text("li.wei")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export 1 as CSV").click()
    text = (await (await download.value).path()).read_text(encoding="utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(text))
    shown = [line[column] for column in ("name", "project", "owner", "phase")]
    assert shown == ["busy", live.namespace, "li.wei", "Running"]

    await row.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Stop 1 selected").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox").fill("maintenance at night")
    # Ticked by hand where somebody is said to work in it.
    await dialog.get_by_role("checkbox").check()
    await dialog.get_by_role("button", name="Stop 1").click()
    await expect(row).to_have_attribute("data-phase", "Stopped")
    await expect(row).to_contain_text("Stopped by admin: maintenance at night")
    await live.patch("busy", running=True)
    await expect(row).to_have_attribute("data-phase", "Running")
    await live.patch("busy", running=False)
    await expect(row).to_have_attribute("data-phase", "Stopped")
    await expect(row).to_contain_text("Stopped by a person")

    use = page.get_by_role("region", name="Use by month")
    await use.get_by_role("combobox", name="Summed up by").select_option("environment")
    async with page.expect_download() as download:
        await use.get_by_role("link", name="Download CSV").click()
    text = (await (await download.value).path()).read_text(encoding="utf-8-sig")
    (line,) = [line for line in csv.DictReader(io.StringIO(text)) if line["namespace"] == live.namespace]
    assert (line["environment"], line["owner"]) == ("busy", "li.wei")
    assert float(line["runningHours"]) > 0

    system = page.get_by_role("region", name="System")
    for part in ("operator", "storage", "stream"):
        await expect(system.locator(f"[data-check={part}]")).to_have_attribute("data-state", "ok")


async def test_a_quota_is_told_before_and_another_one_makes_room(dashboard: Dashboard, live: Live) -> None:
    await live.create("other", template="base", owner="admin")
    await live.wait_phase("Running", "other")
    hard = {"pods": "1"}
    body = {"metadata": {"name": "tight", "namespace": live.namespace}, "spec": {"hard": hard}}
    await live.client.create(RESOURCE_QUOTAS, body, Anything)
    page = dashboard.page
    await page.evaluate("project => localStorage.setItem('dw-project', project)", live.namespace)
    await dashboard.open("/new")
    await page.locator("[data-field=template]").get_by_text("Python with pip").click()
    panel = page.get_by_role("region", name=f"Quota of project {live.namespace}")
    await expect(panel.get_by_text("1 used + 1 for this of 1")).to_be_visible()
    await page.get_by_role("button", name="Create only").click()
    stop = panel.get_by_role("button", name="Stop other")
    await expect(stop).to_be_focused()
    await page.evaluate("window.untouched = true")
    await stop.click()
    await expect(panel.get_by_text("0 used + 1 for this of 1")).to_be_visible()
    address = await page.get_by_role("textbox", name="Address").input_value()
    await page.get_by_role("button", name="Create only").click()
    await expect(page.get_by_text("is created.")).to_be_visible()
    assert await page.evaluate("window.untouched") is True
    found = await asyncio.to_thread(
        live.surroundings.run_kubectl, "get", "wsi", f"--namespace={live.namespace}", "--output=name"
    )
    assert sorted(line.partition("/")[2] for line in found.split()) == sorted(["other", address])


async def test_limits_stand_beside_what_everybody_has_and_a_refusal_has_their_numbers(
    dashboard: Dashboard, live: Live
) -> None:
    """The limit is one that nobody else comes near to."""
    await live.create_template("huge", storage={"size": "900Ti"})
    metadata = {"name": names.LIMITS_CONFIG_MAP, "namespace": names.SYSTEM_NAMESPACE}
    await live.client.apply(CONFIG_MAPS, {"metadata": metadata, "data": {"owner.storage": "500Ti"}}, Anything)
    page = dashboard.page
    try:
        await dashboard.open("/admin")
        limits = page.get_by_role("region", name="Limits and use now")
        await expect(limits.get_by_text("Disks 500 TiB")).to_be_visible()
        await live.create("mine", template="base", owner="limited.person", running=False)
        await limits.get_by_role("searchbox").fill("limited.per")
        await expect(limits.get_by_role("row", name="limited.person")).to_contain_text("of 500 TiB")

        told = {"en": "+ 900 TiB for this, at most 500 TiB", "zh": "本次需要 900 TiB，上限 500 TiB"}
        for language, words in told.items():
            await dashboard.open(f"/new?ns={live.namespace}&template={live.namespace}-huge&lang={language}")
            await expect(page.get_by_role("complementary")).to_contain_text(words)
            assert await dashboard.find_barriers() == []
        answer = await page.request.post(
            f"{dashboard.url}/api/v1/namespaces/{live.namespace}/environments",
            data={"name": "huge", "template": f"{live.namespace}-huge"},
            headers={"X-DevWorkspace-CSRF": "1", "Origin": dashboard.url},
        )
        assert (answer.status, (await answer.json())["reason"]) == (403, "OwnerLimitReached")
    finally:
        found = await live.client.get(CONFIG_MAPS, Key(metadata["namespace"], metadata["name"]), Anything)
        await live.client.delete(CONFIG_MAPS, found.metadata.key, uid=found.metadata.uid)
