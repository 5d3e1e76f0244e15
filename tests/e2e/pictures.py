"""Pictures of every page of the dashboard, to look at: each language, each colour scheme, three widths.

`python -m tests.e2e.pictures --password-file FILE [--url URL] [--out FOLDER]` against a running installation; an
environment that is there already is shown in its detail.
"""

import argparse
import asyncio
import shutil
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Page, async_playwright, expect

from tests.e2e.dashboard import open_dashboard

PAGES: Final = {
    "list": "/envs",
    "cards": "/envs?form=cards",
    "nothing-found": "/envs?q=zzzz",
    "create": "/new?template=python",
    "templates": "/templates",
    "template-form": "/templates/python/edit",
    "template-yaml": "/templates/-/new?from=python&view=yaml",
    "disks": "/disks",
    "missing": "/envs/none/none",
    "prefilled": "/new?template=python&name=Payments&dotfiles=x",
    "admin": "/admin",
    "settings": "/me",
}
TABS: Final = ("overview", "timeline", "events", "usage", "settings")
LANGUAGES: Final = ("en", "zh")
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WIDTHS: Final = (360, 768, 1440)


async def find_detail(page: Page, url: str) -> str | None:
    """The address of some environment's page."""
    answer = await page.request.get(f"{url}/api/v1/environments?limit=1")
    items = (await answer.json())["items"]
    return f"/envs/{items[0]['namespace']}/{items[0]['name']}" if items else None


async def take(page: Page, address: str, file: Path, *, full_page: bool = True) -> None:
    await page.goto(address)
    await expect(page.locator("main h1")).to_be_visible(timeout=30_000)
    await expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=30_000)
    await page.screenshot(path=file, full_page=full_page)


async def take_all(*, url: str, password: str, out: Path, widths: tuple[int, ...] = WIDTHS) -> int:
    """Writes the pictures into `out`; returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    async with async_playwright() as playwright:
        program = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        dashboard = await open_dashboard(await browser.new_context(), url=url, password=password)
        page = dashboard.page
        pages = dict(PAGES)
        if (detail := await find_detail(page, url)) is not None:
            pages |= {f"detail-{tab}": f"{detail}/{tab}" for tab in TABS}
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            for width in widths:
                await page.set_viewport_size({"width": width, "height": 900})
                for language in LANGUAGES:
                    for name, path in pages.items():
                        address = f"{url}{path}{'&' if '?' in path else '?'}lang={language}"
                        await take(page, address, out / f"{name}-{language}-{scheme}-{width}.png")
                        count += 1
        await browser.close()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8080")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(".local/test-results/pictures/dashboard"))
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="such as 320 and 3840")
    options = parser.parse_args()
    password = options.password_file.read_text(encoding="utf-8").strip()
    count = asyncio.run(take_all(url=options.url, password=password, out=options.out, widths=tuple(options.widths)))
    print(f"{count} pictures in {options.out}")


if __name__ == "__main__":
    main()
