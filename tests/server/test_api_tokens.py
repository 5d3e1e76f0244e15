"""Programs at the REST API: a token of the cluster instead of a cookie."""

import pytest

from devworkspace.kube.tokens import TokenUser
from tests.server.support import Answer, Browser, Harness, Pod
from tests.server.test_api import API, DEMO


class TestPrograms:
    async def call(self, server: Harness, browser: Browser, authorization: str | None, method: str = "GET") -> Answer:
        path = f"{DEMO}/stop" if method == "POST" else f"{API}/me"
        headers = {"Authorization": authorization} if authorization is not None else {}
        return await browser.request(method, server.origin + path, headers=headers)

    async def test_a_token_is_enough_and_needs_no_origin(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.tokens.good["abc"] = TokenUser("robot", ("robots",))
        server.add(pod.port, owner="robot")
        answer = await self.call(server, browser, "Bearer abc")
        assert (answer.json()["name"], answer.json()["groups"]) == ("robot", ["robots"])
        assert (await self.call(server, browser, "Bearer abc", "POST")).status == 204
        assert len(server.api.patches) == 1

    @pytest.mark.parametrize(
        "authorization", ["Bearer wrong", "Bearer", "Bearer a b", "Basic YTpi", "Bearer " + "x" * 9000, "Bearer a,b"]
    )
    async def test_a_bad_one_is_refused_even_beside_a_good_cookie(
        self, server: Harness, signed_in: Browser, authorization: str
    ) -> None:
        server.tokens.good["abc"] = TokenUser("robot", ())
        assert (await self.call(server, signed_in, authorization)).status == 401
        assert (await self.call(server, signed_in, None)).status == 200, "positive control"

    async def test_its_rights_are_those_of_its_user(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.tokens.good["abc"] = TokenUser("robot", ())
        server.add(pod.port, owner="li.wei")
        assert (await self.call(server, browser, "Bearer abc", "POST")).status == 404

    async def test_it_opens_no_editor(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.tokens.good["abc"] = TokenUser("robot", ())
        server.add(pod.port, owner="robot")
        answer = await browser.get(server.environment_origin() + "/", headers={"Authorization": "Bearer abc"})
        assert answer.status == 401
        assert pod.seen == []
