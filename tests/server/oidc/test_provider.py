"""Signing in with a real provider, the whole way."""

from tests.server.oidc.world import World


async def test_the_whole_way(world: World) -> None:
    answer = await world.sign_in(next_address="/?x=1")
    assert (answer.status, answer.headers["Location"]) == (303, "/?x=1"), answer.text
    assert await world.me() == {"name": "oidc:ada", "groups": ["oidc:developers", "system:authenticated"]}
    cookies = world.browser.cookies(world.server.origin)
    assert "dw-login" not in cookies, "it has served"
