"""The world's clock goes forward for everybody, and only the operator's may be wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.worldclock import WorldClock

LONG_AGO = "2026-01-01T00:00:00Z"
HOUR = timedelta(hours=1)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_it_is_put_forward_and_never_back(tmp_path: Path) -> None:
    clock, start = WorldClock(tmp_path / "clock"), datetime.now(UTC)
    await clock.advance(start + HOUR)
    await clock.advance(start)
    assert clock.now() - start >= HOUR
    assert float((tmp_path / "clock").read_text()) >= HOUR.total_seconds() - 2


async def test_what_was_before_a_step_stays_where_it_was_and_what_is_after_it_is_ahead() -> None:
    clock, start = WorldClock(), datetime.now(UTC)
    await clock.advance(start + HOUR)
    after = _stamp(datetime.now(UTC))
    text = f'{{"creationTimestamp":"{LONG_AGO}","deletionTimestamp":"{after}","lastTransitionTime":"{after}"}}'
    told = clock.retell("workspaceinstances", text.encode()).decode()
    assert f'"creationTimestamp":"{LONG_AGO}"' in told
    assert f'"lastTransitionTime":"{after}"' in told, "of an instance it is the operator's own time"
    assert f'"deletionTimestamp":"{after}"' not in told
    assert after not in clock.retell("pods", text.encode()).decode()


async def test_an_untouched_clock_changes_nothing() -> None:
    text = f'{{"creationTimestamp":"{LONG_AGO}"}}'.encode()
    assert WorldClock().retell("pods", text) is text


def test_the_error_is_the_operators_alone_and_shows_in_what_it_writes(tmp_path: Path) -> None:
    clock = WorldClock(tmp_path / "clock")
    clock.set_error(-3600)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert float((tmp_path / "clock").read_text()) == -3600
    renewed = _stamp(clock.now() - HOUR)
    clock.note_renewal(f'{{"spec":{{"renewTime":"{renewed}"}}}}'.encode())
    assert [round(seen / 60) for seen in clock.seen] == [-60]
