"""The page that stands at an environment's address while it starts, in a real browser in front of a real server.

Needs no installation: a stand-in of the API server has the environment, whose phases the test tells.
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.api.instance import Phase, WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.server.environments import DoorPod
from tests.e2e.dashboard import Dashboard
from tests.server.cluster import Wired, pod_body, put, wired
from tests.server.support import PASSWORD, running_pod
from tests.support.fake_apiserver import INSTANCES

pytestmark = pytest.mark.e2e

# A tab that nobody looks at, and notices that can be counted.
HIDDEN = """() => {
  window.notices = [];
  window.Notification = class extends EventTarget {
    constructor(title, options) { super(); window.notices.push([title, options.body]); }
  };
  window.away = true;
  Object.defineProperty(document, "hidden", { get: () => window.away });
}"""
SEEN = "() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }"


async def show_editor(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="<h1>The editor</h1>", content_type="text/html")


async def say_something(pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
    yield b"\x1b[32mgreen\x1b[0m <b>zwei</b>\n"


def log(pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
    return say_something(pod, query)


class Scene:
    """An environment that starts, and the page at its address."""

    def __init__(self, made: Wired, instance: WorkspaceInstance, page: Page) -> None:
        self.server, self.api, self.page = made.server, made.api, page
        self.instance = instance

    def tell(self, phase: Phase, **status: Any) -> None:
        """What the watch would tell next."""
        told = {**msgspec.to_builtins(self.instance.status), "phase": phase, **status}
        stored = self.api.set_status(INSTANCES, self.instance.metadata.key, told)
        changed = msgspec.convert(stored, WorkspaceInstance)
        self.server.table.on_instance(self.instance, changed)
        self.instance = changed

    def is_wanted(self) -> bool:
        stored = self.api.get(INSTANCES, self.instance.metadata.key)
        assert stored is not None
        return bool(stored["spec"].get("running", True))

    async def open(self) -> None:
        await self.page.goto(f"{self.server.origin}/signin")
        await self.page.locator("#username").fill("admin")
        await self.page.locator("#password").fill(PASSWORD)
        await self.page.locator("#password").press("Enter")
        await expect(self.page.locator("#username")).to_have_count(0)
        await self.page.goto(f"{self.server.environment_origin()}/")
        await expect(self.page.get_by_role("heading", name="demo")).to_be_visible()


def begin(made: Wired, *, port: int, page: Page) -> Scene:
    made.api.log = log
    instance = put(made, phase="Provisioning", pod=False)
    body = pod_body(instance)
    body["spec"]["containers"][0]["ports"][0]["containerPort"] = port
    made.server.table.on_pod(None, msgspec.convert(body, DoorPod))
    return Scene(made, instance, page)


async def test_a_start_shows_its_output_and_tells_who_asked(browser: BrowserContext, tmp_path: Path) -> None:
    async with wired(tmp_path) as made, running_pod(show_editor) as pod:
        page = await browser.new_page()
        scene = begin(made, port=pod.port, page=page)
        await browser.grant_permissions(["notifications"], origin=made.server.environment_origin())
        await scene.open()
        output = page.locator("#log pre")
        await expect(output).to_be_hidden()
        await page.get_by_text("Log", exact=True).click()
        await expect(output).to_have_text("green <b>zwei</b>\n")
        assert await Dashboard(page, url=made.server.environment_origin()).find_barriers() == []

        await page.get_by_role("button", name="Tell me when it is ready").click()
        await expect(page.get_by_role("button", name="This browser will tell you")).to_be_visible()
        await page.evaluate(HIDDEN)
        scene.tell("Running")
        await expect(page).to_have_title("✓ Ready · demo: Starting")
        assert await page.evaluate("window.notices") == [["demo", "Ready"]]
        await expect(page.get_by_role("heading", name="The editor")).to_have_count(0)
        await page.evaluate(SEEN)
        await expect(page.get_by_role("heading", name="The editor")).to_be_visible()


async def test_a_start_is_cancelled_and_begun_again(browser: BrowserContext, tmp_path: Path) -> None:
    async with wired(tmp_path) as made, running_pod(show_editor) as pod:
        page = await browser.new_page()
        scene = begin(made, port=pod.port, page=page)
        await scene.open()
        cancel = page.get_by_role("button", name="Cancel start")
        assert scene.is_wanted()
        async with page.expect_response("**/-/cancel") as answered:
            await cancel.click()
        assert (await answered.value).status == 204
        assert not scene.is_wanted()
        scene.tell("Stopped")
        await expect(cancel).to_be_hidden()
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(cancel).to_be_visible()
        assert scene.is_wanted()

        scene.tell("Failed", message="The container ends again and again.")
        await expect(page.locator("#log pre")).to_have_text("green <b>zwei</b>\n")
        await expect(cancel).to_be_hidden()
