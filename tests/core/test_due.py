"""What the clock does next, with several rules at once, through restarts and clocks that are wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.instance import InstanceStatus, LifecycleOverride, WorkspaceInstance
from devworkspace.api.template import Lifecycle, ScheduleRule, WorkspaceTemplate
from devworkspace.core.due import CATCH_UP, CLEAN_UP_WARNING, GRACE, WARNING, Due, due, is_confirmed
from devworkspace.core.idleness import LAG, LAST_CALL, SKEW
from devworkspace.core.timestamps import format_timestamp
from tests.support import builders

# A Wednesday.
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OFFICE = ScheduleRule(time_zone="UTC", days=("Mon", "Tue", "Wed", "Thu", "Fri"), start="09:00", stop="18:00")


def template(**lifecycle: Any) -> WorkspaceTemplate:
    made = builders.make_template()
    return replace(made, spec=replace(made.spec, lifecycle=Lifecycle(**lifecycle)))


def running(*, started: timedelta = 3 * HOUR, used: timedelta | None = 10 * MINUTE, **own: Any) -> WorkspaceInstance:
    """Ready a minute after its start, last used so long ago."""
    status = InstanceStatus(
        phase="Running",
        started_at=format_timestamp(NOW - started),
        ready_at=format_timestamp(NOW - started + MINUTE),
        last_activity=None if used is None else format_timestamp(NOW - used),
    )
    made = builders.make_instance(status=status)
    return replace(made, spec=replace(made.spec, lifecycle=LifecycleOverride(**own)))


def stopped(*, since: timedelta, **own: Any) -> WorkspaceInstance:
    status = InstanceStatus(phase="Stopped", stopped_at=format_timestamp(NOW - since), data_policy="Retain")
    made = builders.make_instance(running=False, status=status)
    return replace(made, spec=replace(made.spec, lifecycle=LifecycleOverride(**own)))


def test_an_unused_one_is_stopped_and_its_people_warned_five_minutes_before() -> None:
    at = NOW - 10 * MINUTE + HOUR + LAG
    expected = Due("stop", "Idle", at=at, warn_at=at - WARNING, latest=at + 8 * HOUR)
    assert due(running(), template(idle_timeout="1h"), NOW) == expected


@pytest.mark.parametrize(("timeout", "before"), [("5m", 1), ("8m", 2), ("10m", 4), ("11m", 5), ("12h", 5)])
def test_with_a_short_timeout_the_warning_waits_until_it_is_true(timeout: str, before: int) -> None:
    found = due(running(), template(idle_timeout=timeout), NOW)
    assert found is not None
    assert found.at - found.warn_at == before * MINUTE


def test_the_longest_run_counts_from_the_start_and_cannot_be_put_off() -> None:
    longest = template(max_run_duration="4h")
    at = NOW + HOUR
    assert due(running(), longest, NOW) == Due("stop", "MaxRunDuration", at=at, warn_at=at - WARNING)
    later = running(keep_awake_until=format_timestamp(NOW + 5 * HOUR))
    assert due(later, longest, NOW) == due(running(), longest, NOW)


def test_an_environment_shortens_the_longest_run_and_never_lengthens_it() -> None:
    for own, hours in (("2h", -1), ("9h", 1)):
        found = due(running(max_run_duration=own), template(max_run_duration="4h"), NOW)
        assert found is not None
        assert found.at == NOW + hours * HOUR


def test_the_hours_stop_what_runs() -> None:
    at = NOW + 6 * HOUR
    expected = Due("stop", "Schedule", at=at, warn_at=at - WARNING, latest=at + 8 * HOUR)
    assert due(running(), template(schedule=(OFFICE,)), NOW) == expected


def test_a_stop_that_nobody_was_there_to_make_is_made_up_for() -> None:
    since_yesterday = running(started=DAY)
    found = due(since_yesterday, template(schedule=(OFFICE,)), NOW)
    assert found is not None
    assert (found.reason, found.at) == ("Schedule", NOW - 18 * HOUR)


def test_who_starts_after_the_hours_or_just_before_their_end_works_on() -> None:
    noon = replace(OFFICE, stop="12:00")
    for minutes in (0, 4):
        found = due(running(started=minutes * MINUTE), template(schedule=(noon,)), NOW)
        assert found is not None
        assert found.at == NOW + DAY, "of today's stop nobody could be warned"
    found = due(running(started=GRACE + MINUTE), template(schedule=(noon,)), NOW)
    assert found is not None
    assert found.at == NOW


@pytest.mark.parametrize(
    ("wish", "limit", "moved"),
    [
        (HOUR, "8h", HOUR),
        (20 * HOUR, "8h", 8 * HOUR),
        (20 * HOUR, "0s", timedelta()),
        (-20 * HOUR, "8h", timedelta()),
    ],
    ids=["an hour", "as far as allowed", "not at all", "never sooner"],
)
@pytest.mark.parametrize("rule", [{"idle_timeout": "1h"}, {"schedule": (OFFICE,)}], ids=["idle", "hours"])
def test_a_stop_is_put_off_within_what_the_template_allows(
    rule: dict[str, Any], wish: timedelta, limit: str, moved: timedelta
) -> None:
    before = due(running(), template(**rule), NOW)
    assert before is not None
    wished = running(keep_awake_until=format_timestamp(before.at + wish))
    after = due(wished, template(**rule, max_keep_awake=limit), NOW)
    assert after is not None
    assert (after.at, after.warn_at) == (before.at + moved, before.warn_at + moved)


def test_of_several_rules_the_soonest_speaks() -> None:
    every = template(idle_timeout="1h", max_run_duration="4h", schedule=(OFFICE,))
    longest = running(started=4 * HOUR)
    assert [found.reason for found in (due(longest, every, NOW), due(running(), every, NOW)) if found] == [
        "MaxRunDuration",
        "Idle",
    ]
    busy = running(used=timedelta())
    assert (found := due(busy, every, NOW)) is not None
    assert found.reason == "MaxRunDuration"
    awake = running(keep_awake_until=format_timestamp(NOW + 3 * HOUR))
    assert (found := due(awake, every, NOW)) is not None
    assert (found.reason, found.at) == ("MaxRunDuration", NOW + HOUR), "an extension does not hide another rule"


def test_own_stops_hold_beside_those_of_the_template_and_own_starts_instead() -> None:
    early = ScheduleRule(time_zone="UTC", stop="15:00")
    found = due(running(schedule=(early,)), template(schedule=(OFFICE,)), NOW)
    assert found is not None
    assert found.at == NOW + 3 * HOUR
    late = ScheduleRule(time_zone="UTC", stop="23:00")
    found = due(running(schedule=(late,)), template(schedule=(OFFICE,)), NOW)
    assert found is not None
    assert found.at == NOW + 6 * HOUR
    assert due(stopped(since=18 * HOUR, schedule=(late,)), template(schedule=(OFFICE,)), NOW) is None
    ten = ScheduleRule(time_zone="UTC", start="13:00")
    found = due(stopped(since=18 * HOUR, schedule=(ten,)), template(schedule=(OFFICE,)), NOW)
    assert found is not None
    assert (found.action, found.at) == ("start", NOW + HOUR)


@pytest.mark.parametrize(
    ("since", "start", "expected"),
    [
        (18 * HOUR, "13:00", NOW + HOUR),
        (18 * HOUR, "12:00", NOW),
        (18 * HOUR, "11:30", NOW - 30 * MINUTE),
        (18 * HOUR, "09:00", NOW - 3 * HOUR + DAY),
        (10 * MINUTE, "11:30", NOW - 30 * MINUTE + DAY),
    ],
    ids=["ahead", "now", "late", "too late", "stopped by hand since"],
)
def test_a_start_is_made_up_for_within_an_hour(since: timedelta, start: str, expected: datetime) -> None:
    found = due(stopped(since=since), template(schedule=(replace(OFFICE, start=start),)), NOW)
    assert found is not None
    assert (found.action, found.at) == ("start", expected)


def test_a_start_whose_hours_are_over_is_not_made_up_for() -> None:
    short = replace(OFFICE, start="11:30", stop="11:45")
    found = due(stopped(since=18 * HOUR), template(schedule=(short,)), NOW)
    assert found is not None
    assert found.at == NOW - 30 * MINUTE + DAY
    assert CATCH_UP > 30 * MINUTE


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("Schedule", NOW - 10 * MINUTE), ("User", NOW - 10 * MINUTE + DAY)],
    ids=["by its hours", "by hand"],
)
def test_hours_begin_again_when_a_wrong_clock_has_noted_the_stop_for_later(reason: str, expected: datetime) -> None:
    night = replace(OFFICE, start="11:50", stop="11:40")
    ended = stopped(since=-HOUR)
    ended = replace(ended, status=replace(ended.status, stop_reason=reason))
    found = due(ended, template(schedule=(night,)), NOW)
    assert found is not None
    assert (found.action, found.at) == ("start", expected)


def test_hours_that_ended_it_do_not_bring_back_a_start_of_before() -> None:
    """Its own begin at 11:30, its template's end at 11:45."""
    ended = stopped(since=15 * MINUTE, schedule=(ScheduleRule(time_zone="UTC", start="11:30"),))
    ended = replace(ended, status=replace(ended.status, stop_reason="Schedule"))
    found = due(ended, template(schedule=(ScheduleRule(time_zone="UTC", stop="11:45"),)), NOW)
    assert found is not None
    assert (found.action, found.at) == ("start", NOW - 30 * MINUTE + DAY)


def test_a_holiday_neither_starts_nor_stops() -> None:
    holiday = template(schedule=(replace(OFFICE, except_=("2026-11-25",)),))
    found = due(running(), holiday, NOW)
    assert found is not None
    assert found.at == NOW + DAY + 6 * HOUR
    found = due(stopped(since=18 * HOUR), holiday, NOW - 4 * HOUR)
    assert found is not None
    assert found.at == NOW + DAY - 3 * HOUR


@pytest.mark.parametrize(("length", "days", "warned"), [("720h", 30, CLEAN_UP_WARNING), ("24h", 1, 12 * HOUR)])
def test_what_is_stopped_for_long_is_cleaned_up_after_a_warning(length: str, days: int, warned: timedelta) -> None:
    at = NOW - 2 * HOUR + days * DAY
    expected = Due("delete", "DeleteAfterStopped", at=at, warn_at=at - warned)
    assert due(stopped(since=2 * HOUR), template(delete_after_stopped=length), NOW) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"phase": None},
        {"phase": "Pending"},
        {"phase": "Stopping"},
        {"phase": "Stopped"},
        {"started_at": None},
    ],
    ids=str,
)
def test_a_run_that_is_not_known_is_not_stopped(change: dict[str, Any]) -> None:
    """`startedAt` of such a status is that of an earlier run, or of none."""
    every = template(idle_timeout="5m", max_run_duration="1m", schedule=(OFFICE,))
    known = running(started=2 * DAY)
    assert due(known, every, NOW) is not None
    assert due(replace(known, status=replace(known.status, **change)), every, NOW) is None


def test_what_fails_or_hangs_at_the_start_is_stopped_too_but_not_as_idle() -> None:
    known = running(started=2 * DAY)
    failed = replace(known, status=replace(known.status, phase="Failed"))
    assert (found := due(failed, template(max_run_duration="1h"), NOW)) is not None
    assert found.reason == "MaxRunDuration"
    assert due(failed, template(idle_timeout="5m"), NOW) is None


@pytest.mark.parametrize("instance", [running(started=2 * DAY), stopped(since=40 * DAY)], ids=["running", "stopped"])
def test_paused_going_or_without_a_template_it_is_left_alone(instance: WorkspaceInstance) -> None:
    every = template(idle_timeout="5m", max_run_duration="1h", schedule=(OFFICE,), delete_after_stopped="24h")
    assert due(instance, every, NOW) is not None
    assert due(instance, None, NOW) is None
    paused = replace(instance.metadata, annotations={names.ANNOTATION_PAUSED: "true"})
    assert due(replace(instance, metadata=paused), every, NOW) is None
    going = replace(instance.metadata, deletion_timestamp=format_timestamp(NOW))
    assert due(replace(instance, metadata=going), every, NOW) is None


def test_a_stop_that_is_unknown_starts_and_deletes_nothing() -> None:
    every = template(schedule=(OFFICE,), delete_after_stopped="1h")
    known = stopped(since=2 * DAY)
    for change in ({"stopped_at": None}, {"phase": "Stopping"}, {"phase": None}):
        assert due(replace(known, status=replace(known.status, **change)), every, NOW) is None


AT = Due("stop", "MaxRunDuration", at=NOW, warn_at=NOW)
IDLE = Due("stop", "Idle", at=NOW, warn_at=NOW)


@pytest.mark.parametrize(
    ("ours", "servers", "confirmed"),
    [
        (timedelta(), timedelta(), True),
        (-MINUTE, -MINUTE, False),
        (HOUR, timedelta(seconds=-1), False),
        (timedelta(seconds=-1), HOUR, False),
        (2 * HOUR, HOUR, False),
        (HOUR + SKEW, HOUR, True),
        (DAY, DAY, True),
    ],
    ids=["now", "early", "ours is ahead", "ours is behind", "they differ", "they differ a little", "late"],
)
def test_two_clocks_must_say_so(ours: timedelta, servers: timedelta, confirmed: bool) -> None:
    assert is_confirmed(AT, now=NOW + ours, server_now=NOW + servers, known_until=None) is confirmed


def test_without_the_second_clock_nothing_is_done() -> None:
    assert not is_confirmed(AT, now=NOW + DAY, server_now=None, known_until=NOW + DAY)
    assert not is_confirmed(IDLE, now=NOW + DAY, server_now=None, known_until=NOW + DAY)


def test_unused_ones_need_the_servers_word_as_well() -> None:
    assert is_confirmed(IDLE, now=NOW, server_now=NOW, known_until=NOW - LAST_CALL)
    assert not is_confirmed(IDLE, now=NOW, server_now=NOW, known_until=NOW - LAST_CALL - MINUTE)
    assert not is_confirmed(IDLE, now=NOW, server_now=NOW, known_until=None)


lengths = st.sampled_from([None, "5m", "30m", "1h", "12h"])
rules = st.lists(
    st.builds(
        ScheduleRule,
        time_zone=st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "Asia/Atlantis"]),
        days=st.lists(st.sampled_from(["Mon", "Tue", "Sat", "Sun"]), max_size=2, unique=True).map(tuple),
        start=st.sampled_from([None, "02:30", "09:00"]),
        stop=st.sampled_from([None, "02:45", "18:00"]),
    ),
    max_size=2,
).map(tuple)


@settings(max_examples=150)
@given(
    lifecycle=st.fixed_dictionaries(
        {"idle_timeout": lengths, "max_run_duration": lengths, "schedule": rules, "delete_after_stopped": lengths}
    ),
    skews=st.lists(st.sampled_from([timedelta(), HOUR, -HOUR]), min_size=40, max_size=40),
    outages=st.sets(st.integers(0, 39)),
    step=st.integers(7, 240),
    # Around the night in which Berlin's clocks go forward, and back.
    first=st.sampled_from([datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)]),
)
def test_nobody_is_stopped_early_whatever_our_clock_says(
    *, lifecycle: dict[str, Any], skews: list[timedelta], outages: set[int], step: int, first: datetime
) -> None:
    """One environment through two days: its operator is away at times, and its clock jumps by an hour and back."""
    rule = template(**lifecycle)
    instance = builders.make_instance(
        status=InstanceStatus(
            phase="Running",
            started_at=format_timestamp(first),
            ready_at=format_timestamp(first),
            last_activity=format_timestamp(first),
        )
    )
    now = first
    for number, skew in enumerate(skews):
        now += step * MINUTE
        truth = due(instance, rule, now)
        found = due(instance, rule, now + skew)
        if number in outages or found is None:
            continue
        if not is_confirmed(found, now=now + skew, server_now=now, known_until=now):
            continue
        assert truth is not None
        assert found.at <= now
        if found.action == "delete":
            return
        starts = found.action == "start"
        status = replace(
            instance.status,
            phase="Running" if starts else "Stopped",
            started_at=format_timestamp(now) if starts else instance.status.started_at,
            ready_at=format_timestamp(now) if starts else instance.status.ready_at,
            stopped_at=None if starts else format_timestamp(now),
            last_activity=format_timestamp(now) if starts else instance.status.last_activity,
        )
        spec = replace(instance.spec, running=starts)
        instance = replace(instance, spec=spec, status=status)
        after = due(instance, rule, now)
        assert after is None or after.at > now, "what was done is not due again"
