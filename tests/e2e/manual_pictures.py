"""The pictures of the manual in both languages, from a running installation; `docs/build.sh --pictures` calls it.

Three environments are made for them in a namespace of their own and removed afterwards.
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from playwright.async_api import Page, async_playwright, expect

from devworkspace.kube import config
from devworkspace.kube.client import Client
from tests.e2e.dashboard import open_dashboard
from tests.e2e.pictures import LANGUAGES, take
from tests.support.environment import find_surroundings
from tests.support.live import Live, live_namespace

OUT: Final = Path(__file__).parents[2] / "docs/site"
NAMESPACE: Final = "team-a"
PICTURES: Final = {
    "list": f"/envs?project={NAMESPACE}",
    "create": "/new",
    "environment": f"/envs/{NAMESPACE}/payments-api/overview",
}
# What the biggest picture may take of the repository.
MAX_BYTES: Final = 150_000


@contextlib.asynccontextmanager
async def shown() -> AsyncIterator[Live]:
    """Two environments that run and one that is stopped."""
    surroundings = find_surroundings()
    endpoint = config.from_kubeconfig(surroundings.kubeconfig)
    async with (
        Client(endpoint, field_manager="devworkspace-tests") as client,
        live_namespace(client, surroundings, NAMESPACE) as live,
    ):
        await live.create("payments-api", displayName="Payments API", owner="admin")
        await live.create("web-shop", template="nodejs", displayName="Web shop", owner="admin")
        await live.create("report", template="java", displayName="Monthly report", owner="admin", running=False)
        for name in ("payments-api", "web-shop"):
            await live.wait_ready(name)
        await live.wait_phase("Stopped", "report")
        yield live


async def choose_python(page: Page) -> None:
    """Ends when the server has found nothing to say against it."""
    await page.get_by_role("radio", name=re.compile("^Python 3")).check()
    await expect(page.get_by_text(re.compile("^(Checking|正在检查)"))).to_have_count(0, timeout=30_000)
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


async def take_all(*, url: str, password: str) -> None:
    """Writes each picture in each language; fails on one that is too big for the repository."""
    async with shown(), async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = (await open_dashboard(await browser.new_context(), url=url, password=password)).page
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await page.set_viewport_size({"width": 1200, "height": 720})
        for language in LANGUAGES:
            folder = OUT / language / "pictures"
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in PICTURES.items():
                address = f"{url}{path}{'&' if '?' in path else '?'}lang={language}"
                await take(page, address, folder / f"{name}.png", full_page=False)
                if name == "create":
                    # By hand, as a reader does: a link that fills the form in is told on the page.
                    await choose_python(page)
                    await page.screenshot(path=folder / f"{name}.png")
        await browser.close()
    sizes = {str(path.relative_to(OUT)): path.stat().st_size for path in sorted(OUT.rglob("*.png"))}
    print(json.dumps(sizes, indent=2))
    too_big = [name for name, size in sizes.items() if size > MAX_BYTES]
    if too_big:
        raise SystemExit(f"more than {MAX_BYTES} bytes: {', '.join(too_big)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(take_all(url=options.url, password=options.password_file.read_text(encoding="utf-8").strip()))


if __name__ == "__main__":
    main()
