"""What feeds the catalogue and what is left of environments: template editor and kept disks, on a real cluster."""

import asyncio
import re
import time
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import PODS, PVCS
from tests.e2e.dashboard import Dashboard
from tests.support.live import INSTANCES, TEMPLATES, Live

pytestmark = pytest.mark.e2e


async def spec_of(live: Live, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await live.client.get(TEMPLATES, Key("", name), dict[str, Any])
    return dict(found["spec"])


async def wait_unused(live: Live, name: str) -> None:
    """The count by which the cluster itself refuses a deletion follows about a second after the last environment."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = await live.client.get(TEMPLATES, Key("", name), dict[str, Any])
        if found["status"]["instances"] == 0:
            return
        assert time.monotonic() < deadline, found["status"]
        await asyncio.sleep(0.1)


def row_of(dashboard: Dashboard, template: str) -> Locator:
    return dashboard.page.locator(f"[data-template='{template}']")


async def choose(dashboard: Dashboard, template: str, entry: str) -> None:
    """An entry of a template's menu."""
    await row_of(dashboard, template).get_by_role("button", name="More actions").click()
    await dashboard.page.get_by_role("menuitem", name=entry, exact=True).click()


async def make_kept_disk(live: Live) -> str:
    """A disk with a file, of an environment that is gone."""
    await live.create("first", template="base", owner="admin")
    await live.wait_ready("first")
    status = (await live.get("first")).status
    await live.execute(status.pod_name or "", "sh", "-c", "echo mine > $HOME/kept.txt")
    await live.delete("first")
    await live.wait_gone(INSTANCES, "first")
    await live.wait_retained(status.pvc_name or "")
    return status.pvc_name or ""


async def test_a_kept_disk_lives_on_in_a_new_environment_and_is_deleted_for_good(
    dashboard: Dashboard, live: Live
) -> None:
    volume = await make_kept_disk(live)
    page = dashboard.page
    await dashboard.open(f"/disks?q={live.namespace}")
    row = page.locator(f"[data-volume='{volume}']")
    await expect(row).to_contain_text("first")
    await row.get_by_role("link", name="New environment").click()
    await expect(page.get_by_text(f"It takes over disk {volume}")).to_be_visible()
    await expect(page.get_by_role("radio", name=re.compile("^Debian"))).to_be_checked()
    await page.get_by_role("textbox", name="Address").fill("second")
    await page.get_by_role("button", name="Create only").click()
    await expect(page.get_by_text("second is created.")).to_be_visible()
    await live.wait_ready("second")
    status = (await live.get("second")).status
    assert status.pvc_name == volume
    assert (await live.execute(status.pod_name or "", "sh", "-c", "cat $HOME/kept.txt")).strip() == "mine"

    await live.delete("second")
    await live.wait_gone(INSTANCES, "second")
    # While its pod ends, the disk is in use and nobody may delete it.
    await live.wait_gone(PODS, status.pod_name or "")
    await live.wait_retained(volume)
    await dashboard.open(f"/disks?q={live.namespace}")
    await row.get_by_role("button", name="Delete for good").click()
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Delete for good")
    await expect(confirm).to_be_disabled()
    await dialog.get_by_role("textbox").fill(volume)
    await confirm.click()
    await live.wait_gone(PVCS, volume)
    await page.mouse.move(0, 0)
    await expect(row).to_have_count(0)


async def test_a_template_is_made_checked_changed_and_deleted(dashboard: Dashboard, live: Live) -> None:
    """The cluster's own rules judge while somebody types; what it does not offer in the form is kept."""
    page, name = dashboard.page, f"{live.namespace}-made"
    await dashboard.open("/templates/-/new")
    await page.get_by_role("textbox", name="Name in the cluster").fill(name)
    await page.get_by_role("textbox", name="Display name").fill("Made here")
    image = page.get_by_role("textbox", name="Image", exact=True)
    await image.fill("no image at all")
    await expect(image).to_have_attribute("aria-invalid", "true")
    await image.fill(live.surroundings.base_image)
    await expect(page.get_by_text("The cluster accepts this.")).to_be_visible()

    await page.get_by_role("button", name="YAML").click()
    yaml = page.get_by_role("textbox", name="Template as YAML")
    text = await yaml.input_value()
    await yaml.fill(f"{text}  scheduling:\n    tolerations:\n      - operator: Exists\n  colour: red\n")
    await page.get_by_role("button", name=re.compile("^Line 1[0-9]: .*field does not exist")).click()
    await expect(yaml).to_be_focused()
    await yaml.fill(f"{text}  scheduling:\n    tolerations:\n      - operator: Exists\n")
    await expect(page.get_by_text("The cluster accepts this.")).to_be_visible()
    await page.get_by_role("button", name="Form").click()
    await page.get_by_role("textbox", name="Disk size", exact=True).fill("1Gi")
    await expect(page.get_by_text("The cluster accepts this.")).to_be_visible()
    await page.get_by_role("button", name="Create", exact=True).click()
    await expect(row_of(dashboard, name)).to_have_attribute("data-state", "Active")
    made = await spec_of(live, name)
    assert made["scheduling"]["tolerations"] == [{"operator": "Exists"}]
    assert made["storage"]["size"] == "1Gi"

    await live.create("user", template=name, owner="admin")
    await choose(dashboard, name, "Edit")
    await expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
    await page.get_by_role("textbox", name="Description", exact=True).fill("Ours")
    # Somebody else is faster.
    theirs = {"spec": {"description": "Theirs"}}
    await live.client.merge_patch(TEMPLATES, Key("", name), theirs, dict[str, Any])
    await page.get_by_role("textbox", name="Disk size", exact=True).fill("2Gi")
    await page.get_by_role("button", name="Compare with it").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("description: Theirs")).to_be_visible()
    await expect(dialog.get_by_text("1 environment uses this.")).to_be_visible()
    await dialog.get_by_role("button", name="Save").click()
    await expect(row_of(dashboard, name)).to_contain_text("Ours")
    assert (await spec_of(live, name))["storage"]["size"] == "2Gi"
    await restart_what_is_outdated(dashboard, live, name)

    await choose(dashboard, name, "Deprecate…")
    await dialog.get_by_role("textbox").fill("Use base")
    await dialog.get_by_role("button", name="Deprecate").click()
    await expect(row_of(dashboard, name)).to_contain_text("Use base")
    await choose(dashboard, name, "Hide")
    await expect(row_of(dashboard, name)).to_have_attribute("data-state", "Hidden")
    assert (await spec_of(live, name))["state"] == "Hidden"

    await choose(dashboard, name, "Delete")
    await expect(dialog.get_by_text("Used by 1 environment")).to_be_visible()
    await dialog.get_by_role("link").click()
    await expect(page.locator("tr[data-uid]")).to_have_count(1)
    await live.delete("user")
    await live.wait_gone(INSTANCES, "user")
    await dashboard.open("/templates")
    await expect(row_of(dashboard, name)).to_contain_text("Not used")
    await choose(dashboard, name, "Delete")
    await wait_unused(live, name)
    await dialog.get_by_role("button", name="Delete").click()
    await expect(row_of(dashboard, name)).to_have_count(0)
    with pytest.raises(NotFound):
        await spec_of(live, name)


async def test_a_draft_is_tried_before_it_is_published_and_leaves_nothing(dashboard: Dashboard, live: Live) -> None:
    """A wrong image shows in the trial; a right one leads to an editor; nobody else ever sees the template."""
    page = dashboard.page
    await page.evaluate("project => localStorage.setItem('dw-project', project)", live.namespace)
    await dashboard.open("/templates/base/edit")
    trial = page.get_by_role("region", name="Trial run")
    image = page.get_by_role("textbox", name="Image", exact=True)
    right = await image.input_value()
    await image.fill("localhost/devworkspace/none:1")
    await expect(page.get_by_text("The cluster accepts this.")).to_be_visible()
    await trial.get_by_role("button", name="Try it").click()
    await expect(trial).to_contain_text(re.compile("Image not found|Registry not reachable"))
    await trial.get_by_role("button", name="End the trial and delete its disk").click()
    await expect(trial.get_by_text("The trial is over and its disk is gone.")).to_be_visible()

    await image.fill(right)
    await trial.get_by_role("button", name="Try it").click()
    await expect(trial.get_by_role("link", name="Open (new tab)")).to_be_visible()
    (found,) = (await live.client.list(INSTANCES, WorkspaceInstance, namespace=live.namespace)).items
    name = found.metadata.name
    assert found.metadata.labels == {names.LABEL_TRIAL: "true"}
    volume = found.status.pvc_name or ""
    assert name not in {template["name"] for template in await templates_of(dashboard)}
    await trial.get_by_role("button", name="End the trial and delete its disk").click()
    await live.wait_gone(INSTANCES, name)
    await live.wait_gone(PVCS, volume)


async def templates_of(dashboard: Dashboard) -> list[dict[str, Any]]:
    """The catalogue as everybody sees it."""
    answer = await dashboard.page.request.get(f"{dashboard.url}/api/v1/templates")
    items: list[dict[str, Any]] = (await answer.json())["items"]
    return items


async def restart_what_is_outdated(dashboard: Dashboard, live: Live, name: str) -> None:
    """A change that reaches pods waits for a restart, which the catalogue offers; nobody has worked in it yet."""
    await live.wait_ready("user")
    variables = {"spec": {"environment": {"env": [{"name": "COLOUR", "value": "red"}]}}}
    await live.client.merge_patch(TEMPLATES, Key("", name), variables, dict[str, Any])
    await expect(row_of(dashboard, name)).to_contain_text("1 needs restart")
    await choose(dashboard, name, "Restart idle ones…")
    dialog = dashboard.page.get_by_role("dialog")
    await dialog.get_by_role("checkbox", name="user of admin").check()
    await dialog.get_by_role("button", name="Restart 1").click()
    await expect(dashboard.page.get_by_text("1 environment is being restarted.")).to_be_visible()
    await expect(row_of(dashboard, name)).not_to_contain_text("needs restart")


async def keep_empty_disk(live: Live) -> None:
    """A claim that looks as somebody's environment left it; nothing is on it, because no pod ever used it."""
    metadata = {
        "name": "kept-home",
        "labels": {
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_RETAINED: "true",
            names.LABEL_INSTANCE_UID: "gone",
        },
        "annotations": {names.ANNOTATION_OWNER: "li.wei", names.ANNOTATION_INSTANCE: "kept"},
    }
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    body = {"metadata": {**metadata, "namespace": live.namespace}, "spec": spec}
    await live.client.create(PVCS, body, dict[str, Any])


async def test_no_page_has_a_barrier_and_none_scrolls_or_traps(dashboard: Dashboard, live: Live) -> None:
    await keep_empty_disk(live)
    page, found = dashboard.page, []
    paths = ("/disks", "/templates", "/templates/python/edit", "/templates/-/new?view=yaml")
    for scheme, language, width in (("light", "en", 1280), ("dark", "zh", 1280), ("dark", "en", 360)):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            await dashboard.open(f"{path}{'&' if '?' in path else '?'}lang={language}")
            found += [f"{path} {scheme} {language}: {barrier}" for barrier in await dashboard.find_barriers()]
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{path} {width}"
    await dashboard.open(f"/disks?lang=en&q={live.namespace}")
    await expect(page.locator("[data-volume='kept-home']")).to_contain_text("li.wei")
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    found += await dashboard.find_barriers()
    assert found == []

    await dashboard.open("/templates/-/new?view=yaml")
    yaml = page.get_by_role("textbox", name="Template as YAML")
    await yaml.focus()
    await page.keyboard.press("Tab")
    await expect(yaml).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Tab")
    await expect(yaml).not_to_be_focused()
