"""What one person may ask for in a time, alone and through the whole server."""

from pathlib import Path

import pytest

from devworkspace.server import limits
from devworkspace.server.limits import Allowance, LimitedError, Limiter
from tests.server.support import TYPED, Clock, Pod, running_server


def take(limiter: Limiter, user: str, times: int = 1) -> None:
    for _ in range(times):
        limiter.take(user)


def refusal(limiter: Limiter, user: str) -> int:
    with pytest.raises(LimitedError) as caught:
        limiter.take(user)
    return caught.value.seconds


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    clock = Clock()
    limiter = Limiter(Allowance(rate=0.5, burst=3), monotonic=clock)
    take(limiter, "ada", 3)
    assert refusal(limiter, "ada") == 2
    take(limiter, "li.wei", 3)
    clock.now += 1.5
    assert refusal(limiter, "ada") == 1, "the wait is what is left of it"
    clock.now += 0.5
    take(limiter, "ada")
    assert refusal(limiter, "ada") == 2
    clock.now += 3600
    take(limiter, "ada", 3)
    assert refusal(limiter, "ada") == 2, "a long pause fills the bucket and no more"


def test_replicas_share_what_is_allowed() -> None:
    assert Allowance(rate=20, burst=200).share(4) == Allowance(rate=5, burst=50)
    assert Allowance(rate=1, burst=3).share(2) == Allowance(rate=0.5, burst=1), "never more in sum"
    assert Allowance(rate=1, burst=2).share(5).burst == 1, "but nobody is shut out"
    assert Allowance(rate=0, burst=1).share(3).rate == 0, "no limit stays none"


async def test_every_replica_of_a_server_grants_its_share(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path, api_allowance=Allowance(rate=0.001, burst=6), replicas=2) as server,
        server.browser() as browser,
    ):
        await browser.sign_in()
        statuses = [(await browser.get(f"{server.origin}/api/v1/me")).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]


def test_no_rate_is_no_limit() -> None:
    take(Limiter(Allowance(rate=0, burst=1), monotonic=Clock()), "ada", 1000)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PERSONS", 10)
    limiter = Limiter(Allowance(rate=1, burst=1), monotonic=Clock())
    take(limiter, "ada")
    for number in range(9):
        take(limiter, f"person {number}")
    assert refusal(limiter, "ada") == 1
    take(limiter, "another")
    assert len(limiter) == 10
    assert refusal(limiter, "ada") == 1, "whoever asked lately is remembered"


async def test_the_api_tells_when_to_come_back(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path, api_allowance=Allowance(rate=0.001, burst=3)) as server,
        server.browser() as browser,
    ):
        await browser.sign_in()
        for _ in range(3):
            assert (await browser.get(f"{server.origin}/api/v1/me")).status == 200
        answer = await browser.get(f"{server.origin}/api/v1/me")
        assert (answer.status, answer.content_type) == (429, "application/problem+json")
        assert answer.headers["Retry-After"] == "1000"
        assert answer.json()["detail"] == "Too many requests; try again in 1000 s."
        assert (await browser.get(f"{server.origin}/")).status == 200, "the page is no request to the API"
        async with server.browser() as stranger:
            assert (await stranger.get(f"{server.origin}/api/v1/me")).status == 401


async def test_changes_have_a_limit_of_their_own_whatever_way_they_come(tmp_path: Path, pod: Pod) -> None:
    async with (
        running_server(tmp_path, change_allowance=Allowance(rate=0.001, burst=2)) as server,
        server.browser() as browser,
    ):
        for name in ("one", "two", "three"):
            server.add(pod.port, name=name, phase="Stopped")
        await browser.sign_in()
        csrf = {"Origin": server.origin, "X-DevWorkspace-CSRF": "1"}
        start = f"{server.origin}/api/v1/namespaces/team/environments/one/start"
        assert (await browser.post(start, headers=csrf)).status == 204
        await browser.open("two")
        answer = await browser.navigate(server.environment_origin("two"), headers=TYPED)
        assert answer.status == 503
        assert [key.name for key, _ in server.api.patches] == ["one", "two"]
        answer = await browser.post(start.replace("one", "three"), headers=csrf)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1000")
        await browser.open("three")
        answer = await browser.navigate(server.environment_origin("three"), headers=TYPED)
        assert "Try again in 1000 s." in answer.text
        button = {"Origin": server.environment_origin("three"), "Sec-Fetch-Site": "same-origin"}
        pressed = await browser.post(server.environment_origin("three") + "/-/start", headers=button)
        assert (pressed.status, pressed.headers["Retry-After"]) == (429, "1000")
        assert [key.name for key, _ in server.api.patches] == ["one", "two"], "nothing was started"
        assert (await browser.get(f"{server.origin}/api/v1/environments")).status == 200, "reading goes on"
