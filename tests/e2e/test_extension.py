"""Our extension in a console: the script that it loads, the page, the dashboard of a server process in its frame.

Needs no installation: console and ks-apiserver are stand-ins; browser, script, ReverseProxy and server are real.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, ConsoleMessage, Page, expect

from devworkspace.api import names
from devworkspace.kube.resource import NAMESPACES
from devworkspace.server.config import KubeSphereConfig
from tests.server.process import put_environment, put_record, running_process
from tests.server.support import running_pod
from tests.support.console import Console
from tests.support.fake_apiserver import FakeApiServer
from tests.support.kubesphere import HOST, PREFIX, KubeSphereStandIn, running_kubesphere
from tests.support.ports import free_port

pytestmark = pytest.mark.e2e

TITLES: Final = {"en": "Dev Environments", "zh": "云开发环境"}


class World(NamedTuple):
    console: Console
    kubesphere: KubeSphereStandIn
    page: Page
    complaints: list[str]

    async def open(self, path: str) -> None:
        await self.page.goto(self.kubesphere.url + path)

    async def see_dashboard(self, language: str, *, workspace: str = "") -> None:
        """The frame has the address that it should have, and what the server says is in it."""
        frame = self.page.get_by_title(TITLES[language])
        await expect(frame).to_be_visible()
        address = urlsplit(await frame.get_attribute("src") or "")
        assert address.path == f"{PREFIX}/envs"
        wanted = {"embed": "1", "lang": language, "theme": "light", **({"ws": workspace} if workspace else {})}
        assert dict(parse_qsl(address.query)) == wanted
        inside = frame.content_frame
        await expect(inside.get_by_role("heading", name=TITLES[language], exact=True)).to_be_visible()
        # On a workspace's page only what is in its projects.
        await expect(inside.locator("tr[data-phase=Running]")).to_have_count(1 if workspace else 2)
        await expect(inside.get_by_role("link", name="demo", exact=True)).to_be_visible()


async def show_editor(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="<h1>The editor</h1>", content_type="text/html")


@pytest.fixture
async def world(browser: BrowserContext, tmp_path: Path) -> AsyncIterator[World]:
    """A console whose user ada has an environment in each of two workspaces."""
    port, console = free_port(), Console()
    async with (
        FakeApiServer() as api,
        running_pod(show_editor) as pod,
        running_kubesphere(upstream=port, add_routes=console.add_routes) as kubesphere,
    ):
        put_record(api)
        for namespace, workspace, name in (("team", "demo", "demo"), ("other", "elsewhere", "other")):
            labels = {names.LABEL_KUBESPHERE_WORKSPACE: workspace}
            api.put(NAMESPACES, {"metadata": {"name": namespace, "labels": labels}})
            put_environment(api, name, owner="ada", port=pod.port, namespace=namespace)
        config = KubeSphereConfig(url=kubesphere.url, host=HOST)
        address = f"http://localhost:{port}"
        async with running_process(
            tmp_path, api, public_url=address, listen_port=port, kubesphere=config, admin_dir=None
        ) as process:
            await process.ready()
            cookie = {"name": "token", "value": kubesphere.add("ada"), "url": kubesphere.url}
            await browser.add_cookies([{**cookie, "httpOnly": True}])  # type: ignore[typeddict-item]
            page = await browser.new_page()
            complaints: list[str] = []

            def note(message: ConsoleMessage) -> None:
                if message.type in ("error", "warning"):
                    complaints.append(message.text)

            page.on("console", note)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield World(console, kubesphere, page, complaints)


@pytest.mark.parametrize("react", [17, 18])
async def test_menus_lead_to_the_dashboard_in_both_languages(world: World, react: int, pictures: Path) -> None:
    console, page = world.console, world.page
    console.react = react
    for language, title in TITLES.items():
        console.language = console.chosen = language
        await world.open("/")
        assert await page.evaluate("React.version.split('.')[0]") == str(react)
        entry = page.get_by_role("navigation", name="global").get_by_role("link", name=title)
        assert await entry.get_attribute("data-icon") == "terminal"
        await entry.click()
        await expect(page).to_have_url(f"{world.kubesphere.url}/devworkspace")
        await world.see_dashboard(language)
        await page.screenshot(path=pictures / f"console-{language}.png")

        await world.open("/workspaces/demo")
        await page.get_by_role("navigation", name="workspace").get_by_role("link", name=title).click()
        await expect(page).to_have_url(f"{world.kubesphere.url}/workspaces/demo/devworkspaces")
        await world.see_dashboard(language, workspace="demo")
    assert world.complaints == []


async def test_who_has_chosen_no_language_gets_the_console_s_and_then_the_browser_s(
    world: World, browser: BrowserContext
) -> None:
    await world.open("/devworkspace")
    await world.see_dashboard("en")
    await browser.add_cookies([{"name": "lang", "value": "zh", "url": world.kubesphere.url}])
    await world.page.reload()
    await world.see_dashboard("zh")


async def test_an_environment_opens_from_the_frame(world: World, browser: BrowserContext) -> None:
    await world.open("/devworkspace")
    inside = world.page.get_by_title(TITLES["en"]).content_frame
    async with browser.expect_page() as opened:
        await inside.get_by_role("link", name="Open").first.click()
    editor = await opened.value
    await expect(editor.get_by_role("heading", name="The editor")).to_be_visible()


async def test_the_page_says_what_is_wrong_and_tries_again(world: World) -> None:
    kubesphere, page = world.kubesphere, world.page
    port, kubesphere.upstream = kubesphere.upstream, f"http://127.0.0.1:{free_port()}"
    await world.open("/devworkspace")
    problem = page.get_by_role("alert")
    await expect(problem).to_contain_text("do not answer (502)")
    await expect(page.locator("iframe")).to_have_count(0)
    kubesphere.upstream = port
    await problem.get_by_role("button", name="Try Again").click()
    await world.see_dashboard("en")

    kubesphere.refusal = (403, "Forbidden")
    world.console.language = world.console.chosen = "zh"
    await world.open("/devworkspace")
    await expect(problem).to_contain_text("您无权打开此页面")

    kubesphere.refusal = (401, "Unauthorized")
    await problem.get_by_role("button", name="重试").click()
    await expect(problem).to_contain_text("控制台会话已过期")


async def test_who_may_not_ask_for_the_page_has_no_menu_entry(world: World) -> None:
    world.console.rules = {}
    await world.open("/")
    await expect(world.page.get_by_text("Welcome")).to_be_visible()
    await expect(world.page.get_by_role("navigation", name="global").get_by_role("link")).to_have_count(0)
