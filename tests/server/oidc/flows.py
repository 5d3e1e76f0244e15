"""Ways through a sign-in, whichever provider it is with."""

import re
from collections.abc import Sequence

from yarl import URL

from tests.server.oidc.world import P, Visit
from tests.server.support import Answer, Pod, browsing, environment_origin
from tests.support.forms import submit


async def find_the_button(visit: Visit[P], *, label: str) -> None:
    page = await visit.browser.navigate(f"{visit.origin}/signin?next=%2F%3Fx%3D1")
    assert 'href="/signin/provider?next=%2F%3Fx%3D1"' in page.text
    assert f"Continue with {label}" in page.text


async def go_the_whole_way(visit: Visit[P], *, name: str, groups: Sequence[str]) -> None:
    """`groups` are those of the provider, as they are called here."""
    answer = await visit.sign_in(next_address="/?x=1")
    assert (answer.status, answer.headers.get("Location")) == (303, "/?x=1"), answer.text
    me = await visit.me()
    assert (me["name"], me["groups"]) == (name, [*groups, "system:authenticated"])
    assert "dw-login" not in visit.browser.cookies(visit.origin), "it has served"


async def enter_an_environment(visit: Visit[P], pod: Pod, *, name: str = "demo") -> None:
    """From the environment's address, without a session, through the provider, to the page that was wanted."""
    answer = await visit.browser.navigate(environment_origin(visit.origin, name, "team") + "/path")
    answer = await visit.browser.navigate(answer.headers["Location"])
    aim = re.fullmatch(r"/signin\?next=(.+)", answer.headers["Location"])
    assert aim is not None
    begun = await visit.browser.navigate(f"{visit.origin}/signin/provider?next={aim[1]}")
    callback = await visit.agree(begun.headers["Location"])
    answer = await visit.browser.navigate(str(callback), allow_redirects=True)
    assert answer.text == "editor GET /path 0"
    assert all("dw-" not in head.get("Cookie", "") for _, _, head in pod.seen)


async def use_a_code_twice(visit: Visit[P]) -> None:
    callback = await visit.agree(await visit.begin())
    stolen = visit.browser.cookies(visit.callback)["dw-login"]
    assert (await visit.browser.navigate(str(callback))).status == 303, "positive control"
    async with browsing(visit.origin) as thief:
        answer = await thief.navigate(str(callback), headers={"Cookie": f"dw-login={stolen}"})
        assert answer.status == 403
        assert await visit.me(thief) is None


async def use_the_callback_of_somebody_else(visit: Visit[P]) -> None:
    callback = await visit.agree(await visit.begin())
    async with browsing(visit.origin) as victim:
        assert (await victim.navigate(str(callback))).status == 400
        assert await visit.me(victim) is None
    assert (await visit.browser.navigate(str(callback))).status == 303, "positive control"


async def sign_out(visit: Visit[P]) -> str | None:
    """Returns the provider's address for going on with the sign-out there, if it has one."""
    headers = {"Origin": visit.origin}
    answer = await visit.browser.post(visit.origin + "/signout", headers=headers)
    assert (answer.status, answer.headers["Location"]) == (303, "/signin/leave")
    assert await visit.me() is None
    page = await visit.browser.navigate(visit.origin + "/signin/leave")
    if page.status == 303:
        assert page.headers["Location"] == "/signin?signed-out=1"
        return None
    link = re.search(r'href="(http[^"]+)"', page.text)
    assert link is not None, page.text
    return link[1].replace("&amp;", "&")


async def sign_out_at_the_provider(visit: Visit[P], address: str) -> Answer:
    """Says yes on its page; returns the answer to that."""
    page = await visit.browser.navigate(address)
    assert page.status == 200, "the provider takes client and address, and asks the person"
    return await submit(visit.browser, URL(address), page, answers={})
