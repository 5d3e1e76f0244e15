"""How many environments are made in advance, and which are dropped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devworkspace.api import names, reasons
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Condition, Key, ObjectMeta
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.credential import make_lock
from devworkspace.core.member import Member
from devworkspace.core.pool import (
    MAKING_AT_MOST,
    MAKING_BESIDE_STARTS,
    PoolFacts,
    PoolPlan,
    may_drop_volume,
    member_name,
    plan_pool,
    pool_revision,
)
from devworkspace.core.render.member import render_member_pod, render_member_volume
from devworkspace.core.timestamps import format_timestamp
from tests.support.builders import MASTER_KEY, NOW, make_instance, make_settings, make_template, running_status

HOURS = [{"from": "08:00", "to": "18:00", "timeZone": "Asia/Shanghai", "days": ["Tue"], "except": ["2026-12-01"]}]


def pooled(replicas: int = 3, **spec: Any) -> WorkspaceTemplate:
    """A template with a pool in the namespace `team`."""
    warm_pool = {"perNamespace": [{"namespace": "team", "replicas": replicas}], **spec.pop("hours", {})}
    return make_template(warmPool=warm_pool, **spec)


def make_member(
    number: int, *, template: WorkspaceTemplate | None = None, age: int = 60, ready: bool = True, **status: Any
) -> Member:
    """A member as the API server has it; `status` is that of its pod."""
    template = template or pooled()
    settings = make_settings(template=template)
    key = Key("team", member_name(template.metadata, "team", number))
    revision, made = pool_revision(settings), format_timestamp(NOW - timedelta(seconds=age))

    def stored(body: dict[str, Any], status: dict[str, Any], uid: str) -> dict[str, Any]:
        metadata = {**body["metadata"], "uid": f"{uid}-{number}", "resourceVersion": "7", "creationTimestamp": made}
        return {**body, "metadata": metadata, "status": status}

    lock = make_lock(MASTER_KEY, str(key), f"{number:032x}")
    pod = render_member_pod(key, template.metadata, settings, revision=revision, lock=lock)
    volume = render_member_volume(key, template.metadata, settings, revision=revision)
    return Member(
        key.name,
        msgspec.convert(stored(pod, {**running_status(ready=ready), **status}, "pod"), Pod),
        msgspec.convert(stored(volume, {"phase": "Bound"}, "pvc"), PersistentVolumeClaim),
    )


def facts(*members: Member, **parts: Any) -> PoolFacts:
    """The namespace `team` with these members."""
    defaults: dict[str, Any] = {
        "namespace": "team",
        "now": NOW,
        "members": members,
        "taken": frozenset(member.name for member in members),
        "namespace_labels": {},
    }
    return PoolFacts(**{**defaults, **parts})


def starting_instance() -> WorkspaceInstance:
    return make_instance(status=InstanceStatus(phase="Provisioning"))


def cramped_instance(reason: str = reasons.QUOTA_EXCEEDED, type_: str = "Ready") -> WorkspaceInstance:
    return make_instance(status=InstanceStatus(phase="Pending", conditions=(Condition(type_, "False", reason),)))


def dropped(plan: PoolPlan) -> set[str]:
    return {pod.metadata.name for pod in plan.drop_pods} | {volume.metadata.name for volume in plan.drop_volumes}


def ending(member: Member) -> Member:
    assert member.pod is not None
    metadata = msgspec.structs.replace(member.pod.metadata, deletion_timestamp=format_timestamp(NOW))
    return msgspec.structs.replace(member, pod=msgspec.structs.replace(member.pod, metadata=metadata))


def test_an_empty_pool_is_filled_two_at_a_time() -> None:
    plan = plan_pool(pooled(3), facts())
    assert len(plan.make) == MAKING_AT_MOST == 2
    assert (plan.status.wanted, plan.status.ready, plan.status.starting) == (3, 0, 2)
    assert dropped(plan) == set()


def test_the_next_are_made_when_those_before_them_are_ready() -> None:
    first, second = make_member(0), make_member(1, ready=False)
    assert len(plan_pool(pooled(4), facts(first, second)).make) == 1
    assert len(plan_pool(pooled(4), facts(first, make_member(1))).make) == 2
    assert plan_pool(pooled(2), facts(first, make_member(1))).make == ()


def test_beside_starts_a_short_pool_is_filled_one_by_one_and_another_one_waits() -> None:
    assert MAKING_BESIDE_STARTS == 1
    ready, beside = [make_member(number) for number in range(3)], (starting_instance(),)
    for wanted, there, count in ((5, 2, 1), (5, 3, 0), (4, 2, 0), (2, 1, 0), (1, 0, 1)):
        plan = plan_pool(pooled(wanted), facts(*ready[:there], instances=beside))
        assert (len(plan.make), plan.status.ready) == (count, there)
    plan = plan_pool(pooled(3), facts(instances=(starting_instance(),)))
    assert len(plan.make) == 1
    for age, count in ((5, 1), (15, 2)):
        ready_at = format_timestamp(NOW - timedelta(seconds=age))
        opened = make_instance(status=InstanceStatus(phase="Running", ready_at=ready_at))
        assert len(plan_pool(pooled(3), facts(instances=(opened,))).make) == count, "its owner opens the editor"


@pytest.mark.parametrize(
    "pressed", [cramped_instance(), cramped_instance(reasons.UNSCHEDULABLE, "PodScheduled")], ids=["quota", "no node"]
)
def test_somebody_without_room_gets_it_from_the_pool_one_by_one(pressed: WorkspaceInstance) -> None:
    members = [make_member(number, age=100 - number) for number in range(3)]
    plan = plan_pool(pooled(5), facts(*members, instances=(pressed,)))
    assert plan.make == ()
    assert dropped(plan) == {members[2].name}, "the newest"
    assert plan.status.wanted == 2
    assert "finds no room" in plan.status.message


def test_somebody_who_waits_for_something_else_costs_the_pool_nothing() -> None:
    waiting = cramped_instance(reasons.IMAGE_NOT_FOUND)
    assert dropped(plan_pool(pooled(1), facts(make_member(0), instances=(waiting,)))) == set()


@pytest.mark.parametrize(
    ("template", "parts", "message"),
    [
        (None, {}, ""),
        (pooled(0), {}, ""),
        (pooled(3, state="Hidden"), {}, "is hidden"),
        (pooled(3, access={"namespaceSelector": {"matchLabels": {"a": "b"}}}), {}, "may not be used in namespace"),
        (pooled(3), {"namespace_labels": None}, "does not exist"),
        (pooled(3), {"namespace_terminating": True}, "is being deleted"),
        (
            pooled(3, hours={"hours": [{"from": "01:00", "to": "02:00", "timeZone": "UTC"}]}),
            {},
            "outside of the pool's hours",
        ),
        (pooled(3, environment={"image": "x", "ide": "custom"}), {}, "Only the editor code-server"),
    ],
)
def test_where_there_is_to_be_no_pool_there_is_none_and_it_says_why(
    template: WorkspaceTemplate | None, parts: dict[str, Any], message: str
) -> None:
    member = make_member(0)
    plan = plan_pool(template, facts(member, **parts))
    assert plan.make == ()
    assert dropped(plan) == {member.name}
    assert plan.status.wanted == 0
    assert message in plan.status.message


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        (datetime(2026, 11, 24, 0, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 23, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 24, 9, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 24, 10, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 25, 4, 0, tzinfo=UTC), False),
        (datetime(2026, 12, 1, 4, 0, tzinfo=UTC), False),
        (datetime(2026, 12, 8, 4, 0, tzinfo=UTC), True),
    ],
    ids=[
        "the first minute there",
        "a minute before",
        "the last minute",
        "over",
        "another day",
        "excepted",
        "next week",
    ],
)
def test_it_is_kept_in_its_hours_by_the_clocks_there(now: datetime, open_: bool) -> None:
    plan = plan_pool(pooled(1, hours={"hours": HOURS}), facts(now=now))
    assert plan.status.wanted == (1 if open_ else 0)


def test_those_who_wait_for_their_turn_count_as_starts() -> None:
    ready = Condition("Ready", "False", reasons.START_QUEUED)
    waiting = make_instance(status=InstanceStatus(phase="Pending", conditions=(ready,)))
    assert len(plan_pool(pooled(3), facts(instances=(waiting,))).make) == MAKING_BESIDE_STARTS


def test_what_is_named_by_a_status_or_promised_is_neither_counted_nor_dropped() -> None:
    named, promised = make_member(0), make_member(1)
    taker = make_instance(status=InstanceStatus(phase="Provisioning", pod_name=named.name))
    plan = plan_pool(pooled(1), facts(named, promised, instances=(taker,), promised=frozenset((promised.name,))))
    assert dropped(plan) == set()
    assert len(plan.make) == 1
    assert not {named.name, promised.name} & set(plan.make)
    gone = plan_pool(None, facts(named, promised, instances=(taker,), promised=frozenset((promised.name,))))
    assert dropped(gone) == set()


def test_members_of_another_revision_are_dropped_and_replaced() -> None:
    old = make_member(0)
    changed = pooled(1, resources={"limits": {"cpu": "4"}})
    plan = plan_pool(changed, facts(old))
    assert dropped(plan) == {old.name}
    assert len(plan.make) == 1


@pytest.mark.parametrize("part", ["storage", "environment", "ports", "scheduling"])
def test_all_that_a_member_is_made_from_counts(part: str) -> None:
    specs: dict[str, Any] = {
        "storage": {"size": "20Gi"},
        "environment": {"image": "localhost/devworkspace/python:0.2.0"},
        "ports": [{"name": "web", "containerPort": 3000}],
        "scheduling": {"nodeSelector": {"disk": "ssd"}},
    }
    before = pool_revision(make_settings(template=make_template()))
    assert pool_revision(make_settings(template=make_template(**{part: specs[part]}))) != before
    assert pool_revision(make_settings(template=make_template(description="other", tags=["x"]))) == before


@pytest.mark.parametrize(
    "lost",
    [
        msgspec.structs.replace(make_member(0), volume=None),
        make_member(0, phase="Failed"),
        make_member(0, ready=False, age=301),
    ],
    ids=["no volume", "ended", "hangs"],
)
def test_what_nobody_will_take_is_replaced(lost: Member) -> None:
    plan = plan_pool(pooled(1), facts(lost))
    assert [pod.metadata.name for pod in plan.drop_pods] == [lost.name]
    assert plan.drop_volumes == ()
    assert len(plan.make) == 1


def test_what_finds_no_node_is_held_and_not_made_again_and_again() -> None:
    waiting = make_member(0, ready=False, age=3600, phase="Pending", conditions=[], containerStatuses=[])
    plan = plan_pool(pooled(1), facts(waiting))
    assert (dropped(plan), plan.make, plan.status.starting) == (set(), (), 1)


def test_the_volume_goes_after_the_pod() -> None:
    member = make_member(0)
    first = plan_pool(pooled(0), facts(member))
    assert [len(first.drop_pods), len(first.drop_volumes)] == [1, 0]
    second = plan_pool(pooled(0), facts(ending(member)))
    assert [len(second.drop_pods), len(second.drop_volumes)] == [0, 0]
    third = plan_pool(pooled(0), facts(msgspec.structs.replace(member, pod=None)))
    assert [len(third.drop_pods), len(third.drop_volumes)] == [0, 1]


def test_half_a_member_is_completed() -> None:
    half = msgspec.structs.replace(make_member(0), pod=None)
    plan = plan_pool(pooled(1), facts(half))
    assert (plan.complete, plan.make, dropped(plan)) == ((half.name,), (), set())


def test_a_pool_that_is_refused_waits_and_says_so() -> None:
    half = msgspec.structs.replace(make_member(0), pod=None)
    plan = plan_pool(pooled(3), facts(half, refusal="The quota is used up."))
    assert (plan.make, plan.complete, plan.status.message) == ((), (), "The quota is used up.")
    assert dropped(plan) == set()


def test_names_are_computed_and_skip_those_that_are_taken() -> None:
    (first, second) = plan_pool(pooled(2), facts()).make
    assert plan_pool(pooled(2), facts()).make == (first, second)
    assert plan_pool(pooled(1), facts(taken=frozenset((first,)))).make == (second,)
    other = msgspec.structs.replace(pooled().metadata, uid="another")
    assert member_name(other, "team", 0) != first
    long = ObjectMeta(name="a" * 63, uid="u")
    assert len(member_name(long, "team", 0)) == 63


def make_volume_of(member: Member, **labels: str | None) -> PersistentVolumeClaim:
    assert member.volume is not None
    merged = {**member.volume.metadata.labels, **labels}
    kept = {name: value for name, value in merged.items() if value is not None}
    metadata = msgspec.structs.replace(member.volume.metadata, labels=kept)
    return msgspec.structs.replace(member.volume, metadata=metadata)


@pytest.mark.parametrize(
    ("labels", "users", "named", "may"),
    [
        ({}, (), False, True),
        ({names.LABEL_INSTANCE_UID: "u"}, (), False, False),
        ({names.LABEL_POOL: None}, (), False, False),
        ({names.LABEL_RETAINED: "true"}, (), False, False),
        ({names.LABEL_MANAGED_BY: "somebody"}, (), False, False),
        ({}, (ObjectMeta(name="debug"),), False, False),
        ({}, (), True, False),
    ],
)
def test_a_volume_is_dropped_only_when_nobody_can_have_anything_on_it(
    labels: dict[str, str | None], users: tuple[ObjectMeta, ...], named: bool, may: bool
) -> None:
    assert may_drop_volume(make_volume_of(make_member(0), **labels), users=users, named=named) is may


_kinds = st.sampled_from(
    ["ready", "starting", "half", "ending", "failed", "named", "promised", "old", "without volume"]
)


def _member_of(number: int, kind: str) -> Member:
    match kind:
        case "starting":
            return make_member(number, ready=False)
        case "half":
            return msgspec.structs.replace(make_member(number), pod=None)
        case "ending":
            return ending(make_member(number))
        case "failed":
            return make_member(number, phase="Failed")
        case "old":
            return make_member(number, template=pooled(resources={"limits": {"cpu": "4"}}))
        case "without volume":
            return msgspec.structs.replace(make_member(number), volume=None)
        case _:
            return make_member(number)


@given(
    kinds=st.lists(_kinds, max_size=8),
    replicas=st.integers(0, 6),
    starts=st.booleans(),
    cramped=st.booleans(),
    refusal=st.sampled_from([None, "no"]),
)
def test_whatever_there_is(kinds: list[str], replicas: int, starts: bool, cramped: bool, refusal: str | None) -> None:
    members = [_member_of(number, kind) for number, kind in enumerate(kinds)]
    by_kind = dict(zip((member.name for member in members), kinds, strict=True))
    instances = [
        make_instance(f"i{number}", status=InstanceStatus(phase="Running", pod_name=member.name))
        for number, member in enumerate(members)
        if by_kind[member.name] == "named"
    ]
    instances += [starting_instance()] * starts + [cramped_instance()] * cramped
    promised = frozenset(name for name, kind in by_kind.items() if kind == "promised")
    plan = plan_pool(pooled(replicas), facts(*members, instances=tuple(instances), promised=promised, refusal=refusal))
    held = {name for name, kind in by_kind.items() if kind in ("named", "promised")}
    assert not held & dropped(plan), "what somebody is about to have is not dropped"
    assert not set(plan.make) & set(by_kind), "no name twice"
    assert len(plan.make) == len(set(plan.make))
    useful = [name for name, kind in by_kind.items() if kind in ("ready", "starting", "half")]
    after = [name for name in useful if name not in dropped(plan)]
    assert len(after) + len(plan.make) <= max(replicas, 0), "never more than wanted"
    making = [name for name in after if by_kind[name] != "ready"]
    assert len(plan.make) <= max(0, MAKING_AT_MOST - len(making))
    if refusal or cramped:
        assert plan.make == ()
    elif starts:
        assert len(making) + len(plan.make) <= max(1, len(making))
    if not (refusal or cramped) and len(after) < replicas and not making:
        waits = starts and 2 * len(after) >= replicas
        assert bool(plan.make) is not waits, "a pool that is short of members is filled, whoever starts"
    volumes = {volume.metadata.name for volume in plan.drop_volumes}
    assert all(by_kind[name] == "half" for name in volumes), "no volume under a pod"
    assert plan.status.ready + plan.status.starting == len(after) + len(plan.make)
