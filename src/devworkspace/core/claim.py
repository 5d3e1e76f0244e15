"""Which environment made in advance an instance takes: docs/decisions/0010-warm-pool.md."""

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.adoption import wanted_volume
from devworkspace.core.member import Member, is_takeable
from devworkspace.core.pool import pool_revision
from devworkspace.core.resolve import Refusal, Settings
from devworkspace.core.safemode import find_safe_start
from devworkspace.core.world import World, own_volume

SKIP = "skip"


def find_member(world: World, instance: WorkspaceInstance, settings: Settings | Refusal) -> Member | None:
    """The member that the instance has begun to take, else one that it can take; None for a cold start.

    Once a status names a member no other one is chosen, and once its volume is taken the pod on it is, too, in whatever
    state it is: a second pod would work on the same volume.
    """
    if (
        not instance.spec.running
        or world.pod is not None
        or isinstance(settings, Refusal)
        or world.namespace_terminating
        or world.hold is not None
    ):
        return None
    if (begun := _begun(world, instance)) is not None:
        return begun
    if not _wants_any(world, instance):
        return None
    revision = pool_revision(settings)
    return next(
        (member for member in world.pool if is_takeable(member, revision) and _can_serve(member, instance)), None
    )


def _can_serve(member: Member, instance: WorkspaceInstance) -> bool:
    """Whether its pod can be told what to clone, where that is wanted."""
    told = member.pod.metadata.annotations if member.pod is not None else {}
    return instance.spec.git is None or names.ANNOTATION_REPOSITORY in told


def _begun(world: World, instance: WorkspaceInstance) -> Member | None:
    volume = own_volume(world, instance)
    taken = volume.metadata.name if volume is not None else None
    for member in world.pool:
        if member.pod is None:
            continue
        if member.name == taken:
            return member
        whole = member.volume is not None and member.volume.metadata.deletion_timestamp is None
        if taken is None and member.name == instance.status.pod_name and whole:
            return member
    return None


def _wants_any(world: World, instance: WorkspaceInstance) -> bool:
    """Only what is new and has no volume, nor the beginning of one."""
    annotations = instance.metadata.annotations
    return (
        instance.status.pvc_name is None
        and own_volume(world, instance) is None
        and wanted_volume(instance) is None
        and annotations.get(names.ANNOTATION_WARM_POOL) != SKIP
        and find_safe_start(instance) is None
    )
