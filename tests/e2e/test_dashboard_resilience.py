"""What a person sees when something around the dashboard breaks: the page says so, loses nothing that was typed, and
goes on without being loaded again.

Needs no installation. The server is a process of the test's own, which may be killed, with the fake API server behind
it, which may change its mind; the browser comes through a network that may be cut.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import NAMESPACES, PODS, ROLE_BINDINGS, ROLES
from tests.e2e.dashboard import Dashboard
from tests.e2e.relay import Relay, running_relay
from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.support import ADMIN, PASSWORD
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.ports import free_port

pytestmark = pytest.mark.e2e

CONNECT_AND_MANAGE = {("create", names.CONNECT_SUBRESOURCE), ("update", "")}


class World:
    """`shares`: whether the administrator may open and manage what is called `shared`."""

    def __init__(self, directory: Path, context: BrowserContext) -> None:
        self.shares = True
        self.api = FakeApiServer(authorize=self._may)
        self.relay: Relay
        self.process: Process
        self.dashboard: Dashboard
        self._directory = directory
        self._context = context
        self._processes = contextlib.AsyncExitStack()

    def _may(self, spec: Mapping[str, Any]) -> bool:
        asked = spec["resourceAttributes"]
        what = (asked["verb"], asked.get("subresource", ""))
        if asked.get("name") == "shared":
            return self.shares and what in CONNECT_AND_MANAGE
        return what == ("create", "")

    @property
    def page(self) -> Page:
        return self.dashboard.page

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        async with self.api, running_relay(free_port()) as self.relay, self._processes:
            put_record(self.api)
            self.api.put(NAMESPACES, {"metadata": {"name": "team"}})
            spec = {"displayName": "Python 3", "environment": {"image": "python:1"}}
            self.api.put(TEMPLATES, {"metadata": {"name": "python"}, "spec": spec})
            put_environment(self.api, "mine", owner=ADMIN, port=free_port())
            put_environment(self.api, "shared", owner="li.wei", port=free_port())
            self.share()
            await self.start()
            self.dashboard = Dashboard(await self._context.new_page(), url=f"http://localhost:{self.relay.port}")
            await self.dashboard.sign_in(PASSWORD)
            await self.page.evaluate("window.untouched = true")
            yield self
            assert await self.page.evaluate("window.untouched") is True, "the page was loaded anew"

    def share(self) -> None:
        """The role and the binding for one environment of somebody else."""
        resources = [f"{names.INSTANCE_PLURAL}/{names.CONNECT_SUBRESOURCE}", names.INSTANCE_PLURAL]
        rule = {
            "apiGroups": [names.GROUP],
            "resources": resources,
            "resourceNames": ["shared"],
            "verbs": ["create", "update"],
        }
        metadata = {"name": "share", "namespace": "team"}
        self.api.put(ROLES, {"metadata": metadata, "rules": [rule]})
        subject, role = {"kind": "User", "name": ADMIN}, {"kind": "Role", "name": "share"}
        self.api.put(ROLE_BINDINGS, {"metadata": metadata, "roleRef": role, "subjects": [subject]})

    def unshare(self) -> None:
        self.shares = False
        self.api.remove(ROLE_BINDINGS, Key("team", "share"))

    async def start(self) -> None:
        """A server, behind the same address as the one before."""
        url = f"http://localhost:{self.relay.port}"
        started = running_process(self._directory, self.api, public_url=url)
        self.process = await self._processes.enter_async_context(started)
        await self.process.ready()
        self.relay.target = self.process.config.listen_port

    async def kill(self) -> None:
        self.process.process.kill()
        await self.process.process.wait()

    def row(self, name: str) -> Any:
        return self.page.locator("tr[data-uid]").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def interruption(self, kind: str) -> Any:
        return self.page.locator(f"[data-interruption={kind}]")

    def alert(self, text: str) -> Any:
        return self.page.get_by_role("alert").filter(has_text=text).first

    async def begin_form(self, name: str) -> None:
        """Types into the form that creates, without loading a page."""
        await self.page.get_by_role("link", name="Create", exact=True).click()
        await self.page.get_by_text("Python 3").click()
        await self.page.get_by_role("textbox", name="Name").fill(name)
        await expect(self.page.get_by_text("The cluster accepts this.")).to_be_visible()

    async def finish_form(self, name: str) -> None:
        """What was typed is there, and the button does what it says."""
        await expect(self.page.get_by_role("textbox", name="Name")).to_have_value(name)
        await self.page.get_by_role("button", name="Create only").click()
        await expect(self.page.get_by_text(f"{name} is created.")).to_be_visible()
        assert self.api.get(INSTANCES, Key("team", name.lower())) is not None


@pytest.fixture
async def world(tmp_path: Path, browser: BrowserContext) -> AsyncIterator[World]:
    async with World(tmp_path, browser).running() as made:
        yield made


async def test_a_killed_server_that_comes_back(world: World) -> None:
    await world.begin_form("Payments")
    await world.kill()
    await expect(world.interruption("paused")).to_contain_text("Live updates paused")
    await world.page.get_by_role("button", name="Create only").click()
    await expect(world.alert("The server does not answer.")).to_be_visible()
    await world.start()
    await expect(world.interruption("paused")).to_have_count(0)
    await world.finish_form("Payments")


async def test_a_lost_connection_that_comes_back(world: World) -> None:
    await expect(world.row("mine")).to_be_visible()
    place = await world.row("mine").bounding_box()
    await world.relay.cut()
    await expect(world.interruption("paused")).to_contain_text("Live updates paused")
    assert await world.row("mine").bounding_box() == place, "the page moved under the pointer"
    world.api.set_status(INSTANCES, Key("team", "mine"), {"phase": "Stopped"})
    world.api.remove(PODS, Key("team", "mine-pod"))
    await expect(world.row("mine")).to_have_attribute("data-phase", "Running")
    await world.relay.restore()
    await expect(world.interruption("paused")).to_have_count(0)
    await expect(world.row("mine")).to_have_attribute("data-phase", "Stopped")


async def test_a_computer_without_a_network(world: World, browser: BrowserContext) -> None:
    await world.begin_form("Payments")
    await browser.set_offline(True)
    await expect(world.interruption("offline")).to_contain_text("You are offline")
    await world.page.get_by_role("button", name="Create only").click()
    await expect(world.alert("You are offline.")).to_be_visible()
    await browser.set_offline(False)
    await expect(world.interruption("offline")).to_have_count(0)
    await world.finish_form("Payments")


async def test_a_session_that_ends_and_begins_again_in_another_tab(world: World, browser: BrowserContext) -> None:
    await world.begin_form("Payments")
    await browser.clear_cookies()
    await world.page.get_by_role("textbox", name="Name").fill("Payments API")
    dialog = world.page.get_by_role("dialog", name="Your session has ended")
    await expect(dialog).to_be_visible()
    async with browser.expect_page() as opened:
        await dialog.get_by_role("link", name="Sign in again").click()
    other = await opened.value
    await other.locator("#username").fill(ADMIN)
    await other.locator("#password").fill(PASSWORD)
    await other.locator("#password").press("Enter")
    await expect(other.locator("main h1")).to_be_visible()
    await expect(dialog).to_have_count(0)
    await expect(world.page.get_by_role("textbox", name="Address")).to_have_value("payments-api")
    await world.page.get_by_role("textbox", name="Name").fill("Payments")
    await world.finish_form("Payments")


async def test_a_right_that_is_taken_away(world: World) -> None:
    await expect(world.row("shared")).to_be_visible()
    world.unshare()
    # A yes of the cluster counts for a quarter of a minute.
    address = f"{world.dashboard.url}/api/v1/namespaces/team/environments/shared"
    for _ in range(100):
        if (await world.page.request.get(address)).status == 404:
            break
        await world.page.wait_for_timeout(200)
    await world.row("shared").get_by_role("button", name="More actions").click()
    await world.page.get_by_role("menuitem", name="Stop", exact=True).click()
    await expect(world.alert("shared: ")).to_be_visible()
    await world.page.mouse.move(0, 0)
    await expect(world.row("shared")).to_have_count(0)
    await expect(world.row("mine")).to_be_visible()


async def test_an_environment_that_is_deleted_while_somebody_reads_about_it(world: World) -> None:
    await world.row("mine").get_by_role("link", name="mine", exact=True).click()
    await expect(world.page.get_by_role("heading", name="mine")).to_be_visible()
    world.api.remove(INSTANCES, Key("team", "mine"))
    await expect(world.page.get_by_text("This environment has been deleted")).to_be_visible()
    await expect(world.page.get_by_role("heading", name="mine")).to_be_visible()
    await expect(world.page.get_by_role("link", name="Open")).to_have_count(0)
    await world.page.get_by_role("link", name="Dev Environments").click()
    await expect(world.row("shared")).to_be_visible()
    await expect(world.row("mine")).to_have_count(0)
