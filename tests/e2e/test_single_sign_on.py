"""A person of an identity provider, in a real Chromium: from the button into an environment, and out again.

Needs no installation: server and provider run here, and a small page stands for the editor. What is tried is what only
a browser does: cookies across the sites of the way, form and redirect rules, windows.
"""

from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, expect

from devworkspace.api import names
from devworkspace.server.dashboard.files import read_files
from devworkspace.server.signin.oidc.people import subject_of
from tests.server.oidc.conftest import patience, running_world
from tests.server.support import running_pod

__all__ = ["patience"]

pytestmark = pytest.mark.e2e


SIGN_OUT = """() => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = '/signout';
  document.body.append(form);
  form.submit();
}"""


async def show_editor(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"<h1>Editor at {request.raw_path}</h1>", content_type="text/html")


async def test_single_sign_on_leads_into_an_environment(
    browser: BrowserContext, tmp_path: Path, pictures: Path
) -> None:
    async with running_world(tmp_path, admin_dir=None, files=read_files()) as world, running_pod(show_editor) as pod:
        origin = world.server.origin
        account = subject_of(world.provider.issuer, "1001")
        world.server.add(pod.port, owner="oidc:ada", annotations={names.ANNOTATION_OWNER_SUBJECT: account})
        page = await browser.new_page()
        await page.goto(world.server.environment_origin() + "/some/file")
        await page.screenshot(path=pictures / "sign-in-provider.png")
        await expect(page.get_by_label("Password")).to_have_count(0)
        await page.get_by_role("link", name="Continue with Example Login").click()

        await page.locator("input[name=login]").fill("1001")
        await page.locator("input[name=password]").fill("any")
        await page.get_by_role("button", name="Sign-in").click()
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="Editor at /some/file")).to_be_visible()

        editor = await browser.new_page()
        await editor.goto(f"{origin}/-/open?env=demo--team")
        await expect(editor.get_by_role("heading", name="Editor at /")).to_be_visible()

        # What the dashboard's menu does, which need not be built here.
        await page.goto(f"{origin}/")
        await page.evaluate(SIGN_OUT)
        await expect(page.get_by_role("heading", name="You are signed out here")).to_be_visible()
        await page.screenshot(path=pictures / "signed-out-provider.png")
        await editor.reload()
        await expect(editor.get_by_role("link", name="Continue with Example Login")).to_be_visible()
        await page.get_by_role("link", name="Sign out of Example Login").click()
        await page.get_by_role("button", name="Yes").click()
        await expect(page).to_have_url(f"{origin}/signin")
        await page.get_by_role("link", name="Continue with Example Login").click()
        await expect(page.locator("input[name=password]")).to_be_visible()
