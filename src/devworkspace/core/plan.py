"""World -> Plan: what to write, in which order, and when to look again.

The order of a start matters. `/status` comes first: the API server answers 404 for an instance that has gone meanwhile,
and nothing is made for it. Volume, Secret and Service follow together, the Pod last: a pod that is scheduled before its
claim exists is put back and waits for the scheduler's next round.

A second evaluation of a world in which the plan was carried out is empty.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.children import NetworkPolicy, PersistentVolumeClaim, Pod, Service
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.core.adoption import Adopt, plan_adoption
from devworkspace.core.claim import find_member
from devworkspace.core.credential import environment_credential, key_id
from devworkspace.core.deletion import decide_on_volume, is_held, pods_in_the_way
from devworkspace.core.due import Due, due, is_confirmed
from devworkspace.core.idleness import LOOK_AGAIN
from devworkspace.core.member import Member
from devworkspace.core.observe import SLOW_STEP, observe
from devworkspace.core.podstate import began_at, container_ports, container_status, is_ready
from devworkspace.core.refusals import namespace_terminating
from devworkspace.core.render.claim import render_pod_claim, render_volume_claim
from devworkspace.core.render.common import Body, child_name
from devworkspace.core.render.pod import render_pod
from devworkspace.core.render.policy import render_network_policies
from devworkspace.core.render.secret import render_secret
from devworkspace.core.render.service import render_service
from devworkspace.core.render.volume import render_volume
from devworkspace.core.resolve import Refusal, Settings, resolve, start_limit
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.core.world import World, own_volume

# An evicted pod finds no better node at once, and one that fails again at once would fail for ever in a circle.
REPLACE_FAILED_POD_AFTER: Final = timedelta(seconds=10)
REPLACE_FAILED_POD_AT_MOST: Final = timedelta(minutes=5)

# Whoever takes a pod of the pool opens its editor through the gateway, which needs no Service: nothing that can wait a
# moment takes processor time from them.
SERVICE_AFTER_CLAIM: Final = timedelta(seconds=2)

Child = PersistentVolumeClaim | Service | NetworkPolicy
Kind = Literal["PersistentVolumeClaim", "Secret", "Service", "Pod", "NetworkPolicy"]


class Apply(Struct, frozen=True):
    """A server-side apply; `expect_new` where nothing of ours is known under this name and a find would be foreign."""

    kind: Kind
    body: Body
    expect_new: bool


class Delete(Struct, frozen=True):
    """A deletion that only holds for the object with this UID; `failed` where a failed pod makes room for the next."""

    kind: Literal["Pod", "NetworkPolicy"]
    name: str
    uid: str
    failed: bool = False


class Retain(Struct, frozen=True):
    """Marks a volume whose instance is gone, so that it can be listed and adopted; holds for this version only."""

    name: str
    uid: str
    resource_version: str
    instance_uid: str
    at: str


class DeleteVolume(Struct, frozen=True):
    """The end of somebody's data; made in one place only, from facts that are not a second old."""

    name: str
    uid: str
    resource_version: str | None = None


class Act(Struct, frozen=True):
    """What the clock asks for, for the version of the instance that was looked at.

    `keep volume` comes before `delete` where the volume would go with the environment: nobody asked for that.
    """

    verb: Literal["stop", "start", "keep volume", "delete"]
    reason: str


class Warn(Struct, frozen=True):
    """Tells the people in a pod, by its annotation, when it is stopped and why."""

    name: str
    uid: str
    text: str


class Claim(Struct, frozen=True):
    """Takes a member of the pool: merge patches that hold for one version each, of the volume first.

    `volume` is None where it is the instance's already.
    """

    name: str
    pod: Body
    volume: Body | None = None


class Plan(Struct, frozen=True):
    """`status` is None where the stored one is true; `apply` holds groups that are written one after the other.

    `act` is done alone, in a round of its own. `clean_up_at` is when the environment is deleted, once that is near.
    `hold` puts our finalizer on the instance, `release` takes it away.
    """

    status: InstanceStatus | None = None
    act: Act | None = None
    warn: Warn | None = None
    clean_up_at: datetime | None = None
    hold: bool = False
    delete: tuple[Delete, ...] = ()
    adopt: Adopt | None = None
    claim: Claim | None = None
    apply: tuple[tuple[Apply, ...], ...] = ()
    retain: tuple[Retain, ...] = ()
    delete_volume: DeleteVolume | None = None
    release: bool = False
    requeue_after: timedelta | None = None


def make_plan(world: World) -> Plan:
    """What has to be written so that the cluster is as the instance wants it."""
    instance = world.instance
    if instance is None:
        return _plan_absent(world)
    if instance.metadata.deletion_timestamp is not None:
        return _plan_deletion(world, instance)
    if instance.metadata.annotations.get(names.ANNOTATION_PAUSED) == "true":
        return Plan()
    found = due(instance, world.template, world.now)
    if found is not None and (act := _act(found, world, instance)) is not None:
        return Plan(act=act)
    settings = resolve(instance, world.template, namespace_labels=world.namespace_labels)
    if world.namespace_terminating and world.pod is None:
        settings = namespace_terminating(world.key.namespace)
    adoption = plan_adoption(world, instance) if instance.spec.running and world.pod is None else None
    if isinstance(adoption, Refusal) and isinstance(settings, Settings):
        settings = adoption
    member = find_member(world, instance, settings)
    status = observe(world, instance, settings, claimed=member)
    wants_deletion = instance.spec.data_policy == "Delete"
    may_start = isinstance(settings, Settings) and world.hold is None
    adopt = adoption if isinstance(adoption, Adopt) and may_start else None
    return Plan(
        status=status if is_worth_writing(instance.status, status) else None,
        hold=wants_deletion and not is_held(instance),
        adopt=adopt,
        claim=_claim(world, instance, settings, member),
        apply=_applies(world, instance, settings) if adopt is None and member is None else (),
        delete=_deletes(world, instance),
        retain=_retains(world),
        release=not wants_deletion and is_held(instance),
        warn=_warn(found, world),
        clean_up_at=_clean_up_at(found, world),
        requeue_after=_sooner(_next_look(world, settings), _until(found, world.earliest)),
    )


def asks_to_start(world: World) -> bool:
    """Whether this round would make a pod for the instance; then it needs to be let in."""
    instance = world.instance
    if instance is None or not instance.spec.running or world.pod is not None or world.namespace_terminating:
        return False
    metadata = instance.metadata
    if metadata.deletion_timestamp is not None or metadata.annotations.get(names.ANNOTATION_PAUSED) == "true":
        return False
    if isinstance(plan_adoption(world, instance), Refusal):
        return False
    return isinstance(resolve(instance, world.template, namespace_labels=world.namespace_labels), Settings)


def _plan_absent(world: World) -> Plan:
    """After its instance only the volume is left to care for; everything else goes by its owner reference."""
    unused = tuple(
        Delete("NetworkPolicy", name, policy.metadata.uid)
        for name, policy in world.policies.items()
        if policy.metadata.deletion_timestamp is None
    )
    return Plan(retain=_retains(world), delete=() if world.namespace_in_use else unused)


def _plan_deletion(world: World, instance: WorkspaceInstance) -> Plan:
    """An instance that waits for its end: for its volume to go with it, or for somebody else's finalizer."""
    settings = resolve(instance, world.template, namespace_labels=world.namespace_labels)
    status = observe(world, instance, settings)
    written = status if is_worth_writing(instance.status, status) else None
    if not is_held(instance):
        return Plan(status=written)
    pod = world.pod
    if pod is not None:
        terminating = pod.metadata.deletion_timestamp is not None
        deletes = () if terminating else (Delete("Pod", pod.metadata.name, pod.metadata.uid),)
        return Plan(status=written, delete=deletes)
    if world.deletion is None:
        return Plan(status=written)
    verdict, volume = decide_on_volume(instance.metadata.uid, world.deletion), world.deletion.volume
    if verdict == "wait":
        rest = tuple(Delete("Pod", pod.name, pod.uid) for pod in pods_in_the_way(instance.metadata.uid, world.deletion))
        return Plan(status=written, delete=rest, requeue_after=REPLACE_FAILED_POD_AFTER)
    deletion = None
    if verdict == "delete" and volume is not None:
        metadata = volume.metadata
        deletion = DeleteVolume(metadata.name, metadata.uid, metadata.resource_version)
    return Plan(status=written, delete_volume=deletion, release=True)


def _retains(world: World) -> tuple[Retain, ...]:
    return tuple(
        Retain(
            name=volume.metadata.name,
            uid=volume.metadata.uid,
            resource_version=volume.metadata.resource_version,
            instance_uid=volume.metadata.labels.get(names.LABEL_INSTANCE_UID, ""),
            at=format_timestamp(world.now),
        )
        for volume in world.left_volumes
        if names.LABEL_RETAINED not in volume.metadata.labels and volume.metadata.deletion_timestamp is None
    )


def is_worth_writing(old: InstanceStatus, new: InstanceStatus) -> bool:
    """Whether a status differs in what a person needs; steps within a healthy start or stop are not told one by one.

    Conditions of types that are not ours stay with whoever set them: they are neither compared nor written.
    """
    ours = {condition.type for condition in new.conditions}
    old = replace(old, conditions=tuple(condition for condition in old.conditions if condition.type in ours))
    if old == new:
        return False
    within_transition = old.phase == new.phase and new.phase in ("Provisioning", "Stopping")
    return not (within_transition and _told(old) == _told(new))


def _told(status: InstanceStatus) -> tuple[object, ...]:
    """What is told at once. In a start the names are: a pod in the pool is handed out by naming it."""
    names_of_children = (status.pod_name, status.pvc_name) if status.phase == "Provisioning" else ()
    return status.message, status.observed_generation, *names_of_children


def _claim(
    world: World, instance: WorkspaceInstance, settings: Settings | Refusal, member: Member | None
) -> Claim | None:
    if member is None or member.pod is None or isinstance(settings, Refusal):
        return None
    installation = world.installation
    pod = render_pod_claim(instance, member.pod, keys=installation.keys, gateway=installation.gateway, now=world.latest)
    volume = member.volume if own_volume(world, instance) is None else None
    return Claim(member.name, pod, render_volume_claim(instance, settings, volume) if volume is not None else None)


def _applies(world: World, instance: WorkspaceInstance, settings: Settings | Refusal) -> tuple[tuple[Apply, ...], ...]:
    if world.namespace_terminating or world.hold is not None:
        return ()
    if isinstance(settings, Refusal):
        return _repairs(world, instance)
    runs = instance.spec.running
    starts = runs and world.pod is None
    first: list[Apply] = []
    volume = own_volume(world, instance)
    if volume is not None or runs:
        first += _apply_changed("PersistentVolumeClaim", render_volume(instance, settings, volume), volume)
    if world.service is not None or _needs_service(world, instance):
        first += _apply_changed("Service", render_service(instance, settings.container_ports), world.service)
    if starts or _misses_secret(world.pod, instance):
        # Secrets are never read, so each start writes it: whoever deleted or changed it is put right.
        first.append(_secret(world, instance))
    if runs or world.pod is not None:
        first += _policies(world, instance)
    claim = volume.metadata.name if volume is not None else child_name(instance)
    second = (
        (
            Apply(
                "Pod",
                render_pod(
                    instance,
                    settings,
                    volume=claim,
                    gateway=world.installation.gateway,
                    key_id=key_id(world.installation.keys.master),
                    safe_image=world.installation.safe_image,
                ),
                expect_new=True,
            ),
        )
        if starts
        else ()
    )
    return tuple(group for group in (tuple(first), second) if group)


def _repairs(world: World, instance: WorkspaceInstance) -> tuple[tuple[Apply, ...], ...]:
    """What a pod that runs needs though its template has gone, or would not let it start again."""
    pod = world.pod
    if pod is None:
        return ()
    missing = _policies(world, instance)
    if _misses_secret(pod, instance):
        missing.append(_secret(world, instance))
    if world.service is None and _needs_service(world, instance):
        missing.append(Apply("Service", render_service(instance, container_ports(pod)), expect_new=True))
    return (tuple(missing),) if missing else ()


def _secret(world: World, instance: WorkspaceInstance) -> Apply:
    credential = environment_credential(_key_of(world), instance.metadata.uid)
    return Apply("Secret", render_secret(instance, credential), expect_new=False)


def _policies(world: World, instance: WorkspaceInstance) -> list[Apply]:
    """What keeps others out of the namespace's environments, where it is not as it should be."""
    changed: list[Apply] = []
    for policy in render_network_policies(instance.metadata.namespace, world.installation):
        changed += _apply_policy(policy, world.policies.get(policy["metadata"]["name"]))
    return changed


def _needs_service(world: World, instance: WorkspaceInstance) -> bool:
    return instance.spec.running and _since_claim(world) is None


def _since_claim(world: World) -> timedelta | None:
    """How long ago a pod of the pool was taken, where that is so short ago that the Service waits for it."""
    claimed_at = world.pod.metadata.annotations.get(names.ANNOTATION_CLAIMED_AT) if world.pod is not None else None
    if claimed_at is None or world.service is not None or not world.installation.gateway:
        return None
    age = world.latest - parse_timestamp(claimed_at)
    return age if timedelta() <= age < SERVICE_AFTER_CLAIM else None


def _key_of(world: World) -> bytes:
    """What the credential is derived from: for a pod that is there the key that it names, if anybody still has it."""
    keys = world.installation.keys
    if world.pod is None:
        return keys.master
    return keys.find(world.pod.metadata.annotations.get(names.ANNOTATION_CREDENTIAL_KEY)) or keys.master


def _apply_changed(kind: Kind, body: Body, existing: Child | None) -> list[Apply]:
    """An apply if the object is absent or was made from other inputs."""
    if existing is None:
        return [Apply(kind, body, expect_new=True)]
    annotations = existing.metadata.annotations
    if annotations.get(names.ANNOTATION_INPUTS_HASH) == body["metadata"]["annotations"][names.ANNOTATION_INPUTS_HASH]:
        return []
    return [Apply(kind, body, expect_new=False)]


def _apply_policy(body: Body, existing: NetworkPolicy | None) -> list[Apply]:
    """An apply also if somebody has changed it by hand: it is what keeps others out.

    Only what an apply would change back counts; a field that is none of ours would be there again and again.
    """
    if existing is not None and any(existing.spec.get(field) != value for field, value in body["spec"].items()):
        return [Apply("NetworkPolicy", body, expect_new=False)]
    return _apply_changed("NetworkPolicy", body, existing)


def _deletes(world: World, instance: WorkspaceInstance) -> tuple[Delete, ...]:
    pod = world.pod
    if pod is None or pod.metadata.deletion_timestamp is not None:
        return ()
    if not instance.spec.running or _restart_wanted(instance, pod):
        return (Delete("Pod", pod.metadata.name, pod.metadata.uid),)
    if _may_be_replaced(world, pod):
        return (Delete("Pod", pod.metadata.name, pod.metadata.uid, failed=True),)
    return ()


def _misses_secret(pod: Pod | None, instance: WorkspaceInstance) -> bool:
    """Whether a container cannot be made because the credential was deleted after the start."""
    container = container_status(pod) if pod is not None else None
    waiting = container.state.waiting if container is not None else None
    return (
        waiting is not None
        and waiting.reason == "CreateContainerConfigError"
        and f'secret "{child_name(instance)}"' in waiting.message
    )


def _restart_wanted(instance: WorkspaceInstance, pod: Pod) -> bool:
    wanted = instance.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT, "")
    return wanted != pod.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT, "")


def _may_be_replaced(world: World, pod: Pod) -> bool:
    """A pod that ended for good (eviction, node shutdown) is replaced after a pause, counted from its last change."""
    if pod.status.phase not in ("Failed", "Succeeded"):
        return False
    return world.now - _last_change(pod) >= _replacement_pause(world)


def _replacement_pause(world: World) -> timedelta:
    doubled = REPLACE_FAILED_POD_AFTER * float(2 ** min(world.replacements, 10))
    return min(doubled, REPLACE_FAILED_POD_AT_MOST)


def _last_change(pod: Pod) -> datetime:
    times = [condition.last_transition_time for condition in pod.status.conditions if condition.last_transition_time]
    return parse_timestamp(max([*times, pod.metadata.creation_timestamp or "1970-01-01T00:00:00Z"]))


def _act(found: Due, world: World, instance: WorkspaceInstance) -> Act | None:
    """What the clock asks for now, by everybody's word."""
    if not is_confirmed(found, now=world.now, server_now=world.server_now, known_until=world.known_until):
        return None
    if found.action == "delete" and instance.spec.data_policy != "Retain":
        return Act("keep volume", found.reason)
    if found.action == "delete" and (instance.status.data_policy != "Retain" or is_held(instance)):
        # The deletion follows what stands in the status, and that is written first.
        return None
    return Act(found.action, found.reason)


def _warn(found: Due | None, world: World) -> Warn | None:
    pod = world.pod
    if found is None or found.action != "stop" or pod is None or pod.metadata.deletion_timestamp is not None:
        return None
    text = f"{format_timestamp(found.at)} {found.reason}"
    if not found.warn_at <= world.earliest < found.at or pod.metadata.annotations.get(names.ANNOTATION_STOPS) == text:
        return None
    return Warn(pod.metadata.name, pod.metadata.uid, text)


def _clean_up_at(found: Due | None, world: World) -> datetime | None:
    is_near = found is not None and found.action == "delete" and found.warn_at <= world.earliest
    return found.at if found is not None and is_near else None


def _until(found: Due | None, now: datetime) -> timedelta | None:
    """The time until somebody is to be warned, or something to be done; a little where it is late already."""
    if found is None:
        return None
    late = min(max(now - found.at, timedelta(seconds=1)), LOOK_AGAIN)
    return min((at - now for at in (found.warn_at, found.at) if at > now), default=late)


def _sooner(first: timedelta | None, second: timedelta | None) -> timedelta | None:
    return min((time for time in (first, second) if time is not None), default=None)


def _next_look(world: World, settings: Settings | Refusal) -> timedelta | None:
    """The time until the clock alone changes the verdict."""
    pod = world.pod
    if world.hold is not None:
        return world.hold.look_again
    if (age := _since_claim(world)) is not None:
        return SERVICE_AFTER_CLAIM - age
    if pod is None or pod.metadata.deletion_timestamp is not None or is_ready(pod):
        return None
    if pod.status.phase in ("Failed", "Succeeded"):
        return _replacement_pause(world)
    age = world.earliest - parse_timestamp(began_at(pod) or "1970-01-01T00:00:00Z")
    due = [limit - age for limit in (SLOW_STEP, start_limit(settings)) if limit > age]
    return min(due) + timedelta(seconds=1) if due else None
