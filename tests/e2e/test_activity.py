"""Who is still working, as the server learns it from a real editor in a real pod: minutes of a real clock."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import BrowserContext, Page

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from tests.e2e.steps import edit_file, open_editor, open_terminal, run_in_terminal, sign_in
from tests.support.environment import Surroundings
from tests.support.live import INSTANCES, Live

pytestmark = pytest.mark.e2e

# The window counts as active for a little over a minute after the last touch.
TOUCHED = timedelta(seconds=85)
# Until the report knows: the extension's minute and the reporter's half.
REPORTED_SECONDS = 95
# Until the server has asked, with some patience.
LEARNED_SECONDS = 150


def now() -> datetime:
    return datetime.now(UTC)


async def forget(live: Live) -> None:
    """Sets the last activity back by hours, so that the server writes what it finds at once."""
    status = {"status": {"lastActivity": format_timestamp(now() - timedelta(hours=5))}}
    await live.client.merge_patch(INSTANCES, live.key("demo"), status, WorkspaceInstance, subresource="status")


async def learn(live: Live) -> datetime:
    """What the server writes next."""
    await forget(live)

    def is_new(instance: WorkspaceInstance) -> bool:
        last = instance.status.last_activity
        return last is not None and now() - parse_timestamp(last) < timedelta(hours=4)

    instance = await live.wait_until(is_new, "seen by the server", seconds=LEARNED_SECONDS)
    return parse_timestamp(instance.status.last_activity or "")


async def open_demo(browser: BrowserContext, live: Live, surroundings: Surroundings, password: str) -> tuple[Page, str]:
    """The editor of a new environment, and its pod."""
    instance = await live.create(template="base")
    pod = (await live.wait_phase("Running", seconds=180)).status.pod_name or ""
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    return await open_editor(browser, page, instance.metadata.uid), pod


async def test_typing_counts_an_untouched_tab_does_not_and_a_build_does_again(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str
) -> None:
    editor, pod = await open_demo(browser, live, surroundings, password)
    await live.execute(pod, "touch", "/home/dev/notes.md")
    await edit_file(editor, "notes.md", "typed")
    typed = now()
    await asyncio.sleep(REPORTED_SECONDS)
    assert await learn(live) >= typed - timedelta(seconds=15)

    # A command that waits, then one that works; nobody touches anything from here on.
    await open_terminal(editor)
    await run_in_terminal(editor, "sleep 260; timeout 120 sh -c 'while :; do :; done'")
    touched = now()
    await asyncio.sleep(REPORTED_SECONDS)
    learned = await learn(live)
    assert touched - timedelta(seconds=15) <= learned <= touched + TOUCHED
    assert now() < touched + timedelta(seconds=260), "too slow to tell waiting from working"

    await asyncio.sleep((touched + timedelta(seconds=310) - now()).total_seconds())
    assert await learn(live) >= touched + timedelta(seconds=260)


async def test_work_in_a_terminal_counts_without_any_editor(live: Live) -> None:
    await live.create(template="base")
    pod = (await live.wait_phase("Running", seconds=180)).status.pod_name or ""
    await learn(live)
    await asyncio.sleep(30)
    began = now()
    command = "script -qec 'timeout 100 sh -c \"while :; do :; done\"' /dev/null"
    await live.execute(pod, "sh", "-c", f"setsid nohup {command} >/dev/null 2>&1 &")
    await asyncio.sleep(45)
    assert await learn(live) >= began


async def test_where_nobody_reports_it_is_unknown(live: Live) -> None:
    await live.create(template="base")
    pod = (await live.wait_phase("Running", seconds=180)).status.pod_name or ""
    await learn(live)
    await live.execute(pod, "pkill", "-f", "devworkspace-activity")
    await live.wait_until(
        lambda instance: instance.status.last_activity is None, "unknown", seconds=LEARNED_SECONDS + 240
    )
