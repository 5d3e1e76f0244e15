"""The moments of weekly hours, through changes of the clocks in both directions."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devworkspace.api.template import ScheduleRule
from devworkspace.core.schedule import Kind, find_zone, next_occurrence

DAY = timedelta(days=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def find(rule: ScheduleRule, after: str, kind: Kind = "stop") -> str | None:
    found = next_occurrence((rule,), kind, after=moment(after))
    return None if found is None else found.strftime("%Y-%m-%d %H:%M")


SHANGHAI = ScheduleRule(time_zone="Asia/Shanghai", days=("Mon", "Fri"), start="09:00", stop="18:00")
BERLIN = ScheduleRule(time_zone="Europe/Berlin", start="02:30", stop="02:30")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-23 00:00", "2026-11-23 10:00"),
        ("2026-11-23 09:59:59", "2026-11-23 10:00"),
        ("2026-11-23 10:00", "2026-11-27 10:00"),
        ("2026-11-27 10:00", "2026-11-30 10:00"),
    ],
    ids=["Monday", "a second before", "this very moment is past", "over the weekend"],
)
def test_the_next_is_after_the_given_moment_by_the_clocks_of_the_zone(after: str, expected: str) -> None:
    assert find(SHANGHAI, after) == expected


def test_a_zone_far_ahead_has_its_monday_on_our_sunday() -> None:
    auckland = ScheduleRule(time_zone="Pacific/Auckland", days=("Mon",), start="09:00")
    assert find(auckland, "2026-11-22 12:00", "start") == "2026-11-22 20:00"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-03-28 00:00", "2026-03-28 01:30"),
        # 02:30 does not exist on that night; by the clock of before it is 03:30 summer time.
        ("2026-03-28 12:00", "2026-03-29 01:30"),
        ("2026-03-29 12:00", "2026-03-30 00:30"),
        # 02:30 comes twice on that night.
        ("2026-10-24 12:00", "2026-10-25 00:30"),
        ("2026-10-25 00:30", "2026-10-26 01:30"),
    ],
    ids=["winter", "left out", "summer", "twice: the first", "and not the second"],
)
def test_changes_to_and_from_summer_time(after: str, expected: str) -> None:
    assert find(BERLIN, after) == expected


def test_a_time_that_is_moved_past_midnight_is_not_lost() -> None:
    """In Beirut the clocks go from 0:00 to 1:00, so that Sunday has no 0:30; it is taken at 1:30 of that Sunday."""
    rule = ScheduleRule(time_zone="Asia/Beirut", days=("Sun",), stop="00:30")
    assert find(rule, "2026-03-28 12:00") == "2026-03-28 22:30"


def test_dates_that_are_excepted_are_those_of_the_zone() -> None:
    holiday = ScheduleRule(time_zone="Asia/Shanghai", start="06:00", except_=("2026-10-01", "2026-10-02"))
    assert find(holiday, "2026-09-30 00:00", "start") == "2026-10-02 22:00"


def test_the_soonest_of_several_rules_counts() -> None:
    late = ScheduleRule(time_zone="UTC", stop="20:00")
    early = ScheduleRule(time_zone="UTC", days=("Fri",), stop="16:00")
    assert next_occurrence((late, early), "stop", after=moment("2026-11-26 21:00")) == moment("2026-11-27 16:00")
    assert next_occurrence((late, early), "stop", after=moment("2026-11-25 21:00")) == moment("2026-11-26 20:00")


@pytest.mark.parametrize("zone", ["Asia/Atlantis", "../../etc/passwd", "Local", ""])
def test_from_an_unknown_zone_nothing_follows(zone: str) -> None:
    assert find_zone(zone) is None
    assert find(ScheduleRule(time_zone=zone, stop="18:00"), "2026-11-23 00:00") is None


def test_no_time_of_that_kind_no_moment() -> None:
    assert find(ScheduleRule(time_zone="UTC", start="09:00"), "2026-11-23 00:00") is None
    assert next_occurrence((), "stop", after=moment("2026-11-23 00:00")) is None


ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    first=st.datetimes(moment("2026-01-01").replace(tzinfo=None), moment("2027-12-31").replace(tzinfo=None)),
)
def test_each_time_comes_once_on_each_day_of_two_weeks(zone: str, hour: int, minute: int, first: datetime) -> None:
    rule = ScheduleRule(time_zone=zone, stop=f"{hour:02}:{minute:02}")
    at: datetime | None = first.replace(tzinfo=UTC)
    days = []
    for _ in range(14):
        assert at is not None
        before, at = at, next_occurrence((rule,), "stop", after=at)
        assert at is not None
        assert timedelta() < at - before <= DAY + timedelta(hours=1)
        known = find_zone(zone)
        days.append(at.astimezone(known).date())
    assert [later - sooner for sooner, later in itertools.pairwise(days)] == [DAY] * 13
