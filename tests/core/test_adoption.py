"""Taking over a volume that an earlier environment left."""

from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.adoption import Adopt, plan_adoption
from devworkspace.core.conditions import find_condition
from devworkspace.core.plan import make_plan
from devworkspace.core.render.common import child_labels
from devworkspace.core.render.volume import volume_annotations
from devworkspace.core.resolve import Refusal
from devworkspace.core.world import World
from tests.support.builders import applied, make_instance, make_volume, make_world

OLD_UID = "ffffffff-0000-0000-0000-000000000000"
OLD_NAME = "demo-ffffffff"


def asking(volume: str = OLD_NAME, *, owner: str | None = "ada", **spec: Any) -> WorkspaceInstance:
    more: dict[str, Any] = {"owner": owner} if owner is not None else {}
    return make_instance(metadata={"annotations": {names.ANNOTATION_ADOPT_VOLUME: volume}}, **more, **spec)


def left(*, owner: str | None = "ada", retained: bool = True, **metadata: Any) -> PersistentVolumeClaim:
    more: dict[str, Any] = {"owner": owner} if owner is not None else {}
    volume = make_volume(instance=make_instance(metadata={"uid": OLD_UID}, **more), retained=retained)
    return replace(volume, metadata=replace(volume.metadata, **metadata))


def world_of(**parts: Any) -> World:
    return make_world(**{"instance": asking(), "adoptable": left(), **parts})


def test_a_left_volume_is_taken_before_anything_is_made() -> None:
    plan = make_plan(world_of())
    assert plan.adopt == Adopt(OLD_NAME, "pvc-uid", "5")
    assert plan.apply == ()
    assert plan.status is not None
    assert (plan.status.phase, plan.status.pvc_name) == ("Provisioning", OLD_NAME)


def test_the_environment_then_lives_on_it() -> None:
    volume = left()
    taken = replace(volume, metadata=replace(volume.metadata, labels=child_labels(make_instance())))
    world = world_of(volumes=(taken,), adoptable=taken, adoptable_in_use=True)
    assert make_plan(world).adopt is None
    assert applied(world, "PersistentVolumeClaim")["metadata"]["name"] == OLD_NAME
    home, _ = applied(world, "Pod")["spec"]["volumes"]
    assert home["persistentVolumeClaim"] == {"claimName": OLD_NAME}


def test_a_copied_label_is_no_volume_and_does_not_stand_in_the_way_of_one() -> None:
    copy = make_volume()
    copy = replace(copy, metadata=replace(copy.metadata, name="copy", annotations={}))
    assert isinstance(plan_adoption(world_of(volumes=(copy,)), asking()), Adopt)


def test_without_an_owner_only_a_volume_of_nobody_is_taken() -> None:
    assert isinstance(plan_adoption(world_of(adoptable=left(owner=None)), asking(owner=None)), Adopt)


def account(value: Any, subject: str) -> Any:
    """An instance or volume that belongs to this account at the identity provider."""
    annotations = {**value.metadata.annotations, names.ANNOTATION_OWNER_SUBJECT: subject}
    return replace(value, metadata=replace(value.metadata, annotations=annotations))


def test_the_account_that_left_a_volume_takes_it_and_hands_its_mark_on() -> None:
    instance = account(asking(), "one")
    assert isinstance(plan_adoption(world_of(adoptable=account(left(), "one")), instance), Adopt)
    assert isinstance(plan_adoption(world_of(), instance), Adopt), "left before there was a provider"
    assert volume_annotations(instance)[names.ANNOTATION_OWNER_SUBJECT] == "one"
    assert names.ANNOTATION_OWNER_SUBJECT not in volume_annotations(asking())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param({"adoptable": None}, "does not exist", id="no such volume"),
        pytest.param({"adoptable": left(deletion_timestamp="2026-11-24T11:00:00Z")}, "being deleted", id="going"),
        pytest.param({"adoptable": left(retained=False)}, "belongs to environment 'demo'", id="not left by anybody"),
        pytest.param({"adoptable_in_use": True}, "belongs to environment", id="the label was set by hand"),
        pytest.param({"adoptable": left(owner="bob")}, "another owner", id="somebody else's"),
        pytest.param({"adoptable": account(left(), "one")}, "another owner", id="a name without its account"),
        pytest.param(
            {"adoptable": account(left(), "one"), "instance": account(asking(), "two")},
            "another owner",
            id="a name that was given out again",
        ),
        pytest.param({"adoptable": left(owner=None)}, "another owner", id="nobody's, asked for by somebody"),
        pytest.param({"instance": asking(owner=None)}, "another owner", id="somebody's, asked for by nobody"),
    ],
)
def test_a_refused_adoption_makes_nothing_and_says_why(parts: dict[str, Any], words: str) -> None:
    plan = make_plan(world_of(**parts))
    assert (plan.adopt, plan.apply) == (None, ())
    assert plan.status is not None
    assert plan.status.phase == "Pending"
    assert words in (plan.status.message or "")
    condition = find_condition(plan.status.conditions, "VolumeReady")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", reasons.VOLUME_NOT_ADOPTABLE)


def test_what_the_template_forbids_is_said_first() -> None:
    plan = make_plan(world_of(template=None))
    assert plan.status is not None
    assert plan.adopt is None
    assert "does not exist; ask an admin to publish it" in (plan.status.message or "")


def test_a_stopped_environment_takes_nothing_over() -> None:
    assert make_plan(world_of(instance=asking(running=False))).adopt is None


def test_the_refusal_says_how_to_go_on() -> None:
    refusal = plan_adoption(world_of(adoptable=None), asking())
    assert isinstance(refusal, Refusal)
    assert names.ANNOTATION_ADOPT_VOLUME in refusal.message
    assert "kubectl get pvc" in refusal.message
