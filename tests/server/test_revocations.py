"""The record of ended sessions: bounds, pruning, and what happens to the object behind our back."""

import asyncio

import pytest

from devworkspace.api.meta import Key
from devworkspace.server import revocations
from devworkspace.server.revocations import KEPT_SECONDS, OBJECT_NAME, FullError, Revocations
from tests.server.fakes import Record
from tests.server.support import Clock

SECONDS = 3600.0


def make(record: Record, clock: Clock) -> Revocations:
    made = Revocations(record, Key("system", OBJECT_NAME), clock=clock)
    record.follow(made)
    return made


async def end(made: Revocations, sid: str, clock: Clock, *, name: str = "li.wei") -> None:
    await made.end_session(sid, expires=clock.now + SECONDS, name=name, seconds=SECONDS)


def has_ended(made: Revocations, sid: str, *, name: str = "li.wei", issued: float = 0.0) -> bool:
    return made.has_ended(sid=sid, name=name, issued=issued)


async def settle() -> None:
    """Lets the task run that writes again what is missing."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_over_is_removed_by_the_next_write() -> None:
    clock, record = Clock(), Record()
    made, replica = make(record, clock), make(record, clock)
    await end(made, "one", clock)
    await made.end_person("zhang", seconds=SECONDS)
    clock.now += SECONDS + KEPT_SECONDS + 10
    await end(made, "two", clock)
    await end(made, "three", clock)
    assert list(record.data) == [revocations.session_entry("two"), revocations.session_entry("three")]
    assert not has_ended(replica, "one")
    assert replica.earliest("zhang") == 0
    assert has_ended(replica, "two")


async def test_a_full_record_ends_all_sessions_of_the_person_and_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "MAX_SESSIONS", 2)
    monkeypatch.setattr(revocations, "MAX_PERSONS", 1)
    clock, record = Clock(), Record()
    made = make(record, clock)
    for sid in ("one", "two", "three", "four"):
        await end(made, sid, clock)
    assert len(record.data) == 3
    assert has_ended(made, "four", issued=clock.now)
    assert not has_ended(made, "four", name="zhang", issued=clock.now)
    with pytest.raises(FullError):
        await end(made, "five", clock, name="zhang")
    assert not has_ended(made, "five", name="zhang", issued=clock.now)


async def test_a_lost_object_brings_no_session_back_and_is_written_again() -> None:
    clock, record = Clock(), Record()
    made = make(record, clock)
    await end(made, "one", clock)
    await made.end_person("zhang", seconds=SECONDS)
    written = dict(record.data)
    made.on_object(record.object, None)
    record.data = {revocations.person_entry("zhang"): "1.000 2"}
    record.writes += 1
    made.on_object(None, record.object)
    assert has_ended(made, "one")
    assert has_ended(made, "x", name="zhang", issued=clock.now)
    await settle()
    assert record.data == written


async def test_an_event_from_before_our_own_write_is_not_taken_for_a_loss() -> None:
    clock, record = Clock(), Record()
    made = make(record, clock)
    before = record.object
    await end(made, "one", clock)
    made.on_object(None, before)
    await settle()
    assert record.writes == 1
    assert has_ended(made, "one")


@pytest.mark.parametrize("value", ["", "soon", "1e3 x", "-"])
async def test_an_entry_that_cannot_be_read_ends_sessions(value: str) -> None:
    clock, record = Clock(), Record()
    made = make(record, clock)
    record.data = {revocations.session_entry("one"): value, revocations.person_entry("zhang"): value, "other": value}
    record.writes += 1
    made.on_object(None, record.object)
    assert has_ended(made, "one")
    assert has_ended(made, "x", name="zhang", issued=clock.now)
    assert not has_ended(made, "two")


async def test_a_new_process_knows_what_was_ended_before_it_began() -> None:
    clock, record = Clock(), Record()
    await end(make(record, clock), "one", clock)
    late = Revocations(record, Key("system", OBJECT_NAME), clock=clock)
    assert not late.is_known
    record.follow(late)
    assert late.is_known
    assert has_ended(late, "one")
