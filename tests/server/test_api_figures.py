"""What environments used, from real pods to the API: only to those who may look, and only what looks as it must."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from devworkspace.core.credential import environment_credential
from devworkspace.server import pastusage
from devworkspace.server.environments import make_environment
from devworkspace.server.pastusage import KEPT_AT_MOST, PastUsage
from devworkspace.server.reports import PodReports
from tests.server.cluster import DEMO
from tests.server.fakes import Reports
from tests.server.support import (
    ADMIN,
    MASTER_KEY,
    Browser,
    Harness,
    Pod,
    make_instance,
    make_pod,
    read,
    running_pod,
    running_server,
)

HISTORY = f"{DEMO}/usage/history"
NOW = "/api/v1/usage/now"
UID = "uid-team-demo"


class Figures:
    """The files of a pod; one that is None is not there."""

    def __init__(self) -> None:
        now = int(time.time())
        self.skew = 0
        self.files: dict[str, bytes | None] = {
            "report": f"1 {now} {now - 900} seen\nusage {now - 20} 250 524288 1048576\n".encode(),
            "usage.minutes": f"{now - 100} start\n{now - 40} 1500 2048 -\n".encode(),
            "usage.history": f"{now - 7000} 500 1024 4096\n{now - 100} start\n".encode(),
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = self.files[request.query["path"].removeprefix("/tmp/devworkspace-activity/")]
        date = {"Date": formatdate(time.time() + self.skew, usegmt=True)}
        return web.Response(status=404, headers=date) if body is None else web.Response(body=body, headers=date)


class Wired(NamedTuple):
    server: Harness
    browser: Browser
    pod: Pod
    figures: Figures

    async def get(self, path: str) -> Any:
        return await read(self.server, self.browser, path)

    async def look(self) -> None:
        """The minute's round of the recorder."""
        environment = self.server.table.find("demo--team")
        assert environment is not None
        await self.server.rooms.activity.look(environment)


@asynccontextmanager
async def wired_to(directory: Path, figures: Figures) -> AsyncIterator[Wired]:
    async with (
        PodReports(lambda environment: environment_credential(MASTER_KEY, environment.uid)) as reports,
        running_pod(figures.answer) as pod,
        running_server(directory, reports=reports) as server,
        server.browser() as browser,
    ):
        assert (await browser.sign_in()).status == 303
        yield Wired(server, browser, pod, figures)


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired_to(tmp_path, Figures()) as made:
        yield made


def show(figures: list[dict[str, Any]]) -> list[tuple[int, float, int, int | None]]:
    return [(item["seconds"], item["cpu"], item["memory"], item["disk"]) for item in figures]


class TestHistory:
    @pytest.mark.parametrize(
        ("window", "shown"),
        [
            ("1h", [(60, 1.5, 2 * 2**20, None)]),
            ("24h", [(600, 0.5, 2**20, 4 * 2**20), (60, 1.5, 2 * 2**20, None)]),
            ("7d", [(600, 0.5, 2**20, 4 * 2**20), (60, 1.5, 2 * 2**20, None)]),
        ],
    )
    async def test_figures_of_a_window_by_this_servers_clock(
        self, all_wired: Wired, window: str, shown: list[tuple[int, float, int, int | None]]
    ) -> None:
        all_wired.server.add(all_wired.pod.port)
        found = await all_wired.get(f"{HISTORY}?window={window}")
        assert (found["available"], found["why"], found["window"]) == (True, "", window)
        assert show(found["figures"]) == shown
        assert len(found["starts"]) == 1
        assert found["since"] < found["starts"][0] < found["figures"][-1]["at"] <= found["until"]

    async def test_a_pod_with_a_wrong_clock_has_its_figures_at_the_right_time(self, tmp_path: Path) -> None:
        figures = Figures()
        async with wired_to(tmp_path, figures) as wired:
            wired.server.add(wired.pod.port)
            hour = 3600 * 7
            now = int(time.time()) + hour
            figures.skew = hour
            figures.files["usage.minutes"] = f"{now - 60} 1500 2048 -\n".encode()
            figures.files["usage.history"] = b""
            (figure,) = (await wired.get(HISTORY))["figures"]
            assert (
                abs(time.time() - 60 - time.mktime(time.strptime(figure["at"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone)
                < 60
            )

    @pytest.mark.parametrize(
        ("files", "why"),
        [
            ({"usage.minutes": None, "usage.history": None}, "unmeasured"),
            ({"usage.history": b"1 2 3\n"}, "silent"),
            ({"usage.minutes": b"<script>alert(1)</script>\n"}, "silent"),
            ({"usage.history": b"1795634950 250 1024 -\n" * 10_000}, "silent"),
            ({"usage.minutes": b"\xff" * 20_000_000}, "silent"),
        ],
        ids=["none", "malformed", "markup", "too long", "huge"],
    )
    async def test_why_there_are_none(self, all_wired: Wired, files: dict[str, bytes | None], why: str) -> None:
        all_wired.server.add(all_wired.pod.port)
        all_wired.figures.files.update(files)
        found = await all_wired.get(HISTORY)
        assert (found["available"], found["why"], found["figures"], found["starts"]) == (False, why, [], [])

    async def test_one_that_does_not_run_and_one_without_our_editor_are_not_asked(self, all_wired: Wired) -> None:
        all_wired.server.add(all_wired.pod.port, phase="Stopped")
        assert (await all_wired.get(HISTORY))["why"] == "stopped"
        all_wired.server.add(all_wired.pod.port, code_server=False)
        assert (await all_wired.get(HISTORY))["why"] == "unmeasured"
        assert all_wired.pod.seen == []

    async def test_many_who_look_are_one_question_to_the_pod(self, all_wired: Wired) -> None:
        all_wired.server.add(all_wired.pod.port)
        await asyncio.gather(*(all_wired.get(f"{HISTORY}?window={window}") for window in ("1h", "24h", "7d") * 5))
        assert len(all_wired.pod.seen) == 2, "a file of minutes and one of the history"

    async def test_it_is_for_those_who_may_open_the_environment(self, all_wired: Wired) -> None:
        all_wired.server.add(all_wired.pod.port, owner="li.wei")
        assert (await all_wired.browser.get(all_wired.server.origin + HISTORY)).status == 404
        assert all_wired.pod.seen == []
        all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
        assert (await all_wired.get(HISTORY))["available"], "positive control"

    async def test_only_the_known_windows(self, all_wired: Wired) -> None:
        all_wired.server.add(all_wired.pod.port)
        assert (await all_wired.browser.get(f"{all_wired.server.origin}{HISTORY}?window=1y")).status == 422


class TestPresent:
    async def test_the_minutes_report_fills_the_list_and_costs_no_question_more(self, all_wired: Wired) -> None:
        all_wired.server.add(all_wired.pod.port)
        await all_wired.look()
        asked = len(all_wired.pod.seen)
        (item,) = (await all_wired.get(f"{NOW}?uids={UID},uid-other"))["items"]
        assert (item["uid"], item["cpu"]["used"], item["memory"]["used"]) == (UID, 0.25, 512 * 2**20)
        usage = await all_wired.get(f"{DEMO}/usage")
        assert (usage["available"], usage["window"], usage["disk"]["used"]) == (True, "60s", 2**30)
        assert len(all_wired.pod.seen) == asked == 1

    async def test_others_environments_are_not_among_them(self, all_wired: Wired) -> None:
        all_wired.server.add(all_wired.pod.port, owner="li.wei")
        await all_wired.look()
        assert (await all_wired.get(f"{NOW}?uids={UID}"))["items"] == []
        all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
        assert len((await all_wired.get(f"{NOW}?uids={UID}"))["items"]) == 1, "positive control"

    async def test_old_figures_and_those_of_an_earlier_pod_are_none(self, all_wired: Wired) -> None:
        instance = all_wired.server.add(all_wired.pod.port)
        now = int(time.time())
        all_wired.figures.files["report"] = f"1 {now} {now} seen\nusage {now - 180} 250 1024 -\n".encode()
        await all_wired.look()
        assert (await all_wired.get(f"{NOW}?uids={UID}"))["items"] == []
        all_wired.figures.files["report"] = f"1 {now} {now} seen\nusage {now - 20} 250 1024 -\n".encode()
        await all_wired.look()
        assert len((await all_wired.get(f"{NOW}?uids={UID}"))["items"]) == 1, "positive control"
        port = all_wired.pod.port
        all_wired.server.table.on_pod(make_pod(instance, port), make_pod(instance, port, uid="another"))
        assert (await all_wired.get(f"{NOW}?uids={UID}"))["items"] == []

    async def test_as_many_as_a_page_has(self, all_wired: Wired) -> None:
        many = ",".join(f"uid-{number}" for number in range(101))
        assert (await all_wired.browser.get(f"{all_wired.server.origin}{NOW}?uids={many}")).status == 422
        assert (await all_wired.browser.get(f"{all_wired.server.origin}{NOW}")).status == 422
        assert (await all_wired.get(f"{NOW}?uids={many.rpartition(',')[0]}"))["items"] == []


async def test_little_is_kept_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = Reports()
    past = PastUsage(reports)

    def environment(number: int) -> Any:
        instance = make_instance(f"demo-{number}")
        return make_environment(instance, make_pod(instance, 8080))

    for number in range(KEPT_AT_MOST + 1):
        await past.read(environment(number))
    await past.read(environment(KEPT_AT_MOST))
    assert len(reports.asked) == KEPT_AT_MOST + 1
    await past.read(environment(0))
    assert reports.asked[-1] == "uid-team-demo-0", "the oldest had to go"
    monkeypatch.setattr(pastusage, "SECONDS", 0.0)
    forgetful, asked = PastUsage(reports), len(reports.asked)
    for _ in range(2):
        await forgetful.read(environment(0))
    assert len(reports.asked) == asked + 2
