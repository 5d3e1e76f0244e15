"""What one person may have: what counts, what is short, in which words it is refused."""

from decimal import Decimal
from typing import Any

import pytest

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus
from devworkspace.api.meta import Condition
from devworkspace.core.limits import (
    MEASURES,
    Limits,
    Member,
    add_up,
    ahead_of,
    find_shortages,
    format_amount,
    holds_share,
    is_held_by_limit,
    make_member,
    needs_of,
    read_limits,
    read_refusal,
    refuse,
    share_of,
    starts_anew,
)
from tests.support.builders import make_instance, make_template, make_volume

GIBIBYTE = Decimal(2**30)


def member(name: str = "a", **parts: Any) -> Member:
    """A new environment of 2 CPUs, 4Gi and a disk of 10Gi; `name` is its age, too."""
    defaults: dict[str, Any] = {
        "order": (name, "team", name),
        "has_volume": False,
        "wants_to_run": True,
        "holds": False,
        "cpu": Decimal(2),
        "memory": 4 * GIBIBYTE,
        "storage": 10 * GIBIBYTE,
    }
    return Member(**(defaults | parts))


def held_status(reason: str) -> InstanceStatus:
    return InstanceStatus(phase="Pending", conditions=(Condition(type="Ready", status="False", reason=reason),))


def test_without_a_word_nothing_is_bounded() -> None:
    limits = read_limits({})
    assert limits == Limits()
    everything = dict.fromkeys(MEASURES, Decimal(10**9))
    assert find_shortages(limits, used=everything, needs=everything) == ()
    assert refuse(limits, ()) is None


def test_limits_are_read_as_they_are_written() -> None:
    limits = read_limits(
        {"owner.running": " 3 ", "owner.memory": "16Gi", "starts.cluster": "50", "starts.namespace": "5\n"}
    )
    assert limits.owner == {"running": "3", "memory": "16Gi"}
    assert (limits.starts, limits.starts_in_namespace, limits.problem) == (50, 5, "")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("owner.runing", "3"),
        ("owner.running", "three"),
        ("owner.running", "-1"),
        ("owner.running", "1.5"),
        ("owner.running", "٣"),
        ("owner.cpu", "2 cores"),
        ("owner.memory", "-1Gi"),
        ("owner.storage", ""),
        ("starts.cluster", "0"),
        ("starts.namespace", "9999999999"),
    ],
)
def test_what_cannot_be_read_holds_everything_new_and_names_itself(key: str, text: str) -> None:
    limits = read_limits({key: text, "owner.environments": "5"})
    assert key in limits.problem
    refusal = refuse(limits, ())
    assert refusal is not None
    assert refusal.reason == reasons.LIMITS_UNREADABLE
    assert key in refusal.message
    assert limits.owner["environments"] == "5"


def test_a_long_mistake_makes_no_long_status() -> None:
    limits = read_limits({f"{number:03}{'x' * 200}": "1" for number in range(100)})
    refusal = refuse(limits, ())
    assert refusal is not None
    assert len(refusal.message) < 1000


def test_an_environment_takes_its_limits_and_its_disk() -> None:
    template = make_template(
        resources={"requests": {"cpu": "100m"}, "limits": {"cpu": "2", "memory": "4Gi"}}, storage={"size": "10Gi"}
    )
    own = make_member(make_instance(overrides={"resources": {"limits": {"cpu": "3"}}}), template, volume=None)
    assert (own.cpu, own.memory, own.storage) == (Decimal(3), 4 * GIBIBYTE, 10 * GIBIBYTE)
    assert needs_of(own) == {
        "environments": 1,
        "running": 1,
        "cpu": 3,
        "memory": 4 * GIBIBYTE,
        "storage": 10 * GIBIBYTE,
    }


def test_what_has_its_disk_needs_only_what_running_takes() -> None:
    own = make_member(make_instance(), make_template(), volume=make_volume())
    needs = needs_of(own)
    assert [needs[measure] for measure in ("environments", "storage", "running")] == [0, 0, 1]


def test_a_disk_that_is_taken_over_counts_already() -> None:
    assert needs_of(member(), adopts=True)["storage"] == 0
    assert needs_of(member(), adopts=True)["environments"] == 1


def test_what_is_made_without_running_takes_no_cpu() -> None:
    needs = needs_of(member(wants_to_run=False))
    assert [needs[measure] for measure in ("running", "cpu", "memory")] == [0, 0, 0]
    assert needs["storage"] == 10 * GIBIBYTE


def test_stopped_ones_take_their_disk_and_kept_disks_count() -> None:
    used = add_up([member("a"), member("b", wants_to_run=False)], kept=5 * GIBIBYTE)
    assert used == {
        "environments": 2,
        "running": 1,
        "cpu": 2,
        "memory": 4 * GIBIBYTE,
        "storage": 25 * GIBIBYTE,
    }


@pytest.mark.parametrize(
    ("measure", "limit", "short"),
    [
        ("environments", "2", True),
        ("environments", "3", False),
        ("running", "2", True),
        ("cpu", "5", True),
        ("cpu", "6", False),
        ("cpu", "5999m", True),
        ("memory", "11Gi", True),
        ("memory", "12Gi", False),
        ("storage", "29Gi", True),
        ("storage", "30Gi", False),
    ],
)
def test_each_limit_is_reached_by_the_third(measure: str, limit: str, short: bool) -> None:
    limits = read_limits({f"owner.{measure}": limit})
    used = add_up([member("a"), member("b")])
    found = find_shortages(limits, used=used, needs=needs_of(member("c")))
    assert [shortage.resource for shortage in found] == ([measure] if short else [])


def test_a_refusal_has_the_numbers_and_says_what_to_do() -> None:
    limits = read_limits({"owner.running": "2", "owner.memory": "10Gi"})
    used = add_up([member("a"), member("b")])
    refusal = refuse(limits, find_shortages(limits, used=used, needs=needs_of(member("c"))))
    assert refusal is not None
    assert refusal.reason == reasons.OWNER_LIMIT_REACHED
    assert "running environments: 2 of 2 are taken, and this needs 1" in refusal.message
    assert "memory of running environments: 8Gi of 10Gi are taken, and this needs 4Gi" in refusal.message
    assert "Stop another one of yours" in refusal.message


def test_the_numbers_of_a_refusal_can_be_read_again() -> None:
    written = {"environments": "2", "running": "2", "cpu": "4500m", "memory": "10Gi", "storage": "20Gi"}
    limits = read_limits({f"owner.{measure}": limit for measure, limit in written.items()})
    found = find_shortages(limits, used=add_up([member("a"), member("b")]), needs=needs_of(member("c")))
    refusal = refuse(limits, found)
    assert refusal is not None
    assert [shortage.limit for shortage in found] == list(written.values())
    assert read_refusal(refusal.message) == found


def test_who_lacks_room_for_a_disk_is_not_told_to_stop() -> None:
    limits = read_limits({"owner.storage": "10Gi"})
    refusal = refuse(limits, find_shortages(limits, used=add_up([member("a")]), needs=needs_of(member("b"))))
    assert refusal is not None
    assert "Delete an environment or a kept disk" in refusal.message
    assert "Stop" not in refusal.message


def test_a_limit_that_was_lowered_is_no_reason_to_refuse_what_needs_nothing_of_it() -> None:
    limits = read_limits({"owner.environments": "1", "owner.storage": "1Gi"})
    own = member("c", has_volume=True)
    assert find_shortages(limits, used=add_up([member("a"), member("b")]), needs=needs_of(own)) == ()


def test_who_runs_counts_before_who_is_older() -> None:
    young_running = member("z", has_volume=True, holds=True)
    old_waiting = member("a")
    young_waiting = member("y")
    counted = ahead_of(member("m"), [young_running, old_waiting, young_waiting])
    assert [(found.order[0], found.wants_to_run) for found in counted] == [("z", True), ("a", True)]


def test_a_younger_one_that_is_stopped_counts_with_its_disk_only() -> None:
    counted = ahead_of(member("m"), [member("z", has_volume=True, wants_to_run=False)])
    assert add_up(counted)["storage"] == 10 * GIBIBYTE
    assert add_up(counted)["running"] == 0


def test_of_any_that_want_to_start_the_oldest_fit_and_the_others_do_not() -> None:
    limits = read_limits({"owner.running": "3", "owner.cpu": "7"})
    everybody = [member(name) for name in "abcdef"]

    def fits(own: Member) -> bool:
        others = [other for other in everybody if other is not own]
        return not find_shortages(limits, used=add_up(ahead_of(own, others)), needs=needs_of(own))

    assert [own.order[0] for own in everybody if fits(own)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("phase", "pod", "holds"),
    [
        (None, None, False),
        ("Stopped", None, False),
        ("Stopping", "demo", False),
        ("Pending", None, False),
        ("Pending", "demo", True),
        ("Provisioning", "demo", True),
        ("Running", "demo", True),
        ("Failed", "demo", True),
    ],
)
def test_what_has_been_let_in_keeps_its_share(phase: Any, pod: str | None, holds: bool) -> None:
    instance = make_instance(status=InstanceStatus(phase=phase, pod_name=pod))
    assert holds_share(instance) is holds
    assert holds_share(make_instance(status=instance.status, running=False)) is False


def test_who_waits_for_its_turn_has_its_share_and_who_is_held_has_not() -> None:
    queued = make_instance(status=held_status(reasons.START_QUEUED))
    held = make_instance(status=held_status(reasons.OWNER_LIMIT_REACHED))
    assert (holds_share(queued), is_held_by_limit(queued)) == (True, False)
    assert (holds_share(held), is_held_by_limit(held)) == (False, True)
    assert is_held_by_limit(make_instance(status=held_status(reasons.LIMITS_UNREADABLE)))


def test_a_restart_is_a_start() -> None:
    assert starts_anew(make_instance(status=InstanceStatus(phase="Provisioning", node_name="node-1")))
    assert not starts_anew(make_instance(status=InstanceStatus(phase="Provisioning")))
    assert not starts_anew(make_instance(status=InstanceStatus(phase="Failed", node_name="node-1")))


def test_what_belongs_to_nobody_is_bounded_by_its_namespace() -> None:
    assert share_of("ada", "team") == share_of("ada", "other")
    assert share_of(None, "team") == share_of("", "team") != share_of(None, "other")
    assert share_of("team", "x") != share_of(None, "team")


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("running", Decimal(3), "3"),
        ("cpu", Decimal("0.25"), "0.25"),
        ("cpu", Decimal(10), "10"),
        ("memory", Decimal(0), "0"),
        ("memory", 4 * GIBIBYTE, "4Gi"),
        ("memory", Decimal("1.5") * GIBIBYTE, "1.5Gi"),
        ("storage", 2048 * GIBIBYTE, "2Ti"),
        ("storage", GIBIBYTE / 2, "512Mi"),
    ],
)
def test_amounts_are_short(measure: Any, value: Decimal, text: str) -> None:
    assert format_amount(measure, value) == text
