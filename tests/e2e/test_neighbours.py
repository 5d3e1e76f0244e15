"""Pages of one environment against everything else in the same browser. Nothing is refused that its own page may do."""

import asyncio
import base64
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from devworkspace.api import names
from tests.attacks.scene import apply, instance
from tests.attacks.stage import ATTACKER_PORT, WITNESS_PORT, Stage

pytestmark = pytest.mark.e2e

_ATTACK = """async ([target, socketTarget]) => {
  const told = {}, credentials = 'include', address = target + '/attack';
  const attempt = async (name, work) => {
    const limit = new Promise(done => setTimeout(() => done('refused'), 3000));
    try { told[name] = await Promise.race([work(), limit]); } catch (error) { told[name] = 'refused'; }
  };
  const textOf = frame => {
    try { return frame.contentDocument.body.innerText || 'refused'; } catch { return 'refused'; } };
  const add = (tag, fields) => document.body.appendChild(Object.assign(document.createElement(tag), fields));
  const loaded = (tag, fields, success) => new Promise(done => add(tag, {
    onload: event => done(success(event.target)), onerror: () => done('refused'), ...fields }));
  const post = {method: 'POST', mode: 'no-cors', body: 'x', credentials};
  await Promise.all([
    attempt('read', async () => (await (await fetch(target + '/', {credentials})).text()).slice(0, 80) || 'empty'),
    attempt('read without rules', async () =>
      (await (await fetch(target + '/', {credentials, mode: 'no-cors'})).text()) || 'refused'),
    attempt('preflighted', async () => (await fetch(target + '/x', {method: 'DELETE', credentials})).status),
    attempt('post', async () => (await fetch(address, post)).status || 'refused'),
    attempt('beacon', async () => navigator.sendBeacon(address, 'x') && 'refused'),
    attempt('socket', () => new Promise(done => Object.assign(new WebSocket(socketTarget + '/attack'),
      {onopen: () => done('open'), onerror: () => done('refused')}))),
    attempt('form', () => new Promise(done => {
      const frame = add('iframe', {name: 'sink ' + target, onload: () => done(textOf(frame))});
      add('form', {method: 'POST', action: address, target: frame.name}).submit();
    })),
    attempt('frame', () => loaded('iframe', {src: address}, textOf)),
    attempt('image', () => loaded('img', {src: target + '/-/static/icon.svg'}, () => 'loaded')),
    attempt('script', () => loaded('script', {src: address}, () => 'refused')),
  ]);
  return told;
}"""


def sockets_of(origin: str) -> str:
    return "ws" + origin.removeprefix("http")


async def attack(page: Page, target: str) -> dict[str, Any]:
    told: dict[str, Any] = await page.evaluate(_ATTACK, [target, sockets_of(target)])
    return told


async def test_a_page_can_do_all_this_to_its_own_origin(browser: BrowserContext, stage: Stage) -> None:
    """The control: the attacks work where they may."""
    await stage.sign_in(browser)
    own = stage.scene.two.port_origin(WITNESS_PORT)
    page = await browser.new_page()
    await page.goto(f"{own}/")
    told = await attack(page, own)
    assert "secret of the witness" in told["read"]
    assert told["preflighted"] == told["post"] == 200
    assert told["socket"] == "open"
    assert "secret of the witness" in told["form"]
    assert "secret of the witness" in told["frame"]
    seen = [(one.method, one.path) for one in stage.seen(stage.scene.two)]
    assert seen.count(("POST", "/attack")) == 3, "by fetch, beacon and form"
    assert ("DELETE", "/x") in seen


@pytest.mark.parametrize("place", ["a port's page", "the editor's own origin"])
async def test_a_page_can_do_none_of_it_to_others(browser: BrowserContext, stage: Stage, place: str) -> None:
    await stage.sign_in(browser)
    scene = stage.scene
    before = {room.name: len(stage.seen(room)) for room in (scene.two, scene.bobs)}
    page = await browser.new_page()
    await page.goto(f"{stage.attacker}/" if place == "a port's page" else f"{scene.one.origin}/healthz")
    targets = dict(stage.targets)
    if place != "a port's page":
        del targets["the editor of the same environment"]
        targets["a port of the same environment"] = stage.attacker
    results = await asyncio.gather(*(attack(page, target) for target in targets.values()))
    for name, told in zip(targets, results, strict=True):
        assert {way: result for way, result in told.items() if result != "refused"} == {}, name
    assert await page.evaluate("document.body !== null"), "the page itself lives on"
    for room in (scene.two, scene.bobs):
        later = stage.seen(room)[before[room.name] :]
        # What a browser may send to anybody: plain reads whose answers it keeps from the page.
        assert [one for one in later if one.method != "GET" or "upgrade" in one.headers] == []


async def test_nobody_was_signed_out_and_nothing_restarted(browser: BrowserContext, stage: Stage) -> None:
    """Forms that do something, sent where they do it; then the same by the page that may."""
    await stage.sign_in(browser)
    scene = stage.scene
    page = await browser.new_page()
    await page.goto(f"{stage.attacker}/")
    send = """([address]) => new Promise(done => {
      const form = document.createElement('form'); form.method = 'POST'; form.action = address; form.target = 'sink';
      const frame = document.createElement('iframe'); frame.name = 'sink'; frame.onload = () => done('sent');
      document.body.append(frame, form); form.submit(); setTimeout(() => done('sent'), 3000); })"""
    environments = f"{scene.origin}/api/v1/namespaces/{scene.two.namespace}/environments/two"
    for address in (
        f"{scene.origin}/signout",
        f"{scene.origin}/signout-everywhere",
        f"{environments}/stop",
        f"{environments}/restart",
        f"{scene.two.origin}/-/restart",
    ):
        await page.evaluate(send, [address])
    answer = await page.goto(f"{environments}")
    assert answer is not None
    assert answer.status == 200, "still signed in"
    assert (await answer.json())["phase"] == "Running"
    found = scene.surroundings.run_kubectl(
        "get", "wsi", "two", f"--namespace={scene.two.namespace}", "--output=jsonpath={.metadata.annotations}"
    )
    assert "restart" not in found


async def test_windows_are_cut_off(browser: BrowserContext, stage: Stage) -> None:
    """A page that opens another of ours can neither look into it nor steer it; its own it can."""
    await stage.sign_in(browser)
    page = await browser.new_page()
    await page.goto(f"{stage.attacker}/")
    look = """async ([address]) => {
      const opened = window.open(address); let document = '';
      // An empty page is still its opener's; what it leads to takes a while.
      for (let tries = 0; tries < 300 && !opened.closed && document === ''; tries += 1) {
        await new Promise(done => setTimeout(done, 100));
        try { document = opened.document.title; } catch { document = 'refused'; }
      }
      await new Promise(done => setTimeout(done, 1500));
      const told = {closed: opened.closed, document}; opened.close(); return told; }"""
    assert (await page.evaluate(look, [f"{stage.attacker}/"]))["document"] == "attacker", "positive control"
    public = await page.evaluate(look, [f"{stage.scene.origin}/"])
    # Cross-Origin-Opener-Policy: the opener holds a window that seems closed.
    assert public["closed"] is True
    assert public["document"] in ("", "refused")
    for address in (stage.scene.two.origin, stage.scene.bobs.port_origin(WITNESS_PORT)):
        assert (await page.evaluate(look, [f"{address}/"]))["document"] == "refused"


async def test_cookies_cannot_be_tossed(browser: BrowserContext, stage: Stage) -> None:
    """By script, and by the answers of a program."""
    await stage.sign_in(browser)
    scene = stage.scene
    domain = scene.host.partition(":")[0]
    before = await keys(browser, stage)
    page = await browser.new_page()
    answer = await page.goto(f"{stage.attacker}/toss")
    assert answer is not None
    tossed = [*our_names(stage), "dw-session", "dw-env", "code-server-session"]
    await page.evaluate(
        """([names, domain]) => {
          const tails = ['', '; Secure', `; Domain=${domain}`, `; Domain=.${domain}; Secure`];
          for (const name of names) for (const tail of tails) for (const path of ['/', '/signin', '/-/', '/api'])
            document.cookie = `${name}=tossed; Path=${path}${tail}`;
        }""",
        [tossed, domain],
    )
    assert "theirs=fine" in await page.evaluate("document.cookie"), (
        "positive control: an application has its own cookies"
    )
    assert await keys(browser, stage) == before
    for target in (scene.two.origin, scene.two.port_origin(WITNESS_PORT), scene.bobs.origin):
        opened = await page.goto(f"{target}/healthz")
        assert opened is not None
        assert opened.status == 200, f"{target} is still open"
    me = await page.goto(f"{scene.origin}/api/v1/me")
    assert me is not None
    assert scene.alice.name in await me.text()
    await page.goto(f"{scene.two.port_origin(WITNESS_PORT)}/after-tossing")
    (seen,) = [one for one in stage.seen(scene.two) if one.path == "/after-tossing"][-1:]
    assert "tossed" not in seen.headers.get("cookie", "")


async def keys(browser: BrowserContext, stage: Stage) -> dict[str, list[tuple[str, str]]]:
    """The cookies that the browser would send to each of the others."""
    others = {name: origin for name, origin in stage.targets.items() if name != "the editor of the same environment"}
    found = {name: await browser.cookies(f"{origin}/") for name, origin in others.items()}
    return {
        name: sorted((one["name"], one["value"]) for one in cookies if one["name"] in our_names(stage))
        for name, cookies in found.items()
    }


def our_names(stage: Stage) -> tuple[str, ...]:
    cookies = stage.scene.cookies
    return cookies.session, cookies.environment, cookies.nonce


async def test_a_service_worker_stays_where_it_came_from(browser: BrowserContext, stage: Stage) -> None:
    """It may take over the port's origin that it was served by, and not the editor's through the editor's own proxy."""
    await stage.sign_in(browser)
    scene = stage.scene
    page = await browser.new_page()
    register = """async ([script]) => {
      try { await navigator.serviceWorker.register(script, {scope: '/'}); } catch (error) { return 'refused'; }
      await navigator.serviceWorker.ready; return 'registered'; }"""
    await page.goto(f"{stage.attacker}/")
    assert await page.evaluate(register, ["/sw.js"]) == "registered"
    await page.goto(f"{stage.attacker}/anything")
    await expect(page.locator("body")).to_have_text("HIJACKED")
    await page.goto(f"{scene.one.origin}/healthz")
    assert await page.evaluate(register, [f"/proxy/{ATTACKER_PORT}/sw.js"]) == "refused"
    for target in (scene.one.origin, scene.two.origin, scene.origin):
        answer = await page.goto(f"{target}/healthz" if target != scene.origin else f"{target}/-/healthz")
        assert answer is not None
        assert "HIJACKED" not in await answer.text()


@pytest.mark.parametrize("way", ["proxy", "absproxy", "resource"])
async def test_a_page_does_not_get_into_the_editor_s_origin(browser: BrowserContext, stage: Stage, way: str) -> None:
    """What is previewed, or lies in the project, is not the editor: a link to it there must not make it so."""
    await stage.sign_in(browser)
    scene = stage.scene
    hostile = "<script>document.title = 'pwned ' + location.origin</script><h1>hostile</h1>"
    scene.write(scene.one, "/home/dev/hostile.html", hostile)
    paths = {
        "proxy": f"/proxy/{ATTACKER_PORT}/",
        "absproxy": f"/absproxy/{ATTACKER_PORT}/",
        "resource": "/vscode-remote-resource?path=/home/dev/hostile.html",
    }
    page = await browser.new_page()
    await page.goto(f"{stage.attacker}/")
    await page.evaluate("address => { location.href = address; }", scene.one.origin + paths[way])
    await expect(page.get_by_role("heading")).to_have_text("hostile" if way == "resource" else "attacker")
    if way == "resource":
        assert await page.title() != f"pwned {scene.one.origin}"
        assert await page.evaluate("self.origin") == "null"
    else:
        assert await page.evaluate("self.origin") == stage.attacker


async def test_nothing_of_ours_is_where_scripts_can_read_it(browser: BrowserContext, stage: Stage) -> None:
    await stage.sign_in(browser)
    page = await browser.new_page()
    for origin, path in ((stage.scene.origin, "/"), (stage.scene.two.origin, "/"), (stage.attacker, "/")):
        await page.goto(origin + path)
        stored = await page.evaluate(
            "() => JSON.stringify([document.cookie, Object.entries(localStorage), Object.entries(sessionStorage)])"
        )
        for name in ("dw-session", "dw-env", "dw-nonce", "code-server-session"):
            assert name not in stored


async def test_what_people_write_is_shown_and_not_run(browser: BrowserContext, stage: Stage) -> None:
    """Names, descriptions and icons, in the lists and on the pages in front of an environment."""
    await stage.sign_in(browser)
    scene = stage.scene
    hostile = "<img src=x onerror=document.title='pwned'>"
    page = await browser.new_page()
    await page.goto(f"{stage.attacker}/")
    await page.evaluate("html => { document.body.innerHTML = html; }", hostile)
    await expect(page).to_have_title("pwned")  # the control: where it is not escaped, it runs
    script = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.document.title=1'/>").decode()
    name = f"{scene.alice.namespace}-hostile"
    template = {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.TEMPLATE_KIND,
        "metadata": {"name": name},
        "spec": {
            "displayName": hostile,
            "description": hostile,
            "icon": f"data:image/svg+xml;base64,{script}",
            "environment": {"image": scene.surroundings.base_image},
        },
    }
    stopped = instance(scene.alice, "hostile", template=name, displayName=hostile, description=hostile, running=False)
    apply(scene.surroundings, template)
    apply(scene.surroundings, stopped)
    try:
        for path in ("/", "/envs", f"/envs/{scene.alice.namespace}/hostile", "/new"):
            await page.goto(f"{scene.origin}{path}")
            # The list's filter offers the template under the same words, in an option that is not on the screen.
            await expect(page.get_by_text(hostile).filter(visible=True).first).to_be_visible()
            assert await page.title() not in ("pwned", "1"), path
        await page.goto(scene.one.origin.replace("//one--", "//hostile--"))
        await expect(page.get_by_role("button").first).to_be_visible()
        assert await page.title() not in ("pwned", "1")
    finally:
        kubectl = scene.surroundings.run_kubectl
        kubectl("delete", "wsi", "hostile", f"--namespace={scene.alice.namespace}")
        kubectl("annotate", "wst", name, f"{names.ANNOTATION_FORCE_DELETE}=true")
        kubectl("delete", "wst", name)
