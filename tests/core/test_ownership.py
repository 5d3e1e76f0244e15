"""What counts as an instance's own: both marks, never one of them."""

from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import InstanceStatus
from devworkspace.core.ownership import is_own_child, is_own_volume
from devworkspace.core.world import own_volume
from tests.support.builders import CHILD, make_instance, make_pod, make_volume, make_world

LABELS = make_volume().metadata.labels


@pytest.mark.parametrize(
    ("change", "own"),
    [
        pytest.param({}, True, id="as the operator made it"),
        pytest.param({"owner_references": ()}, False, id="copied labels without the owner"),
        pytest.param({"labels": {}}, False, id="the owner without labels"),
        pytest.param({"labels": {**LABELS, names.LABEL_INSTANCE_UID: "other"}}, False, id="another instance's label"),
        pytest.param({"labels": {**LABELS, names.LABEL_MANAGED_BY: "helm"}}, False, id="another manager's label"),
    ],
)
def test_a_child_has_labels_and_the_owner(change: dict[str, Any], own: bool) -> None:
    assert is_own_child(replace(make_pod().metadata, **change), make_instance()) is own


@pytest.mark.parametrize(
    ("change", "own"),
    [
        pytest.param({}, True, id="as the operator made it"),
        pytest.param({"annotations": {}}, True, id="under the child's name"),
        pytest.param({"name": "old"}, True, id="taken over"),
        pytest.param({"name": "copy", "annotations": {}}, False, id="copied labels under another name"),
        pytest.param({"labels": {}}, False, id="the name without labels"),
    ],
)
def test_a_volume_has_labels_and_a_name_or_annotation(change: dict[str, Any], own: bool) -> None:
    assert is_own_volume(replace(make_volume().metadata, **change), make_instance()) is own


def copy_of(volume: PersistentVolumeClaim, name: str) -> PersistentVolumeClaim:
    return replace(volume, metadata=replace(volume.metadata, name=name))


def test_of_several_volumes_the_own_one_is_found_and_a_copied_manifest_never() -> None:
    made = make_volume()
    copy, taken = copy_of(made, "a-copy"), copy_of(made, "taken")
    told = make_instance(status=InstanceStatus(pvc_name="taken"))
    assert own_volume(make_world(volumes=(copy, made)), make_instance()) == made
    assert own_volume(make_world(volumes=(copy, made, taken)), told) == taken
    assert own_volume(make_world(volumes=(copy,)), make_instance(status=InstanceStatus(pvc_name=CHILD))) is None
