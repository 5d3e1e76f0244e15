"""The audit log of a real process: what stands in it, and what never stands in any log."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.server import audit
from devworkspace.server.audit import Actor, Audit
from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.support import ADMIN, Browser, Clock, Pod, browsing, environment_origin
from tests.support.fake_apiserver import INSTANCES, FakeApiServer

SOURCE = "127.0.0.1"
CANARY = "canary-5f1c"


@pytest.fixture
async def api() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer(authorize=lambda spec: spec["resourceAttributes"]["verb"] == "create") as server:
        put_record(server)
        yield server


@pytest.fixture
async def process(tmp_path: Path, api: FakeApiServer, pod: Pod) -> AsyncIterator[Process]:
    put_environment(api, "mine", owner=ADMIN, port=pod.port)
    put_environment(api, "foreign", owner="li.wei", port=pod.port)
    async with running_process(tmp_path, api, trusted_proxies=("127.0.0.1/32",)) as running:
        await running.ready()
        yield running


@pytest.fixture
async def browser(process: Process) -> AsyncIterator[Browser]:
    async with browsing(process.config.public_url) as made:
        yield made


async def call(browser: Browser, method: str, path: str, **options: Any) -> int:
    headers = {"Origin": browser.origin, "X-DevWorkspace-CSRF": "1"}
    answer = await browser.request(
        method, f"{browser.origin}/api/v1/namespaces/team/{path}", headers=headers, **options
    )
    return answer.status


def line(action: str, result: str, **more: Any) -> dict[str, Any]:
    return {"action": action, "result": result, "user": ADMIN, "source": SOURCE, **more}


async def test_a_day_with_everything_in_it(process: Process, browser: Browser, api: FakeApiServer) -> None:
    mine = {"namespace": "team", "environment": "mine"}
    await browser.sign_in(password="wrong")
    await browser.sign_in()
    for _ in range(2):
        assert (await browser.open("mine")).status == 200
    port = environment_origin(browser.origin, "mine", "team").replace("://", "://3000--")
    assert (await browser.navigate(port, allow_redirects=True)).status == 502, "let through, and nothing listens there"
    assert await call(browser, "POST", "environments/mine/restart") == 204
    assert await call(browser, "POST", "environments/mine/stop") == 204
    api.set_status(INSTANCES, Key("team", "mine"), {"phase": "Stopped"})
    async with asyncio.timeout(30):
        while await call(browser, "POST", "environments/mine/start") != 204:
            await asyncio.sleep(0.02)
    assert await call(browser, "DELETE", "environments/mine") == 204
    await browser.post(f"{browser.origin}/signout", headers={"Origin": browser.origin})
    assert process.audit(result="ok") == [
        line("sign-in", "ok", method="password"),
        line("open", "ok", **mine),
        line("open", "ok", port=3000, **mine),
        line("restart", "ok", **mine),
        line("stop", "ok", **mine),
        line("start", "ok", **mine),
        line("delete", "ok", data="Retain", **mine),
        line("sign-out", "ok"),
    ]
    assert process.audit(action="sign-in", result="denied") == [line("sign-in", "denied", reason="password")]


async def test_denials_and_failures_say_why(process: Process, browser: Browser, api: FakeApiServer) -> None:
    await browser.sign_in()
    await browser.open("mine")
    origin = environment_origin(browser.origin, "mine", "team")
    assert (await browser.post(origin + "/x", headers={"Origin": "http://evil.example"})).status == 403
    assert process.audit(action="open", result="denied") == [
        line("open", "denied", reason="origin", address="mine--team")
    ]
    assert await call(browser, "POST", "environments/absent/stop") == 404
    assert await call(browser, "POST", "environments/foreign/stop") == 403
    strange = await browser.get(f"{browser.origin}/api/v1/me", headers={"Authorization": "Bearer x"})
    assert strange.status == 401
    path = "/api/v1/namespaces/team/environments"
    assert process.audit(action="request") == [
        line("request", "denied", method="POST", path=f"{path}/absent/stop", status=404),
        line("request", "denied", method="POST", path=f"{path}/foreign/stop", status=403),
        {
            "action": "request",
            "result": "denied",
            "source": SOURCE,
            "method": "GET",
            "path": "/api/v1/me",
            "status": 401,
        },
    ]
    await api.stop()
    assert await call(browser, "POST", "environments/mine/stop") == 503
    (failure,) = process.audit(action="stop")
    assert failure == line("stop", "failed", reason="Unreachable", namespace="team", environment="mine")


async def test_the_source_is_the_client_behind_the_proxy(process: Process, browser: Browser) -> None:
    headers = {"Origin": browser.origin, "X-Forwarded-For": "6.6.6.6, 203.0.113.7"}
    await browser.sign_in(headers=headers)
    (told,) = process.audit(action="sign-in")
    assert told["source"] == "203.0.113.7"


async def test_no_secret_is_in_any_log_and_no_line_can_be_forged(
    process: Process, browser: Browser, pod: Pod, api: FakeApiServer
) -> None:
    forged = f'{ADMIN}\r\n{{"action": "forged"}}\u2028\u202e'
    await browser.sign_in(username=forged, password=f"password-{CANARY}")
    await browser.sign_in()
    await browser.open("mine", path=f"/?query={CANARY}")
    await browser.open("foreign", path=f"/?query={CANARY}")
    cookies = [*browser.cookies(browser.origin).values()]
    cookies += browser.cookies(environment_origin(browser.origin, "mine", "team")).values()
    own = environment_origin(browser.origin, "mine", "team")
    addresses = [
        browser.origin,
        f"{browser.origin}/api/v1/me",
        f"{browser.origin}/-/authorize",
        own,
        f"{own}/-/callback",
    ]
    secrets = {"Authorization": f"Bearer {CANARY}", "Cookie": f"dw-session={CANARY}; dw-env={CANARY}; x={CANARY}"}
    for address in addresses:
        for method in ("GET", "POST", "TRACE"):
            for headers in (
                secrets,
                {"Authorization": f"Basic {CANARY}", "X-Forwarded-For": CANARY, "Referer": CANARY},
            ):
                await browser.request(method, f"{address}?code={CANARY}&nonce={CANARY}&next=/{CANARY}", headers=headers)
    api.faults.clear()
    await api.stop()
    await browser.get(f"{browser.origin}/api/v1/me", headers=secrets)
    await browser.post(f"{browser.origin}/signout", headers={"Origin": browser.origin})
    assert await process.end() == 0
    log = process.log_file.read_text()
    assert len(process.audit()) >= 3, "there is something to find secrets in"
    assert CANARY not in log
    for cookie in cookies:
        assert cookie not in log
    (told,) = process.audit(action="sign-in", result="denied")
    assert told["user"] == ADMIN + r'\r\n{"action": "forged"}\u2028\u202e'
    assert process.audit(action="forged") == []


class TestOpening:
    def make(self) -> tuple[Audit, Clock, list[tuple[str, str]]]:
        clock, seen = Clock(), list[tuple[str, str]]()
        return Audit(lambda action, result: seen.append((action, result)), monotonic=clock), clock, seen

    def test_one_line_for_a_visit_and_one_after_a_pause(self) -> None:
        made, clock, seen = self.make()
        for seconds in (0, 800, 800, 901):
            clock.now += seconds
            made.opened("sid", Actor(ADMIN, SOURCE), environment=Key("team", "mine"), port=None)
        assert len(seen) == 2

    def test_every_session_and_every_port_counts_for_itself(self) -> None:
        made, _, seen = self.make()
        for sid, port in (("a", None), ("a", 3000), ("b", None), ("a", None)):
            made.opened(sid, Actor(ADMIN, SOURCE), environment=Key("team", "mine"), port=port)
        assert len(seen) == 3

    def test_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit, "MAX_OPEN", 5)
        made, _, _ = self.make()
        for number in range(20):
            made.opened(str(number), Actor(ADMIN, SOURCE), environment=Key("team", "mine"), port=None)
        assert len(made._open) == 5
