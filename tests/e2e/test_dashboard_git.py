"""An environment from a Git repository in the dashboard: a link, the trust that it needs, and what is told afterwards.

Needs no installation: browser, dashboard and server are real, cluster and pod are those of the server's own tests.
"""

import re
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from playwright.async_api import BrowserContext, expect

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.server.dashboard.files import read_files
from tests.e2e.dashboard import Dashboard
from tests.server.cluster import Wired, wired
from tests.server.support import PASSWORD, make_pod, running_pod
from tests.server.test_api import MAY_CREATE
from tests.support.fake_apiserver import INSTANCES, FakeApiServer

pytestmark = pytest.mark.e2e

REPOSITORY = "https://git.example.com/team/demo.git"
LINK = f"/new?template=python&ns=team&repo={quote(REPOSITORY, safe='')}&branch=main"
STATE = {"state": "cloned", "asOf": 1_796_000_000, "branch": "main", "changedFiles": 2, "unpushedCommits": 1}


async def test_a_link_with_a_repository_needs_trust_and_its_work_is_told(
    browser: BrowserContext, tmp_path: Path
) -> None:
    async with wired(tmp_path, files=read_files()) as made, running_pod() as pod:
        made.server.catalogue.add("python")
        made.server.rbac.rights.add(MAY_CREATE)
        dashboard = Dashboard(await browser.new_page(), url=made.server.origin)
        await dashboard.sign_in(PASSWORD, LINK)
        name = await follow_the_link(dashboard, made.api)
        await start(made, name, port=pod.port)
        await look_at_the_list(dashboard, name)
        await look_at_the_work(dashboard, name)
        assert dashboard.complaints == []


async def follow_the_link(dashboard: Dashboard, api: FakeApiServer) -> str:
    """Nothing is made before the host is trusted; returns the name of what is made then."""
    page = dashboard.page
    await expect(page.get_by_text("git.example.com", exact=True)).to_be_visible()
    await expect(page.get_by_role("textbox", name="Address", exact=True)).to_have_value(re.compile("^demo-"))
    trust = page.get_by_role("checkbox", name="I trust code from git.example.com")
    create = page.get_by_role("button", name="Create only")
    await create.click()
    await expect(trust).to_be_focused()
    assert await dashboard.find_barriers() == []
    assert api.objects(INSTANCES) == []
    await trust.check()
    await create.click()
    await expect(page.get_by_text(re.compile("is created"))).to_be_visible()
    (made,) = api.objects(INSTANCES)
    assert made["spec"]["git"] == {"repository": REPOSITORY, "ref": "main"}
    return str(made["metadata"]["name"])


async def start(made: Wired, name: str, *, port: int) -> None:
    """What the watches tell of one that runs, and what its pod says of the repository."""
    told = {"phase": "Running", "podName": f"{name}-pod"}
    instance = msgspec.convert(made.api.set_status(INSTANCES, Key("team", name), told), WorkspaceInstance)
    made.server.table.on_instance(None, instance)
    made.server.table.on_pod(None, make_pod(instance, port))
    made.server.reports.files[instance.metadata.uid] = msgspec.json.encode(STATE)
    environment = made.server.table.find(f"{name}--team")
    assert environment is not None
    await made.server.rooms.repositories.ask(environment)


async def look_at_the_list(dashboard: Dashboard, name: str) -> None:
    """In the table and, where there is no room for it, on cards."""
    await dashboard.open("/envs")
    for role in ("row", "listitem"):
        environment = dashboard.page.get_by_role(role).filter(has=dashboard.page.get_by_role("link", name=name))
        await expect(environment.get_by_text("2 changed files, 1 commit not pushed")).to_be_visible()
        assert await dashboard.find_barriers() == []
        await dashboard.open("/envs?form=cards")


async def look_at_the_work(dashboard: Dashboard, name: str) -> None:
    """On the overview, and before the environment is deleted."""
    page = dashboard.page
    await dashboard.open(f"/envs/team/{name}")
    part = page.get_by_role("region", name="Git repository")
    await expect(part.get_by_text("Cloned", exact=True)).to_be_visible()
    await expect(part.get_by_text(re.compile("^2 changed files, 1 commit not pushed"))).to_be_visible()
    assert await dashboard.find_barriers() == []
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(re.compile(r"demo \(main\): 2 changed files"))).to_be_visible()
    assert await dashboard.find_barriers(within="[role=dialog]") == []
