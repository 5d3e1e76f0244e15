"""How an instance takes what was made in advance: in which order, and what half a claim leaves."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.core.address import Gateway
from devworkspace.core.credential import environment_credential, key_id
from devworkspace.core.idleness import find_idle_deadline
from devworkspace.core.member import Member
from devworkspace.core.pacing import Hold
from devworkspace.core.plan import SERVICE_AFTER_CLAIM, Plan, make_plan
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.core.world import World
from tests.core.test_pool import ending, make_member, pooled
from tests.support.builders import CHILD, INSTALLATION, MASTER_KEY, NOW, UID, make_instance, make_world
from tests.support.fake_objects import merge_patch

MEMBER = make_member(0, age=3600)


def warm_world(*members: Member, **parts: Any) -> World:
    return make_world(template=pooled(), pool=members or (MEMBER,), **parts)


def claimed(world: World) -> World:
    """The world after the whole claim: status, volume and pod."""
    return with_pod(with_volume(told(world)))


def applied(plan: Plan) -> list[str]:
    return [action.kind for group in plan.apply for action in group]


def told(world: World) -> World:
    plan = make_plan(world)
    assert world.instance is not None
    assert plan.status is not None
    return replace(world, instance=replace(world.instance, status=plan.status))


def with_volume(world: World) -> World:
    claim = make_plan(world).claim
    (member,) = world.pool
    assert claim is not None and claim.volume is not None
    volume = patched(member.volume, claim.volume, PersistentVolumeClaim)
    return replace(world, volumes=(volume,), pool=(replace(member, volume=None),))


def with_pod(world: World) -> World:
    claim = make_plan(world).claim
    (member,) = world.pool
    assert claim is not None and claim.volume is None
    return replace(world, pod=patched(member.pod, claim.pod, Pod), pool=())


def patched(stored: Any, patch: dict[str, Any], type_: Any) -> Any:
    """As the API server applies a merge patch."""
    return msgspec.convert(merge_patch(msgspec.to_builtins(stored), json.loads(json.dumps(patch))), type_)


def test_one_status_names_the_member_and_the_patches_follow_it() -> None:
    plan = make_plan(warm_world())
    assert plan.status is not None
    assert (plan.status.phase, plan.status.pod_name, plan.status.pvc_name) == ("Provisioning", MEMBER.name, MEMBER.name)
    assert plan.claim is not None
    assert plan.claim.name == MEMBER.name
    assert plan.apply == (), "nothing else is made"
    for patch in (plan.claim.volume, plan.claim.pod):
        assert patch is not None
        assert patch["metadata"]["resourceVersion"] == "7"
        assert patch["metadata"]["uid"].endswith("-0")


def test_after_the_claim_it_is_an_environment_like_any_other() -> None:
    world = claimed(warm_world())
    plan = make_plan(world)
    assert plan.status is not None
    assert (plan.status.phase, plan.status.pod_name, plan.status.pvc_name) == ("Running", MEMBER.name, MEMBER.name)
    assert plan.claim is None
    assert world.pod is not None
    assert names.LABEL_POOL not in {*world.pod.metadata.labels, *world.volumes[0].metadata.labels}
    assert [owner.uid for owner in world.pod.metadata.owner_references] == [UID]
    outdated = {condition.type: condition.status for condition in plan.status.conditions}["TemplateOutdated"]
    assert outdated == "False"


def test_the_service_waits_a_moment_for_the_one_who_opens_the_editor() -> None:
    world = claimed(warm_world())
    policies = ["NetworkPolicy", "NetworkPolicy"]
    plan = make_plan(world)
    assert applied(plan) == policies
    assert plan.requeue_after is not None
    assert plan.requeue_after <= SERVICE_AFTER_CLAIM
    later = replace(world, now=world.now + plan.requeue_after)
    assert applied(make_plan(later)) == ["Service", *policies]
    put_back = replace(world, now=world.now - timedelta(hours=1))
    assert applied(make_plan(put_back)) == ["Service", *policies], "a clock that is wrong keeps nobody waiting"
    alone = replace(world, installation=replace(INSTALLATION, gateway=None))
    assert applied(make_plan(alone)) == ["Service", *policies], "its address is the Service's"


def test_nothing_of_the_time_in_the_pool_counts() -> None:
    status = make_plan(claimed(warm_world())).status
    assert status is not None
    assert status.started_at == status.ready_at == format_timestamp(NOW)
    template = pooled(lifecycle={"idleTimeout": "30m"})
    used = replace(make_instance(), status=replace(status, last_activity=format_timestamp(NOW)))
    deadline = find_idle_deadline(used, template)
    assert deadline is not None
    assert deadline > parse_timestamp(format_timestamp(NOW))


def test_the_pod_is_told_a_hash_and_its_address_and_no_secret() -> None:
    world = claimed(warm_world())
    assert world.pod is not None
    annotations = world.pod.metadata.annotations
    credential = environment_credential(MASTER_KEY, UID)
    told = json.loads(annotations[names.ANNOTATION_CLAIM])
    assert told == {
        "credential": hashlib.sha256(credential.encode()).hexdigest(),
        "proxyUri": "http://{{port}}--demo--team.localhost:8080/",
    }
    assert annotations[names.ANNOTATION_CREDENTIAL_KEY] == key_id(MASTER_KEY)
    assert credential not in msgspec.json.encode(world.pod).decode()


@pytest.mark.parametrize(
    ("instance", "member"),
    [
        (make_instance(running=False), MEMBER),
        (make_instance(overrides={"resources": {"limits": {"cpu": "3"}}}), MEMBER),
        (make_instance(overrides={"storage": {"size": "20Gi"}}), MEMBER),
        (make_instance(metadata={"annotations": {names.ANNOTATION_ADOPT_VOLUME: "kept"}}), MEMBER),
        (make_instance(metadata={"annotations": {names.ANNOTATION_WARM_POOL: "skip"}}), MEMBER),
        (make_instance(metadata={"annotations": {names.ANNOTATION_PAUSED: "true"}}), MEMBER),
        (make_instance(status=InstanceStatus(phase="Provisioning", pod_name=CHILD, pvc_name=CHILD)), MEMBER),
        (make_instance(), make_member(0, ready=False)),
        (make_instance(), ending(MEMBER)),
        (make_instance(), replace(MEMBER, volume=None)),
        (make_instance(), replace(MEMBER, pod=None)),
        (make_instance(), make_member(0, template=pooled(storage={"size": "20Gi"}))),
    ],
    ids=[
        "stopped",
        "other resources",
        "a larger disk",
        "a kept disk",
        "as wished",
        "paused",
        "a cold start that has begun",
        "not ready",
        "ending",
        "no volume",
        "no pod",
        "another revision",
    ],
)
def test_whatever_does_not_match_is_not_taken(instance: WorkspaceInstance, member: Member) -> None:
    plan = make_plan(warm_world(member, instance=instance))
    assert plan.claim is None
    assert plan.status is None or plan.status.pod_name != member.name


def test_in_path_mode_the_pod_is_told_its_path() -> None:
    in_paths = replace(INSTALLATION, gateway=Gateway("http://localhost:8080", "path"))
    world = claimed(warm_world(installation=in_paths))
    assert world.pod is not None
    told = json.loads(world.pod.metadata.annotations[names.ANNOTATION_CLAIM])
    assert (told["basePath"], "proxyUri" in told) == ("/w/team/demo", False)
    plan = make_plan(world)
    assert plan.status is not None
    assert plan.status.url == "http://localhost:8080/w/team/demo/"


def test_who_is_held_back_takes_nothing_and_lets_go_of_what_it_has_begun_to_take() -> None:
    hold = Hold(reasons.OWNER_LIMIT_REACHED, "The limit for one person is reached.")
    for world in (warm_world(hold=hold), replace(told(warm_world()), hold=hold)):
        plan = make_plan(world)
        assert (plan.claim, plan.apply) == (None, ())
        assert plan.status is not None
        assert (plan.status.phase, plan.status.pod_name) == ("Pending", None)


def test_its_time_and_its_disk_are_its_owners_from_the_claim_on() -> None:
    assert MEMBER.pod is not None
    placed = replace(MEMBER, pod=replace(MEMBER.pod, spec=replace(MEMBER.pod.spec, node_name="node-1")))
    status = make_plan(claimed(warm_world(placed))).status
    assert status is not None
    usage = status.usage
    assert usage is not None
    assert usage.since == format_timestamp(NOW), "the time in the pool is nobody's"
    assert usage.now.running
    assert usage.now.storage_mebibytes > 0
    assert usage.months == ()


def test_a_new_operator_goes_on_with_the_member_that_status_names() -> None:
    older = make_member(1, age=7200)
    world = told(warm_world())
    plan = make_plan(replace(world, pool=(older, MEMBER)))
    assert plan.claim is not None
    assert plan.claim.name == MEMBER.name
    assert plan.status is None, "it stands there already"


def test_with_the_volume_taken_only_the_pod_is_left_to_take() -> None:
    plan = make_plan(with_volume(told(warm_world())))
    assert plan.claim is not None
    assert plan.claim.volume is None
    assert plan.apply == ()


@pytest.mark.parametrize("change", [{"phase": "Failed"}, {"ready": False}])
def test_with_the_volume_taken_the_pod_on_it_is_taken_in_any_state(change: dict[str, Any]) -> None:
    world = with_volume(told(warm_world()))
    broken = replace(make_member(0, age=3600, **change), volume=None)
    plan = make_plan(replace(world, pool=(broken,)))
    assert plan.claim is not None, "a second pod would work on the same volume"
    assert plan.apply == ()


def test_without_its_pod_it_starts_cold_on_the_volume_that_it_has() -> None:
    world = replace(with_volume(told(warm_world())), pool=())
    plan = make_plan(world)
    assert plan.claim is None
    bodies = {action.kind: action.body for group in plan.apply for action in group}
    (home, *_) = bodies["Pod"]["spec"]["volumes"]
    assert home["persistentVolumeClaim"]["claimName"] == MEMBER.name
    assert bodies["Pod"]["metadata"]["name"] == CHILD
    assert plan.status is not None
    assert (plan.status.pod_name, plan.status.pvc_name) == (CHILD, MEMBER.name)


def test_without_member_it_starts_cold_and_takes_no_other() -> None:
    world = replace(told(warm_world()), pool=(make_member(1),))
    plan = make_plan(world)
    assert plan.claim is None
    assert {action.kind for group in plan.apply for action in group} >= {"Pod", "PersistentVolumeClaim", "Secret"}
    assert plan.status is not None
    assert (plan.status.pod_name, plan.status.pvc_name) == (CHILD, CHILD)


def test_a_stop_in_the_middle_of_a_claim_lets_go_of_the_pod() -> None:
    world = with_volume(told(warm_world()))
    assert world.instance is not None
    stopped = replace(world, instance=replace(world.instance, spec=replace(world.instance.spec, running=False)))
    plan: Plan = make_plan(stopped)
    assert plan.claim is None
    assert plan.status is not None
    assert (plan.status.phase, plan.status.pod_name, plan.status.pvc_name) == ("Stopped", None, MEMBER.name)
