"""What a template's status says about its environments."""

import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus, Phase
from devworkspace.api.meta import Condition, Key, ObjectMeta
from devworkspace.api.template import TemplateStatus
from devworkspace.core.conditions import find_condition
from devworkspace.core.succession import Successor
from devworkspace.core.template_status import Tally, Use, tally_uses, template_status, use_of
from tests.support.builders import NOW, make_instance

METADATA = ObjectMeta(name="python", uid="uid-python", generation=3)


def use(phase: Phase | None, *, outdated: bool = False) -> Use:
    condition = Condition(type="TemplateOutdated", status="True" if outdated else "False", reason="X")
    return use_of(make_instance(status=InstanceStatus(phase=phase, conditions=(condition,))))


def seen(tally: Tally, *, readable: bool = True, old: TemplateStatus | None = None) -> TemplateStatus:
    return template_status(METADATA, old or TemplateStatus(), tally=tally, readable=readable, now=NOW)


def condition_of(status: TemplateStatus, type_: str) -> tuple[str, str, str]:
    found = find_condition(status.conditions, type_)
    assert found is not None
    return found.status, found.reason, found.message


def test_an_environment_counts_whatever_its_phase_and_runs_in_one() -> None:
    assert use(None) == use("Stopped") == use("Failed") == Use("python")
    assert use("Running") == Use("python", running=True)
    assert use("Running", outdated=True) == Use("python", running=True, outdated=True)


def test_environments_are_counted_for_their_template() -> None:
    uses = [Use("python"), Use("python", running=True), Use("python", running=True, outdated=True), Use("go")]
    assert tally_uses(uses, {}) == {"python": Tally(instances=3, running=2, outdated=1), "go": Tally(instances=1)}


def test_an_environment_that_cannot_be_read_is_counted_and_named() -> None:
    tallies = tally_uses([Use("python", running=True)], {Key("team", "odd"): "python", Key("team", "alone"): "go"})
    assert tallies == {
        "python": Tally(instances=2, running=1, unreadable=("team/odd",)),
        "go": Tally(instances=1, unreadable=("team/alone",)),
    }


def test_the_status_tells_counts_and_that_they_are_complete() -> None:
    status = seen(Tally(instances=3, running=2, outdated=1))
    assert (status.instances, status.running, status.outdated, status.observed_generation) == (3, 2, 1, 3)
    assert condition_of(status, "Accepted") == ("True", reasons.ACCEPTED, "")
    assert condition_of(status, "Counted") == ("True", reasons.COUNTED, "")
    assert {condition.observed_generation for condition in status.conditions} == {3}


def test_counts_that_may_be_too_low_say_so() -> None:
    names = tuple(f"team/odd-{number}" for number in range(7))
    verdict, reason, message = condition_of(seen(Tally(instances=9, unreadable=names)), "Counted")
    assert (verdict, reason) == ("Unknown", reasons.INSTANCES_UNREADABLE)
    assert "7 of its environments cannot be read" in message
    assert "team/odd-4, …" in message
    assert "odd-5" not in message


def test_a_template_that_cannot_be_read_says_so_and_is_counted_all_the_same() -> None:
    status = seen(Tally(instances=3), readable=False)
    verdict, reason, message = condition_of(status, "Accepted")
    assert (verdict, reason, status.instances) == ("False", reasons.TEMPLATE_UNREADABLE, 3)
    assert "kubectl edit wst python" in message


@pytest.mark.parametrize(
    ("successor", "verdict", "reason", "message"),
    [
        (Successor("go"), "True", reasons.SUCCESSOR_FOUND, ""),
        (Successor("go", "Missing"), "False", reasons.SUCCESSOR_MISSING, "does not exist or cannot be read"),
        (Successor("go", "Hidden"), "False", reasons.SUCCESSOR_HIDDEN, "Template 'go'"),
        (Successor("go", "Circular"), "False", reasons.SUCCESSOR_CIRCULAR, "in a circle"),
    ],
)
def test_the_status_tells_whether_the_successor_can_be_used(
    successor: Successor, verdict: str, reason: str, message: str
) -> None:
    status = template_status(METADATA, TemplateStatus(), tally=Tally(), readable=True, now=NOW, successor=successor)
    found = condition_of(status, "SuccessorUsable")
    assert found[:2] == (verdict, reason)
    assert message in found[2]
    assert {condition.observed_generation for condition in status.conditions} == {3}


def test_without_a_successor_nothing_is_said_of_one() -> None:
    assert find_condition(seen(Tally()).conditions, "SuccessorUsable") is None


def test_a_second_look_changes_nothing() -> None:
    once = seen(Tally(instances=1))
    later = template_status(METADATA, once, tally=Tally(instances=1), readable=True, now=NOW.replace(year=NOW.year + 1))
    assert later == once
    assert seen(Tally(instances=2), old=once) == replace(once, instances=2)
