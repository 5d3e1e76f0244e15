import base64
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.children import NetworkPolicy, Pod, Service
from devworkspace.api.instance import InstanceStatus
from devworkspace.api.meta import Condition
from devworkspace.core.credential import Keyring, environment_credential, key_id
from devworkspace.core.observe import SLOW_STEP
from devworkspace.core.plan import Delete, Plan, Retain, is_worth_writing, make_plan
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.core.world import World
from tests.support.builders import (
    CHILD,
    UID,
    all_applies,
    applied,
    make_instance,
    make_pod,
    make_template,
    make_volume,
    make_world,
    running_status,
    waiting_status,
    with_object,
)

KEY = names.ANNOTATION_CREDENTIAL_KEY


def groups(plan: Plan) -> list[list[str]]:
    return [[action.kind for action in group] for group in plan.apply]


def policies_of(world: World) -> dict[str, NetworkPolicy]:
    """What a plan writes, as the API server would keep it."""
    bodies = [action.body for group in make_plan(world).apply for action in group if action.kind == "NetworkPolicy"]
    return {body["metadata"]["name"]: with_object(body, NetworkPolicy) for body in bodies}


def complete_world(**parts: Any) -> World:
    """Everything made, the editor answers, status not written yet."""
    empty = make_world(**{name: part for name, part in parts.items() if name in ("instance", "template")})
    fresh = make_world()
    defaults = {
        "pod": make_pod(**running_status()),
        "volumes": (make_volume(),),
        "service": with_object(applied(fresh, "Service"), Service),
        "policies": policies_of(fresh),
    }
    return replace(empty, **{**defaults, **parts})


def settled(world: World) -> World:
    """The same world after the plan's status was written."""
    assert world.instance is not None
    status = make_plan(world).status or world.instance.status
    return replace(world, instance=replace(world.instance, status=status))


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        ({"service": None}, "Service"),
        ({"policies": {name: policies_of(make_world())[name] for name in POLICY_NAMES[:1]}}, "NetworkPolicy"),
        ({"policies": {name: policies_of(make_world())[name] for name in POLICY_NAMES[1:]}}, "NetworkPolicy"),
        ({"volumes": ()}, "PersistentVolumeClaim"),
    ],
)
def test_what_was_deleted_by_hand_comes_back_while_the_pod_runs(lost: dict[str, Any], kind: str) -> None:
    assert groups(make_plan(settled(complete_world(**lost)))) == [[kind]]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("devworkspace-environments", "ingress", [{}]),
        ("devworkspace-environments", "podSelector", {"matchLabels": {"nobody": "has-it"}}),
        ("devworkspace-environments-egress", "policyTypes", []),
        ("devworkspace-environments-egress", "egress", [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]),
    ],
)
def test_a_policy_that_was_edited_by_hand_is_put_right(name: str, field: str, value: Any) -> None:
    world = settled(complete_world())
    found = world.policies[name]
    edited = replace(world, policies={**world.policies, name: replace(found, spec={**found.spec, field: value})})
    (group,) = make_plan(edited).apply
    assert [(action.kind, action.body["metadata"]["name"]) for action in group] == [("NetworkPolicy", name)]
    assert not group[0].expect_new


def test_what_an_apply_would_not_take_away_is_not_applied_for() -> None:
    world = settled(complete_world())
    found = world.policies["devworkspace-environments"]
    more = replace(found, spec={**found.spec, "egress": [{}]})
    assert make_plan(replace(world, policies={**world.policies, found.metadata.name: more})) == Plan()


def test_a_pod_that_is_being_stopped_stays_isolated() -> None:
    world = complete_world(instance=make_instance(running=False), policies={}, service=None)
    assert groups(make_plan(world)) == [["NetworkPolicy", "NetworkPolicy"]]


def test_a_new_instance_gets_status_first_then_its_parts_then_its_pod() -> None:
    plan = make_plan(make_world())
    assert plan.status is not None
    assert plan.status.phase == "Provisioning"
    assert groups(plan) == [["PersistentVolumeClaim", "Service", "Secret", "NetworkPolicy", "NetworkPolicy"], ["Pod"]]
    assert (plan.delete, plan.retain) == ((), ())


def test_what_is_made_for_the_first_time_must_not_be_there() -> None:
    assert {action.kind for action in all_applies(make_world()) if not action.expect_new} == {"Secret"}


def test_a_settled_world_needs_nothing() -> None:
    assert make_plan(settled(complete_world())) == Plan()


def test_a_healthy_start_is_written_down_twice() -> None:
    world = settled(make_world())
    steps = [
        make_pod(phase="Pending", age=0),
        make_pod(phase="Pending", age=1, conditions=[{"type": "PodScheduled", "status": "True"}]),
        make_pod(age=2, **running_status(ready=False)),
        make_pod(age=3, **running_status()),
    ]
    written = []
    for pod in steps:
        plan = make_plan(replace(complete_world(instance=world.instance), pod=pod))
        written.append(plan.status.phase if plan.status is not None else None)
    assert written == [None, None, None, "Running"]


def test_a_stop_deletes_the_pod_and_nothing_else() -> None:
    world = complete_world(instance=make_instance(running=False))
    plan = make_plan(world)
    assert plan.delete == (Delete("Pod", CHILD, "pod-uid"),)
    assert plan.apply == ()
    assert plan.status is not None
    assert plan.status.phase == "Stopping"


def test_a_pod_that_is_being_deleted_is_left_alone_until_it_is_gone() -> None:
    pod = make_pod(**running_status())
    going = replace(pod, metadata=replace(pod.metadata, deletion_timestamp="2026-11-24T12:00:00Z"))
    for running in (True, False):
        plan = make_plan(complete_world(instance=make_instance(running=running), pod=going))
        assert (plan.apply, plan.delete) == ((), ())


def test_a_start_after_a_stop_writes_the_credential_again_and_the_pod() -> None:
    plan = make_plan(complete_world(pod=None))
    assert groups(plan) == [["Secret"], ["Pod"]]


def test_a_pod_deleted_by_hand_comes_back() -> None:
    instance = make_instance(status=InstanceStatus(phase="Running"))
    plan = make_plan(complete_world(instance=instance, pod=None))
    assert groups(plan) == [["Secret"], ["Pod"]]
    assert plan.status is not None
    assert plan.status.phase == "Provisioning"


def test_an_evicted_pod_is_replaced_after_a_pause() -> None:
    failed: dict[str, Any] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    young = make_plan(complete_world(pod=make_pod(age=3, **failed)))
    assert (young.delete, young.requeue_after) == ((), timedelta(seconds=10))
    old = make_plan(complete_world(pod=make_pod(age=30, **failed)))
    assert old.delete == (Delete("Pod", CHILD, "pod-uid", failed=True),)


@pytest.mark.parametrize(
    ("replacements", "seconds"), [(0, 10), (1, 20), (3, 80), (5, 300), (500, 300)], ids=lambda value: str(value)
)
def test_each_replacement_waits_longer_than_the_last(replacements: int, seconds: int) -> None:
    failed: dict[str, Any] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    early = make_plan(complete_world(pod=make_pod(age=seconds - 1, **failed), replacements=replacements))
    assert (early.delete, early.requeue_after) == ((), timedelta(seconds=seconds))
    late = make_plan(complete_world(pod=make_pod(age=seconds, **failed), replacements=replacements))
    assert [deletion.failed for deletion in late.delete] == [True]


def test_a_credential_that_was_deleted_is_written_again() -> None:
    waiting = waiting_status("CreateContainerConfigError", f'secret "{CHILD}" not found')
    assert groups(make_plan(complete_world(pod=make_pod(**waiting)))) == [["Secret"]]
    foreign = waiting_status("CreateContainerConfigError", 'secret "other" not found')
    assert groups(make_plan(complete_world(pod=make_pod(**foreign)))) == []


def test_a_pod_keeps_the_key_that_it_names_and_a_new_one_gets_the_new_key() -> None:
    old, new = b"o" * 32, b"n" * 32
    installation = replace(make_world().installation, keys=Keyring(new, previous=old))
    waiting = waiting_status("CreateContainerConfigError", f'secret "{CHILD}" not found')
    annotated: tuple[tuple[bytes, dict[str, str]], ...] = (
        (old, {}),
        (old, {KEY: key_id(old)}),
        (new, {KEY: key_id(new)}),
        (new, {KEY: "unknown"}),
    )
    for key, annotations in annotated:
        made_pod = make_pod(**waiting)
        pod = replace(made_pod, metadata=replace(made_pod.metadata, annotations=annotations))
        ((secret,),) = make_plan(complete_world(pod=pod, installation=installation)).apply
        credential = environment_credential(key, UID)
        assert secret.body["data"] == {names.CREDENTIAL_KEY: base64.b64encode(credential.encode()).decode()}
    fresh = make_plan(complete_world(pod=None, installation=installation))
    made = {apply.kind: apply.body for group in fresh.apply for apply in group}
    assert made["Pod"]["metadata"]["annotations"][KEY] == key_id(new)
    credential = environment_credential(new, UID)
    assert made["Secret"]["data"] == {names.CREDENTIAL_KEY: base64.b64encode(credential.encode()).decode()}


def test_the_restart_annotation_replaces_the_pod_once() -> None:
    wanted = make_instance(metadata={"annotations": {names.ANNOTATION_RESTARTED_AT: "2026-11-24T12:00:00Z"}})
    assert make_plan(complete_world(instance=wanted)).delete == (Delete("Pod", CHILD, "pod-uid"),)
    restarted = make_pod(instance=wanted, **running_status())
    assert make_plan(complete_world(instance=wanted, pod=restarted)).delete == ()


def test_a_paused_instance_is_not_touched() -> None:
    paused = make_instance(running=False, metadata={"annotations": {names.ANNOTATION_PAUSED: "true"}})
    assert make_plan(complete_world(instance=paused)) == Plan()


def test_a_template_change_does_not_touch_a_running_pod() -> None:
    changed = make_template(environment={"image": "localhost/devworkspace/python:0.2.0"})
    plan = make_plan(settled(complete_world(template=changed)))
    assert plan == Plan()


def test_a_larger_size_grows_the_volume_and_a_smaller_one_does_nothing() -> None:
    grown = complete_world(instance=make_instance(overrides={"storage": {"size": "20Gi"}}))
    actions = all_applies(grown)
    assert [(action.kind, action.expect_new) for action in actions] == [("PersistentVolumeClaim", False)]
    assert actions[0].body["spec"]["resources"]["requests"]["storage"] == "20Gi"
    shrunk = complete_world(instance=make_instance(overrides={"storage": {"size": "1Gi"}}))
    assert all_applies(shrunk) == []


@pytest.mark.parametrize("size", ["1Gi", "20Gi"])
def test_a_template_edit_changes_no_volume_that_exists(size: str) -> None:
    assert all_applies(complete_world(template=make_template(storage={"size": size}))) == []
    starting = all_applies(complete_world(template=make_template(storage={"size": size}), pod=None))
    assert "PersistentVolumeClaim" not in {action.kind for action in starting}


REFUSED = {
    "the template has gone": (make_instance(), None),
    "an override is no longer allowed": (
        make_instance(overrides={"env": [{"name": "A", "value": "b"}]}),
        make_template(overrides={"env": False}),
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_runs_is_kept_apart_and_reachable_whatever_its_template_says(why: str) -> None:
    instance, template = REFUSED[why]
    settled_world = settled(complete_world(instance=instance, template=template))
    assert make_plan(settled_world) == Plan()
    for lost, kind in (({"policies": {}}, "NetworkPolicy"), ({"service": None}, "Service")):
        plan = make_plan(replace(settled_world, **lost))
        assert {action.kind for group in plan.apply for action in group} == {kind}
    waiting = waiting_status("CreateContainerConfigError", f'secret "{CHILD}" not found')
    assert groups(make_plan(replace(settled_world, pod=make_pod(**waiting)))) == [["Secret"]]
    stopped = replace(settled_world, pod=None, service=None, policies={})
    assert make_plan(stopped).apply == ()


def test_a_service_made_after_its_template_has_gone_is_the_same_as_before() -> None:
    template = make_template(ports=[{"name": "web", "containerPort": 3000}])
    world = make_world(template=template)
    pod = with_object({**applied(world, "Pod"), "status": running_status()}, Pod)
    before = applied(world, "Service")
    assert [port["port"] for port in before["spec"]["ports"]] == [8080, 3000]
    (after,) = all_applies(complete_world(template=None, pod=pod, service=None))
    assert after.body == before


def test_a_refused_template_makes_nothing_and_deletes_nothing() -> None:
    plan = make_plan(make_world(template=None))
    assert (plan.apply, plan.delete) == ((), ())
    assert plan.status is not None
    assert plan.status.phase == "Pending"


def test_in_a_namespace_that_is_being_deleted_nothing_is_written_but_the_reason() -> None:
    assert make_plan(make_world()).apply != ()
    plan = make_plan(make_world(namespace_terminating=True))
    assert (plan.apply, plan.delete) == ((), ())
    assert plan.status is not None
    assert plan.status.message == (
        "Project 'team' is being deleted, so nothing new can be made in it. Create the environment in another project."
    )
    outdated = complete_world(service=None)
    assert all_applies(outdated) != []
    assert all_applies(replace(outdated, namespace_terminating=True)) == []


def test_a_gone_instance_leaves_its_volume_marked_and_listed() -> None:
    volume = make_volume()
    plan = make_plan(make_world(instance=None, left_volumes=(volume,)))
    assert plan == Plan(
        retain=(Retain(name=CHILD, uid="pvc-uid", resource_version="5", instance_uid=UID, at="2026-11-24T12:00:00Z"),)
    )
    marked = make_volume(retained=True)
    assert make_plan(make_world(instance=None, left_volumes=(marked,))) == Plan()


def test_a_new_instance_of_the_same_name_does_not_take_the_old_volume() -> None:
    old = make_volume(instance=make_instance(metadata={"uid": "ffffffff-0000-0000-0000-000000000000"}))
    plan = make_plan(make_world(left_volumes=(old,)))
    assert [retain.name for retain in plan.retain] == ["demo-ffffffff"]
    assert applied(make_world(left_volumes=(old,)), "PersistentVolumeClaim")["metadata"]["name"] == CHILD


def test_the_last_instance_of_a_namespace_takes_the_policies_with_it() -> None:
    policies = policies_of(make_world())
    kept = make_plan(make_world(instance=None, policies=policies, namespace_in_use=True))
    assert kept == Plan()
    last = make_plan(make_world(instance=None, policies=policies, namespace_in_use=False))
    assert last.delete == tuple(Delete("NetworkPolicy", name, "uid-NetworkPolicy") for name in POLICY_NAMES)


@pytest.mark.parametrize(
    ("age", "status", "seconds"),
    [
        pytest.param(5, {"phase": "Pending"}, SLOW_STEP.total_seconds() - 5 + 1, id="until the slow step is told"),
        pytest.param(60, {"phase": "Pending"}, 300 - 60 + 1, id="until the start timeout"),
        pytest.param(400, {"phase": "Pending"}, None, id="nothing after it"),
        pytest.param(5, running_status(), None, id="nothing while it runs"),
    ],
)
def test_the_clock_is_asked_only_when_it_can_change_the_verdict(
    age: int, status: dict[str, Any], seconds: float | None
) -> None:
    plan = make_plan(complete_world(pod=make_pod(age=age, **status)))
    assert plan.requeue_after == (timedelta(seconds=seconds) if seconds is not None else None)


def test_an_observed_generation_is_always_written() -> None:
    old = InstanceStatus(phase="Provisioning", message="m", observed_generation=1)
    assert not is_worth_writing(old, replace(old, node_name="node-1"))
    assert is_worth_writing(old, replace(old, observed_generation=2))
    assert is_worth_writing(old, replace(old, message="other"))
    running = replace(old, phase="Running")
    assert is_worth_writing(running, replace(running, node_name="node-1"))


def test_a_condition_of_somebody_else_is_no_reason_to_write() -> None:
    time = "2026-11-24T10:00:00Z"
    own = Condition(type="Ready", status="True", reason="Answering", message="", last_transition_time=time)
    foreign = Condition(type="Backup", status="True", reason="Done", message="", last_transition_time=time)
    status = InstanceStatus(phase="Running", conditions=(own,))
    stored = replace(status, conditions=(foreign, own))
    assert not is_worth_writing(stored, status)
    assert is_worth_writing(stored, replace(status, conditions=(replace(own, reason="EditorNotAnswering"),)))
