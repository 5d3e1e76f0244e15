"""Lines of a pod about what it used, and what of them is shown: values in, values out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devworkspace.core.figures import (
    MAX_HISTORY_BYTES,
    MAX_LINE_BYTES,
    WINDOWS,
    Lines,
    Sample,
    choose,
    parse_lines,
    parse_sample,
)

NOW = 1_795_600_800
MINUTE, SPAN = 60, 600


def minute(ago: int, *, cpu: int = 100, memory: int = 1000, disk: int | None = None) -> Sample:
    return Sample(NOW - ago, cpu, memory, disk, MINUTE)


def ten_minutes(ago: int, *, cpu: int = 100, memory: int = 1000, disk: int | None = None) -> Sample:
    return Sample(NOW - ago, cpu, memory, disk, SPAN)


def test_a_line_is_a_time_and_three_numbers() -> None:
    assert parse_sample(b"1795634950 250 1024 2048") == Sample(1795634950, 250, 2**20, 2**21, MINUTE)
    assert parse_sample(b"1795634950 0 0 -") == Sample(1795634950, 0, 0, None, MINUTE)
    assert len(b"9999999999 9999999 999999999999 999999999999\n") <= MAX_LINE_BYTES


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"start",
        b"0 250 1024 -",
        b"1795634950 250 1024",
        b"1795634950 250 1024 - -",
        b"1795634950  250 1024 -",
        b"1795634950 2.5 1024 -",
        b"1795634950 1e9 1024 -",
        b"1795634950 -1 1024 -",
        b"1795634950 99999999 1024 -",
        b"1795634950 250 9999999999999 -",
        b"17956349500 250 1024 -",
        b"1795634950 250 1024 -\r",
        "1795634950 ٢٥ 1024 -".encode(),
        b"1795634950 250 1024 <b>",
        b"\x00" * 40,
    ],
)
def test_one_line_that_is_none_spoils_its_file(line: bytes) -> None:
    assert parse_sample(line) is None
    good = b"1795634950 250 1024 -\n"
    assert parse_lines(good + good, seconds=MINUTE) is not None, "positive control"
    assert parse_lines(good + line + b"\n" + good, seconds=MINUTE) is None


def test_a_file_has_figures_and_starts_and_a_line_that_is_on_its_way() -> None:
    found = parse_lines(b"10 start\n70 250 1024 -\n130 25", seconds=SPAN)
    assert found == Lines((Sample(70, 250, 2**20, None, SPAN),), (10,))
    assert parse_lines(b"", seconds=MINUTE) == Lines()


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    parse_lines(body, seconds=MINUTE)


def test_an_hour_has_the_minutes_and_before_a_start_what_the_history_knows() -> None:
    minutes = Lines((minute(120), minute(60), minute(0)), (NOW - 180,))
    history = Lines((ten_minutes(4000), ten_minutes(1400), ten_minutes(800), ten_minutes(60)), (NOW - 180, NOW - 9000))
    found = choose(minutes=minutes, history=history, window=WINDOWS["1h"], now=NOW)
    assert [(NOW - sample.at, sample.seconds) for sample in found.samples] == [
        (1400, SPAN),
        (800, SPAN),
        (120, MINUTE),
        (60, MINUTE),
        (0, MINUTE),
    ]
    assert found.starts == (NOW - 180,)


def test_a_week_has_the_mean_of_the_processor_the_most_memory_and_the_last_disk() -> None:
    history = Lines(
        (
            ten_minutes(1800 - 1, cpu=0, memory=500, disk=1),
            ten_minutes(1200 - 1, cpu=300, memory=900, disk=2),
            ten_minutes(600 - 1, cpu=600, memory=700, disk=3),
        )
    )
    (found,) = choose(minutes=Lines(), history=history, window=WINDOWS["7d"], now=NOW).samples
    assert found == Sample(NOW - 599, cpu=300, memory=900, disk=3, seconds=1800)


def test_a_day_goes_on_with_the_minutes_that_the_history_does_not_have_yet() -> None:
    minutes = Lines(tuple(minute(ago, cpu=ago) for ago in range(540, -1, -60)))
    found = choose(minutes=minutes, history=Lines((ten_minutes(1100),)), window=WINDOWS["24h"], now=NOW)
    assert [(NOW - sample.at, sample.cpu) for sample in found.samples] == [(1100, 100), (60, 300), (0, 0)]


def test_nothing_is_put_together_across_a_start() -> None:
    history = Lines((ten_minutes(1799), ten_minutes(599)), (NOW - 700,))
    found = choose(minutes=Lines(), history=history, window=WINDOWS["7d"], now=NOW)
    assert [NOW - sample.at for sample in found.samples] == [1799, 599]
    assert found.starts == (NOW - 700,)


def test_what_is_too_old_or_of_the_future_is_left_out_and_the_order_is_that_of_time() -> None:
    minutes = Lines((minute(60), minute(-60), minute(120), minute(3600), minute(3599)), (NOW + 1, NOW - 3600))
    found = choose(minutes=minutes, history=Lines(), window=WINDOWS["1h"], now=NOW)
    assert [NOW - sample.at for sample in found.samples] == [3599, 120, 60]
    assert found.starts == ()


SAMPLES = st.builds(
    Sample,
    at=st.integers(1, 9_999_999_999),
    cpu=st.integers(0, 9_999_999),
    memory=st.integers(0, 10**15),
    disk=st.none(),
    seconds=st.sampled_from((MINUTE, SPAN)),
)
LINES = st.builds(
    Lines,
    samples=st.lists(SAMPLES).map(tuple),
    starts=st.lists(st.integers(1, 9_999_999_999)).map(tuple),
)


@given(LINES, LINES, st.sampled_from(sorted(WINDOWS)), st.integers(0, 9_999_999_999))
def test_whatever_lines_say_what_is_shown_is_in_order_and_in_the_window(
    minutes: Lines, history: Lines, name: str, now: int
) -> None:
    window = next(window for known, window in WINDOWS.items() if known == name)
    found = choose(minutes=minutes, history=history, window=window, now=now)
    times = [sample.at for sample in found.samples]
    assert times == sorted(times)
    assert all(0 <= now - at < window.length for at in (*times, *found.starts))
    assert len(times) <= len(minutes.samples) + len(history.samples)


def test_the_longest_file_of_a_pod_fits() -> None:
    line = b"9999999999 9999999 999999999999 999999999999\n"
    assert 1009 * len(line) < MAX_HISTORY_BYTES
