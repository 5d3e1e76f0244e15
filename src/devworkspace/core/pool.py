"""How many environments are made in advance, and which are dropped: docs/decisions/0010-warm-pool.md.

`plan_pool` looks at one template in one namespace. It decides from what is there and never from what it did before, so
that it can be asked at any moment, and by another operator.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from devworkspace.api import names, reasons
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import InstanceSpec, WorkspaceInstance
from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.api.template import PoolStatus, WorkspaceTemplate
from devworkspace.core.conditions import find_condition
from devworkspace.core.hours import is_within
from devworkspace.core.limits import is_queued
from devworkspace.core.member import Member, is_takeable, made_at, revision_of
from devworkspace.core.podstate import pod_condition
from devworkspace.core.render.common import digest
from devworkspace.core.render.pod import template_revision
from devworkspace.core.resolve import Refusal, Settings, resolve
from devworkspace.core.timestamps import parse_timestamp

# A pod in the making takes a core from somebody who waits for theirs.
MAKING_AT_MOST: Final = 2
# Only of a pool that is short, of which less than half is ready. Not none: with a start every few seconds a pool that
# waits for quiet would be empty for good.
MAKING_BESIDE_STARTS: Final = 1
OPENING: Final = timedelta(seconds=10)
# Raised when members are made in another way, so that those of an older operator are not handed out.
_FORM: Final = 2
_NO_ROOM: Final = frozenset((reasons.QUOTA_EXCEEDED, reasons.UNSCHEDULABLE))
_MAX_NAME_LENGTH: Final = 63


class PoolFacts(Struct, frozen=True):
    """What one pool is decided from.

    `instances` are those of the namespace, `promised` the members that this process is about to hand out, `taken` the
    names of pods and volumes there, `blocked` those that somebody else's objects have. `refusal` is why the API server
    refused to make the last member.
    """

    namespace: str
    now: datetime
    members: tuple[Member, ...] = ()
    instances: tuple[WorkspaceInstance, ...] = ()
    promised: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()
    namespace_labels: Mapping[str, str] | None = None
    namespace_terminating: bool = False
    refusal: str | None = None


class PoolPlan(Struct, frozen=True):
    """`make` are names of new members, `complete` those that have a volume and need a pod. Drops hold for a version."""

    status: PoolStatus
    settings: Settings | None = None
    make: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()
    drop_pods: tuple[Pod, ...] = ()
    drop_volumes: tuple[PersistentVolumeClaim, ...] = ()


def pool_revision(settings: Settings) -> str:
    """Equal for two settings exactly if they make the same pod and the same volume."""
    return digest(_FORM, template_revision(settings), settings.storage)


def find_replicas(template: WorkspaceTemplate, namespace: str) -> int:
    sizes = template.spec.warm_pool.per_namespace
    return next((size.replicas for size in sizes if size.namespace == namespace), 0)


def member_name(template: ObjectMeta, namespace: str, number: int) -> str:
    suffix = f"-pool-{digest(template.uid, namespace, number)[:8]}"
    return template.name.replace(".", "-")[: _MAX_NAME_LENGTH - len(suffix)].rstrip("-") + suffix


def plan_pool(template: WorkspaceTemplate | None, facts: PoolFacts) -> PoolPlan:
    """What to make and what to drop of one template in one namespace; None is a template that is gone."""
    settings, wanted, message = _want(template, facts)
    promised = facts.promised | {instance.status.pod_name for instance in facts.instances}
    free = [member for member in facts.members if member.name not in promised]
    usable = sorted(
        (member for member in free if settings is not None and not _is_lost(member, settings, facts)),
        key=lambda member: _order(member, settings),
    )
    if wanted and any(_has_no_room(instance) for instance in facts.instances):
        wanted, message = min(wanted, max(0, len(usable) - 1)), _NO_ROOM_MESSAGE
    kept = usable[:wanted]
    ready = [member for member in kept if settings is not None and is_takeable(member, pool_revision(settings))]
    starting = len(kept) - len(ready)
    room = _making_at_most(facts, short=2 * len(ready) < wanted) - starting
    count = max(0, min(wanted - len(kept), room)) if facts.refusal is None and message is None else 0
    drops = [member for member in free if member not in kept]
    return PoolPlan(
        status=PoolStatus(
            facts.namespace, wanted, len(ready), starting + count, (message or facts.refusal or "")[:1024]
        ),
        settings=settings,
        make=_new_names(template, facts, count) if template is not None else (),
        complete=tuple(member.name for member in kept if member.pod is None) if facts.refusal is None else (),
        drop_pods=tuple(_pods_to_drop(drops)),
        drop_volumes=tuple(_volumes_to_drop(drops)),
    )


_NO_ROOM_MESSAGE: Final = (
    "An environment of this namespace finds no room; the pool shrinks and is not filled until it has started."
)


def _want(template: WorkspaceTemplate | None, facts: PoolFacts) -> tuple[Settings | None, int, str | None]:
    """From which settings how many are to be there, and why fewer than the template says."""
    if template is None or template.metadata.deletion_timestamp is not None:
        return None, 0, None
    replicas = find_replicas(template, facts.namespace)
    if replicas == 0:
        return None, 0, None
    if facts.namespace_labels is None:
        return None, 0, f"Namespace {facts.namespace!r} does not exist; make it, or remove it from the template."
    if facts.namespace_terminating:
        return None, 0, "The namespace is being deleted."
    if template.spec.environment.ide != "code-server":
        return None, 0, "Only the editor code-server can be started in advance."
    hours = template.spec.warm_pool.hours
    if hours and not is_within(hours, facts.now):
        return None, 0, "It is outside of the pool's hours."
    anybody = WorkspaceInstance(ObjectMeta(namespace=facts.namespace), InstanceSpec(template.metadata.name))
    settings = resolve(anybody, template, namespace_labels=facts.namespace_labels)
    if isinstance(settings, Refusal):
        return None, 0, settings.message
    return settings, replicas, None


def _is_lost(member: Member, settings: Settings, facts: PoolFacts) -> bool:
    """Whether nobody will ever take it: a part is missing, has ended, or was made from something else; or it hangs."""
    pod, volume = member.pod, member.volume
    if volume is None or volume.metadata.deletion_timestamp is not None or volume.status.phase == "Lost":
        return True
    revision = pool_revision(settings)
    if revision_of(volume.metadata) != revision or names.LABEL_RETAINED in volume.metadata.labels:
        # Whoever marked it as kept by hand has it.
        return True
    if pod is None:
        return member.name in facts.blocked
    if revision_of(pod.metadata) != revision or pod.metadata.deletion_timestamp is not None:
        return True
    if pod.status.phase in ("Failed", "Succeeded"):
        return True
    overdue = facts.now - made_at(member) >= settings.start_timeout
    # What finds no node is held and not made again and again.
    return overdue and _is_placed(pod) and not is_takeable(member, revision)


def _is_placed(pod: Pod) -> bool:
    scheduled = pod_condition(pod, "PodScheduled")
    return scheduled is not None and scheduled.status == "True"


def _order(member: Member, settings: Settings | None) -> tuple[bool, bool, datetime, str]:
    """Ready ones first, then those that are furthest; of equals the oldest."""
    ready = settings is not None and is_takeable(member, pool_revision(settings))
    return not ready, member.pod is None, made_at(member), member.name


def _has_no_room(instance: WorkspaceInstance) -> bool:
    ready = find_condition(instance.status.conditions, "Ready")
    scheduled = find_condition(instance.status.conditions, "PodScheduled")
    found = [condition for condition in (ready, scheduled) if condition is not None and condition.status == "False"]
    return instance.spec.running and any(condition.reason in _NO_ROOM for condition in found)


def _making_at_most(facts: PoolFacts, *, short: bool) -> int:
    if not any(_is_starting(instance, facts.now) for instance in facts.instances):
        return MAKING_AT_MOST
    return MAKING_BESIDE_STARTS if short else 0


def _is_starting(instance: WorkspaceInstance, now: datetime) -> bool:
    """From when it waits for its turn until a while after it runs: opening the editor is as much work as a start."""
    status = instance.status
    if not instance.spec.running or status.phase in (None, "Provisioning") or is_queued(status):
        return instance.spec.running
    return status.ready_at is not None and now - parse_timestamp(status.ready_at) < OPENING


def _new_names(template: WorkspaceTemplate, facts: PoolFacts, count: int) -> tuple[str, ...]:
    """Names that nobody has. They are computed so that an answer that was lost makes no second member."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        name = member_name(template.metadata, facts.namespace, number)
        if name not in facts.taken | facts.blocked:
            found.append(name)
        number += 1
    return tuple(found)


def _pods_to_drop(members: Iterable[Member]) -> Iterable[Pod]:
    for member in members:
        if member.pod is not None and member.pod.metadata.deletion_timestamp is None:
            yield member.pod


def _volumes_to_drop(members: Iterable[Member]) -> Iterable[PersistentVolumeClaim]:
    """Only when the pod is gone."""
    for member in members:
        volume = member.volume
        if member.pod is None and volume is not None and volume.metadata.deletion_timestamp is None:
            yield volume


def may_drop_volume(volume: PersistentVolumeClaim, *, users: tuple[ObjectMeta, ...], named: bool) -> bool:
    """From facts read now: whether the volume is nobody's and empty. `named`: the status of an instance names it."""
    labels = volume.metadata.labels
    unclaimed = names.LABEL_POOL in labels and names.LABEL_INSTANCE_UID not in labels
    ours = labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and names.LABEL_RETAINED not in labels
    return unclaimed and ours and not users and not named and volume.metadata.deletion_timestamp is None
