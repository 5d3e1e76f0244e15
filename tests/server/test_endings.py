"""Ending sessions by the API: one's own, and as an admin somebody else's, on every replica."""

import time
from pathlib import Path

from devworkspace.api.meta import Key
from devworkspace.core.access import Identity
from devworkspace.server.revocations import OBJECT_NAME, Revocations
from devworkspace.server.sessions import Sessions
from tests.server.fakes import Record
from tests.server.support import ADMIN, MASTER_KEY, Browser, Harness, running_server

END = (ADMIN, "delete", "sessions", "", "")


async def end(browser: Browser, *, user: str | None = None) -> int:
    headers = {"Origin": browser.origin, "X-DevWorkspace-CSRF": "1"}
    query = f"?user={user}" if user else ""
    return (await browser.request("DELETE", f"{browser.origin}/api/v1/sessions{query}", headers=headers)).status


def cookie_of(server: Harness, name: str) -> dict[str, str]:
    """The cookie of somebody who has signed in at another replica."""
    revocations = Revocations(server.record, Key("system", OBJECT_NAME), clock=time.time)
    server.record.follow(revocations)
    sessions = Sessions([MASTER_KEY], seconds=3600, revocations=revocations, clock=time.time)
    return {"Cookie": f"dw-session={sessions.issue(Identity(name))[0]}"}


async def status_of(browser: Browser, cookie: dict[str, str]) -> int:
    return (await browser.get(f"{browser.origin}/api/v1/me", headers=cookie)).status


async def test_ones_own_end_with_the_session_that_asks(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    async with server.browser() as stranger:
        mine, foreign = cookie_of(server, ADMIN), cookie_of(server, "li.wei")
        assert await status_of(stranger, mine) == 200
        assert await end(browser) == 204
        assert await status_of(stranger, mine) == 401
        assert await status_of(stranger, foreign) == 200
    assert (await browser.get(f"{browser.origin}/api/v1/me")).status == 401


async def test_those_of_others_need_the_right(tmp_path: Path) -> None:
    record = Record()
    (tmp_path / "other").mkdir()
    async with (
        running_server(tmp_path, record=record) as server,
        running_server(tmp_path / "other", record=record) as replica,
        server.browser() as browser,
        replica.browser() as elsewhere,
    ):
        await browser.sign_in()
        cookie = cookie_of(server, "li.wei")
        assert await end(browser, user="li.wei") == 403
        assert await status_of(elsewhere, cookie) == 200
        server.rbac.rights.add(END)
        assert await end(browser, user="li.wei") == 204
        assert await status_of(elsewhere, cookie) == 401
        assert (await browser.get(f"{browser.origin}/api/v1/me")).status == 200, "the admin stays"
        assert await status_of(elsewhere, cookie_of(replica, "li.wei")) == 200, "a new session counts"
        assert ("delete", "sessions/") in {(question["verb"], question["what"]) for question in server.rbac.asked}
        record.broken = True
        assert await end(browser, user="li.wei") == 503


async def test_a_page_of_another_site_ends_nothing(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    headers = {"Origin": "http://evil.example", "X-DevWorkspace-CSRF": "1"}
    answer = await browser.request("DELETE", f"{browser.origin}/api/v1/sessions", headers=headers)
    assert answer.status == 403
    assert (await browser.get(f"{browser.origin}/api/v1/me")).status == 200
