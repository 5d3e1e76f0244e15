"""A developer's first day: sign in, open the editor, run something, save a file, look at it, stop, start, delete."""

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from devworkspace.api.names import LABEL_RETAINED
from devworkspace.kube.resource import PODS
from tests.e2e.steps import (
    edit_file,
    follow_port,
    open_editor,
    open_terminal,
    preview_markdown,
    run_in_terminal,
    sign_in,
    start_application,
    use_application,
    wait_for_file,
)
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.e2e


async def test_from_sign_in_to_a_file_that_outlives_its_environment(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="python")
    pod = (await live.wait_phase("Running")).status.pod_name or ""
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    await page.screenshot(path=pictures / "list.png")

    editor = await open_editor(browser, page, instance.metadata.uid)
    assert f"demo--{live.namespace}" in editor.url
    await open_terminal(editor)
    await run_in_terminal(editor, "python3 -c 'print(6 * 7)' > answer.txt; touch notes.md")
    await wait_for_file(live, pod, "$HOME/answer.txt", "42")
    await edit_file(editor, "notes.md", "# precious")
    await wait_for_file(live, pod, "$HOME/notes.md", "# precious")
    await expect((await preview_markdown(editor)).get_by_role("heading", name="precious")).to_be_visible()
    await editor.screenshot(path=pictures / "editor.png")
    await editor.close()

    surroundings.run_kubectl(
        "patch", "wsi", "demo", f"--namespace={live.namespace}", "--type=merge", '--patch={"spec":{"running":false}}'
    )
    await live.wait_phase("Stopped")
    await page.bring_to_front()
    await expect(page.locator(f"tr[data-uid='{instance.metadata.uid}']")).to_have_attribute("data-phase", "Stopped")
    surroundings.run_kubectl(
        "patch", "wsi", "demo", f"--namespace={live.namespace}", "--type=merge", '--patch={"spec":{"running":true}}'
    )
    status = (await live.wait_phase("Running")).status
    await wait_for_file(live, status.pod_name or "", "$HOME/notes.md", "precious")

    surroundings.run_kubectl("delete", "wsi", "demo", f"--namespace={live.namespace}")
    await live.wait_gone(PODS, status.pod_name or "")
    listed = surroundings.run_kubectl(
        "get", "pvc", f"--namespace={live.namespace}", f"--selector={LABEL_RETAINED}=true", "--output=name"
    )
    assert listed.strip() == f"persistentvolumeclaim/{status.pvc_name}"


async def test_a_web_application_has_an_address_of_its_own(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="python")
    status = (await live.wait_phase("Running")).status
    pod, url = status.pod_name or "", status.url or ""
    await start_application(live, pod)
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    editor = await open_editor(browser, page, instance.metadata.uid)
    await open_terminal(editor)
    shown = await follow_port(browser, editor, 3000)
    await expect(shown.get_by_role("heading", name="Preview")).to_be_visible()
    await editor.screenshot(path=pictures / "ports.png")

    preview = url.replace("://", "://3000--")
    assert shown.url == preview
    await use_application(page, preview)
    answer = await page.goto(preview.replace("3000--", "3001--"))
    assert answer is not None
    assert answer.status >= 500
