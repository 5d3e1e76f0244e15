"""Who stopped an environment and why: told for the stop that it belongs to, and for no other."""

from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.stopnote import StopNote, find_note, write_note
from tests.support import builders

NOTE = StopNote(by="admin", reason="maintenance", at="2026-11-25T12:00:00Z")


def instance(text: str, *, running: bool = False, **status: Any) -> WorkspaceInstance:
    made = builders.make_instance()
    return replace(
        made,
        metadata=replace(made.metadata, annotations={names.ANNOTATION_STOP_NOTE: text}),
        spec=replace(made.spec, running=running),
        status=replace(made.status, **status),
    )


@pytest.mark.parametrize("started_at", [None, "2026-11-25T11:00:00Z", "2026-11-25T12:00:00Z"])
def test_it_is_told_while_the_environment_is_stopped(started_at: str | None) -> None:
    assert find_note(instance(write_note(NOTE), started_at=started_at)) == NOTE


def test_a_later_run_makes_it_old() -> None:
    assert find_note(instance(write_note(NOTE), started_at="2026-11-25T12:00:01Z")) is None


def test_one_that_is_to_run_is_not_stopped() -> None:
    assert find_note(instance(write_note(NOTE), running=True)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "maintenance", '{"by":"a"}', '{"by":"a","reason":"b","at":"soon"}'])
def test_what_is_no_note_is_none(text: str) -> None:
    assert find_note(instance(text)) is None


def test_without_the_annotation_there_is_none() -> None:
    made = builders.make_instance()
    assert find_note(replace(made, spec=replace(made.spec, running=False))) is None
