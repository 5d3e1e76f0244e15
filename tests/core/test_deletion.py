"""When a volume goes with its environment: only if every single fact consents."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import ObjectMeta, OwnerReference
from devworkspace.core.deletion import DeletionFacts, decide_on_volume, has_consent
from devworkspace.core.plan import Delete, DeleteVolume, Plan, make_plan
from devworkspace.core.world import World
from tests.support.builders import CHILD, UID, make_instance, make_pod, make_volume, make_world, running_status

DELETED_AT = "2026-11-24T11:59:59Z"


def leaving(*, recorded: str | None = "Delete", wanted: str = "Delete", held: bool = True) -> WorkspaceInstance:
    """An instance that is being deleted."""
    metadata: dict[str, Any] = {"deletionTimestamp": DELETED_AT}
    if held:
        metadata["finalizers"] = [names.FINALIZER_DELETE_VOLUME]
    status = InstanceStatus(phase="Running", data_policy=recorded)  # type: ignore[arg-type]
    return make_instance(status=status, metadata=metadata, dataPolicy=wanted)


def facts(**changes: Any) -> DeletionFacts:
    consenting = DeletionFacts(instance=leaving(), volume=make_volume(), torn_down=False, users=())
    return replace(consenting, **changes)


def user(name: str, *, owner: str = "", deleted_at: str | None = None) -> ObjectMeta:
    """A pod that mounts the volume."""
    owners = (OwnerReference(api_version="v1", kind="Any", name="any", uid=owner),) if owner else ()
    return ObjectMeta(name=name, uid=f"uid-of-{name}", owner_references=owners, deletion_timestamp=deleted_at)


def world_of(**parts: Any) -> World:
    return make_world(**{"instance": leaving(), "volumes": (make_volume(),), **parts})


def with_uid(instance: WorkspaceInstance, uid: str) -> WorkspaceInstance:
    return replace(instance, metadata=replace(instance.metadata, uid=uid))


def in_namespace(namespace: str) -> Any:
    volume = make_volume()
    return replace(volume, metadata=replace(volume.metadata, namespace=namespace))


def terminating() -> Any:
    volume = make_volume()
    return replace(volume, metadata=replace(volume.metadata, deletion_timestamp=DELETED_AT))


def labelled(uid: str) -> Any:
    volume = make_volume()
    return replace(volume, metadata=replace(volume.metadata, labels={names.LABEL_INSTANCE_UID: uid}))


def test_with_every_consent_the_volume_goes() -> None:
    assert decide_on_volume(UID, facts()) == "delete"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        pytest.param(facts(instance=None), "keep", id="the instance is gone: nobody left to consent"),
        pytest.param(facts(instance=with_uid(leaving(), "other")), "keep", id="a namesake was made meanwhile"),
        pytest.param(facts(instance=make_instance(dataPolicy="Delete")), "keep", id="it is not being deleted"),
        pytest.param(facts(instance=leaving(recorded="Retain")), "keep", id="the policy was not recorded before"),
        pytest.param(facts(instance=leaving(recorded=None)), "keep", id="nothing was recorded"),
        pytest.param(facts(instance=leaving(wanted="Retain")), "keep", id="the owner thought better of it"),
        pytest.param(facts(instance=leaving(held=False)), "keep", id="our finalizer was not there in time"),
        pytest.param(facts(volume=None), "keep", id="there is no volume"),
        pytest.param(facts(volume=terminating()), "keep", id="it is being deleted already"),
        pytest.param(facts(volume=labelled("other")), "keep", id="it belongs to another instance"),
        pytest.param(facts(volume=in_namespace("other")), "keep", id="it is in another namespace"),
        pytest.param(facts(torn_down=True), "keep", id="the namespace or the CRD is being removed"),
        pytest.param(facts(users=(user("debug"),)), "wait", id="a pod still mounts it"),
        pytest.param(facts(users=(user("debug"),), torn_down=True), "keep", id="tearing down does not wait for pods"),
    ],
)
def test_whatever_is_missing_keeps_the_volume(found: DeletionFacts, verdict: str) -> None:
    assert decide_on_volume(UID, found) == verdict


def test_consent_is_recorded_before_the_instance_is_held() -> None:
    plan = make_plan(make_world(instance=make_instance(dataPolicy="Delete")))
    assert plan.status is not None
    assert plan.status.data_policy == "Delete"
    assert plan.hold
    assert not plan.release


def test_an_instance_whose_volume_stays_is_not_held() -> None:
    assert not make_plan(make_world()).hold


def test_who_thinks_better_of_it_is_released() -> None:
    metadata = {"finalizers": [names.FINALIZER_DELETE_VOLUME]}
    status = InstanceStatus(phase="Running", data_policy="Delete")
    plan = make_plan(make_world(instance=make_instance(status=status, metadata=metadata)))
    assert plan.status is not None
    assert plan.status.data_policy == "Retain"
    assert (plan.hold, plan.release) == (False, True)


def test_nothing_said_after_the_deletion_is_recorded() -> None:
    plan = make_plan(world_of(instance=leaving(recorded="Retain")))
    assert plan.status is not None
    assert plan.status.data_policy == "Retain"


def test_the_pod_ends_before_the_volume_is_looked_at() -> None:
    plan = make_plan(world_of(pod=make_pod(**running_status()), deletion=facts()))
    assert plan.delete == (Delete("Pod", CHILD, "pod-uid"),)
    assert (plan.delete_volume, plan.release) == (None, False)
    assert plan.status is not None
    assert (plan.status.phase, plan.status.message) == (
        "Stopping",
        "The environment is being deleted together with its disk.",
    )


def test_a_pod_that_is_ending_is_waited_for() -> None:
    pod = make_pod(**running_status())
    ending = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=DELETED_AT))
    plan = make_plan(world_of(pod=ending, deletion=facts()))
    assert (plan.delete, plan.delete_volume, plan.release) == ((), None, False)


def test_then_the_volume_goes_and_the_instance_with_it() -> None:
    plan = make_plan(world_of(deletion=facts()))
    assert plan.delete_volume == DeleteVolume(CHILD, "pvc-uid", make_volume().metadata.resource_version)
    assert plan.release
    assert plan.apply == ()


def test_without_fresh_facts_nothing_is_decided() -> None:
    plan = make_plan(world_of())
    assert (plan.delete_volume, plan.release) == (None, False)


def test_a_kept_volume_lets_the_instance_go() -> None:
    plan = make_plan(world_of(deletion=facts(torn_down=True)))
    assert (plan.delete_volume, plan.release) == (None, True)


def test_a_volume_in_use_is_waited_for_and_says_for_whom() -> None:
    plan = make_plan(world_of(deletion=facts(users=(user("debug"),))))
    assert (plan.delete_volume, plan.release) == (None, False)
    assert plan.requeue_after == timedelta(seconds=10)
    assert plan.status is not None
    assert "'debug'" in (plan.status.message or "")


def test_an_own_pod_that_lost_its_labels_does_not_hold_up_the_deletion() -> None:
    owner = leaving().metadata.uid
    bare, ending = user("bare", owner=owner), user("ending", owner=owner, deleted_at=DELETED_AT)
    plan = make_plan(world_of(deletion=facts(users=(user("debug"), user("other", owner="else"), ending, bare))))
    assert plan.delete == (Delete("Pod", "bare", "uid-of-bare"),)
    assert (plan.delete_volume, plan.release) == (None, False)


def test_pausing_does_not_hold_up_a_deletion() -> None:
    instance = leaving()
    annotations = {names.ANNOTATION_PAUSED: "true"}
    paused = replace(instance, metadata=replace(instance.metadata, annotations=annotations))
    assert make_plan(world_of(instance=paused, deletion=facts())).release


def test_an_instance_held_by_somebody_else_says_that_it_is_going() -> None:
    plan = make_plan(world_of(instance=leaving(wanted="Retain", held=False)))
    assert plan.status is not None
    ready = next(condition for condition in plan.status.conditions if condition.type == "Ready")
    assert (plan.status.phase, ready.reason) == ("Stopping", reasons.DELETING)
    assert replace(plan, status=None) == Plan()


def test_consent_needs_a_deletion() -> None:
    assert has_consent(leaving())
    assert not has_consent(make_instance(dataPolicy="Delete"))
