"""What the dashboard's browser tests share: signing in, rows, axe, and a page that must not complain."""

from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, expect

AXE = Path("dashboard/node_modules/axe-core/axe.min.js")
# Without those that go on for ever, such as a loading bar's.
MOVEMENTS_END = """() => Promise.allSettled(document.getAnimations()
  .filter((movement) => Number.isFinite(movement.effect.getComputedTiming().endTime))
  .map((movement) => movement.finished))"""
AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Dashboard:
    """A signed-in page. `complaints` are the errors of its console, content policy included."""

    def __init__(self, page: Page, *, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)) if self._is_own(page.url) else None)

    def _note(self, message: ConsoleMessage) -> None:
        # A refused request is the test's own doing, and shows on the page.
        refused = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not refused and self._is_own(message.location["url"]):
            self.complaints.append(message.text)

    def _is_own(self, address: str) -> bool:
        """Of the dashboard and not of an editor that the same tab went to."""
        return (address or self.page.url).startswith(f"{self.url}/")

    async def sign_in(self, password: str, path: str = "/envs") -> None:
        await self.page.goto(self.url + path)
        await self.page.locator("#username").fill("admin")
        await self.page.locator("#password").fill(password)
        await self.page.locator("#password").press("Enter")
        await expect(self.page.locator("main h1")).to_be_visible()

    async def open(self, path: str) -> None:
        await self.page.goto(self.url + path)
        await expect(self.page.locator("main h1")).to_be_visible()
        await expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def row(self, uid: str) -> Locator:
        return self.page.locator(f"[data-uid='{uid}']")

    async def choose(self, uid: str, action: str) -> None:
        """An entry of a row's menu."""
        await self.row(uid).get_by_role("button", name="More actions").click()
        await self.page.get_by_role("menuitem", name=action, exact=True).click()

    async def find_barriers(self, *, within: str | None = None) -> list[str]:
        """What axe finds once nothing fades in any more: what is half transparent has too little contrast.

        `within` is a selector, None the page; what a menu happens to cover cannot be pressed before the menu is closed.
        """
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        await self.page.evaluate(MOVEMENTS_END)
        result: dict[str, Any] = await self.page.evaluate(
            "([within, rules]) => axe.run(within ?? document, {runOnly: rules})", [within, list(AXE_RULES)]
        )
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]


async def open_dashboard(context: BrowserContext, *, url: str, password: str, path: str = "/envs") -> Dashboard:
    dashboard = Dashboard(await context.new_page(), url=url)
    await dashboard.sign_in(password, path)
    return dashboard
