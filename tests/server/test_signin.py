"""Signing in and out over a real socket."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from devworkspace.server.signin import accounts
from devworkspace.server.signin.accounts import AdminAccount, BusyError
from devworkspace.server.signin.throttle import MAX_ENTRIES, PER_ACCOUNT, PER_ADDRESS, Limits, Throttle, address_key
from tests.server.support import (
    ADMIN,
    FAST_HASHER,
    NAVIGATION,
    PASSWORD,
    Browser,
    Clock,
    Harness,
    running_server,
)


class TestPage:
    async def test_strangers_are_sent_to_it(self, server: Harness, browser: Browser) -> None:
        response = await browser.navigate(server.origin + "/")
        assert response.status == 302
        assert response.headers["Location"] == "/signin?next=%2F"
        page = await browser.navigate(server.origin + response.headers["Location"])
        assert page.status == 200
        assert 'autocomplete="username"' in page.text
        assert 'autocomplete="current-password"' in page.text

    async def test_it_is_guarded_by_its_head(self, server: Harness, browser: Browser) -> None:
        page = await browser.navigate(server.origin + "/signin")
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert f"form-action 'self' http://*.localhost:{server.port}" in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "<script" not in page.text
        assert "style=" not in page.text

    @pytest.mark.parametrize(
        ("headers", "query", "expected"),
        [
            ({}, "", "Sign in"),
            ({"Accept-Language": "zh-CN,zh;q=0.9"}, "", "登录"),
            ({"Accept-Language": "zh;q=0.5,en;q=0.9"}, "", "Sign in"),
            ({"Accept-Language": "zh-CN"}, "?lang=en", "Sign in"),
            ({"Cookie": "dw-lang=zh"}, "", "登录"),
            ({"Cookie": "dw-lang=xx", "Accept-Language": "zh"}, "", "登录"),
            ({"Accept-Language": ";q=,,zh;q=x" + "," * 5000}, "", "登录"),
        ],
    )
    async def test_language(
        self, server: Harness, browser: Browser, headers: dict[str, str], query: str, expected: str
    ) -> None:
        page = await browser.navigate(server.origin + "/signin" + query, headers={**NAVIGATION, **headers})
        assert f"<h1>{expected}</h1>" in page.text

    async def test_the_chosen_language_is_kept(self, server: Harness, browser: Browser) -> None:
        await browser.navigate(server.origin + "/signin?lang=zh")
        assert "<h1>登录</h1>" in (await browser.navigate(server.origin + "/signin")).text

    async def test_what_comes_in_is_escaped(self, server: Harness, browser: Browser) -> None:
        evil = '"><script>alert(1)</script>'
        page = await browser.sign_in(username=evil, next_address=evil)
        assert page.status == 401
        assert "<script" not in page.text
        assert "&quot;&gt;&lt;script&gt;" in page.text

    async def test_the_style_is_served_on_both_kinds_of_host(self, server: Harness, browser: Browser) -> None:
        for origin in (server.origin, server.environment_origin("absent")):
            style = await browser.get(origin + "/-/static/style.css")
            assert style.status == 200
            assert style.content_type == "text/css"
            assert (await browser.get(origin + "/-/static/absent.css")).status == 404
            assert (await browser.get(origin + "/-/static/../static/style.css")).status in (200, 404)


class TestSigningIn:
    async def test_the_right_password(self, server: Harness, browser: Browser) -> None:
        response = await browser.sign_in(next_address="/?x=1")
        assert response.status == 303
        assert response.headers["Location"] == "/?x=1"
        cookie = response.headers["Set-Cookie"]
        assert cookie.startswith("dw-session=")
        assert '"' not in cookie
        for attribute in ("HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=43"):
            assert attribute in cookie
        assert "Domain" not in cookie
        assert "Secure" not in cookie
        page = await browser.navigate(server.origin + "/")
        assert page.status == 200
        assert (await browser.get(server.origin + "/api/v1/me")).json()["name"] == ADMIN

    async def test_https_gets_protected_cookies(self, tmp_path: Path) -> None:
        async with (
            running_server(tmp_path, public_url="https://dev.example.com") as server,
            server.browser() as browser,
        ):
            headers = {"Host": "dev.example.com", "Origin": "https://dev.example.com"}
            response = await browser.sign_in(headers=headers)
            cookie = response.headers["Set-Cookie"]
            assert cookie.startswith("__Host-dw-session=")
            assert "Secure" in cookie
            step = await browser.navigate(
                f"http://localhost:{server.port}/", headers={**NAVIGATION, "Host": "a--b.dev.example.com"}
            )
            assert step.headers["Location"].startswith("https://dev.example.com/-/authorize?")
            assert step.headers["Set-Cookie"].startswith("__Host-dw-nonce=")

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            (ADMIN, "wrong"),
            (ADMIN, ""),
            (ADMIN, PASSWORD + " "),
            (ADMIN, PASSWORD.upper()),
            ("Admin", PASSWORD),
            ("", PASSWORD),
            ("nobody", PASSWORD),
            (ADMIN + "\n", PASSWORD),
            (ADMIN, "x" * 5000),
        ],
    )
    async def test_anything_else_gets_one_neutral_answer(
        self, server: Harness, browser: Browser, username: str, password: str
    ) -> None:
        response = await browser.sign_in(username=username, password=password)
        assert response.status == 401
        assert "User name or password is wrong." in response.text
        assert "Set-Cookie" not in response.headers
        assert (await browser.sign_in()).status == 303, "positive control"

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "null"},
            {"Origin": "http://evil.example"},
            {"Origin": "{environment}"},
            {"Origin": "{origin}", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "{origin}", "Sec-Fetch-Site": "same-site"},
        ],
    )
    async def test_forms_of_other_pages_are_refused(
        self, server: Harness, browser: Browser, headers: dict[str, str]
    ) -> None:
        values = {"origin": server.origin, "environment": server.environment_origin()}
        sent = {name: value.format(**values) for name, value in headers.items()}
        response = await browser.sign_in(headers=sent)
        assert response.status == 403
        assert "Set-Cookie" not in response.headers

    @pytest.mark.parametrize(
        "wanted",
        [
            "//evil.example",
            "/\\evil.example",
            "/%5cevil.example",
            "https://evil.example",
            "https:evil.example",
            "http://localhost:1/",
            "/%0d%0aSet-Cookie:a=b",
            "javascript:alert(1)",
        ],
    )
    async def test_open_redirects(self, server: Harness, browser: Browser, wanted: str) -> None:
        response = await browser.sign_in(next_address=wanted)
        assert (response.status, response.headers["Location"]) == (303, "/")
        again = await browser.navigate(server.origin + "/signin", params={"next": wanted})
        assert (again.status, again.headers["Location"]) == (303, "/"), "for those who are signed in, too"

    async def test_an_environments_address_is_a_fine_aim(self, server: Harness, browser: Browser) -> None:
        aim = server.environment_origin() + "/?folder=/x"
        assert (await browser.sign_in(next_address=aim)).headers["Location"] == aim

    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ({"json": {"username": ADMIN, "password": PASSWORD}}, 400),
            ({"data": b"username=admin", "headers": {"Content-Type": "text/plain"}}, 400),
            ({"data": b"username=" + b"x" * 9000}, 400),
            ({"data": b"&".join(b"a%d=1" % n for n in range(50))}, 400),
            ({"data": b"\xff\xfe=1"}, 400),
            ({"data": b"username=admin&username=admin&password=x"}, 401),
            ({"data": b""}, 401),
        ],
    )
    async def test_odd_bodies(self, server: Harness, browser: Browser, options: dict[str, Any], status: int) -> None:
        headers = {"Origin": server.origin}
        if "json" not in options:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        options = {**options, "headers": {**headers, **options.get("headers", {})}}
        assert (await browser.post(server.origin + "/signin", **options)).status == status

    async def test_a_chunked_form_is_bounded_too(self, server: Harness, browser: Browser) -> None:
        async def parts() -> Any:
            for _ in range(20):
                yield b"x" * 1000

        headers = {"Origin": server.origin, "Content-Type": "application/x-www-form-urlencoded"}
        assert (await browser.post(server.origin + "/signin", data=parts(), headers=headers)).status == 400

    async def test_sign_out(self, server: Harness, browser: Browser) -> None:
        await browser.sign_in()
        stolen = browser.cookies(server.origin)["dw-session"]
        for headers in (
            {},
            {"Origin": server.environment_origin()},
            {"Origin": server.origin, "Sec-Fetch-Site": "same-site"},
        ):
            assert (await browser.post(server.origin + "/signout", headers=headers)).status == 403
        assert (await browser.navigate(server.origin + "/")).status == 200, "nobody else signs people out"
        response = await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
        assert response.status == 303
        page = await browser.navigate(server.origin + response.headers["Location"])
        assert "You are signed out." in page.text
        assert "dw-session" not in browser.cookies(server.origin)
        async with server.browser() as thief:
            headers = {"Cookie": f"dw-session={stolen}"}
            assert (await thief.get(server.origin + "/api/v1/environments", headers=headers)).status == 401

    async def test_a_session_ends(self, tmp_path: Path) -> None:
        clock = Clock()
        async with running_server(tmp_path, clock=clock) as server, server.browser() as browser:
            await browser.sign_in()
            clock.now += 12 * 3600 - 1
            assert (await browser.get(server.origin + "/api/v1/environments")).status == 200
            clock.now += 1
            assert (await browser.get(server.origin + "/api/v1/environments")).status == 401

    async def test_two_session_cookies_are_as_good_as_none(self, server: Harness, browser: Browser) -> None:
        await browser.sign_in()
        token = browser.cookies(server.origin)["dw-session"]
        async with server.browser() as other:
            url = server.origin + "/api/v1/environments"
            assert (await other.get(url, headers={"Cookie": f"dw-session=x; dw-session={token}"})).status == 401
            assert (await other.get(url, headers={"Cookie": f"dw-session={token}"})).status == 200, "positive control"


class TestGuessing:
    async def test_it_gets_slower_and_says_so(self, tmp_path: Path) -> None:
        clock = Clock()
        async with running_server(tmp_path, clock=clock) as server, server.browser() as browser:
            for _ in range(6):
                assert (await browser.sign_in(password="wrong")).status == 401
            refused = await browser.sign_in()
            assert refused.status == 429
            assert refused.headers["Retry-After"] == "2"
            assert "Try again in 2 s." in refused.text
            clock.now += 2
            assert (await browser.sign_in(password="wrong")).status == 401
            assert (await browser.sign_in()).headers["Retry-After"] == "4"
            clock.now += 4
            assert (await browser.sign_in()).status == 303

    def test_waits_double_up_to_a_limit_and_are_forgotten(self) -> None:
        clock = Clock()
        throttle = Throttle(PER_ADDRESS, clock=clock)
        waits = []
        for _ in range(16):
            throttle.failed("a")
            waits.append(throttle.wait("a"))
            clock.now += waits[-1]
        assert waits == [0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
        assert throttle.wait("b") == 0
        clock.now += 901
        throttle.failed("a")
        assert throttle.wait("a") == 0
        throttle.succeeded("a")
        assert len(throttle) == 0

    @pytest.mark.parametrize("replicas", [2, 5])
    def test_so_many_replicas_take_as_many_guesses_as_one(self, replicas: int) -> None:
        def guesses(limits: Limits, seconds: float) -> int:
            """How many an attacker has looked at who never waits longer than needed."""
            clock, taken = Clock(), 0
            throttle, end = Throttle(limits, clock=clock), clock.now + seconds
            while (wait := throttle.wait("a")) + clock.now <= end:
                clock.now += wait
                throttle.failed("a")
                taken += 1
            return taken

        day = 24 * 3600.0
        alone, together = guesses(PER_ADDRESS, day), replicas * guesses(PER_ADDRESS.share(replicas), day)
        # Where the waits still grow, each replica begins anew.
        assert alone <= together <= alone + 10 * replicas
        assert PER_ACCOUNT.share(replicas).longest == PER_ACCOUNT.longest, "nobody is locked out for longer"
        assert PER_ACCOUNT.share(replicas).free == PER_ACCOUNT.free // replicas

    def test_nobody_can_lock_an_account_for_long(self) -> None:
        throttle = Throttle(PER_ACCOUNT, clock=Clock())
        for _ in range(1000):
            throttle.failed("admin")
        assert throttle.wait("admin") == 5

    def test_memory_is_bounded(self) -> None:
        throttle = Throttle(PER_ADDRESS, clock=Clock())
        for number in range(MAX_ENTRIES + 100):
            throttle.failed(str(number))
        assert len(throttle) == MAX_ENTRIES

    def test_addresses(self) -> None:
        assert address_key("10.0.0.1") == "10.0.0.1"
        assert address_key("2001:db8::1") == address_key("2001:db8::ffff:2")
        assert address_key("2001:db8:0:1::1") != address_key("2001:db8::1")
        assert address_key(None) == "unknown"


class TestAccount:
    def _write(self, directory: Path, *, username: str = ADMIN, stored: str | None = None) -> AdminAccount:
        (directory / "username").write_text(username + "\n")
        (directory / "password-hash").write_text((stored or FAST_HASHER.hash(PASSWORD)) + "\n")
        return AdminAccount(directory)

    async def test_files_are_read_anew(self, tmp_path: Path) -> None:
        account = self._write(tmp_path)
        assert await account.check(ADMIN, PASSWORD) is not None
        (tmp_path / "password-hash").write_text(FAST_HASHER.hash("new"))
        assert await account.check(ADMIN, PASSWORD) is None
        assert await account.check(ADMIN, "new") is not None

    @pytest.mark.parametrize("stored", ["plaintext", "$argon2id$broken", "$2b$12$abcdefghijklmnopqrstuv"])
    async def test_what_is_no_argon2_hash_opens_nothing(self, tmp_path: Path, stored: str) -> None:
        account = self._write(tmp_path, stored=stored)
        assert await account.check(ADMIN, stored) is None
        assert await account.check(ADMIN, PASSWORD) is None

    async def test_missing_files_and_an_empty_name_open_nothing(self, tmp_path: Path) -> None:
        assert await AdminAccount(tmp_path).check(ADMIN, PASSWORD) is None
        account = self._write(tmp_path, username="")
        assert await account.check("", PASSWORD) is None

    async def test_the_hash_is_computed_whatever_the_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The time of an answer is that of argon2, so it tells nothing; counted, because a busy machine cannot time."""
        account, computed = self._write(tmp_path), []
        verify = account._verify

        def counting(stored: str, password: str) -> bool:
            computed.append(password)
            return verify(stored, password)

        monkeypatch.setattr(account, "_verify", counting)
        for username in (ADMIN, "nobody", "", "x" * 256):
            assert await account.check(username, "wrong") is None
        assert computed == ["wrong"] * 4

    async def test_only_two_run_at_once_and_the_queue_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = self._write(tmp_path)
        running = peak = 0

        def slow(_: str, __: str) -> None:
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            time.sleep(0.02)
            running -= 1

        monkeypatch.setattr(account, "_check", slow)
        results = await asyncio.gather(*(account.check("a", "b") for _ in range(30)), return_exceptions=True)
        assert peak == accounts.PARALLEL_CHECKS
        assert sum(isinstance(result, BusyError) for result in results) == 30 - accounts.MAX_WAITING_CHECKS
