"""What reports say, what is known from them, and what is written: values in, values out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devworkspace.core.activity import (
    FRESH,
    MAX_REPORT_BYTES,
    REPORT_FRESH,
    RESOLUTION,
    WRITE_INTERVAL,
    ActivityWrite,
    Knowledge,
    Report,
    find_last_work,
    find_write,
    is_known,
    learn,
    parse_report,
)
from devworkspace.core.figures import Sample

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def test_a_report_is_two_times_and_a_word() -> None:
    body = b"1 1795634963 1795634900 seen\n"
    assert len(body) < MAX_REPORT_BYTES
    assert parse_report(body) == Report(
        datetime.fromtimestamp(1795634963, UTC), datetime.fromtimestamp(1795634900, UTC), blind=False
    )
    assert parse_report(b"1 1795634963 1795634900 blind") == Report(
        datetime.fromtimestamp(1795634963, UTC), datetime.fromtimestamp(1795634900, UTC), blind=True
    )


def test_what_was_used_may_stand_below_it() -> None:
    body = b"1 9999999999 9999999999 blind\nusage 9999999999 9999999 999999999999 999999999999\n"
    assert len(body) <= MAX_REPORT_BYTES
    report = parse_report(b"1 1795634963 1795634900 seen\nusage 1795634950 250 1024 -\n")
    assert report is not None
    assert report.figures == Sample(at=1795634950, cpu=250, memory=2**20, disk=None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1 1795634963 1795634900 seen\nusage\n",
        b"1 1795634963 1795634900 seen\nusage 1795634950 start\n",
        b"1 1795634963 1795634900 seen\nusage 1795634950 -250 1024 -\n",
        b"1 1795634963 1795634900 seen\nusage 1795634950 250 1024 -",
        b"1 1795634963 1795634900 seen\nusage 1795634950 250 1024 -\nusage 1795634950 250 1024 -\n",
        b"usage 1795634950 250 1024 -\n",
        b"2 1795634963 1795634900 seen\n",
        b"1 1795634963 1795634900\n",
        b"1 1795634963 1795634900 seen\n\n",
        b"1 1795634963 1795634900 seen and more\n",
        b"1 -5 1795634900 seen\n",
        b"1 99999999999999999999 1795634900 seen\n",
        b"1 01795634963 1795634900 seen\n",
        "1 ١٧٩٥٦٣٤٩٦٣ 1795634900 seen\n".encode(),
        b'{"checked": 1795634963}',
        b"<html>",
        b"\x00" * 64,
    ],
)
def test_anything_else_is_no_report(body: bytes) -> None:
    assert parse_report(body) is None


@given(st.binary(max_size=80))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    parse_report(body)


@given(st.integers(1, 9_999_999_999), st.integers(1, 9_999_999_999))
def test_no_number_that_fits_breaks_the_decision(written: int, worked: int) -> None:
    report = parse_report(f"1 {written} {worked} seen".encode())
    assert report is not None
    last = find_last_work(report, pod_time=report.written_at, now=NOW)
    assert last is not None
    assert last <= NOW


@pytest.mark.parametrize("skew", [timedelta(), timedelta(days=-400), timedelta(hours=7)])
def test_the_pods_clock_may_be_wrong(skew: timedelta) -> None:
    report = Report(written_at=NOW + skew - 20 * SECOND, worked_at=NOW + skew - 10 * MINUTE, blind=False)
    assert find_last_work(report, pod_time=NOW + skew, now=NOW) == NOW - 10 * MINUTE


def test_work_in_the_future_is_work_now() -> None:
    report = Report(written_at=NOW, worked_at=NOW + timedelta(days=30), blind=False)
    assert find_last_work(report, pod_time=NOW, now=NOW) == NOW


@pytest.mark.parametrize(
    "report",
    [
        Report(written_at=NOW, worked_at=NOW, blind=True),
        Report(written_at=NOW - REPORT_FRESH, worked_at=NOW - REPORT_FRESH, blind=False),
        Report(written_at=NOW + REPORT_FRESH, worked_at=NOW, blind=False),
    ],
    ids=["blind", "the reporter has died", "from the future"],
)
def test_what_a_report_does_not_know(report: Report) -> None:
    assert find_last_work(report, pod_time=NOW, now=NOW) is None


def known(*, worked: timedelta, heard: timedelta = 30 * SECOND, opened: timedelta | None = None) -> Knowledge:
    """Times as ages."""
    return Knowledge(heard_at=NOW - heard, worked_at=NOW - worked, opened_at=None if opened is None else NOW - opened)


NEVER_HEARD = Knowledge(heard_at=NOW - 30 * SECOND)
LONG_SILENT = Knowledge(heard_at=NOW - FRESH)


@pytest.mark.parametrize(
    ("knowledge", "stored", "written"),
    [
        # The first report is written at once, also that nobody has worked for hours.
        (known(worked=5 * SECOND), None, NOW - 5 * SECOND),
        (known(worked=timedelta(hours=3)), None, NOW - timedelta(hours=3)),
        # Work after a pause: at once. Work that goes on: every five minutes.
        (known(worked=5 * SECOND), timedelta(hours=1), NOW - 5 * SECOND),
        (known(worked=5 * SECOND), WRITE_INTERVAL, NOW - 5 * SECOND),
        (known(worked=5 * SECOND), WRITE_INTERVAL - SECOND, "nothing"),
        # Nobody works: nothing to say, and nothing for a second more or less between two clocks.
        (known(worked=timedelta(hours=1)), timedelta(hours=1), "nothing"),
        (known(worked=timedelta(hours=1) - 2 * SECOND), timedelta(hours=1), "nothing"),
        (known(worked=timedelta(hours=1) - RESOLUTION), timedelta(hours=1), NOW - timedelta(hours=1) + RESOLUTION),
        # Never backwards.
        (known(worked=timedelta(hours=2)), timedelta(hours=1), "nothing"),
        (known(worked=timedelta(hours=2)), -timedelta(hours=1), "nothing"),
        # A page that a person opened counts where reports come.
        (known(worked=timedelta(hours=2), opened=SECOND), timedelta(hours=1), NOW - SECOND),
        (NEVER_HEARD._replace(opened_at=NOW), None, "nothing"),
        (LONG_SILENT._replace(opened_at=NOW), None, "nothing"),
        # Not heard: wait, then say so, once.
        (NEVER_HEARD, timedelta(hours=1), "nothing"),
        (NEVER_HEARD, None, "nothing"),
        (known(worked=MINUTE, heard=FRESH - SECOND), timedelta(hours=1), NOW - MINUTE),
        (known(worked=MINUTE, heard=FRESH), timedelta(hours=1), None),
        (LONG_SILENT, timedelta(hours=1), None),
        (LONG_SILENT, None, "nothing"),
    ],
)
def test_what_is_written(knowledge: Knowledge, stored: timedelta | None, written: datetime | str | None) -> None:
    write = find_write(knowledge, stored=None if stored is None else NOW - stored, now=NOW)
    assert write == (None if written == "nothing" else ActivityWrite(written))  # type: ignore[arg-type]


def test_it_is_known_only_from_reports_and_only_for_a_while() -> None:
    assert not is_known(NEVER_HEARD, NOW)
    heard = learn(NEVER_HEARD, last_work=NOW - timedelta(hours=1), now=NOW)
    assert heard.worked_at == NOW - timedelta(hours=1)
    assert is_known(heard, NOW + FRESH - SECOND)
    assert not is_known(heard, NOW + FRESH)


ages = st.integers(0, 20_000).map(lambda number: timedelta(seconds=number))


@given(worked=ages, heard=ages, opened=st.none() | ages, stored=st.none() | ages)
def test_a_write_only_ever_moves_forward_and_is_never_soon_after_another(
    worked: timedelta, heard: timedelta, opened: timedelta | None, stored: timedelta | None
) -> None:
    write = find_write(
        known(worked=worked, heard=heard, opened=opened), stored=None if stored is None else NOW - stored, now=NOW
    )
    if write is None or stored is None:
        return
    if write.last_activity is None:
        assert heard >= FRESH
    else:
        assert write.last_activity >= NOW - stored + RESOLUTION
        assert stored >= WRITE_INTERVAL
        assert write.last_activity <= NOW


def live(days: list[tuple[int, bool]], servers: int) -> list[tuple[datetime, datetime | None]]:
    """When what was written while somebody worked and paused for so many minutes; each server asks each minute."""
    now, stored, last = NOW, None, NOW
    pods = [Knowledge(heard_at=NOW) for _ in range(servers)]
    writes: list[tuple[datetime, datetime | None]] = []
    for minutes, works in days:
        for _ in range(minutes):
            now += MINUTE
            last = now if works else last
            for index in range(servers):
                pods[index] = learn(pods[index], last_work=last, now=now)
                write = find_write(pods[index], stored=stored, now=now)
                if write is not None:
                    stored = write.last_activity
                    writes.append((now, stored))
            assert stored is not None
            assert last - stored < WRITE_INTERVAL, "the status is never further behind"
    return writes


@given(st.lists(st.tuples(st.integers(1, 90), st.booleans()), max_size=20), st.integers(2, 4))
def test_work_and_pauses_cost_the_same_writes_with_any_number_of_servers(
    days: list[tuple[int, bool]], servers: int
) -> None:
    writes = live(days, servers)
    assert writes == live(days, 1)
    assert len(writes) <= sum(minutes for minutes, _ in days) * MINUTE / WRITE_INTERVAL + 2


def test_pauses_cost_nothing() -> None:
    assert len(live([(1, True), (10_000, False)], servers=3)) == 1
