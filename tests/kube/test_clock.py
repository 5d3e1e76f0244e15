from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from devworkspace.kube.clock import elapsed, micro_timestamp, now, parse_timestamp, timestamp

NOON = datetime(2026, 11, 24, 12, 0, 5, 999_999, tzinfo=UTC)


def test_now_is_aware_and_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("moment", [NOON, NOON.astimezone(timezone(timedelta(hours=8)))])
def test_timestamp_has_whole_seconds_in_utc(moment: datetime) -> None:
    assert timestamp(moment) == "2026-11-24T12:00:05Z"


@pytest.mark.parametrize("moment", [NOON, NOON.astimezone(timezone(timedelta(hours=8)))])
def test_micro_timestamp_has_six_digits_in_utc(moment: datetime) -> None:
    assert micro_timestamp(moment) == "2026-11-24T12:00:05.999999Z"
    assert micro_timestamp(moment.replace(microsecond=0)) == "2026-11-24T12:00:05.000000Z"
    assert parse_timestamp(micro_timestamp(moment)) == moment


def test_elapsed_never_goes_back() -> None:
    assert elapsed() <= elapsed()


@pytest.mark.parametrize("write", [timestamp, micro_timestamp])
def test_a_naive_time_is_refused(write: Callable[[datetime], str]) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        write(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T12:00:05Z", NOON.replace(microsecond=0)),
        ("2026-11-24T12:00:05.999999Z", NOON),
        ("2026-11-24T12:00:05.999999123Z", NOON),
        ("2026-11-24T20:00:05+08:00", NOON.replace(microsecond=0)),
    ],
)
def test_parse(text: str, expected: datetime) -> None:
    parsed = parse_timestamp(text)
    assert (parsed, parsed.utcoffset()) == (expected, timedelta(0))


@pytest.mark.parametrize("text", ["2026-11-24T12:00:05", "yesterday", ""])
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(text)
