"""The dashboard in several tabs of one browser, and with many environments chosen at once."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page, Request, expect

from tests.e2e.dashboard import Dashboard, open_dashboard
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.e2e

# Two more than the connections that a browser opens to a server that speaks HTTP/1.1.
TABS = 8


@pytest.fixture
async def streams(browser: BrowserContext) -> list[Request]:
    """The requests for a stream, of all tabs."""
    found: list[Request] = []

    def note(request: Request) -> None:
        if "/environments/stream" in request.url:
            found.append(request)

    browser.on("request", note)
    return found


@pytest.fixture
async def tabs(
    browser: BrowserContext, streams: list[Request], surroundings: Surroundings, password: str
) -> AsyncIterator[list[Dashboard]]:
    opened = [await open_dashboard(browser, url=surroundings.url, password=password)]
    for _ in range(TABS - 1):
        opened.append(Dashboard(await browser.new_page(), url=surroundings.url))
        await opened[-1].open("/envs")
    yield opened
    assert [complaint for tab in opened for complaint in tab.complaints] == []


def page_of(request: Request) -> Page:
    return request.frame.page


async def test_eight_tabs_share_one_stream_and_one_session(
    tabs: list[Dashboard], streams: list[Request], live: Live, password: str
) -> None:
    instance = await live.create(running=False, displayName="first")
    uid = instance.metadata.uid
    for tab in tabs:
        await expect(tab.row(uid)).to_contain_text("first")
    assert len(streams) == 1

    leader = page_of(streams[0])
    await leader.close()
    rest = [tab for tab in tabs if tab.page is not leader]
    assert len(rest) == TABS - 1
    await live.patch(displayName="second")
    for tab in rest:
        await expect(tab.row(uid)).to_contain_text("second")
    assert len(streams) == 2
    assert "since=" in streams[1].url, "it goes on where the first one was"

    one, others = rest[0], rest[1:]
    await one.page.get_by_role("button", name="Account of admin").click()
    await one.page.get_by_role("menuitem", name="Sign out", exact=True).click()
    ended = "Your session has ended"
    for tab in others:
        await expect(tab.page.get_by_role("dialog", name=ended)).to_be_visible()
        await expect(tab.row(uid), "what was there stays").to_have_count(1)
    await one.sign_in(password)
    for tab in others:
        await expect(tab.page.get_by_role("dialog", name=ended)).to_have_count(0)
    await live.patch(displayName="third")
    for tab in (one, *others):
        await expect(tab.row(uid)).to_contain_text("third")


async def test_a_mixed_selection_is_stopped_where_that_fits(
    browser: BrowserContext, surroundings: Surroundings, password: str, live: Live
) -> None:
    await live.create("runs", template="base", owner="admin")
    await live.create("stands", template="base", owner="admin", running=False)
    dashboard = await open_dashboard(
        browser, url=surroundings.url, password=password, path=f"/envs?project={live.namespace}&sort=-name"
    )
    page = dashboard.page
    names = page.locator("tbody th")
    await expect(names).to_have_text(["stands", "runs"])
    await page.reload()
    await expect(names).to_have_text(["stands", "runs"])
    await expect(page.locator("tr[data-phase=Running]")).to_have_count(1)
    await page.get_by_role("checkbox", name="Select all on this page").check()
    await page.get_by_role("button", name="Stop 1 of 2").click()
    results = page.get_by_role("region", name="What became of them")
    await expect(results.get_by_text("runs: Accepted")).to_be_visible()
    await expect(results.get_by_text("stands: Not possible while it is: Stopped.")).to_be_visible()
    await expect(page.locator("tr[data-phase=Stopped]")).to_have_count(2)
    await dashboard.open(f"/envs?project={live.namespace}&sort=upwards")
    await expect(page.get_by_text("was not known and is ignored")).to_be_visible()
    assert dashboard.complaints == []
