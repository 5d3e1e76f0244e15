"""The recorder of activity, with pods that report, a clock of the test's own, and an API server that counts."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.activity import FRESH, WRITE_INTERVAL, Report
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kube.errors import ApiError, Conflict, KubeError, Unreachable
from devworkspace.server import activity
from devworkspace.server.activity import ActivityRecorder
from devworkspace.server.environments import Environment, EnvironmentTable
from devworkspace.server.reports import Reading
from tests.server.fakes import Api, Reports
from tests.server.support import make_instance, make_pod

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Bench:
    """One recorder, its pods and what it wrote."""

    def __init__(self, table: EnvironmentTable | None = None, api: Api | None = None) -> None:
        self.now = START
        self.table = EnvironmentTable() if table is None else table
        self.reports = Reports()
        self.api = api or Api()
        self.counted: list[tuple[str, str]] = []
        self.announced: list[datetime] = []
        self.stops_at: datetime | None = None
        self.recorder = ActivityRecorder(
            table=self.table,
            reports=self.reports,
            writer=self.api,
            now=lambda: self.now,
            count=lambda what, result: self.counted.append((what, result)),
            announce=self.hear,
            stops_at=lambda _: self.stops_at,
            period=0.02,
        )

    async def hear(self, until: datetime) -> None:
        self.announced.append(until)

    def add(self, name: str = "demo", *, last_activity: str | None = None, code_server: bool = True) -> Environment:
        instance = make_instance(name, last_activity=last_activity)
        self.show(instance)
        self.table.on_pod(None, make_pod(instance, 8080, code_server=code_server))
        return self.find(name)

    def show(self, instance: WorkspaceInstance) -> None:
        """The watch brings this instance."""
        self.table.on_instance(None, instance)

    def find(self, name: str = "demo") -> Environment:
        environment = self.table.find(f"{name}--team")
        assert environment is not None
        return environment

    def report(self, *, worked: datetime, blind: bool = False, name: str = "demo") -> None:
        report = Report(written_at=self.now, worked_at=worked, blind=blind)
        self.reports.by_uid[f"uid-team-{name}"] = Reading("read", report, self.now)

    async def look(self, name: str = "demo") -> None:
        await self.recorder.look(self.find(name))

    def written(self) -> list[str | None]:
        return [patch["status"]["lastActivity"] for _, patch in self.api.statuses]


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_first_report_is_written_for_the_version_that_was_looked_at(bench: Bench) -> None:
    environment = bench.add()
    bench.report(worked=START - MINUTE)
    await bench.look()
    ((key, patch),) = bench.api.statuses
    assert key == environment.key
    assert patch == {
        "metadata": {"resourceVersion": "7"},
        "status": {"lastActivity": "2026-11-25T11:59:00Z"},
    }
    assert bench.counted == [("report", "good"), ("write", "written")]


async def test_an_idle_environment_costs_no_write(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START))
    for _ in range(200):
        bench.report(worked=START)
        await bench.look()
        bench.now += MINUTE
    assert bench.written() == []
    assert bench.recorder.known() == 1


async def test_an_hour_of_work_costs_twelve_writes_with_any_number_of_servers() -> None:
    benches = [Bench()]
    benches += [Bench(benches[0].table, benches[0].api) for _ in range(3)]
    first = benches[0]
    first.add(last_activity=format_timestamp(START - timedelta(hours=5)))
    for minute in range(60):
        for bench in benches:
            bench.now = START + minute * MINUTE
            bench.report(worked=bench.now)
            await bench.look()
            if first.written():
                first.show(make_instance(last_activity=first.written()[-1]))
    assert len(first.written()) == 60 * MINUTE / WRITE_INTERVAL
    assert first.written() == sorted(first.written(), key=str)


async def test_a_pod_that_falls_silent_is_unknown_and_never_idle(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START))
    bench.report(worked=START)
    await bench.look()
    bench.reports.by_uid.clear()
    while bench.now < START + FRESH:
        await bench.look()
        assert bench.written() == []
        bench.now += MINUTE
    await bench.look()
    assert bench.written() == [None]
    assert (bench.recorder.known(), bench.recorder.unknown()) == (0, 1)
    bench.show(make_instance())
    await bench.look()
    assert bench.written() == [None], "that it is unknown is written once"
    bench.report(worked=bench.now)
    await bench.look()
    assert bench.written() == [None, format_timestamp(bench.now)]


async def test_a_window_that_nobody_sees_is_unknown(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START))
    for _ in range(3):
        bench.report(worked=START, blind=True)
        await bench.look()
        bench.now += MINUTE
    assert bench.written() == [None]


async def test_after_a_restart_of_the_server_the_pod_says_what_happened_meanwhile(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START - timedelta(hours=2)))
    assert (bench.recorder.known(), bench.recorder.unknown()) == (0, 0)
    bench.report(worked=START - timedelta(hours=1))
    await bench.look()
    assert bench.written() == [format_timestamp(START - timedelta(hours=1))]


async def test_a_custom_server_is_never_asked_and_always_unknown(bench: Bench) -> None:
    environment = bench.add(last_activity=format_timestamp(START), code_server=False)
    bench.report(worked=START)
    await bench.look()
    bench.recorder.note_opened(environment)
    bench.now += FRESH
    await bench.look()
    assert bench.reports.asked == []
    assert bench.written() == [None]


async def test_who_is_about_to_be_stopped_is_written_at_once(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START - 3 * MINUTE))
    bench.report(worked=START)
    bench.stops_at = START + 2 * MINUTE
    await bench.look()
    assert bench.written() == [], "work that goes on is written every five minutes"
    bench.stops_at = START + MINUTE
    await bench.look()
    assert bench.written() == [format_timestamp(START)]


async def test_who_is_about_to_be_stopped_is_asked_between_the_rounds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "LAST_CALL_SECONDS", 0.01)
    bench.add(last_activity=format_timestamp(START - 3 * MINUTE))
    bench.recorder._period = 60.0
    bench.stops_at = START + 10 * MINUTE
    running = asyncio.create_task(bench.recorder.run())
    await asyncio.sleep(0.1)
    assert len(bench.reports.asked) == 1, "the round"
    bench.stops_at = START + MINUTE
    bench.report(worked=START)
    async with asyncio.timeout(30):
        while not bench.written():
            await asyncio.sleep(0.01)
    bench.stops_at = START - 2 * MINUTE
    await asyncio.sleep(0.05)
    asked = len(bench.reports.asked)
    await asyncio.sleep(0.1)
    assert len(bench.reports.asked) == asked, "nobody stops it, so there is no hurry"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_opening_a_page_counts_where_reports_come(bench: Bench) -> None:
    environment = bench.add(last_activity=format_timestamp(START - timedelta(hours=1)))
    bench.report(worked=START - timedelta(hours=1))
    await bench.look()
    assert bench.written() == []
    bench.now += MINUTE
    bench.recorder.note_opened(environment)
    bench.report(worked=START - timedelta(hours=1))
    await bench.look()
    assert bench.written() == [format_timestamp(bench.now)]


async def test_one_pods_report_says_nothing_about_another(bench: Bench) -> None:
    bench.add("mine", last_activity=format_timestamp(START - timedelta(hours=1)))
    bench.add("other", last_activity=format_timestamp(START - timedelta(hours=1)))
    bench.report(worked=START, name="mine")
    bench.report(worked=START - timedelta(hours=1), name="other")
    await bench.look("mine")
    await bench.look("other")
    assert [key.name for key, _ in bench.api.statuses] == ["mine"]


async def test_another_pod_begins_unknown(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START))
    bench.report(worked=START)
    await bench.look()
    assert bench.recorder.known() == 1
    bench.table.on_pod(make_pod(make_instance(), 8080), make_pod(make_instance(), 8080, uid="pod-2"))
    bench.reports.by_uid.clear()
    await bench.look()
    assert (bench.recorder.known(), bench.recorder.unknown()) == (0, 1)


async def test_a_stopped_environment_is_forgotten_and_keeps_its_time(bench: Bench) -> None:
    bench.add(last_activity=format_timestamp(START))
    bench.report(worked=START)
    await bench.look()
    bench.table.on_instance(make_instance(), make_instance(phase="Stopped", last_activity=format_timestamp(START)))
    assert (bench.recorder.known(), bench.recorder.unknown()) == (0, 0)
    assert bench.written() == []


@pytest.mark.parametrize(
    ("refusal", "counted"),
    [
        (Conflict(status=409, reason="Conflict", message="changed meanwhile"), "conflict"),
        (ApiError(status=500, reason="InternalError", message="broken"), "failed"),
        (Unreachable("no API server"), "failed"),
    ],
)
async def test_a_write_that_fails_is_tried_with_the_next_report(bench: Bench, refusal: KubeError, counted: str) -> None:
    bench.add()
    bench.api.refusal = refusal
    bench.report(worked=START)
    await bench.look()
    assert bench.counted[-1] == ("write", counted)
    bench.api.refusal = None
    await bench.look()
    assert bench.counted[-1] == ("write", "written")


async def test_a_round_asks_each_running_environment_and_survives_what_fails(bench: Bench) -> None:
    for number in range(40):
        bench.add(f"demo{number}", last_activity="not a time" if number == 3 else None)
        bench.report(worked=START, name=f"demo{number}")
    bench.table.on_instance(make_instance("demo5"), make_instance("demo5", phase="Stopped"))
    running = asyncio.create_task(bench.recorder.run())
    while bench.reports.asked.count("uid-team-demo7") < 3:
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert set(bench.reports.asked) == {f"uid-team-demo{number}" for number in range(40)} - {"uid-team-demo5"}
    assert ("write", "failed") in bench.counted


async def rounds(bench: Bench, *, until: Callable[[], object]) -> None:
    """Lets the recorder run until something holds."""
    running = asyncio.create_task(bench.recorder.run())
    async with asyncio.timeout(10):
        while not until():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_round_that_left_nothing_unwritten_is_announced(bench: Bench) -> None:
    bench.add()
    bench.add("custom", code_server=False)
    bench.report(worked=START)
    await rounds(bench, until=lambda: bench.announced)
    assert bench.announced[0] == START, "what happened after the round began may not have been seen"
    # No watch tells of the write here, so that a second round would make it again.
    assert set(bench.written()) == {format_timestamp(START)}


async def test_a_write_that_cannot_be_made_is_no_announcement(bench: Bench) -> None:
    bench.add()
    bench.report(worked=START)
    bench.api.refusal = Unreachable("no API server")
    await rounds(bench, until=lambda: bench.reports.asked.count("uid-team-demo") >= 6)
    assert bench.announced == []
    bench.api.refusal = None
    await rounds(bench, until=lambda: bench.announced)


async def test_who_changes_their_instance_all_the_time_holds_nobody_up(bench: Bench) -> None:
    bench.add()
    bench.report(worked=START)
    bench.api.conflicts = True
    await rounds(bench, until=lambda: bench.announced)
    key, patch = bench.api.statuses[0]
    assert (key.name, patch) == ("demo", {"metadata": {}, "status": {"lastActivity": format_timestamp(START)}})


async def test_a_time_that_stands_though_nobody_reports_is_no_announcement(bench: Bench) -> None:
    """It has to be taken away first."""
    bench.add(last_activity=format_timestamp(START))
    bench.recorder._seen["uid-team-demo"] = seen = activity._Seen("pod-uid-team-demo", START - FRESH)
    seen.misses = 10
    bench.api.refusal = Unreachable("no API server")
    await rounds(bench, until=lambda: len(bench.reports.asked) >= 4)
    assert bench.announced == []
    bench.api.refusal = None
    await rounds(bench, until=lambda: bench.announced)
    assert bench.written()[0] is None


async def test_pods_that_hang_are_asked_seldom_and_hold_up_nobody(bench: Bench) -> None:
    bench.add("good")
    for number in range(20):
        bench.add(f"bad{number}")
    running = asyncio.create_task(bench.recorder.run())
    bench.report(worked=START, name="good")
    while bench.reports.asked.count("uid-team-good") < 30:
        bench.report(worked=START, name="good")
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    bad = bench.reports.asked.count("uid-team-bad0")
    assert bad <= activity.PATIENCE + 30 / activity.SELDOM + 2
    assert bad > activity.PATIENCE
