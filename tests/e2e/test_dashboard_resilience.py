"""What a person sees when something around the dashboard breaks: the page says so, loses nothing that was typed, and
goes on without being loaded again.

Cluster, operator and pods are the installation's. The server is a process of the test's own, because it is killed, with
the account and the rights that the product ships; the browser comes through a network that may be cut.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.api import names
from devworkspace.core.access import Identity
from devworkspace.kube import config
from devworkspace.kube.client import Client
from devworkspace.server.sessions import CookieNames
from tests.attacks.scene import apply, sealing
from tests.cluster.serving import ServerProcess, granted
from tests.e2e.conftest import new_context, running_chromium
from tests.e2e.dashboard import Dashboard
from tests.support.environment import Surroundings
from tests.support.live import INSTANCES, Live, live_namespace
from tests.support.ports import free_port
from tests.support.relay import Relay, running_relay

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

# Nobody else owns anything under this name, so that her list has these environments only.
ADA = Identity(f"ada-{secrets.token_hex(3)}", ("system:authenticated",))
PASSWORD = secrets.token_urlsafe()


class World:
    """Ada may create environments; `mine` is hers, `shared` is Li Wei's, who lets her open and manage it."""

    def __init__(self, live: Live, server: ServerProcess, relay: Relay, browser: BrowserContext) -> None:
        self.live, self.server, self.relay, self.browser = live, server, relay, browser

    async def prepare(self) -> None:
        create = _rule(names.INSTANCE_PLURAL, verbs=["create"])
        connect = _rule(f"{names.INSTANCE_PLURAL}/{names.CONNECT_SUBRESOURCE}", verbs=["create"], only="shared")
        manage = _rule(names.INSTANCE_PLURAL, verbs=["update"], only="shared")
        apply(
            self.live.surroundings,
            *_grant(self.live.namespace, "create", create),
            *_grant(self.live.namespace, "share", connect, manage),
        )
        await self.live.create("mine", template="base", owner=ADA.name)
        await self.live.create("shared", template="base", owner="li.wei")
        await self.server.start()
        for name in ("mine", "shared"):
            await self.live.wait_phase("Running", name)


def _rule(resource: str, *, verbs: list[str], only: str | None = None) -> dict[str, Any]:
    names_only = {} if only is None else {"resourceNames": [only]}
    return {"apiGroups": [names.GROUP], "resources": [resource], "verbs": verbs, **names_only}


def _grant(namespace: str, name: str, *rules: dict[str, Any]) -> list[dict[str, Any]]:
    metadata, group = {"name": name, "namespace": namespace}, "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "User", "name": ADA.name, "apiGroup": group}],
    }
    return [role, binding]


class Visit:
    """One test's page, in a browser with cookies of its own."""

    def __init__(self, world: World, context: BrowserContext, dashboard: Dashboard) -> None:
        self.world, self.context, self.dashboard = world, context, dashboard

    @property
    def page(self) -> Page:
        return self.dashboard.page

    def row(self, name: str) -> Any:
        return self.page.locator("tr[data-uid]").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def interruption(self, kind: str) -> Any:
        return self.page.locator(f"[data-interruption={kind}]")

    def alert(self, text: str) -> Any:
        return self.page.get_by_role("alert").filter(has_text=text).first

    async def begin_form(self, name: str) -> None:
        """Types into the form that creates, without loading a page."""
        await self.page.get_by_role("link", name="Create", exact=True).click()
        await self.page.locator("[data-field=template]").get_by_text("Python with pip").click()
        await self.page.get_by_role("textbox", name="Name").fill(name)
        await expect(self.page.get_by_text("The cluster accepts this.")).to_be_visible()

    async def finish_form(self, name: str) -> None:
        """What was typed is there, and the button does what it says."""
        await expect(self.page.get_by_role("textbox", name="Name")).to_have_value(name)
        await self.page.get_by_role("button", name="Create only").click()
        await expect(self.page.get_by_text(f"{name} is created.")).to_be_visible()
        assert (await self.world.live.get(name.lower())).spec.owner == ADA.name


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(surroundings: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server, one Chromium and one set of environments for all tests here."""
    endpoint = config.from_kubeconfig(surroundings.kubeconfig)
    async with (
        Client(endpoint, field_manager="devworkspace-tests") as client,
        live_namespace(client, surroundings, f"test-{secrets.token_hex(3)}") as live,
        running_relay(free_port()) as relay,
        running_chromium() as browser,
    ):
        with granted(live):
            address = f"http://localhost:{relay.port}"
            directory = tmp_path_factory.mktemp("server")
            server = ServerProcess(live, directory, public_url=address, user=ADA.name, password=PASSWORD)
            relay.target = server.port
            world = World(live, server, relay, browser)
            try:
                await world.prepare()
                yield world
            finally:
                await server.end()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(world: World) -> AsyncIterator[Visit]:
    """Ada reads her list; the page must not be loaded a second time."""
    context = await new_context(world.browser)
    name, value = CookieNames.for_scheme(secure=False).session, sealing(world.server.key).issue(ADA)[0]
    await context.add_cookies([{"url": world.server.url, "name": name, "value": value, "httpOnly": True}])
    visit = Visit(world, context, Dashboard(await context.new_page(), url=world.server.url))
    await visit.dashboard.open("/envs")
    await visit.page.evaluate("window.untouched = true")
    yield visit
    assert await visit.page.evaluate("window.untouched") is True, "the page was loaded anew"
    await context.close()


async def test_a_killed_server_that_comes_back(visit: Visit) -> None:
    await visit.begin_form("Payments")
    await visit.world.server.kill()
    await expect(visit.interruption("paused")).to_contain_text("Live updates paused")
    await visit.page.get_by_role("button", name="Create only").click()
    await expect(visit.alert("The server does not answer.")).to_be_visible()
    await visit.world.server.start()
    await expect(visit.interruption("paused")).to_have_count(0)
    await visit.finish_form("Payments")


async def test_a_lost_connection_that_comes_back(visit: Visit) -> None:
    await visit.world.live.create("unseen", template="base", owner=ADA.name, running=False)
    await expect(visit.row("unseen")).to_be_visible()
    place = await visit.row("unseen").bounding_box()
    await visit.world.relay.cut()
    await expect(visit.interruption("paused")).to_contain_text("Live updates paused")
    assert await visit.row("unseen").bounding_box() == place, "the page moved under the pointer"
    await visit.world.live.delete("unseen")
    await visit.world.live.wait_gone(INSTANCES, "unseen")
    await expect(visit.row("unseen")).to_be_visible()
    await visit.world.relay.restore()
    await expect(visit.interruption("paused")).to_have_count(0)
    await expect(visit.row("unseen")).to_have_count(0)
    await expect(visit.row("mine")).to_have_attribute("data-phase", "Running")


async def test_a_computer_without_a_network(visit: Visit) -> None:
    await visit.begin_form("Orders")
    await visit.context.set_offline(True)
    await expect(visit.interruption("offline")).to_contain_text("You are offline")
    await visit.page.get_by_role("button", name="Create only").click()
    await expect(visit.alert("You are offline.")).to_be_visible()
    await visit.context.set_offline(False)
    await expect(visit.interruption("offline")).to_have_count(0)
    await visit.finish_form("Orders")


async def test_a_session_that_ends_and_begins_again_in_another_tab(visit: Visit) -> None:
    await visit.begin_form("Billing")
    await visit.context.clear_cookies()
    await visit.page.get_by_role("textbox", name="Name").fill("Billing API")
    dialog = visit.page.get_by_role("dialog", name="Your session has ended")
    await expect(dialog).to_be_visible()
    async with visit.context.expect_page() as opened:
        await dialog.get_by_role("link", name="Sign in again").click()
    other = await opened.value
    await other.locator("#username").fill(ADA.name)
    await other.locator("#password").fill(PASSWORD)
    await other.locator("#password").press("Enter")
    await expect(other.locator("main h1")).to_be_visible()
    await expect(dialog).to_have_count(0)
    await expect(visit.page.get_by_role("textbox", name="Address")).to_have_value("billing-api")
    await visit.page.get_by_role("textbox", name="Name").fill("Billing")
    await visit.finish_form("Billing")


async def test_a_right_that_is_taken_away(visit: Visit) -> None:
    await expect(visit.row("shared")).to_have_attribute("data-phase", "Running")
    place = f"--namespace={visit.world.live.namespace}"
    await asyncio.to_thread(visit.world.live.surroundings.run_kubectl, "delete", "rolebinding", "share", place)
    # A yes of the cluster counts for a quarter of a minute.
    address = f"{visit.dashboard.url}/api/v1/namespaces/{visit.world.live.namespace}/environments/shared"
    for _ in range(100):
        if (await visit.page.request.get(address)).status == 404:
            break
        await visit.page.wait_for_timeout(200)
    await visit.row("shared").get_by_role("button", name="More actions").click()
    await visit.page.get_by_role("menuitem", name="Stop", exact=True).click()
    # Whether the server has heard of its owner's work by now is a matter of time; the page asks first then.
    refused, asked = visit.alert("shared: "), visit.page.get_by_role("dialog").get_by_role("button", name="Stop")
    await expect(refused.or_(asked)).to_be_visible()
    if await asked.is_visible():
        await asked.click()
    await expect(refused).to_be_visible()
    await visit.page.mouse.move(0, 0)
    await expect(visit.row("shared")).to_have_count(0)
    await expect(visit.row("mine")).to_be_visible()
    assert (await visit.world.live.get("shared")).spec.running, "nothing was stopped"


async def test_an_environment_that_is_deleted_while_somebody_reads_about_it(visit: Visit) -> None:
    await visit.world.live.create("doomed", template="base", owner=ADA.name)
    await visit.world.live.wait_phase("Running", "doomed")
    await visit.row("doomed").get_by_role("link", name="doomed", exact=True).click()
    await expect(visit.page.get_by_role("heading", name="doomed")).to_be_visible()
    await expect(visit.page.get_by_role("link", name="Open")).to_be_visible()
    await visit.world.live.delete("doomed")
    await expect(visit.page.get_by_text("This environment has been deleted")).to_be_visible()
    await expect(visit.page.get_by_role("heading", name="doomed")).to_be_visible()
    await expect(visit.page.get_by_role("link", name="Open")).to_have_count(0)
    await visit.page.get_by_role("link", name="Dev Environments").click()
    await expect(visit.row("mine")).to_be_visible()
    await expect(visit.row("doomed")).to_have_count(0)
