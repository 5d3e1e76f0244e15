"""What an environment took, through starts, stops, months, resizes, crashes and clocks that are wrong."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import InstanceStatus, MonthUsage, Usage, UsageNow
from devworkspace.core.plan import make_plan
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.usage import MOST, WRONG_CLOCK, account, known_months, months_until, sum_usage, usage_in
from tests.support.builders import NOW as NOON
from tests.support.builders import make_instance, make_pod, make_volume, make_world, running_status

START = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def pod(
    *,
    cpu: str = "500m",
    memory: str = "1Gi",
    node: str | None = "node-1",
    placed_at: datetime | None = None,
    phase: str = "Running",
    sidecar: dict[str, str] | None = None,
) -> Pod:
    placed = {"type": "PodScheduled", "status": "True"}
    if placed_at is not None:
        placed["lastTransitionTime"] = format_timestamp(placed_at)
    containers = [{"name": "workspace", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]
    if sidecar is not None:
        containers.append({"name": "sidecar", "resources": {"requests": sidecar}})
    body = {
        "metadata": {"name": "demo"},
        "spec": {"containers": containers, **({"nodeName": node} if node else {})},
        "status": {"phase": phase, "conditions": [placed]},
    }
    return msgspec.convert(body, Pod)


def volume(size: str = "10Gi") -> PersistentVolumeClaim:
    body = {"metadata": {"name": "demo"}, "spec": {"resources": {"requests": {"storage": size}}}}
    return msgspec.convert(body, PersistentVolumeClaim)


DISK = volume()
RUNS = UsageNow(True, 500, 1024, 10240)
RESTS = UsageNow(False, 0, 0, 10240)


def month(name: str, *, ran: float = 0, stored: float = 0) -> MonthUsage:
    """Of the pod and the disk above; both in hours."""
    running, storage = round(ran * 3600), round(stored * 3600)
    return MonthUsage(name, running, running * 500, running * 1024, storage * 10240)


def test_nothing_made_is_nothing_to_write() -> None:
    assert account(None, pod=None, volume=None, now=START) is None
    assert account(None, pod=pod(node=None), volume=None, now=START) is None


def test_a_start_counts_from_when_the_pod_got_its_node() -> None:
    usage = account(None, pod=pod(placed_at=START - 90 * SECOND), volume=DISK, now=START)
    assert usage == Usage("2026-11-10T07:58:30Z", RUNS)


def test_a_day_of_work_and_a_night() -> None:
    first = account(None, pod=pod(), volume=DISK, now=START)
    assert first is not None
    stopped = account(first, pod=None, volume=DISK, now=START + 9 * HOUR)
    assert stopped == Usage("2026-11-10T17:00:00Z", RESTS, (month("2026-11", ran=9, stored=9),))
    again = account(stopped, pod=pod(placed_at=START + DAY - 5 * SECOND), volume=DISK, now=START + DAY)
    assert again is not None
    assert again.since == "2026-11-11T07:59:55Z"
    assert months_until(again, START + DAY + HOUR) == (month("2026-11", ran=10 + 5 / 3600, stored=25),)


def test_what_does_not_change_is_not_written() -> None:
    usage = account(None, pod=pod(), volume=DISK, now=START)
    assert account(usage, pod=pod(placed_at=START - HOUR), volume=DISK, now=START + 50 * DAY) is usage


def test_reading_changes_nothing_and_adds_what_runs() -> None:
    usage = Usage("2026-11-10T08:00:00Z", RUNS, (month("2026-11", ran=1, stored=20),))
    assert usage_in(usage, "2026-11", now=START + 2 * HOUR) == month("2026-11", ran=3, stored=22)
    assert usage_in(usage, "2026-10", now=START) == MonthUsage("2026-10")
    assert usage_in(None, "2026-11", now=START) == MonthUsage("2026-11")


def test_a_stretch_over_the_end_of_a_month_is_split_there() -> None:
    usage = Usage("2026-12-31T20:00:00Z", RUNS)
    found = months_until(usage, datetime(2027, 1, 1, 3, 0, tzinfo=UTC))
    assert found == (month("2027-01", ran=3, stored=3), month("2026-12", ran=4, stored=4))


def test_of_a_long_time_the_newest_months_are_kept() -> None:
    usage = Usage("2025-03-01T00:00:00Z", RUNS, (month("2025-03", ran=7, stored=7),))
    found = months_until(usage, datetime(2028, 3, 1, 1, 0, tzinfo=UTC))
    days = {"2028-03": 1 / 24, "2028-02": 29, "2028-01": 31}
    assert found == tuple(month(name, ran=24 * length, stored=24 * length) for name, length in days.items())
    assert known_months(datetime(2028, 3, 1, 1, 0, tzinfo=UTC)) == tuple(days)


def test_a_volume_that_grows_while_the_pod_runs_counts_from_then_on() -> None:
    usage = account(None, pod=pod(placed_at=START), volume=DISK, now=START + SECOND)
    grown = account(usage, pod=pod(placed_at=START), volume=volume("20Gi"), now=START + HOUR)
    assert grown == Usage(
        "2026-11-10T09:00:00Z", replace(RUNS, storage_mebibytes=20480), (month("2026-11", ran=1, stored=1),)
    )
    assert grown is not None
    (found,) = months_until(grown, START + 2 * HOUR)
    assert found.storage_mebibyte_seconds == 3600 * (10240 + 20480)
    assert found.running_seconds == 7200


def test_a_pod_that_is_resized_in_place_counts_from_then_on() -> None:
    usage = account(None, pod=pod(placed_at=START), volume=DISK, now=START)
    resized = account(usage, pod=pod(placed_at=START, cpu="2"), volume=DISK, now=START + HOUR)
    assert resized is not None
    (found,) = months_until(resized, START + 2 * HOUR)
    assert found.cpu_millicore_seconds == 3600 * (500 + 2000)


@pytest.mark.parametrize("ended", [pod(phase="Failed"), pod(phase="Succeeded"), pod(node=None), None])
def test_what_holds_no_place_on_a_node_takes_none(ended: Pod | None) -> None:
    usage = account(None, pod=ended, volume=DISK, now=START)
    assert usage is not None
    assert usage.now == RESTS


def test_all_containers_count_and_odd_sizes_are_rounded_up() -> None:
    odd = pod(cpu="0.1", memory="128974848", sidecar={"cpu": "100500u", "memory": "1k"})
    usage = account(None, pod=odd, volume=volume("1G"), now=START)
    assert usage is not None
    assert usage.now == UsageNow(True, 201, 124, 954)


def test_absurd_requests_stay_within_what_the_api_server_takes() -> None:
    usage = account(None, pod=pod(cpu="1e30", memory="1000E"), volume=volume("1000E"), now=START)
    assert usage is not None
    assert usage.now == UsageNow(True, MOST, MOST, MOST)
    # Also within what a browser can count.
    assert usage.now.storage_mebibytes * 31 * 86_400 < 2**53


class TestClocks:
    def test_one_that_was_put_back_counts_nothing_again(self) -> None:
        usage = account(None, pod=pod(), volume=DISK, now=START)
        stopped = account(usage, pod=None, volume=DISK, now=START + HOUR)
        again = account(stopped, pod=pod(), volume=DISK, now=START)
        assert again == Usage("2026-11-10T09:00:00Z", RUNS, (month("2026-11", ran=1, stored=1),))
        assert again is not None
        assert months_until(again, START + 30 * timedelta(minutes=1)) == again.months
        assert months_until(again, START + 2 * HOUR) == (month("2026-11", ran=2, stored=2),)

    def test_one_that_was_a_year_ahead_is_not_waited_for(self) -> None:
        wrong = START + 365 * DAY
        usage = account(None, pod=pod(), volume=DISK, now=START)
        spoiled = account(usage, pod=None, volume=DISK, now=wrong)
        assert spoiled is not None
        repaired = account(spoiled, pod=pod(), volume=DISK, now=START + HOUR)
        assert repaired == Usage("2026-11-10T09:00:00Z", RUNS)
        assert months_until(repaired, START + 2 * HOUR) == (month("2026-11", ran=1, stored=1),)

    def test_a_little_ahead_is_waited_for(self) -> None:
        ahead = Usage(format_timestamp(START + WRONG_CLOCK), RESTS)
        usage = account(ahead, pod=pod(), volume=DISK, now=START)
        assert usage == Usage(format_timestamp(START + WRONG_CLOCK), RUNS)

    def test_a_node_s_time_is_never_after_ours(self) -> None:
        usage = account(None, pod=pod(placed_at=START + HOUR), volume=DISK, now=START)
        assert usage == Usage("2026-11-10T08:00:00Z", RUNS)


STEPS = st.lists(
    st.tuples(st.integers(0, 2 * 86_400), st.booleans(), st.booleans()),
    min_size=1,
    max_size=20,
)


@given(STEPS)
def test_every_moment_counts_once_whatever_is_lost(steps: list[tuple[int, bool, bool]]) -> None:
    """Each step: time goes by, the pod is there or not, and the status is written or the operator crashes before."""
    usage, now, running, lost = account(None, pod=None, volume=DISK, now=START), START, 0, False
    was_running = False
    for seconds, runs, written in steps:
        now += seconds * SECOND
        running += seconds * was_running
        decided = account(usage, pod=pod() if runs else None, volume=DISK, now=now)
        # Also decided twice, as after a crash behind the write.
        assert account(decided, pod=pod() if runs else None, volume=DISK, now=now) is decided
        lost, was_running = lost or not written, runs
        usage = decided if written else usage
    assert usage is not None
    found = sum_usage("", months_until(usage, now))
    elapsed = int((now - START).total_seconds())
    assert found.storage_mebibyte_seconds == elapsed * 10240
    assert found.running_seconds <= elapsed
    if not lost:
        assert found.running_seconds == running


@given(st.lists(st.tuples(st.integers(-7200, 7200), st.booleans()), min_size=1, max_size=10))
def test_no_moment_counts_twice_by_any_clock(steps: list[tuple[int, bool]]) -> None:
    usage, clock = account(None, pod=pod(), volume=DISK, now=START), [START]
    for seconds, runs in steps:
        clock.append(clock[-1] + seconds * SECOND)
        usage = account(usage, pod=pod() if runs else None, volume=DISK, now=clock[-1])
        assert usage is not None
    assert usage is not None
    found = sum_usage("", months_until(usage, max(clock)))
    assert found.running_seconds <= (max(clock) - START).total_seconds()
    assert found.storage_mebibyte_seconds == (max(clock) - START).total_seconds() * 10240


@given(st.integers(-100, 100), st.integers(0, 100), st.lists(st.sampled_from(known_months(START)), unique=True))
def test_a_single_month_is_that_of_all_months(ago: int, later: int, before: list[str]) -> None:
    now = START + later * timedelta(hours=7, seconds=1)
    months = tuple(month(name, ran=1, stored=2) for name in sorted(before, reverse=True))
    usage = Usage(format_timestamp(START - ago * timedelta(hours=17)), RUNS, months)
    found = {known.month: known for known in months_until(usage, now)}
    for name in known_months(now):
        assert usage_in(usage, name, now=now) == found.get(name, MonthUsage(name))


def test_a_life_needs_no_write_of_its_own() -> None:
    """What the plan writes anyway carries the usage; afterwards the clock alone brings no write."""
    making = make_plan(make_world()).status
    assert making is not None
    assert making.usage is None
    world = make_world(
        instance=make_instance(status=making), pod=make_pod(**running_status()), volumes=(make_volume(),)
    )
    running = make_plan(world).status
    assert running is not None
    assert (running.phase, running.usage) == ("Running", Usage("2026-11-24T11:59:56Z", _requests_of(world.pod)))
    for later in (HOUR, 40 * DAY):
        quiet = replace(world, instance=make_instance(status=running), now=NOON + later)
        assert make_plan(quiet).status is None
    statuses = [running]
    for there in (world.pod, None):
        wanted = make_instance(running=False, status=statuses[-1])
        written = make_plan(replace(world, instance=wanted, pod=there, now=NOON + HOUR)).status
        assert written is not None
        statuses.append(written)
    assert [status.phase for status in statuses] == ["Running", "Stopping", "Stopped"]
    assert [status.usage is other.usage for status, other in pairwise(statuses)] == [True, False]
    assert statuses[-1].usage is not None
    assert statuses[-1].usage.months[0].running_seconds == 3604


def test_an_environment_of_an_older_operator_is_counted_from_its_present_start() -> None:
    older = InstanceStatus(phase="Running")
    world = make_world(instance=make_instance(status=older), pod=make_pod(**running_status()), volumes=(make_volume(),))
    status = make_plan(world).status
    assert status is not None
    assert status.usage is not None
    assert status.usage.since == "2026-11-24T11:59:56Z"


def _requests_of(found: Pod | None) -> UsageNow:
    assert found is not None
    requests = found.spec.containers[0].resources.requests
    assert (requests["cpu"], requests["memory"]) == ("100m", "256Mi"), "the product's default"
    return UsageNow(True, 100, 256, 10240)
