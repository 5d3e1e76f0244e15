"""What a developer does in the browser, step by step; the same steps whatever the address looks like."""

import asyncio
import contextlib
import os
import re
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, FrameLocator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from tests.e2e.installation import kill_server, roll_out_server
from tests.support.environment import Surroundings
from tests.support.live import Live

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
    await see_workbench(editor)
    return editor


async def see_workbench(editor: Page) -> None:
    await expect(editor.locator(".monaco-workbench")).to_be_visible()
    await expect(editor.locator(".explorer-folders-view")).to_be_visible()


async def open_terminal(editor: Page) -> None:
    await editor.keyboard.press("Control+Backquote")
    # What is typed before the prompt is there is lost.
    await expect(editor.locator(".xterm-rows")).to_contain_text("$")


async def run_in_terminal(editor: Page, command: str) -> None:
    await editor.locator(".terminal-wrapper .xterm-screen").click()
    await editor.keyboard.type(command)
    await editor.keyboard.press("Enter")


async def wait_for_file(live: Live, pod: str, path: str, content: str, *, seconds: float = 60) -> None:
    found = ""
    for _ in range(int(seconds * 5)):
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


async def preview_markdown(editor: Page) -> FrameLocator:
    """The preview of the file that is being edited: a webview, which needs a service worker."""
    await editor.keyboard.press("Control+Shift+v")
    return editor.frame_locator("iframe.webview.ready").frame_locator("#active-frame")


async def follow_port(browser: BrowserContext, editor: Page, port: int) -> Page:
    """The tab that the editor's own list of ports opens; the panel is open.

    What listened before the editor came is not in the list by itself, and what begins to listen may be or not.
    """
    await editor.get_by_role("tab", name="Ports").click()
    await editor.get_by_role("button", name="Forward a Port").click()
    await editor.locator(".ports-view-actionbar-cell input:visible").fill(str(port))
    await editor.keyboard.press("Enter")
    link = editor.locator(".ports-view-actionbar-cell").get_by_text(re.compile(f"^http.*{port}"))
    async with browser.expect_page() as opened:
        await link.click(modifiers=["Control"])
    return await opened.value


# Listens on the loopback address, as development servers do. Its page finds its script and its data beside itself, and
# shows what the script read; `/go` redirects by an absolute path; every answer tries what one environment must not do.
APPLICATION = """
import http.server
PAGE = b"<!doctype html><title>preview</title><h1>Preview</h1><pre id=data></pre><script src=app.js></script>"
SCRIPT = b"fetch('data').then(r => r.text()).then(t => document.getElementById('data').textContent = t)"
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Service-Worker-Allowed", "/")
        for name, path in (("own", "/"), ("dw-session", "/"), ("dw-env", ALPHA), ("sess", ALPHA)):
            self.send_header("Set-Cookie", f"{name}=tossed; Path={path}")
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/go":
            self.send_response(302); self.send_header("Location", "/arrived"); self.end_headers()
        elif path.endswith(".js"):
            self.answer("text/javascript", SCRIPT if path == "/app.js" else b"")
        elif path == "/":
            self.answer("text/html", PAGE)
        else:
            self.answer("text/plain", (self.path + "\\n" + str(self.headers)).encode())
http.server.ThreadingHTTPServer(("127.0.0.1", 3000), Handler).serve_forever()
"""
SECRETS = ("dw-env", "dw-session", "code-server-session")


async def start_application(live: Live, pod: str, *, alpha: str = "/elsewhere/") -> None:
    """A web application on port 3000; `alpha` is the path of another environment, which it tries to reach."""
    program = APPLICATION.replace("ALPHA", repr(alpha))
    await live.execute(pod, "sh", "-c", f"cat > $HOME/app.py <<'END'\n{program}\nEND\n")
    await live.execute(pod, "sh", "-c", "nohup python3 $HOME/app.py >/dev/null 2>&1 &")
    # A page that comes before the program listens is an error page, and nothing loads it again.
    knock = "(exec 3<>/dev/tcp/127.0.0.1/3000) 2>/dev/null"
    await live.execute(pod, "bash", "-c", f"for n in {{1..300}}; do {knock} && exit; sleep 0.1; done; exit 1")


async def use_application(page: Page, preview: str) -> None:
    """Page, script and data of the application at `preview`, and its redirect; it sees nothing of ours."""
    await page.goto(preview)
    await expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    await expect(page.locator("#data")).to_contain_text("/data")
    await page.goto(f"{preview}go")
    await expect(page.get_by_text("/arrived")).to_be_visible()
    assert page.url == f"{preview}arrived"
    head = (await page.locator("body").inner_text()).lower()
    assert f"host: {preview.split('/')[2]}" in head
    for secret in SECRETS:
        assert secret not in head, f"the application sees {secret}"


async def let_it_sleep(editor: Page, live: Live, picture: Path) -> None:
    """Stops the environment behind an open tab, which must not wake it; a reload must."""
    await live.patch(running=False)
    await live.wait_phase("Stopped")
    # The editor dials its sockets again every few seconds meanwhile.
    await asyncio.sleep(STAY_ASLEEP_SECONDS)
    assert (await live.get()).spec.running is False
    assert (await live.get()).status.phase == "Stopped"

    await editor.reload(wait_until="commit")
    await expect(editor.locator(".steps")).to_be_visible()
    await editor.screenshot(path=picture)
    await see_workbench(editor)
    assert (await live.get()).spec.running is True


async def survive_restarts(editor: Page, live: Live, pod: str, surroundings: Surroundings) -> None:
    """The server is killed, then rolled out: the same page goes on, in the same terminal, and asks for nothing."""
    await editor.evaluate("window.untouched = true")
    await open_terminal(editor)
    await run_in_terminal(editor, "export ROUND=first; echo ready > round.txt")
    await wait_for_file(live, pod, "$HOME/round.txt", "ready")
    for disturb in (kill_server, roll_out_server):
        await asyncio.to_thread(disturb, surroundings)
        await run_in_terminal(editor, f"echo $ROUND {disturb.__name__} > round.txt")
        await wait_for_file(live, pod, "$HOME/round.txt", f"first {disturb.__name__}")
        await expect(editor.locator(".monaco-dialog-box")).to_have_count(0)
        assert await editor.evaluate("window.untouched") is True, "the page was loaded anew"


async def type_into_new_file(editor: Page, text: str) -> None:
    """Types as soon as there is something to type into: before the editor knows its keys, they are lost."""
    lines = editor.locator(".editor-instance .view-lines")
    while await lines.count() == 0:
        await editor.keyboard.press("Control+Alt+n")
        with contextlib.suppress(PlaywrightTimeoutError):
            await lines.wait_for(timeout=300)
    await editor.keyboard.type(text)
    await expect(lines).to_contain_text(text)
