"""The dashboard inside of KubeSphere's console: in a frame, below a prefix, with a token that a proxy adds, and without
any cookie of ours.

Needs no installation: a stand-in of the console runs here, with a page that frames us; the browser and our server are
real.
"""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Request, Response, expect

from devworkspace.server.config import KubeSphereConfig
from devworkspace.server.dashboard.files import read_files
from tests.server.support import make_instance, running_pod, running_server
from tests.support.kubesphere import HOST, PREFIX, running_kubesphere
from tests.support.ports import free_port

pytestmark = pytest.mark.e2e


async def show_editor(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="<h1>The editor</h1>", content_type="text/html")


class Witness:
    """What the frame has asked for and been told."""

    def __init__(self, context: BrowserContext, *, console: str) -> None:
        self.strangers: list[str] = []
        self.cookies: list[str] = []
        self._console = console
        context.on("request", self._note)
        context.on("response", self._look)

    def _note(self, request: Request) -> None:
        ours = request.url.startswith(f"{self._console}{PREFIX}/")
        if not ours and request.url != f"{self._console}/console":
            self.strangers.append(request.url)

    def _look(self, response: Response) -> None:
        if "set-cookie" in response.headers:
            self.cookies.append(response.url)


async def test_the_dashboard_lives_in_a_frame_below_a_prefix(
    browser: BrowserContext, tmp_path: Path, pictures: Path
) -> None:
    port = free_port()
    async with (
        running_kubesphere(upstream=port) as console,
        running_server(
            tmp_path,
            listen_port=port,
            public_url=f"http://localhost:{port}",
            kubesphere=KubeSphereConfig(url=console.url, host=HOST),
            admin_dir=None,
            files=read_files(),
        ) as server,
        running_pod(show_editor) as pod,
    ):
        server.add(pod.port, owner="ada")
        await browser.add_cookies([{"name": "token", "value": console.add("ada"), "url": console.url}])
        witness = Witness(browser, console=console.url)
        page = await browser.new_page()
        await page.goto(f"{console.url}/console")
        frame = page.frame_locator("iframe")
        row = frame.locator("tr[data-uid='uid-team-demo']")
        await expect(row).to_have_attribute("data-phase", "Running")
        await expect(frame.get_by_role("button", name="语言")).to_have_count(0)
        await expect(frame.get_by_role("heading", name="云开发环境")).to_be_visible()

        instance: Any = make_instance(owner="ada", phase="Failed", reason="OutOfMemory")
        server.table.on_instance(None, instance)
        await expect(row).to_have_attribute("data-phase", "Failed")
        server.add(pod.port, owner="ada")
        await expect(row).to_have_attribute("data-phase", "Running")
        await page.screenshot(path=pictures / "console-frame.png")

        await frame.get_by_role("link", name="环境模板").click()
        await expect(frame.get_by_role("heading", name="环境模板")).to_be_visible()
        await frame.get_by_role("link", name="云开发环境").click()
        await row.get_by_role("link", name="demo", exact=True).click()
        await expect(frame.get_by_role("heading", name="demo")).to_be_visible()
        assert witness.strangers == []
        assert witness.cookies == []

        async with browser.expect_page() as opened:
            await frame.get_by_role("link", name="打开").first.click()
        editor = await opened.value
        await expect(editor.get_by_role("heading", name="The editor")).to_be_visible()
        assert editor.url.startswith(server.environment_origin())
        assert await editor.evaluate("window.opener") is None


async def test_an_ended_session_of_the_console_is_told_in_the_frame(browser: BrowserContext, tmp_path: Path) -> None:
    port = free_port()
    async with (
        running_kubesphere(upstream=port) as console,
        running_server(
            tmp_path,
            listen_port=port,
            public_url=f"http://localhost:{port}",
            kubesphere=KubeSphereConfig(url=console.url, host=HOST),
            admin_dir=None,
            files=read_files(),
        ),
    ):
        await browser.add_cookies([{"name": "token", "value": "gone", "url": console.url}])
        page = await browser.new_page()
        await page.goto(f"{console.url}/console")
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_role("dialog", name="控制台会话已过期")).to_be_visible()
        await expect(frame.get_by_role("button", name="重新加载控制台").first).to_be_visible()
        await browser.add_cookies([{"name": "token", "value": console.add("ada"), "url": console.url}])
        await expect(frame.get_by_role("dialog")).to_have_count(0)
        await expect(frame.get_by_text("云开发环境是").first).to_be_visible()
