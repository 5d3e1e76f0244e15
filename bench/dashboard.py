"""How fast the dashboard is in a real Chromium, on a real server, with thousands of real environments.

    .local/venv/bin/python -m bench.dashboard MEASUREMENT... --url URL --password-file FILE --kubeconfig FILE
        list      first sight, filter, page, a change of the cluster on the screen
        pages     LCP, CLS and INP of list, create and detail
        cursor    from signing in to typed text in a new environment; with --pool from a warm pool of so many
        remove    deletes the environments, which are kept for the next call otherwise

The environments are stopped ones in namespaces of their own, made where they are missing.
"""

import argparse
import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from playwright.async_api import CDPSession, Page, Request
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from tests.e2e.conftest import running_chromium
from tests.e2e.dashboard import Dashboard
from tests.e2e.steps import type_into_new_file

from bench.figures import Figure, header, median, table
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.api.template import PoolSize, WorkspaceTemplate
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import config
from devworkspace.kube.client import Client
from devworkspace.kube.errors import AlreadyExists, NotFound
from devworkspace.kube.resource import NAMESPACES

NAMESPACE: Final = "bench-dashboard-{number}"
TEMPLATE: Final = "python"
_AT_ONCE: Final = 20
# What the page itself sees, from its first moment on.
_WITNESS: Final = """
window.bench = { lcp: 0, cls: 0, shifts: [], inp: 0, input: 0, rows: 0 };
const watch = (type, note, more = {}) =>
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, ...more });
watch("largest-contentful-paint", (entry) => { bench.lcp = entry.startTime; });
watch("layout-shift", (entry) => {
  if (!entry.hadRecentInput) {
    bench.cls += entry.value;
    bench.shifts.push(...entry.sources.map(({ node }) => `${node?.nodeName}.${node?.className}`));
  }
});
watch("event", (entry) => { if (entry.interactionId) bench.inp = Math.max(bench.inp, entry.duration); },
  { durationThreshold: 16 });
for (const type of ["keydown", "pointerup"]) {
  addEventListener(type, (event) => { bench.input = event.timeStamp; }, true);
}
new MutationObserver((_, observer) => {
  if (document.querySelector("tr[data-uid]")) {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { bench.rows = performance.now(); }));
  }
}).observe(document, { childList: true, subtree: true });
"""


class Anything(Struct, frozen=True):
    metadata: ObjectMeta


@dataclass(frozen=True)
class Bench:
    url: str
    password: str
    client: Client
    environments: int
    namespaces: int
    rounds: int
    pool: int

    def key(self, number: int) -> Key:
        return Key(NAMESPACE.format(number=number % self.namespaces), f"env-{number}")


async def fill(bench: Bench) -> None:
    """Makes what is missing, and waits until the operator has looked at all of it."""
    for number in range(bench.namespaces):
        name = NAMESPACE.format(number=number)
        try:
            await bench.client.create(NAMESPACES, {"metadata": {"name": name}}, Anything)
        except AlreadyExists:
            continue
    there = {instance.metadata.key for instance in await _instances(bench)}
    missing = [number for number in range(bench.environments) if bench.key(number) not in there]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def make(number: int) -> None:
        key = bench.key(number)
        spec = {
            "templateRef": TEMPLATE,
            "displayName": f"Environment {number:04}",
            "owner": f"person-{number % 50}",
            "running": False,
        }
        async with turn:
            body = {"metadata": {"name": key.name, "namespace": key.namespace}, "spec": spec}
            await bench.client.create(INSTANCES, body, WorkspaceInstance)

    await asyncio.gather(*(make(number) for number in missing))
    async with asyncio.timeout(900):
        while any(instance.status.phase != "Stopped" for instance in await _instances(bench)):
            await asyncio.sleep(2)


async def remove(bench: Bench) -> None:
    for number in range(bench.namespaces):
        key = Key("", NAMESPACE.format(number=number))
        try:
            made = await bench.client.get(NAMESPACES, key, Anything)
            await bench.client.delete(NAMESPACES, key, uid=made.metadata.uid)
        except NotFound:
            continue


async def _instances(bench: Bench) -> list[WorkspaceInstance]:
    found = (await bench.client.list(INSTANCES, WorkspaceInstance)).items
    prefix = NAMESPACE.format(number="")
    return [instance for instance in found if instance.metadata.namespace.startswith(prefix)]


async def measure_list(bench: Bench) -> list[Figure]:
    async with running_chromium() as chromium:
        await chromium.add_init_script(_WITNESS)
        dashboard = Dashboard(await chromium.new_page(), url=bench.url)
        await dashboard.sign_in(bench.password)
        page = dashboard.page
        await _first_rows(page)
        session = await chromium.new_cdp_session(page)
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        seen, filtered, turned = [], [], []
        worked: dict[str, list[float]] = {"first sight": [], "filter": [], "page change": []}
        for _ in range(bench.rounds):
            await page.goto(f"{bench.url}/envs")
            seen.append(await _first_rows(page))
            worked["first sight"].append(await _processor(session))
            for letter in "07":
                before = await _processor(session)
                filtered.append(await _filter(page, letter))
                worked["filter"].append(await _processor(session) - before)
            await page.goto(f"{bench.url}/envs")
            await _first_rows(page)
            for _ in range(3):
                before = await _processor(session)
                turned.append(await _turn(page))
                worked["page change"].append(await _processor(session) - before)
        sent, answered = await _change_rows(bench, page)
    of = f"of {bench.environments}"
    return [
        Figure(name="list usable after navigation, median", value=median(seen), unit="ms", bar=1000, note=of),
        Figure(name="filter, median", value=median(filtered), unit="ms", bar=100),
        Figure(name="filter, worst", value=max(filtered), unit="ms"),
        Figure(name="page change, median", value=median(turned), unit="ms", bar=500),
        Figure(name="page change, worst", value=max(turned), unit="ms"),
        Figure(name="row on screen after the change was sent, median", value=median(sent), unit="ms", bar=300),
        Figure(name="row on screen after the change was sent, worst", value=max(sent), unit="ms"),
        Figure(name="row on screen after the cluster had it, median", value=median(answered), unit="ms"),
        *(
            Figure(name=f"processor time of the page, {name}, median", value=median(values), unit="ms")
            for name, values in worked.items()
        ),
    ]


async def _until(page: Page, value: str, argument: Any = None) -> float:
    """What a JavaScript function of the argument returns as soon as that is true, looked at before each frame.

    Playwright's own way of waiting evaluates text in the page, which its content policy refuses.
    """
    look = "const look = () => { const found = value(argument); found ? resolve(found) : requestAnimationFrame(look); }"
    script = f"(argument) => new Promise((resolve) => {{ const value = {value}; {look}; look(); }})"
    return float(await page.evaluate(script, argument))


async def _processor(session: CDPSession) -> float:
    """Milliseconds that the page's main thread has worked, which other work on the machine does not lengthen."""
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return next(1000 * float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


async def _first_rows(page: Page) -> float:
    return await _until(page, "() => bench.rows")


async def _filter(page: Page, letter: str) -> float:
    """Milliseconds from a key in the search to the rows that fit."""
    await page.locator("input[type=search]").focus()
    before = await page.locator("caption").text_content()
    await page.keyboard.press(letter)
    changed = "(before) => document.querySelector('caption').textContent !== before && performance.now() - bench.input"
    return await _until(page, changed, before)


async def _turn(page: Page) -> float:
    """Milliseconds from a click on "next page" to its rows."""
    first = await page.locator("tr[data-uid]").first.get_attribute("data-uid")
    await page.get_by_role("button", name="Next page").click()
    rows = "document.querySelector('tr[data-uid]').dataset.uid"
    return await _until(page, f"(first) => {rows} !== first && performance.now() - bench.input", first)


async def _change_rows(bench: Bench, page: Page, *, count: int = 20) -> tuple[list[float], list[float]]:
    """Milliseconds from a change of an object to its row, since the request was sent and since it was answered."""
    await page.goto(f"{bench.url}/envs?sort=name&project={NAMESPACE.format(number=0)}")
    await _first_rows(page)
    await page.mouse.move(0, 0)
    sent, answered = [], []
    for number in range(count):
        text = f"Environment 0000 {time.time_ns()}"
        shown = "(text) => document.querySelector('tbody').textContent.includes(text) && Date.now()"
        waiting = asyncio.ensure_future(_until(page, shown, text))
        await asyncio.sleep(0.3)
        began = time.time()
        await bench.client.merge_patch(INSTANCES, bench.key(0), {"spec": {"displayName": text}}, WorkspaceInstance)
        written = time.time()
        at = await waiting
        sent.append(at - 1000 * began)
        answered.append(max(0.0, at - 1000 * written))
        await asyncio.sleep(0.1 * (number % 5))
    return sent, answered


async def measure_pages(bench: Bench) -> list[Figure]:
    key = bench.key(1)
    visits: dict[str, tuple[str, Callable[[Page], Awaitable[None]]]] = {
        "list": ("/envs", _use_list),
        "create": (f"/new?template={TEMPLATE}", _use_create),
        "detail": (f"/envs/{key.namespace}/{key.name}", _use_detail),
    }
    figures = []
    async with running_chromium() as chromium:
        await chromium.add_init_script(_WITNESS)
        dashboard = Dashboard(await chromium.new_page(), url=bench.url)
        await dashboard.sign_in(bench.password)
        for name, (path, use) in visits.items():
            found: list[dict[str, Any]] = []
            for _ in range(bench.rounds):
                await dashboard.open(path)
                await asyncio.sleep(0.5)
                await use(dashboard.page)
                await asyncio.sleep(0.5)
                found.append(await dashboard.page.evaluate("bench"))
            shifts = {shift for visit in found for shift in visit["shifts"]}
            print(f"{name}: what shifted: {sorted(shifts) or 'nothing'}", flush=True)
            for what, bar, unit in (("lcp", 2500, "ms"), ("cls", 0.1, ""), ("inp", 200, "ms")):
                worst = max(float(visit[what]) for visit in found)
                figures.append(Figure(name=f"{name}: {what.upper()}, worst", value=worst, unit=unit, bar=bar))
    return figures


async def _use_list(page: Page) -> None:
    await page.get_by_role("combobox", name="Per page").select_option("100")
    await page.get_by_role("button", name="Next page").click()
    await page.get_by_role("button", name="Name", exact=True).click()
    await page.locator("tr[data-uid]").first.get_by_role("button", name="More actions").click()
    await page.keyboard.press("Escape")
    await page.locator("input[type=search]").focus()
    await page.keyboard.type("env-1", delay=80)


async def _use_create(page: Page) -> None:
    await page.get_by_role("textbox").first.focus()
    await page.keyboard.type("Payments", delay=80)
    await page.get_by_text("Exact numbers").click()


async def _use_detail(page: Page) -> None:
    for tab in ("Timeline", "Overview"):
        await page.get_by_role("link", name=tab).click()


async def measure_cursor(bench: Bench) -> list[Figure]:
    """From the click on "Sign in" to text in a file of a new environment, with every click at once."""
    namespace = NAMESPACE.format(number=0)
    steps: dict[str, list[float]] = {}
    async with _warm_pool(bench, namespace) as full:
        for number in range(bench.rounds):
            await full()
            async with running_chromium() as chromium:
                page = await chromium.new_page()
                if number == bench.rounds - 1:
                    page.on("requestfinished", _tell)
                for name, seconds in (await _first_steps(bench, page, namespace)).items():
                    steps.setdefault(name, []).append(seconds)
            for instance in await _instances(bench):
                if instance.spec.running:
                    await bench.client.delete(INSTANCES, instance.metadata.key, uid=instance.metadata.uid)
    return [
        Figure(name=name, value=median(values), unit="s", bar=5 if name.startswith("sign-in →") else None,
               note=f"median of {len(values)}, worst {max(values):.1f}")
        for name, values in steps.items()
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def _warm_pool(bench: Bench, namespace: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Gives the template a pool meanwhile, if one is asked for; yields what waits until it is full and all is quiet."""
    key = Key("", TEMPLATE)

    async def resize(sizes: Sequence[PoolSize]) -> None:
        patch = {"spec": {"warmPool": {"perNamespace": msgspec.to_builtins(sizes)}}}
        await bench.client.merge_patch(TEMPLATES, key, patch, WorkspaceTemplate)

    async def full() -> None:
        async with asyncio.timeout(120):
            while bench.pool:
                pools = (await bench.client.get(TEMPLATES, key, WorkspaceTemplate)).status.pools
                if any(pool.namespace == namespace and pool.ready == bench.pool for pool in pools):
                    break
                await asyncio.sleep(0.5)
        # What was deleted before is gone by then.
        await asyncio.sleep(5)

    if not bench.pool:
        yield full
        return
    before = (await bench.client.get(TEMPLATES, key, WorkspaceTemplate)).spec.warm_pool.per_namespace
    await resize([PoolSize(namespace, bench.pool)])
    try:
        yield full
    finally:
        await resize(before)


def _tell(request: Request) -> None:
    timing = request.timing
    if request.is_navigation_request() or "/api/" in request.url or timing["responseEnd"] > 300:
        print(f"  {request.method} {request.url[:100]}: {timing['responseEnd']:.0f} ms", flush=True)


@contextlib.asynccontextmanager
async def _naming_the_page(page: Page) -> AsyncIterator[None]:
    """What does not come says where the way ended instead, and in which words."""
    try:
        yield
    except PlaywrightTimeoutError as error:
        raise SystemExit(f"no editor, but {page.url}: {await page.locator('body').inner_text()}") from error


async def _first_steps(bench: Bench, page: Page, namespace: str) -> dict[str, float]:
    """Seconds of each step and of all: three clicks after the sign-in."""
    await page.goto(f"{bench.url}/envs")
    await page.evaluate("project => localStorage.setItem('dw-project', project)", namespace)
    await page.locator("#username").fill("admin")
    await page.locator("#password").fill(bench.password)
    times = {"start": time.monotonic()}
    await page.locator("#password").press("Enter")
    await page.get_by_role("link", name="Create", exact=True).click()
    times["list"] = time.monotonic()
    await page.locator("[data-field=template]").get_by_text("Python with pip").click()
    times["form"] = time.monotonic()
    await page.get_by_role("button", name="Create and open").click()
    times["asked"] = time.monotonic()
    async with _naming_the_page(page):
        await page.wait_for_url(lambda url: not url.startswith(f"{bench.url}/"), wait_until="commit")
        times["left"] = time.monotonic()
        await page.locator(".monaco-workbench").wait_for()
        times["workbench"] = time.monotonic()
        await type_into_new_file(page, "hello")
    times["typed"] = time.monotonic()
    lasted = {f"{one} → {other}": times[other] - times[one] for one, other in itertools.pairwise(times)}
    return {**lasted, "sign-in → typed text": times["typed"] - times["start"]}


_MEASUREMENTS: Final[dict[str, Callable[[Bench], Awaitable[list[Figure]]]]] = {
    "list": measure_list,
    "pages": measure_pages,
    "cursor": measure_cursor,
}


async def run(bench: Bench, wanted: Sequence[str]) -> int:
    if "remove" in wanted:
        await remove(bench)
        return 0
    await fill(bench)
    figures: list[Figure] = []
    for name in wanted:
        print(f"\n{name} …", flush=True)
        found = await _MEASUREMENTS[name](bench)
        print(table(found), flush=True)
        figures += found
    print(f"\n{header()}\n\n{table(figures)}")
    return int(not all(figure.passed for figure in figures))


async def main() -> int:
    """Returns 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurements", nargs="+", choices=[*_MEASUREMENTS, "remove"])
    parser.add_argument("--url", default="http://localhost:8080")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--environments", type=int, default=2000)
    parser.add_argument("--namespaces", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pool", type=int, default=0)
    chosen = parser.parse_args()
    endpoint = config.from_kubeconfig(chosen.kubeconfig)
    async with Client(endpoint, field_manager="devworkspace-bench", silence=300) as client:
        bench = Bench(
            url=chosen.url,
            password=chosen.password_file.read_text(encoding="utf-8").strip(),
            client=client,
            environments=chosen.environments,
            namespaces=chosen.namespaces,
            rounds=chosen.rounds,
            pool=chosen.pool,
        )
        return await run(bench, chosen.measurements)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
