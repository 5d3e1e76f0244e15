"""Who is still working, as a real editor in a real pod tells it; and that people are told before they are stopped."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.activity import parse_report
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from tests.e2e.steps import edit_file, open_editor, open_terminal, run_in_terminal, sign_in
from tests.support.environment import Surroundings
from tests.support.live import INSTANCES, Live

pytestmark = pytest.mark.e2e

FOLDER = "/tmp/devworkspace-activity"


def now() -> datetime:
    return datetime.now(UTC)


class Window(NamedTuple):
    """What the extension of the one open window says: when it ran last, and when it last saw work."""

    ran: datetime
    worked: datetime


async def see_window(live: Live, pod: str) -> Window | None:
    found = (await live.execute(pod, "sh", "-c", f"cat {FOLDER}/editor.*[0-9] 2>/dev/null || true")).split()
    return Window(*(datetime.fromtimestamp(int(number), UTC) for number in found)) if len(found) == 2 else None


async def see_report(live: Live, pod: str) -> datetime | None:
    """The last work by the environment's report."""
    report = parse_report((await live.execute(pod, "cat", f"{FOLDER}/report")).encode())
    return report.worked_at if report is not None and not report.blind else None


async def wait_window(live: Live, pod: str, holds: Callable[[Window], bool], *, seconds: float) -> Window:
    deadline, window = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        window = await see_window(live, pod)
        if window is not None and holds(window):
            return window
        await asyncio.sleep(0.5)
    raise AssertionError(f"the window says {window} after {seconds} s, it is {now()}")


async def wait_report(live: Live, pod: str, after: datetime, *, seconds: float) -> None:
    deadline, worked = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        worked = await see_report(live, pod)
        if worked is not None and worked >= after:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"the report says {worked} after {seconds} s, not {after} or later")


async def forget(live: Live) -> None:
    """Sets the last activity back by hours, so that the server writes what it finds at once."""
    status = {"status": {"lastActivity": format_timestamp(now() - timedelta(hours=5))}}
    await live.client.merge_patch(INSTANCES, live.key("demo"), status, WorkspaceInstance, subresource="status")


async def wait_learned(live: Live, after: datetime) -> None:
    """Waits until the server knows of work after a moment; it may have read an older report just before."""

    def is_known(instance: WorkspaceInstance) -> bool:
        last = instance.status.last_activity
        return last is not None and parse_timestamp(last) >= after

    await live.wait_until(is_known, f"seen by the server at {after} or later", seconds=150)


async def open_demo(
    browser: BrowserContext, live: Live, surroundings: Surroundings, *, password: str, template: str = "base"
) -> tuple[Page, str]:
    """The editor of a new environment, and its pod."""
    instance = await live.create(template=template)
    pod = (await live.wait_phase("Running", seconds=180)).status.pod_name or ""
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    return await open_editor(browser, page, instance.metadata.uid), pod


async def leave_untouched(editor: Page) -> None:
    """Lets the browser's clock run ahead of everybody else's, so that nobody has to wait for minutes."""
    for _ in range(4):
        await editor.clock.fast_forward(31_000)


async def test_typing_counts_an_untouched_tab_does_not_and_a_build_does_again(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str
) -> None:
    await browser.clock.install()
    editor, pod = await open_demo(browser, live, surroundings, password=password)
    await live.execute(pod, "touch", "/home/dev/notes.md")
    await edit_file(editor, "notes.md", "typed")
    typed = now()
    await wait_window(live, pod, lambda window: window.worked >= typed - timedelta(seconds=2), seconds=60)

    # A build; nobody touches anything from here on.
    await open_terminal(editor)
    await run_in_terminal(editor, "timeout 100 sh -c 'while :; do :; done'")
    touched = now()
    await leave_untouched(editor)
    untouched = timedelta(seconds=25)
    window = await wait_window(live, pod, lambda seen: seen.ran - seen.worked >= untouched, seconds=60)
    assert window.worked <= touched + timedelta(seconds=15), "an open tab is no work"
    await wait_report(live, pod, window.worked + untouched, seconds=60)
    await forget(live)
    await wait_learned(live, window.worked + untouched)


async def test_people_are_told_in_the_editor_before_they_are_stopped(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str
) -> None:
    await live.create_template("brief", lifecycle={"maxRunDuration": "5m5s"})
    editor, pod = await open_demo(browser, live, surroundings, password=password, template=f"{live.namespace}-brief")
    warning = editor.locator(".notification-list-item-message")
    await expect(warning.filter(has_text="has run for as long as it may")).to_be_visible(timeout=40_000)
    told = await live.execute(pod, "cat", "/etc/devworkspace/stops")
    began = parse_timestamp((await live.get()).status.started_at or "")
    assert told.split() == [format_timestamp(began + timedelta(minutes=5, seconds=5)), "MaxRunDuration"]
