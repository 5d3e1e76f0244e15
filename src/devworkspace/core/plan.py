"""World -> Plan: what to write, in which order, and when to look again.

The order of a start matters. `/status` comes first: the API server answers 404 for an instance that has gone meanwhile,
and nothing is made for it. Volume, Secret and Service follow together, the Pod last: a pod that is scheduled before its
claim exists is put back and waits for the scheduler's next round.

A second evaluation of a world in which the plan was carried out is empty.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

from devworkspace.api import names
from devworkspace.api.children import NetworkPolicy, PersistentVolumeClaim, Pod, Service
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.core.credential import environment_credential
from devworkspace.core.observe import SLOW_STEP, observe
from devworkspace.core.podstate import is_ready
from devworkspace.core.render.common import Body
from devworkspace.core.render.pod import render_pod
from devworkspace.core.render.policy import POLICY_NAME, render_network_policy
from devworkspace.core.render.secret import render_secret
from devworkspace.core.render.service import render_service
from devworkspace.core.render.volume import render_volume
from devworkspace.core.resolve import Refusal, Settings, resolve
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.core.world import World

# An evicted pod finds no better node at once; a few seconds keep a full node from being hammered.
REPLACE_FAILED_POD_AFTER: Final = timedelta(seconds=10)

Child = PersistentVolumeClaim | Service | NetworkPolicy
Kind = Literal["PersistentVolumeClaim", "Secret", "Service", "Pod", "NetworkPolicy"]


class Apply(Struct, frozen=True):
    """A server-side apply; `expect_new` where nothing of ours is known under this name and a find would be foreign."""

    kind: Kind
    body: Body
    expect_new: bool


class Delete(Struct, frozen=True):
    """A deletion that only holds for the object with this UID."""

    kind: Literal["Pod", "NetworkPolicy"]
    name: str
    uid: str


class Retain(Struct, frozen=True):
    """Marks a volume whose instance is gone, so that it can be listed and adopted."""

    name: str
    uid: str
    at: str


class Plan(Struct, frozen=True):
    """`status` is None where the stored one is true; `apply` holds groups that are written one after the other."""

    status: InstanceStatus | None = None
    apply: tuple[tuple[Apply, ...], ...] = ()
    delete: tuple[Delete, ...] = ()
    retain: tuple[Retain, ...] = ()
    requeue_after: timedelta | None = None


def make_plan(world: World) -> Plan:
    """What has to be written so that the cluster is as the instance wants it."""
    instance = world.instance
    if instance is None:
        return _plan_absent(world)
    if instance.metadata.deletion_timestamp is not None:
        return Plan()
    if instance.metadata.annotations.get(names.ANNOTATION_PAUSED) == "true":
        return Plan()
    settings = resolve(instance, world.template, namespace_labels=world.namespace_labels)
    status = observe(world, instance, settings)
    return Plan(
        status=status if is_worth_writing(instance.status, status) else None,
        apply=_applies(world, instance, settings),
        delete=_deletes(world, instance),
        retain=_retains(world),
        requeue_after=_next_look(world, settings),
    )


def _plan_absent(world: World) -> Plan:
    """After its instance only the volume is left to care for; everything else goes by its owner reference."""
    policy = world.policy
    unused = policy is not None and not world.namespace_in_use and policy.metadata.deletion_timestamp is None
    deletes = (Delete("NetworkPolicy", POLICY_NAME, policy.metadata.uid),) if unused and policy is not None else ()
    return Plan(retain=_retains(world), delete=deletes)


def _retains(world: World) -> tuple[Retain, ...]:
    return tuple(
        Retain(name=volume.metadata.name, uid=volume.metadata.uid, at=format_timestamp(world.now))
        for volume in world.left_volumes
        if names.LABEL_RETAINED not in volume.metadata.labels and volume.metadata.deletion_timestamp is None
    )


def is_worth_writing(old: InstanceStatus, new: InstanceStatus) -> bool:
    """Whether a status differs in what a person needs; steps within a healthy start or stop are not told one by one."""
    if old == new:
        return False
    within_transition = old.phase == new.phase and new.phase in ("Provisioning", "Stopping")
    return not (within_transition and old.message == new.message and old.observed_generation == new.observed_generation)


def _applies(world: World, instance: WorkspaceInstance, settings: Settings | Refusal) -> tuple[tuple[Apply, ...], ...]:
    if isinstance(settings, Refusal):
        return ()
    starts = instance.spec.running and world.pod is None
    first: list[Apply] = []
    volume = world.volumes[0] if world.volumes else None
    if volume is not None or starts:
        first += _apply_changed("PersistentVolumeClaim", render_volume(instance, settings, volume), volume)
    if world.service is not None or starts:
        first += _apply_changed("Service", render_service(instance, settings), world.service)
    if starts:
        credential = environment_credential(world.installation.master_key, instance.metadata.uid)
        # Secrets are never read, so each start writes it: whoever deleted or changed it is put right.
        first.append(Apply("Secret", render_secret(instance, credential), expect_new=False))
        policy = render_network_policy(
            instance.metadata.namespace, server_namespace=world.installation.server_namespace
        )
        first += _apply_changed("NetworkPolicy", policy, world.policy)
    second = (Apply("Pod", render_pod(instance, settings), expect_new=True),) if starts else ()
    return tuple(group for group in (tuple(first), second) if group)


def _apply_changed(kind: Kind, body: Body, existing: Child | None) -> list[Apply]:
    """An apply if the object is absent or was made from other inputs."""
    if existing is None:
        return [Apply(kind, body, expect_new=True)]
    annotations = existing.metadata.annotations
    if annotations.get(names.ANNOTATION_INPUTS_HASH) == body["metadata"]["annotations"][names.ANNOTATION_INPUTS_HASH]:
        return []
    return [Apply(kind, body, expect_new=False)]


def _deletes(world: World, instance: WorkspaceInstance) -> tuple[Delete, ...]:
    pod = world.pod
    if pod is None or pod.metadata.deletion_timestamp is not None:
        return ()
    if not instance.spec.running or _restart_wanted(instance, pod) or _may_be_replaced(world, pod):
        return (Delete("Pod", pod.metadata.name, pod.metadata.uid),)
    return ()


def _restart_wanted(instance: WorkspaceInstance, pod: Pod) -> bool:
    wanted = instance.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT, "")
    return wanted != pod.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT, "")


def _may_be_replaced(world: World, pod: Pod) -> bool:
    """A pod that ended for good (eviction, node shutdown) is replaced after a pause, counted from its last change."""
    if pod.status.phase not in ("Failed", "Succeeded"):
        return False
    return world.now - _last_change(pod) >= REPLACE_FAILED_POD_AFTER


def _last_change(pod: Pod) -> datetime:
    times = [condition.last_transition_time for condition in pod.status.conditions if condition.last_transition_time]
    return parse_timestamp(max([*times, pod.metadata.creation_timestamp or "1970-01-01T00:00:00Z"]))


def _next_look(world: World, settings: Settings | Refusal) -> timedelta | None:
    """The time until the clock alone changes the verdict."""
    pod = world.pod
    if pod is None or pod.metadata.deletion_timestamp is not None or isinstance(settings, Refusal) or is_ready(pod):
        return None
    if pod.status.phase in ("Failed", "Succeeded"):
        return REPLACE_FAILED_POD_AFTER
    age = world.now - parse_timestamp(pod.metadata.creation_timestamp or "1970-01-01T00:00:00Z")
    due = [limit - age for limit in (SLOW_STEP, settings.start_timeout) if limit > age]
    return min(due) + timedelta(seconds=1) if due else None
