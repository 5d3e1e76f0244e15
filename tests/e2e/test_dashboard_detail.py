"""The page of one environment, and its waiting page, in a real browser with a real environment."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.core.figures import parse_lines
from tests.e2e.dashboard import Dashboard, open_dashboard
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.e2e

PARTS = ("", "/timeline", "/events", "/logs", "/ports", "/usage", "/settings", "/yaml")
LOOKS = (("light", "en"), ("dark", "zh"))


async def test_one_environment_in_all_its_parts(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str
) -> None:
    """One environment for all of them: its start is what takes long."""
    await live.create_template(
        "parts",
        ports=[{"name": "web", "containerPort": 3000}],
        resources={"limits": {"cpu": "1", "memory": "1Gi"}},
        overrides={"maxResources": {"cpu": "2", "memory": "2Gi"}, "env": True},
    )
    await live.create(template=f"{live.namespace}-parts", owner="admin")
    pod = (await live.wait_phase("Running")).status.pod_name or ""
    dashboard = await open_dashboard(browser, url=surroundings.url, password=password)
    place = f"/envs/{live.namespace}/demo"
    await look_at_the_output(dashboard, place, live=live, pod=pod)
    await look_at_the_ports(dashboard, place, live=live)
    await look_at_the_figures(dashboard, place, live=live, pod=pod)
    await change_the_settings(dashboard, place, live=live)
    await look_for_barriers(dashboard, place)
    await watch_a_start(browser, dashboard, place, live=live)
    assert dashboard.complaints == []


async def look_at_the_output(dashboard: Dashboard, place: str, *, live: Live, pod: str) -> None:
    page = dashboard.page
    await dashboard.open(f"{place}/logs")
    log = page.get_by_role("log", name="Output of demo")
    await expect(log).to_contain_text("HTTP server listening")
    await live.execute(pod, "sh", "-c", r"printf '\033[31m<b id=evil>red</b>\033[0m %s\n' $((40 + 2)) > /proc/1/fd/1")
    await expect(log).to_contain_text("<b id=evil>red</b> 42")
    await expect(page.locator("#evil")).to_have_count(0)
    await page.keyboard.press("/")
    await page.keyboard.type("RED</B>")
    await expect(log.locator("mark")).to_have_text("red</b>")
    await expect(page.get_by_text(re.compile(r"1 of \d+ lines"))).to_be_visible()
    await page.get_by_label("Run", exact=True).select_option("previous")
    await expect(page.get_by_text("has not run before this run")).to_be_visible()


async def look_at_the_ports(dashboard: Dashboard, place: str, *, live: Live) -> None:
    page = dashboard.page
    await dashboard.open(f"{place}/ports")
    address = f"3000--demo--{live.namespace}."
    announced = page.get_by_role("link", name=re.compile(re.escape(address)))
    await expect(announced).to_have_attribute("href", re.compile(re.escape(address)))
    await page.get_by_role("textbox", name="Port").fill("8081")
    other = page.get_by_role("link", name=re.compile("8081--demo"))
    href = (await announced.get_attribute("href") or "").replace("3000--", "8081--")
    await expect(other).to_have_attribute("href", href)


async def look_at_the_figures(dashboard: Dashboard, place: str, *, live: Live, pod: str) -> None:
    """What is measured once a minute is measured every second; a program that computes makes the line rise."""
    folder = "/tmp/devworkspace-activity"

    async def begin(command: str) -> None:
        await live.execute(pod, "sh", "-c", f"setsid {command} > /dev/null 2>&1 < /dev/null &")

    async def measured() -> list[int]:
        body = await live.execute(pod, "tail", "-n", "60", f"{folder}/usage.minutes")
        lines = parse_lines(body.encode(), seconds=1)
        assert lines is not None
        return [sample.cpu for sample in lines.samples if sample.at > lines.starts[-1]]

    async def wait_for(holds: Callable[[list[int]], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds(await measured()):
                await asyncio.sleep(0.5)

    await live.execute(pod, "pkill", "-f", "devworkspace-usage")
    await begin(f"devworkspace-usage {folder} 1")
    await wait_for(lambda found: min(found, default=1000) < 300)
    await begin("timeout 60 sh -c 'while :; do :; done'")
    await wait_for(lambda found: max(found) > min(found) + 30)
    await live.execute(pod, "pkill", "-f", "while :")
    await dashboard.open(f"{place}/usage")
    chart = dashboard.page.get_by_role("figure", name="CPU")
    await expect(chart).to_contain_text(re.compile(r"Peak [\d.]+ CPU of [\d.]+ CPU at \d\d:\d\d"))
    drawn = await chart.locator("[data-part=line]").last.get_attribute("d") or ""
    depths = [float(depth) for depth in re.findall(r"[ML][\d.]+ ([\d.]+)", drawn)]
    assert max(depths) - min(depths) > 2, drawn
    await chart.get_by_text("Figures as a table").click()
    await expect(chart.get_by_role("table", name="CPU").get_by_role("row")).to_have_count(13)
    await dashboard.page.get_by_role("button", name="7 days").click()
    await expect(chart).to_contain_text(re.compile(r"at \d{4}-\d\d-\d\d \d\d:\d\d"))


async def change_the_settings(dashboard: Dashboard, place: str, *, live: Live) -> None:
    page = dashboard.page
    await dashboard.open(f"{place}/settings")
    for number in (1, 2):
        await page.get_by_role("button", name="Add a variable").click()
        await page.get_by_role("textbox", name=f"Name of variable {number}").fill("GREETING")
    await expect(page.get_by_role("alert")).to_contain_text("Duplicate value")
    await page.get_by_role("button", name="Remove variable 2").click()
    await page.get_by_role("combobox", name="Size", exact=True).select_option("own")
    memory = page.get_by_role("textbox", name="Memory")
    await memory.fill("900Gi")
    await expect(memory).to_have_attribute("aria-invalid", "true")
    await page.get_by_role("button", name="Save").click()
    await expect(memory).to_be_focused()
    await memory.fill("1536Mi")

    await live.patch(description="from elsewhere")
    await expect(page.get_by_text("Changed meanwhile – reload")).to_be_visible()
    await page.get_by_role("button", name="Reload and keep my input").click()
    await expect(page.get_by_role("textbox", name="Description")).to_have_value("from elsewhere")
    await expect(memory).to_have_value("1536Mi")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved. What runs was not disturbed.")).to_be_visible()
    spec = (await live.get()).spec
    assert spec.description == "from elsewhere", "what others changed is not lost"
    assert spec.overrides.resources.limits["memory"] == "1536Mi"
    assert [variable.name for variable in spec.overrides.env] == ["GREETING"]
    await expect(page.get_by_text("2 changes wait for a restart: size and variables.")).to_be_visible()


async def look_for_barriers(dashboard: Dashboard, place: str) -> None:
    page, found = dashboard.page, []
    for scheme, language in LOOKS:
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for part in PARTS:
            await dashboard.open(f"{place}{part}?lang={language}")
            found += [f"{part} {scheme} {language}: {barrier}" for barrier in await dashboard.find_barriers()]
    await page.set_viewport_size({"width": 360, "height": 800})
    for part in PARTS:
        await dashboard.open(f"{place}{part}?lang=en")
        if await page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
            found.append(f"{part}: scrolls sideways")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.emulate_media(color_scheme="light")
    assert not found, "\n".join(found)


async def watch_a_start(browser: BrowserContext, dashboard: Dashboard, place: str, *, live: Live) -> None:
    """What waits is applied by a stop and a start; the waiting page tells of each step, and stays if it is to."""
    await live.patch(running=False)
    await live.wait_phase("Stopped")
    await dashboard.open(place)
    async with browser.expect_page() as opened:
        await dashboard.page.get_by_role("link", name="Start and open").click()
    waiting = await opened.value
    await waiting.get_by_role("checkbox", name="Open when ready").uncheck()
    await expect(waiting.get_by_role("link", name="Open the editor")).to_be_visible()
    stages: list[dict[str, Any]] = await waiting.evaluate(
        "[...document.querySelectorAll('[data-stage]')].map(({dataset}) => ({...dataset}))"
    )
    assert [stage["stage"] for stage in stages] == ["queued", "disk", "scheduling", "image", "container", "editor"]
    assert all(stage["state"] == "done" and int(stage["ms"]) >= 0 for stage in stages)
    total = int(await waiting.locator("[data-total-ms]").get_attribute("data-total-ms") or "-1")
    assert abs(total - await seconds_of_the_start(live) * 1000) <= 1000
    await asyncio.sleep(1)
    await expect(waiting.locator(".monaco-workbench")).to_have_count(0)
    await leads_in(waiting)
    spec = (await live.get()).spec
    assert spec.running
    await expect(dashboard.page.get_by_text("wait for a restart")).to_have_count(0)


async def leads_in(waiting: Page) -> None:
    """The editor takes the page's place, so that Back does not lead to the page again."""
    before = await waiting.evaluate("history.length")
    await waiting.get_by_role("link", name="Open the editor").click()
    await expect(waiting.locator(".monaco-workbench")).to_be_visible()
    assert await waiting.evaluate("history.length") == before


async def seconds_of_the_start(live: Live) -> float:
    """From asking to the pod's readiness, as the cluster has it."""
    status = (await live.get()).status
    output = live.surroundings.run_kubectl(
        "get", "pod", status.pod_name or "", f"--namespace={live.namespace}",
        "--output=jsonpath={.status.conditions[?(@.type=='Ready')].lastTransitionTime}",
    )  # fmt: skip
    return (datetime.fromisoformat(output) - datetime.fromisoformat(status.started_at or "")).total_seconds()
