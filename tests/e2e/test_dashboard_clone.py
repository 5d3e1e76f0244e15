"""An environment from a Git repository, from a link to the question before its deletion; the clone is real."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext, expect

from tests.attacks.scene import apply
from tests.e2e.dashboard import Dashboard
from tests.support.live import Live

pytestmark = pytest.mark.e2e

PORT = 9000
SERVE = f"""set -e
git init -q -b main /tmp/work && cd /tmp/work
git config user.name Ada && git config user.email ada@example.com
echo hello > README.md && git add . && git commit -qm first
git clone -q --bare . /tmp/served/demo.git && git -C /tmp/served/demo.git update-server-info
exec python3 -m http.server {PORT} --directory /tmp/served
"""


def forge_pod(live: Live) -> dict[str, Any]:
    """Serves one repository as files, which Git can read."""
    container = {
        "name": "forge",
        "image": f"{live.surroundings.image_prefix}/python:0.1.0",
        "command": ["sh", "-c", SERVE],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/demo.git/info/refs", "port": PORT}, "periodSeconds": 1},
    }
    metadata = {"name": "forge", "namespace": live.namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def start_forge(live: Live) -> str:
    """The host of a Git server beside the environments."""
    apply(live.surroundings, forge_pod(live))
    place = f"--namespace={live.namespace}"
    live.surroundings.run_kubectl("wait", "pod/forge", place, "--for=condition=Ready", "--timeout=60s", timeout=65)
    ip = live.surroundings.run_kubectl("get", "pod", "forge", place, "--output=jsonpath={.status.podIP}")
    return f"{ip}:{PORT}"


async def test_a_link_with_a_repository_needs_trust_and_ends_in_its_folder(
    browser: BrowserContext, dashboard: Dashboard, live: Live
) -> None:
    host = start_forge(live)
    page = dashboard.page
    repository = quote(f"http://{host}/demo.git", safe="")
    await dashboard.open(f"/new?template=base&ns={live.namespace}&repo={repository}&branch=main")
    await expect(page.get_by_text(host, exact=True)).to_be_visible()
    await expect(page.get_by_role("textbox", name="Address", exact=True)).to_have_value(re.compile("^demo-"))
    trust = page.get_by_role("checkbox", name=f"I trust code from {host}")
    await page.get_by_role("button", name="Create only").click()
    await expect(trust).to_be_focused()
    assert await dashboard.find_barriers() == []
    await trust.check()
    name = await page.get_by_role("textbox", name="Address", exact=True).input_value()
    async with page.expect_response(re.compile("dryRun=false")) as answered:
        await page.get_by_role("button", name="Create and open").click()
    assert (await answered.value).status == 201, "nothing was made before"
    await expect(page.locator(".monaco-workbench")).to_be_visible()

    await dashboard.open(f"/envs/{live.namespace}/{name}")
    part = page.get_by_role("region", name="Git repository")
    await expect(part.get_by_text("Cloned", exact=True)).to_be_visible()
    await expect(part.get_by_text(re.compile("^everything is committed and pushed"))).to_be_visible()
    assert await dashboard.find_barriers() == []
    async with browser.expect_page() as opened:
        await page.get_by_role("link", name=re.compile("^Open")).first.click()
    editor = await opened.value
    await editor.wait_for_url(re.compile("folder=/home/dev/demo"))
    await expect(editor.get_by_role("treeitem", name="README.md")).to_be_visible()

    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text(re.compile(r"demo \(main\): everything is committed and pushed"))).to_be_visible()
    await dialog.get_by_role("button", name="Cancel").click()

    await dashboard.open(f"/new?template=base&ns={live.namespace}&repo={repository}")
    await expect(page.get_by_text("You already have an environment for this repository")).to_be_visible()
