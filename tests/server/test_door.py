"""Who gets through to an environment, and what the others see: over real sockets, through all redirects."""

from pathlib import Path

import pytest

from tests.server.support import (
    ADMIN,
    NAVIGATION,
    Browser,
    Clock,
    Harness,
    Pod,
    make_instance,
    make_pod,
    running_server,
)


class TestStrangers:
    @pytest.mark.parametrize("name", ["demo", "absent"])
    async def test_existing_and_absent_environments_look_the_same(
        self, server: Harness, browser: Browser, pod: Pod, name: str
    ) -> None:
        server.add(pod.port)
        page = await browser.navigate(server.environment_origin(name) + "/x?y=1")
        assert page.status == 302
        location = page.headers["Location"]
        assert location.startswith(f"{server.origin}/-/authorize?env={name}--team&nonce=")
        assert location.endswith("&next=%2Fx%3Fy%3D1")
        answer = await browser.get(server.environment_origin(name) + "/x")
        assert answer.status == 401
        assert answer.json() == {"title": "Unauthorized", "status": 401, "detail": "Sign in first."}
        assert pod.seen == []

    async def test_foreign_and_absent_environments_get_the_same_404(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, name="foreign", owner="somebody-else")
        server.add(pod.port, name="mine")
        await browser.sign_in()
        answers = []
        for name in ("foreign", "absent-"[:-1] + "1"):
            response = await browser.open(name)
            answers.append((response.status, response.text.replace(name, "NAME"), dict(response.headers)))
        for _, _, headers in answers:
            headers.pop("Date")
        assert answers[0][0] == 404
        assert answers[0] == answers[1]
        assert pod.seen == []
        assert (await browser.open("mine")).status == 200, "positive control"

    async def test_a_grant_opens_and_its_loss_closes(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, owner="somebody-else")
        server.rbac.grants.add((ADMIN, "team", "demo"))
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200
        question = server.rbac.asked[-1]
        assert question["verb"] == "create"
        assert question["what"] == "workspaceinstances/connect"
        assert question["groups"] == ("devworkspace:admins", "system:authenticated")
        server.rbac.grants.clear()
        assert (await browser.get(server.environment_origin() + "/")).status == 404

    async def test_an_api_server_that_does_not_answer_is_not_a_yes(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, name="foreign", owner="somebody-else")
        server.add(pod.port, name="mine")
        server.rbac.grants.add((ADMIN, "team", "foreign"))
        server.rbac.broken = True
        await browser.sign_in()
        assert (await browser.open("foreign")).status == 503
        assert (await browser.open("mine")).status == 200, "owners need no API server"

    async def test_the_public_sessions_cookie_opens_no_environment(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        public = browser.cookies(server.origin)["dw-session"]
        own = browser.cookies(server.environment_origin())["dw-env"]
        async with server.browser() as other:
            url = server.environment_origin() + "/"
            for cookie in (f"dw-env={public}", f"dw-session={public}", f"dw-session={own}"):
                assert (await other.get(url, headers={"Cookie": cookie})).status == 401
            assert (await other.get(url, headers={"Cookie": f"dw-env={own}"})).status == 200, "positive control"
            for cookie in (f"dw-session={own}", f"dw-env={own}", f"dw-env={public}"):
                answer = await other.get(server.origin + "/api/v1/environments", headers={"Cookie": cookie})
                assert answer.status == 401

    async def test_one_environments_cookie_opens_no_other(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="one")
        server.add(pod.port, name="two")
        await browser.enter("one")
        token = browser.cookies(server.environment_origin("one"))["dw-env"]
        headers = {"Cookie": f"dw-env={token}"}
        async with server.browser() as other:
            assert (await other.get(server.environment_origin("two") + "/", headers=headers)).status == 401
            assert (await other.get(server.environment_origin("one") + "/", headers=headers)).status == 200

    async def test_a_recreated_environment_is_another_one(self, server: Harness, browser: Browser, pod: Pod) -> None:
        old = server.add(pod.port)
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200
        server.table.on_instance(old, None)
        assert (await browser.get(server.environment_origin() + "/")).status == 401
        server.add(pod.port, uid="second-life")
        assert (await browser.get(server.environment_origin() + "/")).status == 401

    async def test_two_different_session_cookies_are_as_good_as_none(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        own = browser.cookies(server.environment_origin())["dw-env"]
        async with server.browser() as other:
            url = server.environment_origin() + "/"
            assert (await other.get(url, headers={"Cookie": f"dw-env=tossed; dw-env={own}"})).status == 401
            assert (await other.get(url, headers={"Cookie": f"a=b; dw-env={own}"})).status == 200, "positive control"


class TestOrigin:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "{public}"},
            {"Origin": "{sibling}"},
            {"Origin": "{own}.evil.example"},
            {"Origin": "https://{host}"},
            {"Origin": "http://demo--team.localhost"},
            {"Origin": "{own}", "Sec-Fetch-Site": "same-site"},
            {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "none"},
            {},
        ],
    )
    async def test_unsafe_requests_of_other_pages_are_refused(
        self, server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        own, before = server.environment_origin(), len(pod.seen)
        values = {
            "own": own,
            "host": server.environment_host(),
            "public": server.origin,
            "sibling": server.environment_origin("other"),
        }
        sent = {name: value.format(**values) for name, value in headers.items()}
        response = await browser.post(own + "/mint-key", data=b"x", headers=sent)
        assert response.status == 403
        assert len(pod.seen) == before

    @pytest.mark.parametrize(
        "headers",
        [{"Origin": "{own}"}, {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-origin"}],
    )
    async def test_those_of_the_editors_own_page_pass(
        self, server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        own = server.environment_origin()
        sent = {name: value.format(own=own) for name, value in headers.items()}
        assert (await browser.post(own + "/mint-key", data=b"x", headers=sent)).status == 200


class TestPhases:
    @pytest.mark.parametrize(
        ("phase", "word"),
        [("Pending", "Waiting"), ("Provisioning", "Starting"), ("Stopping", "Stopping"), (None, "Waiting")],
    )
    async def test_on_the_way_there_is_a_page_with_news(
        self, server: Harness, browser: Browser, pod: Pod, phase: str | None, word: str
    ) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        before = len(pod.seen)
        server.table.on_instance(instance, make_instance(phase=phase, message="Pulling <the> image."))  # type: ignore[arg-type]
        page = await browser.navigate(server.environment_origin() + "/?folder=/x")
        assert page.status == 503
        body = page.text
        assert word in body
        assert "Pulling &lt;the&gt; image." in body
        assert '<script src="/-/static/wait.js" defer>' in body
        answer = await browser.get(server.environment_origin() + "/x")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "2"
        assert len(pod.seen) == before

    async def test_failed_says_why_in_the_readers_language(self, server: Harness, browser: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        message = "It used all 2Gi and was killed."
        server.table.on_instance(instance, make_instance(phase="Failed", reason="OutOfMemory", message=message))
        english = (await browser.navigate(server.environment_origin() + "/")).text
        assert "Out of memory" in english
        assert message in english
        headers = {**NAVIGATION, "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
        chinese = (await browser.navigate(server.environment_origin() + "/", headers=headers)).text
        assert "内存不足" in chinese
        assert '<html lang="zh-CN">' in chinese

    async def test_running_without_a_pod_waits(self, server: Harness, browser: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        server.table.on_pod(make_pod(instance, pod.port), None)
        page = await browser.navigate(server.environment_origin() + "/")
        assert page.status == 503
        assert "Not answering" in page.text


class TestCodes:
    async def _callback(self, server: Harness, browser: Browser, name: str = "demo") -> str:
        """Walks up to the address that holds a code, without using it."""
        step = await browser.navigate(server.environment_origin(name) + "/here")
        step = await browser.navigate(step.headers["Location"])
        assert step.status == 302
        return step.headers["Location"]

    async def test_a_code_works_once(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        callback = await self._callback(server, browser)
        nonce = browser.cookies(server.environment_origin())["dw-nonce"]
        first = await browser.navigate(callback)
        assert first.status == 302
        assert first.headers["Location"] == "/here"
        async with server.browser() as again:
            second = await again.navigate(callback, headers={**NAVIGATION, "Cookie": f"dw-nonce={nonce}"})
        assert second.status == 400
        assert "Set-Cookie" not in second.headers

    async def test_a_stolen_code_is_worthless_in_another_browser(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.sign_in()
        callback = await self._callback(server, browser)
        async with server.browser() as thief:
            assert (await thief.navigate(callback)).status == 400
            await thief.navigate(server.environment_origin() + "/")
            assert (await thief.navigate(callback)).status == 400, "with a nonce of its own, too"
        assert (await browser.navigate(callback)).status == 302, "positive control"

    async def test_a_code_opens_only_its_environment(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="one")
        server.add(pod.port, name="two")
        await browser.sign_in()
        callback = await self._callback(server, browser, "one")
        await browser.navigate(server.environment_origin("two") + "/")
        wrong = callback.replace("one--team", "two--team")
        assert (await browser.navigate(wrong)).status == 400
        assert (await browser.navigate(callback)).status == 302, "positive control"

    async def test_a_code_ages(self, tmp_path: Path, pod: Pod) -> None:
        clock = Clock()
        async with running_server(tmp_path, clock=clock) as server, server.browser() as browser:
            server.add(pod.port)
            await browser.sign_in()
            late, punctual = await self._callback(server, browser), await self._callback(server, browser)
            clock.now += 29
            assert (await browser.navigate(punctual)).status == 302, "positive control"
            clock.now += 2
            await browser.navigate(server.environment_origin() + "/")
            assert (await browser.navigate(late)).status == 400

    async def test_a_code_dies_with_the_session(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        callback = await self._callback(server, browser)
        await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
        assert (await browser.navigate(callback)).status == 400

    @pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example/", "/%5cevil.example"])
    async def test_the_way_back_never_leaves_the_host(
        self, server: Harness, browser: Browser, pod: Pod, path: str
    ) -> None:
        server.add(pod.port)
        await browser.sign_in()
        step = await browser.navigate(server.environment_origin() + "/")
        nonce = step.headers["Location"].partition("nonce=")[2].partition("&")[0]
        step = await browser.navigate(
            f"{server.origin}/-/authorize", params={"env": "demo--team", "nonce": nonce, "next": path}
        )
        step = await browser.navigate(step.headers["Location"])
        assert step.status == 302
        assert step.headers["Location"] == "/"

    async def test_sign_out_ends_the_environments_session(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200
        await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
        assert (await browser.get(server.environment_origin() + "/")).status == 401
