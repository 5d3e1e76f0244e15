"""The dashboard in a real browser, on a real server, with real environments."""

import asyncio
import re
import time
from collections.abc import Callable

import pytest
from playwright.async_api import Page, Request, expect

from devworkspace.api.names import LABEL_RETAINED
from devworkspace.kube.resource import PVCS
from tests.e2e.dashboard import Dashboard
from tests.support.live import Live

pytestmark = pytest.mark.e2e

PAGES = (
    "/envs",
    "/envs?form=cards",
    "/envs?q=zzzz",
    "/new",
    "/new?template=python",
    "/templates",
    "/envs/none/none",
    "/admin",
    "/admin?show=idle",
    "/me",
)
EDITORS = ("/templates/base/edit", "/templates/-/new?view=yaml", "/disks")
WIDTHS = (320, 360, 768, 1280, 3840)
LOOKS = (("light", "en"), ("dark", "zh"))
# Where a page has got to after a change of its width: two frames later.
DRAWN = "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
# Texts of the page that have an English word in small letters beside a space and no Chinese: names and code have no
# spaces, and what is English on purpose says so by its `lang`. What people have named and the operator said is theirs.
ENGLISH = """async () => {
  const read = async (path) => (await (await fetch(path)).json()).items;
  const named = [...(await read("/api/v1/templates")), ...(await read("/api/v1/environments"))];
  const own = new Set(named.flatMap((one) => [one.displayName, one.description, one.stateMessage, one.message]));
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const parent = walker.currentNode.parentElement;
    const apart = parent.closest("script, style, code, pre, textarea, [role=log], [lang=en]:not(html)");
    if (apart !== null || own.has(text)) {
      continue;
    }
    if (/(^| )[a-z]{2,} |[A-Za-z]{2,} [a-z]{2,}/.test(text) && !/\\p{Script=Han}/u.test(text)) {
      found.push(text);
    }
  }
  return found;
}"""


def count_creations(page: Page) -> list[str]:
    """The requests that create, as they are made from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "dryRun=false" in request.url:
            found.append(request.url)

    page.on("request", note)
    return found


async def names_of(live: Live) -> list[str]:
    output = await asyncio.to_thread(
        live.surroundings.run_kubectl, "get", "wsi", f"--namespace={live.namespace}", "--output=name"
    )
    return [line.partition("/")[2] for line in output.split()]


async def eventually(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_three_clicks_lead_to_an_editor(
    dashboard: Dashboard, live: Live, record_property: Callable[[str, object], None]
) -> None:
    """From a filled list: Create, a template, Create and open. The project was chosen at an earlier time."""
    await live.create(running=False)
    page = dashboard.page
    await page.evaluate("project => localStorage.setItem('dw-project', project)", live.namespace)
    await dashboard.open("/envs")
    created = count_creations(page)
    began = time.monotonic()
    await page.get_by_role("link", name="Create", exact=True).click()
    await page.locator("[data-field=template]").get_by_text("Python with pip").click()
    await page.get_by_role("button", name="Create and open").click()
    await expect(page.locator(".monaco-workbench")).to_be_visible()
    record_property("seconds from the first click to the workbench", round(time.monotonic() - began, 1))
    assert len(created) == 1
    assert len(await names_of(live)) == 2


async def test_the_list_shows_what_others_do_without_being_asked(dashboard: Dashboard, live: Live) -> None:
    instance = await live.create(template="base", displayName="Payments API")
    row = dashboard.row(instance.metadata.uid)
    await expect(row).to_have_attribute("data-phase", "Running")
    await live.patch(running=False)
    await live.wait_phase("Stopped")
    await expect(row).to_have_attribute("data-phase", "Stopped")
    # Rows stay, greyed, while somebody points at the list; also when the person owns enough now to need no templates.
    await row.hover()
    await live.create("second", template="base", owner="admin", running=False)
    await expect(dashboard.page.get_by_role("button", name="update order")).to_be_visible()
    await live.delete()
    await expect(row).to_have_attribute("data-gone", "true")
    await dashboard.page.mouse.move(0, 0)
    await expect(row).to_have_count(0)


async def test_start_stop_and_restart(dashboard: Dashboard, live: Live) -> None:
    instance = await live.create(template="base", owner="admin")
    uid = instance.metadata.uid
    row = dashboard.row(uid)
    await expect(row).to_have_attribute("data-phase", "Running")
    before = (await live.get()).status.pod_name
    pod_uid = live.surroundings.run_kubectl(
        "get", "pod", before or "", f"--namespace={live.namespace}", "--output=jsonpath={.metadata.uid}"
    )
    await dashboard.choose(uid, "Restart")

    def is_another() -> bool:
        result = live.surroundings.try_kubectl(
            "get", "pod", before or "", f"--namespace={live.namespace}", "--output=jsonpath={.metadata.uid}"
        )
        return result.returncode == 0 and result.stdout != pod_uid

    await eventually(is_another, seconds=60)
    await live.wait_phase("Running")
    await dashboard.choose(uid, "Stop")
    await expect(row).to_have_attribute("data-phase", "Stopped")
    await dashboard.choose(uid, "Start in background")
    await expect(row).to_have_attribute("data-phase", "Running")


async def test_a_deleted_environment_leaves_its_disk_unless_the_name_was_typed(
    dashboard: Dashboard, live: Live
) -> None:
    kept = await live.create("kept", template="base", owner="admin")
    gone = await live.create("gone", template="base", owner="admin")
    volumes = [(await live.wait_phase("Running", name)).status.pvc_name or "" for name in ("kept", "gone")]
    page = dashboard.page

    await dashboard.choose(kept.metadata.uid, "Delete")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(volumes[0])).to_be_visible()
    await dialog.get_by_role("button", name="Delete", exact=True).click()
    await page.mouse.move(0, 0)
    await expect(dashboard.row(kept.metadata.uid)).to_have_count(0)
    await live.wait_retained(volumes[0])

    await dashboard.choose(gone.metadata.uid, "Delete")
    await dialog.get_by_role("radio", name="Delete the disk too").check()
    confirm = dialog.get_by_role("button", name="Delete with disk")
    await expect(confirm).to_be_disabled()
    await dialog.get_by_role("textbox").fill("gone")
    await confirm.click()
    await page.mouse.move(0, 0)
    await expect(dashboard.row(gone.metadata.uid)).to_have_count(0)
    await live.wait_gone(PVCS, volumes[1])
    assert LABEL_RETAINED in (await live.volume(volumes[0])).metadata.labels


async def test_what_the_cluster_refuses_stands_at_its_field_before_anything_is_made(
    dashboard: Dashboard, live: Live
) -> None:
    await live.create("taken", template="base", running=False)
    page = dashboard.page
    await dashboard.open("/new")
    created = count_creations(page)
    await page.get_by_role("combobox", name="Project").select_option(live.namespace)
    await page.locator("[data-field=template]").get_by_text("Python with pip").click()
    address = page.get_by_role("textbox", name="Address")
    for wrong in ("a_b", "-x", "x" * 64, "taken"):
        await address.fill(wrong)
        await expect(address).to_have_attribute("aria-invalid", "true")
        await page.get_by_role("button", name="Create and open").click()
        await expect(address).to_be_focused()
    await address.fill("fine")
    await expect(page.get_by_text("The cluster accepts this.")).to_be_visible()

    await page.get_by_text("Exact numbers").click()
    memory = page.get_by_role("textbox", name="Memory")
    await memory.fill("900Gi")
    await expect(memory).to_have_attribute("aria-invalid", "true")
    await page.get_by_role("button", name="Create and open").click()
    await expect(memory).to_be_focused()
    assert await address.input_value() == "fine", "what was typed stays"
    assert created == []
    assert await names_of(live) == ["taken"]


async def test_a_link_fills_in_and_creates_nothing(dashboard: Dashboard, live: Live) -> None:
    page = dashboard.page
    created = count_creations(page)
    await dashboard.open(f"/new?template=python&ns={live.namespace}&name=Payments&dotfiles=https://evil.example")
    await expect(page.get_by_text("Filled in from a link")).to_be_visible()
    await expect(page.get_by_text("Ignored from the link: dotfiles")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Address")).to_have_value("payments")
    for _ in range(3):
        await page.keyboard.press("Enter")
    await page.get_by_role("textbox", name="Address").press("Enter")
    await asyncio.sleep(1)
    assert created == []
    await page.get_by_role("button", name="Create only").click()
    await expect(page.get_by_text("Payments is created.")).to_be_visible()
    assert await names_of(live) == ["payments"]


async def test_a_failure_says_what_is_wrong_and_how_to_go_on(dashboard: Dashboard, live: Live) -> None:
    await live.create_template("lost", environment={"image": "localhost/devworkspace/none:1"})
    instance = await live.create(template=f"{live.namespace}-lost", owner="admin")
    row = dashboard.row(instance.metadata.uid)
    # Which of the two depends on whether there is a registry at all.
    await expect(row).to_have_attribute("data-reason", re.compile("ImageNotFound|ImagePullNetwork"))
    await expect(row.get_by_text(re.compile("Image not found|Registry not reachable"))).to_be_visible()
    await row.get_by_role("link", name="demo", exact=True).click()
    page = dashboard.page
    await expect(page.get_by_role("heading", name="demo")).to_be_visible()
    await expect(page.get_by_text("Technical details")).to_be_visible()


async def test_a_safe_start_leads_from_a_crash_to_an_editor(dashboard: Dashboard, live: Live) -> None:
    environment = {"image": live.surroundings.base_image, "ide": "custom", "command": ["sh", "-c", "exit 1"]}
    await live.create_template("broken", environment=environment)
    instance = await live.create(template=f"{live.namespace}-broken", owner="admin")
    row = dashboard.row(instance.metadata.uid)
    await expect(row.get_by_text("The container keeps exiting")).to_be_visible()
    await dashboard.choose(instance.metadata.uid, "Safe start")
    await expect(row.get_by_text("Safe mode")).to_be_visible()
    opened = row.get_by_role("link", name="Open")
    await expect(opened).to_be_visible(timeout=60_000)
    address = await opened.get_attribute("href")
    await dashboard.page.goto(f"{dashboard.url}{address}")
    await expect(dashboard.page.locator(".monaco-workbench")).to_be_visible()


async def test_no_page_has_a_barrier_and_none_scrolls_sideways(dashboard: Dashboard, live: Live) -> None:
    """One environment for all looks and widths: the pages are what takes long."""
    long = await live.create(template="base", running=False, displayName="一" * 40 + "x" * 24, owner="admin")
    await live.wait_phase("Stopped")
    page, found = dashboard.page, []
    detail = f"/envs/{live.namespace}/demo"
    for scheme, language in LOOKS:
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for path in (*PAGES, detail, f"{detail}/timeline"):
            await dashboard.open(f"{path}{'&' if '?' in path else '?'}lang={language}")
            found += [f"{path} {scheme} {language}: {barrier}" for barrier in await dashboard.find_barriers()]
        await dashboard.open("/envs")
        await dashboard.row(long.metadata.uid).get_by_role("button").last.click()
        await expect(page.get_by_role("menu")).to_be_visible()
        barriers = await dashboard.find_barriers(within="[role=menu]")
        found += [f"menu {scheme} {language}: {barrier}" for barrier in barriers]
        await page.get_by_role("menuitem").last.click()
        await page.get_by_role("radio").last.check()
        found += [f"delete {scheme} {language}: {barrier}" for barrier in await dashboard.find_barriers()]
    for path in (*PAGES, detail):
        await dashboard.open(path)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            await page.evaluate(DRAWN)
            if await page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
                found.append(f"{path} scrolls sideways at {width}")
    assert not found, "\n".join(found)


async def test_chinese_pages_are_chinese(dashboard: Dashboard, live: Live) -> None:
    """Every sentence on every page, but what people and the cluster have named themselves."""
    await live.create(template="base", running=False, owner="admin")
    await live.wait_phase("Stopped")
    page, found = dashboard.page, {}
    detail = f"/envs/{live.namespace}/demo"
    parts = ("", "/timeline", "/events", "/logs", "/ports", "/usage", "/settings")
    for path in (*PAGES, *EDITORS, *(detail + part for part in parts)):
        await dashboard.open(f"{path}{'&' if '?' in path else '?'}lang=zh")
        if sentences := await page.evaluate(ENGLISH):
            found[path] = sentences
    assert found == {}
    await dashboard.open("/envs?lang=en")
    assert len(await page.evaluate(ENGLISH)) > 5, "positive control"
