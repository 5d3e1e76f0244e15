"""Which step of a status is worth a Kubernetes Event: a problem and its end, and nothing of what goes well."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus, Phase
from devworkspace.api.meta import Condition, ConditionStatus
from devworkspace.core.observe import observe
from devworkspace.core.resolve import resolve
from devworkspace.core.transitions import Transition, find_trouble, transition
from devworkspace.core.world import World
from tests.support.builders import (
    NOW,
    make_instance,
    make_pod,
    make_volume,
    make_world,
    running_status,
    waiting_status,
)


def status(
    phase: Phase, reason: str, *, volume: str = reasons.BOUND, message: str = "What happened."
) -> InstanceStatus:
    answering: ConditionStatus = "True" if reason == reasons.ANSWERING else "False"
    return InstanceStatus(
        phase=phase,
        message=message,
        conditions=(
            Condition(type="VolumeReady", status="True", reason=volume, message="What the volume says."),
            Condition(type="Ready", status=answering, reason=reason),
        ),
    )


NEW = InstanceStatus()
STARTING = status("Provisioning", reasons.STARTING)
RUNNING = status("Running", reasons.ANSWERING)
STOPPING = status("Stopping", reasons.STOPPING)
STOPPED = status("Stopped", reasons.STOPPED)
DELETING = status("Stopping", reasons.DELETING)
NO_DISK = status("Pending", reasons.VOLUME_PENDING, message="The disk is not ready yet.")
NO_ROOM = status("Pending", reasons.UNSCHEDULABLE, message="No node has room.")
CRASHED = status("Failed", reasons.CRASH_LOOP, message="It ended with exit code 3.")
SILENT = status("Running", reasons.EDITOR_NOT_ANSWERING, message="It does not answer.")


@pytest.mark.parametrize(
    "steps",
    [
        (NEW, STARTING, RUNNING),
        (RUNNING, STOPPING, STOPPED),
        (STOPPED, STARTING, RUNNING),
        (RUNNING, STARTING, RUNNING),
        (RUNNING, DELETING),
        (STARTING, NO_DISK, STARTING, RUNNING),
        (STARTING, replace(STARTING, message="Still starting, now at: finding a node."), RUNNING),
        (RUNNING, RUNNING),
        (RUNNING, status("Pending", reasons.NAMESPACE_TERMINATING), DELETING),
    ],
    ids=[
        "start",
        "stop",
        "start again",
        "restart",
        "deletion",
        "disk in time",
        "slow start",
        "nothing",
        "end of the project",
    ],
)
def test_what_goes_well_is_no_news(steps: tuple[InstanceStatus, ...]) -> None:
    assert [transition(old, new) for old, new in itertools.pairwise(steps)] == [None] * (len(steps) - 1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (NEW, NO_ROOM, Transition("Warning", reasons.UNSCHEDULABLE, "No node has room.")),
        (STARTING, NO_ROOM, Transition("Warning", reasons.UNSCHEDULABLE, "No node has room.")),
        (STARTING, CRASHED, Transition("Warning", reasons.CRASH_LOOP, "It ended with exit code 3.")),
        (RUNNING, CRASHED, Transition("Warning", reasons.CRASH_LOOP, "It ended with exit code 3.")),
        (NO_ROOM, CRASHED, Transition("Warning", reasons.CRASH_LOOP, "It ended with exit code 3.")),
        (RUNNING, SILENT, Transition("Warning", reasons.EDITOR_NOT_ANSWERING, "It does not answer.")),
    ],
    ids=["at once", "while starting", "crash at start", "crash while running", "another problem", "no answer"],
)
def test_a_new_problem_is_a_warning_in_the_words_of_the_status(
    old: InstanceStatus, new: InstanceStatus, told: Transition
) -> None:
    assert transition(old, new) == told


def test_a_problem_that_stays_is_told_once() -> None:
    assert transition(NO_ROOM, replace(NO_ROOM, message="No node has room, 4 nodes.")) is None
    assert transition(CRASHED, replace(CRASHED, message="It ended, 2 times.")) is None


def test_a_problem_for_which_there_is_no_more_hope_is_told_again() -> None:
    late = replace(NO_ROOM, phase="Failed", message="No node has room. It has been tried for 5m.")
    assert transition(NO_ROOM, late) == Transition(
        "Warning", reasons.UNSCHEDULABLE, "No node has room. It has been tried for 5m."
    )
    assert transition(late, late) is None


def test_a_disk_that_is_not_made_in_time_is_told_and_so_is_its_end() -> None:
    late = replace(NO_DISK, phase="Failed", message="It has been tried for 5m.")
    assert transition(NO_DISK, late) == Transition("Warning", reasons.VOLUME_PENDING, "It has been tried for 5m.")
    over = Transition("Normal", reasons.RECOVERED, "The editor answers; VolumePending is over.")
    assert transition(late, RUNNING) == over


def test_a_node_that_does_not_let_go_of_the_pod_is_told() -> None:
    lost = status("Stopping", reasons.NODE_LOST, message="The editor cannot be stopped.")
    assert transition(STOPPING, lost) == Transition("Warning", reasons.NODE_LOST, "The editor cannot be stopped.")
    assert transition(lost, STOPPED) is None


def test_its_end_is_told_when_the_editor_answers() -> None:
    over = Transition("Normal", reasons.RECOVERED, "The editor answers; CrashLoop is over.")
    assert transition(CRASHED, RUNNING) == over
    assert transition(SILENT, RUNNING) == Transition(
        "Normal", reasons.RECOVERED, "The editor answers; EditorNotAnswering is over."
    )


def test_a_start_between_the_problem_and_its_end_does_not_hide_the_end() -> None:
    assert transition(CRASHED, STARTING) is None
    over = transition(STARTING, RUNNING, trouble=reasons.CRASH_LOOP)
    assert over == Transition("Normal", reasons.RECOVERED, "The editor answers; CrashLoop is over.")


def test_a_start_that_does_not_run_is_no_end() -> None:
    assert transition(STOPPED, STARTING, trouble=reasons.CRASH_LOOP) is None
    assert transition(CRASHED, STOPPING, trouble=reasons.CRASH_LOOP) is None


def test_the_same_problem_after_a_new_try_is_a_repetition() -> None:
    again = transition(STARTING, CRASHED, trouble=reasons.CRASH_LOOP)
    assert again == Transition("Warning", reasons.CRASH_LOOP, "It ended with exit code 3.")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            reasons.VOLUME_RESIZING,
            reasons.BOUND,
            Transition("Normal", reasons.VOLUME_RESIZED, "The disk has the size that was asked for."),
        ),
        (
            reasons.BOUND,
            reasons.VOLUME_RESIZE_REFUSED,
            Transition("Warning", reasons.VOLUME_RESIZE_REFUSED, "What the volume says."),
        ),
        (reasons.BOUND, reasons.VOLUME_RESIZING, None),
        (reasons.WAITING, reasons.BOUND, None),
        # A restarted operator has forgotten the refusal and asks once more: nothing has been resized.
        (reasons.VOLUME_RESIZE_REFUSED, reasons.BOUND, None),
        (reasons.VOLUME_RESIZE_REFUSED, reasons.VOLUME_RESIZE_REFUSED, None),
    ],
)
def test_the_volume_tells_its_own(before: str, after: str, told: Transition | None) -> None:
    old, new = (status("Running", reasons.ANSWERING, volume=volume) for volume in (before, after))
    assert transition(old, new) == told


def seen(world: World) -> InstanceStatus:
    """The status that the operator writes about a world."""
    assert world.instance is not None
    settings = resolve(world.instance, world.template, namespace_labels={})
    return observe(world, world.instance, settings)


def pods() -> dict[str, dict[str, Any]]:
    """What the kubelet says about pods that do not run, and the reason that it leads to."""
    return {
        reasons.IMAGE_NOT_FOUND: waiting_status("ErrImagePull", "manifest unknown"),
        reasons.IMAGE_PULL_DENIED: waiting_status("ErrImagePull", "unauthorized"),
        reasons.MISSING_CONFIGURATION: waiting_status("CreateContainerConfigError", 'secret "x" not found'),
        reasons.POD_FAILED: {"phase": "Failed", "message": "gone"},
        reasons.EVICTED: {"phase": "Failed", "reason": "Evicted", "message": "memory"},
    }


@pytest.mark.parametrize("reason", pods())
def test_what_observe_finds_is_found_here_and_its_end_as_well(reason: str) -> None:
    """Held against the statuses that are really written, so that neither side can change alone."""
    start = seen(make_world())
    assert find_trouble(start) is None
    broken = seen(make_world(pod=make_pod(**pods()[reason]), volumes=(make_volume(),)))
    told = transition(start, broken)
    assert told == Transition("Warning", reason, broken.message or "")
    instance = make_instance(status=broken)
    running = seen(make_world(instance=instance, pod=make_pod(**running_status()), volumes=(make_volume(),)))
    assert transition(broken, running) == Transition(
        "Normal", reasons.RECOVERED, f"The editor answers; {reason} is over."
    )


def test_what_forbids_a_start_is_a_problem() -> None:
    missing = seen(make_world(template=None))
    assert find_trouble(missing) == reasons.TEMPLATE_MISSING


def test_a_slow_start_becomes_a_problem_at_its_timeout() -> None:
    slow = seen(make_world(pod=make_pod(age=50, phase="Pending")))
    assert find_trouble(slow) is None
    late = seen(make_world(pod=make_pod(age=301, phase="Pending"), now=NOW + timedelta(seconds=1)))
    assert find_trouble(late) == reasons.START_TIMEOUT


@pytest.mark.parametrize("before", [RUNNING, CRASHED], ids=["running", "failed"])
@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("User", None),
        ("Idle", reasons.STOPPED_IDLE),
        ("MaxRunDuration", reasons.STOPPED_MAX_RUN_DURATION),
        ("Schedule", reasons.STOPPED_SCHEDULE),
    ],
)
def test_a_stop_that_nobody_asked_for_is_told_once(before: InstanceStatus, reason: str, told: str | None) -> None:
    stopping, stopped = (replace(step, stop_reason=reason) for step in (STOPPING, STOPPED))
    first = transition(before, stopping)
    assert (None if first is None else (first.type_, first.reason)) == (None if told is None else ("Normal", told))
    assert transition(stopping, stopped) is None
    assert transition(stopped, STARTING) is None
