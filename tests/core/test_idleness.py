"""When an unused environment is stopped: never early, never on what is unknown, and not later than it must be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.instance import InstanceStatus, LifecycleOverride, WorkspaceInstance
from devworkspace.api.template import Lifecycle, WorkspaceTemplate
from devworkspace.core.activity import Knowledge, Report, find_last_work, find_write, learn
from devworkspace.core.idleness import (
    LAG,
    LAST_CALL,
    SHORTEST,
    SKEW,
    TRUST,
    find_idle_deadline,
    find_idle_timeout,
    find_stop_reason,
    is_idle,
    stop_note,
)
from devworkspace.core.timestamps import format_timestamp
from tests.support import builders

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def template(idle_timeout: str | None = "30m") -> WorkspaceTemplate:
    made = builders.make_template()
    return replace(made, spec=replace(made.spec, lifecycle=Lifecycle(idle_timeout=idle_timeout)))


def instance(*, own: str | None = None, running: bool = True, **status: Any) -> WorkspaceInstance:
    """Running since three hours, last used two hours ago."""
    times: dict[str, Any] = {
        "phase": "Running",
        "started_at": format_timestamp(NOW - 3 * HOUR - MINUTE),
        "ready_at": format_timestamp(NOW - 3 * HOUR),
        "last_activity": format_timestamp(NOW - 2 * HOUR),
        **status,
    }
    made = builders.make_instance(running=running, status=InstanceStatus(**times))
    return replace(made, spec=replace(made.spec, lifecycle=LifecycleOverride(idle_timeout=own)))


@pytest.mark.parametrize(
    ("templates", "own", "effective"),
    [
        (None, None, None),
        ("30m", None, timedelta(minutes=30)),
        (None, "20m", timedelta(minutes=20)),
        ("30m", "20m", timedelta(minutes=20)),
        ("30m", "2h", timedelta(minutes=30)),
    ],
)
def test_the_shorter_time_counts(templates: str | None, own: str | None, effective: timedelta | None) -> None:
    assert find_idle_timeout(instance(own=own), template(templates)) == effective


def test_without_its_template_nothing_is_stopped() -> None:
    assert find_idle_timeout(instance(own="20m"), None) is None
    assert find_idle_deadline(instance(own="20m"), None) is None


def test_the_time_counts_from_the_last_work() -> None:
    assert find_idle_deadline(instance(), template()) == NOW - 2 * HOUR + timedelta(minutes=30) + LAG


def test_and_from_the_start_if_that_was_later() -> None:
    started = instance(started_at=format_timestamp(NOW - 2 * HOUR - MINUTE), ready_at=format_timestamp(NOW - HOUR))
    assert find_idle_deadline(started, template()) == NOW - HOUR + timedelta(minutes=30) + LAG


def test_a_wish_below_what_can_be_known_is_kept_as_well_as_possible() -> None:
    assert find_idle_deadline(instance(), template("1s")) == NOW - 2 * HOUR + SHORTEST + LAG


@pytest.mark.parametrize(
    "unknown",
    [
        {"last_activity": None},
        {"ready_at": None},
        {"started_at": None},
        {"phase": "Provisioning"},
        {"phase": "Stopping"},
        {"phase": "Failed"},
        {"phase": None},
        {"running": False},
        {"started_at": format_timestamp(NOW - HOUR), "ready_at": format_timestamp(NOW - HOUR)},
    ],
    ids=lambda unknown: " ".join(f"{name}={value}" for name, value in unknown.items()),
)
def test_what_is_not_known_is_never_idle(unknown: dict[str, Any]) -> None:
    """The last one: nothing has been heard since the start, the time is of an earlier run."""
    assert find_idle_deadline(instance(**unknown), template()) is None
    assert find_idle_deadline(instance(), template()) is not None


@pytest.mark.parametrize(
    ("known_until", "idle"),
    [
        (None, False),
        (NOW, True),
        (NOW - TRUST, True),
        (NOW - TRUST - MINUTE, False),
        (NOW + SKEW, True),
        (NOW + SKEW + MINUTE, False),
        (NOW + HOUR, False),
    ],
)
def test_the_servers_word_must_be_there_and_fresh(known_until: datetime | None, idle: bool) -> None:
    assert is_idle(NOW - HOUR, known_until=known_until, now=NOW) is idle


def test_the_word_must_reach_to_the_last_call() -> None:
    assert not is_idle(NOW, known_until=NOW - LAST_CALL - timedelta(seconds=1), now=NOW)
    assert is_idle(NOW, known_until=NOW - LAST_CALL, now=NOW)
    assert not is_idle(NOW + MINUTE, known_until=NOW + MINUTE, now=NOW)
    assert not is_idle(None, known_until=NOW, now=NOW)


def test_the_reason_belongs_to_one_stop() -> None:
    stopped = instance(running=False)
    noted = {names.ANNOTATION_STOPPED_FOR: stop_note("Idle", generation=stopped.metadata.generation)}
    by_us = replace(stopped, metadata=replace(stopped.metadata, annotations=noted))
    assert find_stop_reason(by_us) == "Idle"
    later = replace(by_us, metadata=replace(by_us.metadata, generation=by_us.metadata.generation + 2))
    assert find_stop_reason(later) == "User", "started and stopped by a person since"
    assert find_stop_reason(stopped) == "User"
    forged = {names.ANNOTATION_STOPPED_FOR: "Evil@1"}
    assert find_stop_reason(replace(stopped, metadata=replace(stopped.metadata, annotations=forged))) == "User"


# Ten seconds each. Somebody comes back around the deadline, and everything may fail around it.
STEP = timedelta(seconds=10)
UNSEEN = timedelta(minutes=7)
outages = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 120)), max_size=3)


def during(outages: list[tuple[int, int]], step: int) -> bool:
    return any(first <= step < first + length for first, length in outages)


@settings(max_examples=400)
@given(
    back=st.integers(0, 120),
    reporter=outages,
    pod=outages,
    api=outages,
    operator=outages,
    phase=st.integers(0, 5),
    skew=st.integers(-150, 150) | st.sampled_from([-3600, 3600]),
)
def test_whoever_has_worked_for_seven_minutes_is_not_stopped(
    *,
    back: int,
    reporter: list[tuple[int, int]],
    pod: list[tuple[int, int]],
    api: list[tuple[int, int]],
    operator: list[tuple[int, int]],
    phase: int,
    skew: int,
) -> None:
    """Reporter, pod, API server and operator may be away, and the operator's clock be wrong."""
    allowed = timedelta(minutes=10)
    first = NOW - allowed + timedelta(minutes=5)
    heard = Knowledge(heard_at=NOW, worked_at=first)
    stored: datetime | None = first
    said = written_at = first
    known_until: datetime | None = None
    came_back = NOW + back * STEP
    for step in range(240):
        now = NOW + step * STEP
        works = now >= came_back
        if step % 3 == 0 and not during(reporter, step):
            said, written_at = (now if works else first), now
        if step % 6 == phase:
            report = Report(written_at=written_at, worked_at=said, blind=False)
            last = find_last_work(report, pod_time=now, now=now)
            if last is not None and not during(pod, step):
                heard = learn(heard, last_work=last, now=now)
            urgent = stored is not None and stored + allowed + LAG - LAST_CALL <= now
            write = find_write(heard, stored=stored, now=now, urgent=urgent)
            if not during(api, step):
                stored = stored if write is None else write.last_activity
                known_until = now
        status: dict[str, Any] = {
            "started_at": format_timestamp(first - HOUR),
            "ready_at": format_timestamp(first - HOUR),
            "last_activity": None if stored is None else format_timestamp(stored),
        }
        deadline = find_idle_deadline(instance(**status), template("10m"))
        looks = not during(operator, step)
        # The other of the two clocks is right, and the earlier one counts (`core.due.is_confirmed`).
        if looks and is_idle(deadline, known_until=known_until, now=now + timedelta(seconds=min(skew, 0))):
            assert now - first >= allowed
            assert not works or now - came_back < UNSEEN
            return


@settings(max_examples=30)
@given(st.integers(0, 600))
def test_who_is_away_is_stopped_soon_after_the_time(worked_minutes: int) -> None:
    """The control of the test above: with everything at work, an unused environment does stop."""
    heard, stored = Knowledge(heard_at=NOW), None
    now = NOW
    worked = NOW + worked_minutes * MINUTE
    while True:
        now += MINUTE
        heard = learn(heard, last_work=min(worked, now), now=now)
        write = find_write(heard, stored=stored, now=now)
        stored = write.last_activity if write is not None else stored
        assume(stored is not None)
        assert stored is not None
        status: dict[str, Any] = {
            "started_at": format_timestamp(NOW),
            "ready_at": format_timestamp(NOW),
            "last_activity": format_timestamp(stored),
        }
        deadline = find_idle_deadline(instance(**status), template())
        if is_idle(deadline, known_until=now, now=now):
            break
    late = now - worked - timedelta(minutes=30)
    assert timedelta() <= late <= LAG + MINUTE
