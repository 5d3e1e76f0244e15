"""A developer's day below one host name: what works with a host for each environment works here, too."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.e2e.steps import (
    edit_file,
    follow_port,
    let_it_sleep,
    open_editor,
    open_terminal,
    preview_markdown,
    run_in_terminal,
    sign_in,
    start_application,
    survive_restarts,
    use_application,
    wait_for_file,
)
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = [pytest.mark.e2e, pytest.mark.destructive, pytest.mark.alone]


async def test_workbench_terminal_preview_and_application(
    browser: BrowserContext, live: Live, path_mode: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="python", owner="admin")
    status = (await live.wait_phase("Running")).status
    pod, url = status.pod_name or "", f"{path_mode.url}/w/{live.namespace}/demo/"
    assert status.url == url
    await start_application(live, pod)
    page = await browser.new_page()
    await sign_in(page, path_mode.url, password)
    editor = await open_editor(browser, page, instance.metadata.uid)
    assert editor.url.startswith(url)

    await open_terminal(editor)
    await run_in_terminal(editor, "touch notes.md; echo made > made.txt")
    await wait_for_file(live, pod, "$HOME/made.txt", "made")
    await edit_file(editor, "notes.md", "# precious")
    await wait_for_file(live, pod, "$HOME/notes.md", "# precious")
    await expect((await preview_markdown(editor)).get_by_role("heading", name="precious")).to_be_visible()
    await editor.screenshot(path=pictures / "path-mode-editor.png")

    shown = await follow_port(browser, editor, 3000)
    await expect(shown.get_by_role("heading", name="Preview")).to_be_visible()
    await editor.screenshot(path=pictures / "path-mode-ports.png")
    assert shown.url == f"{url}proxy/3000/"
    await use_application(shown, f"{url}proxy/3000/")
    await shown.goto(f"{url}absproxy/3000/deep")
    await expect(shown.get_by_text(f"/w/{live.namespace}/demo/absproxy/3000/deep")).to_be_visible()


async def test_restarts_sleep_and_waking(
    browser: BrowserContext, live: Live, path_mode: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="base", owner="admin")
    pod = (await live.wait_phase("Running")).status.pod_name or ""
    page = await browser.new_page()
    await sign_in(page, path_mode.url, password)
    editor = await open_editor(browser, page, instance.metadata.uid)
    await survive_restarts(editor, live, pod, path_mode)
    await let_it_sleep(editor, live, pictures / "path-mode-waiting.png")
