"""A developer's first day: sign in, open the editor, run something, save a file, stop, start, delete."""

import asyncio
import os
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.api.names import LABEL_RETAINED
from devworkspace.kube.resource import PODS
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.e2e

# Enough for several rounds of the editor's reconnecting; DEVWORKSPACE_STAY_ASLEEP=180 for the whole grace time.
STAY_ASLEEP_SECONDS = float(os.environ.get("DEVWORKSPACE_STAY_ASLEEP", "25"))


async def sign_in(page: Page, url: str, password: str) -> None:
    await page.goto(f"{url}/")
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Dev Environments")).to_be_visible()


async def open_editor(browser: BrowserContext, page: Page, uid: str) -> Page:
    """The editor in the new tab that the list's link opens."""
    row = page.locator(f"tr[data-uid='{uid}']")
    await expect(row).to_have_attribute("data-phase", "Running")
    async with browser.expect_page() as opened:
        await row.get_by_role("link", name="Open").click()
    editor = await opened.value
    await expect(editor.locator(".monaco-workbench")).to_be_visible()
    await expect(editor.locator(".explorer-folders-view")).to_be_visible()
    return editor


async def run_in_terminal(editor: Page, command: str) -> None:
    await editor.keyboard.press("Control+Backquote")
    # The label names the shell once it runs; what is typed before that is lost.
    await expect(editor.locator(".xterm-helper-textarea[aria-label*='bash']")).to_be_attached()
    await editor.locator(".terminal-wrapper .xterm-screen").click()
    await editor.keyboard.type(command)
    await editor.keyboard.press("Enter")


async def wait_for_file(live: Live, pod: str, path: str, content: str) -> None:
    found = ""
    for _ in range(100):
        found = await live.execute(pod, "sh", "-c", f"cat {path} 2>/dev/null || true")
        if content in found:
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"{path} holds {found!r}, expected {content!r}")


async def edit_file(editor: Page, name: str, text: str) -> None:
    await editor.keyboard.press("Control+p")
    await editor.locator(".quick-input-widget input").fill(name)
    await editor.locator(".quick-input-list").get_by_text(name).first.click()
    await expect(editor.get_by_role("tab", name=name)).to_be_visible()
    await editor.locator(".monaco-editor .view-lines").first.click()
    await editor.keyboard.type(text)
    await editor.keyboard.press("Control+s")


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
    await run_in_terminal(editor, "python3 -c 'print(6 * 7)' > answer.txt; touch notes.md")
    await wait_for_file(live, pod, "$HOME/answer.txt", "42")
    await edit_file(editor, "notes.md", "precious")
    await wait_for_file(live, pod, "$HOME/notes.md", "precious")
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


async def test_an_open_tab_lets_a_stopped_environment_sleep_and_a_reload_wakes_it(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str, pictures: Path
) -> None:
    instance = await live.create(template="base")
    await live.wait_phase("Running")
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    editor = await open_editor(browser, page, instance.metadata.uid)
    await live.patch(running=False)
    await live.wait_phase("Stopped")
    # The editor dials its sockets again every few seconds meanwhile.
    await asyncio.sleep(STAY_ASLEEP_SECONDS)
    assert (await live.get()).spec.running is False

    await editor.reload(wait_until="commit")
    await expect(editor.locator(".steps")).to_be_visible()
    await editor.screenshot(path=pictures / "waiting.png")
    await expect(editor.locator(".monaco-workbench")).to_be_visible()
    assert (await live.get()).spec.running is True

    await live.patch(running=False)
    await live.wait_phase("Stopped")
    await page.bring_to_front()
    row = page.locator(f"tr[data-uid='{instance.metadata.uid}']")
    async with browser.expect_page() as opened:
        await row.get_by_role("link", name="Start and open").click()
    again = await opened.value
    await expect(again.locator(".monaco-workbench")).to_be_visible()


# Listens on the loopback address, as development servers do, and answers with the request's head.
APPLICATION = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/go":
            self.send_response(302); self.send_header("Location", "/arrived"); self.end_headers(); return
        self.send_response(200); self.send_header("Content-Type", "text/plain"); self.end_headers()
        self.wfile.write((self.path + "\\n" + str(self.headers)).encode())
http.server.HTTPServer(("127.0.0.1", 3000), Handler).serve_forever()
"""


async def test_a_web_application_has_an_address_of_its_own(
    browser: BrowserContext, live: Live, surroundings: Surroundings, password: str
) -> None:
    await live.create(template="python")
    status = (await live.wait_phase("Running")).status
    pod, url = status.pod_name or "", status.url or ""
    await live.execute(pod, "sh", "-c", f"cat > $HOME/app.py <<'END'\n{APPLICATION}\nEND\n")
    await live.execute(pod, "sh", "-c", "nohup python3 $HOME/app.py >/dev/null 2>&1 &")
    page = await browser.new_page()
    await sign_in(page, surroundings.url, password)
    preview = url.replace("://", "://3000--")
    await page.goto(f"{preview}go")
    await expect(page.get_by_text("/arrived")).to_be_visible()
    assert page.url == f"{preview}arrived"
    head = (await page.locator("body").inner_text()).lower()
    assert f"host: {preview.split('/')[2]}" in head
    for secret in ("dw-env", "dw-session", "code-server-session"):
        assert secret not in head, f"the application sees {secret}"
    answer = await page.goto(preview.replace("3000--", "3001--"))
    assert answer is not None
    assert answer.status >= 500
