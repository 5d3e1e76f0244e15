"""Two environments of one person in one Chromium, below one host: what a page in `beta` tries on `alpha` and on us."""

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.steps import see_workbench, sign_in, start_application, use_application
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = [pytest.mark.e2e, pytest.mark.destructive, pytest.mark.alone]

REGISTER = """async (options) => {
  try { return (await navigator.serviceWorker.register('sw.js', options)).scope } catch (error) { return error.name }
}"""
FRAME = """async (address) => {
  const frame = document.createElement('iframe');
  frame.src = address;
  const loaded = new Promise((resolve) => { frame.onload = resolve });
  document.body.append(frame);
  await loaded;
  return frame.contentDocument?.title ?? 'out of reach';
}"""
WINDOW = """async (address) => {
  const opened = window.open(address);
  for (let tries = 0; tries < 600; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (opened.closed) return 'out of reach';
    try {
      if (opened.document.readyState === 'complete' && opened.location.href !== 'about:blank') return 'in reach';
    } catch {
      return 'out of reach';
    }
  }
  return 'nothing came';
}"""
POST = """async ([address, proof]) => {
  const headers = {'X-DevWorkspace-CSRF': proof};
  return (await fetch(address, {method: 'POST', headers})).status;
}"""
PROOF = "document.querySelector('meta[name=page-proof]').content"


@dataclass(frozen=True)
class Attack:
    """`page` shows what beta's application serves; `host` is the public address."""

    browser: BrowserContext
    page: Page
    live: Live
    host: str

    @property
    def alpha(self) -> str:
        return f"/w/{self.live.namespace}/alpha/"

    @property
    def beta(self) -> str:
        return f"/w/{self.live.namespace}/beta/proxy/3000/"

    @property
    def api(self) -> str:
        return f"/api/v1/namespaces/{self.live.namespace}/environments"

    async def run(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)


async def test_a_page_in_one_environment_takes_over_neither_the_host_nor_another_one(
    browser: BrowserContext, live: Live, path_mode: Surroundings, password: str
) -> None:
    for name, template in (("alpha", "base"), ("beta", "python")):
        await live.create(name, template=template, owner="admin")
    await live.create("foreign", template="base", owner="somebody.else", running=False)
    for name in ("alpha", "beta"):
        await live.wait_phase("Running", name)
    pod = (await live.get("beta")).status.pod_name or ""
    attack = Attack(browser, await browser.new_page(), live, path_mode.url)
    await start_application(live, pod, alpha=attack.alpha)
    home = await browser.new_page()
    await sign_in(home, path_mode.url, password)
    await home.goto(path_mode.url + attack.alpha)
    await see_workbench(home)
    await use_application(attack.page, path_mode.url + attack.beta)
    await attack.page.goto(path_mode.url + attack.beta)

    await toss_cookies(attack)
    await register_workers(attack)
    await hold_our_pages(attack)
    await change_things(attack, home)
    await leave_the_path(attack)
    await open_somebody_elses(attack)


async def toss_cookies(attack: Attack) -> None:
    """By header: nothing leaves beta's path. By script: nobody is let in, and nobody is locked out."""
    tossed = [cookie for cookie in await attack.browser.cookies() if cookie.get("value") == "tossed"]
    assert {cookie.get("name") for cookie in tossed} == {"own", "sess"}
    assert all(str(cookie.get("path")).startswith(attack.beta) for cookie in tossed)
    for cookie in ("dw-env=tossed", "dw-session=tossed"):
        await attack.run(f"document.cookie = '{cookie}; path={attack.alpha}'")
    held = [cookie for cookie in await attack.browser.cookies() if cookie.get("path") == attack.alpha]
    own = [cookie for cookie in held if cookie.get("name") == "dw-env"]
    assert [cookie.get("httpOnly") for cookie in own] == [True], "a script does not replace ours"
    await attack.run(f"document.cookie = 'dw-env=tossed; path={attack.alpha.rstrip('/')}'")
    answer = await attack.browser.request.get(attack.host + attack.alpha)
    assert answer.status == 200


async def register_workers(attack: Attack) -> None:
    """A service worker over `/` would answer in place of our sign-in page."""
    for scope in ("/", "/w/", attack.alpha, "/signin"):
        assert await attack.run(REGISTER, {"scope": scope}) == "SecurityError"
    assert await attack.run(REGISTER, {}) == attack.host + attack.beta, "positive control"


async def hold_our_pages(attack: Attack) -> None:
    """Neither a frame nor a window of ours is in reach of a page in an environment."""
    for page in ("/signin?lang=en", "/envs", "/envs?embed=1", "/signin?next=/new"):
        assert await attack.run(FRAME, page) == "out of reach", page
    assert await attack.run(FRAME, "./") == "preview", "positive control"
    assert await attack.run(WINDOW, "/envs") == "out of reach"
    assert await attack.run(WINDOW, "./") == "in reach", "positive control"


async def change_things(attack: Attack, home: Page) -> None:
    """Its requests carry the person's session, and change nothing."""
    address = f"{attack.api}/alpha/stop"
    assert await attack.run("async () => (await fetch('/api/v1/me')).status") == 200
    page = await attack.run("async () => (await fetch('/envs')).text()")
    assert 'name="page-proof" content=""' in page
    for proof in ("1", ""):
        assert await attack.run(POST, [address, proof]) == 403
    assert (await attack.live.get("alpha")).spec.running is True
    await home.goto(f"{attack.host}/envs")
    assert await home.evaluate(POST, [address, await home.evaluate(PROOF)]) == 204, "positive control"
    assert (await attack.live.get("alpha")).spec.running is False


async def leave_the_path(attack: Attack) -> None:
    request = attack.browser.request
    for path in ("..%2falpha/", "..%2f..%2f..%2f..%2fsignin", "x%5c..%5calpha/", "a//b", "%252e%252e/x"):
        assert (await request.get(f"{attack.host}{attack.beta}{path}")).status == 400, path
    assert (await request.get(f"{attack.host}{attack.beta}a%2fb")).status == 200, "positive control"


async def open_somebody_elses(attack: Attack) -> None:
    """An administrator sees and manages it, and does not get in."""
    seen = await attack.browser.request.get(f"{attack.host}{attack.api}/foreign")
    assert seen.status == 200
    allowed = (await seen.json())["allowed"]
    assert (allowed["open"]["allowed"], allowed["delete"]["allowed"]) == (False, True)
    answer = await attack.page.goto(f"{attack.host}/w/{attack.live.namespace}/foreign/")
    assert answer is not None
    assert answer.status == 404
    await expect(attack.page.get_by_text("does not exist or is not shared")).to_be_visible()
