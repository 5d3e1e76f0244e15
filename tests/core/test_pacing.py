"""Whose turn it is: never too many at once, nobody overtaken, nobody waiting beside a free place, few writes."""

import random
from collections import Counter
from datetime import timedelta
from math import log2

import pytest
from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.instance import InstanceStatus
from devworkspace.api.meta import Condition
from devworkspace.core.limits import Limits
from devworkspace.core.pacing import (
    Hold,
    Place,
    queue_hold,
    read_position,
    starting_until,
    waiting_place,
    whose_turn,
)
from devworkspace.core.timestamps import parse_timestamp
from tests.support.builders import make_instance, make_template

SINCE = "2026-11-23T09:00:00Z"


def queued(message: str = "", *, since: str | None = SINCE) -> InstanceStatus:
    ready = Condition(type="Ready", status="False", reason=reasons.START_QUEUED)
    return InstanceStatus(phase="Pending", message=message, started_at=since, conditions=(ready,))


def told(hold: Hold) -> InstanceStatus:
    return queued(hold.message)


def place(number: int, namespace: str = "team") -> Place:
    return Place(f"{number:04}", "", namespace, f"n{number}")


def test_free_places_go_to_those_who_wait_longest() -> None:
    waiting = [place(number) for number in range(5)]
    assert list(whose_turn(waiting, starting={"team": 8}, limits=Limits(starts=10))) == waiting[:2]
    assert list(whose_turn(waiting, starting={"team": 10}, limits=Limits(starts=10))) == []
    assert list(whose_turn(waiting, starting={"team": 12}, limits=Limits(starts=10))) == []


def test_a_full_namespace_keeps_nobody_else_waiting() -> None:
    waiting = [place(0, "red"), place(1, "red"), place(2, "red"), place(3, "blue")]
    limits = Limits(starts=10, starts_in_namespace=2)
    assert list(whose_turn(waiting, starting={"red": 1}, limits=limits)) == [waiting[0], waiting[3]]


@pytest.mark.parametrize("seed", range(50))
def test_in_any_crowd_the_bounds_hold_the_order_is_kept_and_no_place_is_wasted(seed: int) -> None:
    dice = random.Random(seed)
    spaces = ["red", "blue", "green"]
    waiting = [place(number, dice.choice(spaces)) for number in range(dice.randint(0, 60))]
    starting = Counter(dice.choice(spaces) for _ in range(dice.randint(0, 20)))
    each = dice.choice([None, 1, 3, 10])
    limits = Limits(starts=dice.randint(1, 30), starts_in_namespace=each)
    chosen = list(whose_turn(waiting, starting=starting, limits=limits))
    after = starting + Counter(found.namespace for found in chosen)
    assert len(chosen) <= max(0, limits.starts - starting.total())
    for space in spaces:
        mine = [found for found in waiting if found.namespace == space]
        assert [found for found in chosen if found.namespace == space] == mine[: after[space] - starting[space]]
        if each is not None and starting[space] <= each:
            assert after[space] <= each
    left = [found for found in waiting if found not in chosen]
    if after.total() < limits.starts:
        assert all(each is not None and after[found.namespace] >= each for found in left)


def test_who_waits_is_in_the_queue_since_it_was_first_told() -> None:
    instance = make_instance(status=queued(), metadata={"creationTimestamp": "2026-01-01T00:00:00Z"})
    assert waiting_place(instance) == Place(SINCE, "2026-01-01T00:00:00Z", "team", "demo")


@pytest.mark.parametrize(
    "instance",
    [
        make_instance(status=queued(), running=False),
        make_instance(status=queued(), metadata={"deletionTimestamp": SINCE}),
        make_instance(status=queued(), metadata={"annotations": {names.ANNOTATION_PAUSED: "true"}}),
        make_instance(status=queued(since=None)),
        make_instance(status=InstanceStatus(phase="Pending", started_at=SINCE)),
        make_instance(status=InstanceStatus(phase="Stopped", started_at=SINCE)),
    ],
)
def test_nobody_waits_behind_who_does_not_want_to_start(instance: object) -> None:
    assert waiting_place(instance) is None  # type: ignore[arg-type]


def test_a_start_keeps_its_place_until_its_timeout() -> None:
    status = InstanceStatus(phase="Provisioning", started_at=SINCE)
    template = make_template(lifecycle={"startTimeout": "2m"})
    assert starting_until(make_instance(status=status), template) == parse_timestamp(SINCE) + timedelta(minutes=2)
    assert starting_until(make_instance(status=status), None) == parse_timestamp(SINCE) + timedelta(minutes=5)


@pytest.mark.parametrize("phase", ["Pending", "Running", "Failed", "Stopping", "Stopped"])
def test_whatever_ends_a_start_frees_its_place(phase: str) -> None:
    status = replace(InstanceStatus(started_at=SINCE), phase=phase)
    assert starting_until(make_instance(status=status), make_template()) is None


def test_a_stopped_or_paused_start_has_no_place() -> None:
    status = InstanceStatus(phase="Provisioning", started_at=SINCE)
    paused = {"annotations": {names.ANNOTATION_PAUSED: "true"}}
    assert starting_until(make_instance(status=status, running=False), make_template()) is None
    assert starting_until(make_instance(status=status, metadata=paused), make_template()) is None


def test_the_place_is_told_and_can_be_read() -> None:
    hold = queue_hold(InstanceStatus(), position=12, total=80)
    assert hold.reason == reasons.START_QUEUED
    assert "place 12 of 80 in the queue" in hold.message
    assert read_position(told(hold)) == (12, 80)
    assert read_position(InstanceStatus(phase="Running", message=hold.message)) is None


@pytest.mark.parametrize("first", [1, 2, 3, 12, 300, 10_000])
def test_who_moves_up_one_by_one_is_told_a_few_times_only(first: int) -> None:
    status = InstanceStatus()
    messages = []
    for position in range(first, 0, -1):
        status = told(queue_hold(status, position=position, total=first))
        messages.append(status.message)
    assert read_position(status) == (1, first)
    assert len(set(messages)) <= 2 + log2(first)


def test_who_is_pushed_back_is_told_once_it_is_far() -> None:
    status = told(queue_hold(InstanceStatus(), position=10, total=10))
    assert queue_hold(status, position=19, total=40).message == status.message
    assert "place 20 of 40" in queue_hold(status, position=20, total=40).message


def test_a_crowd_is_not_looked_at_all_the_time() -> None:
    few, many = (queue_hold(InstanceStatus(), position=1, total=total).look_again for total in (10, 10_000))
    assert few == timedelta(seconds=10)
    assert many == timedelta(seconds=500)
