"""Whether the volume of an environment that is being deleted goes with it.

A volume is deleted only with its owner's consent, and consent is a chain of facts, each of them read from the API
server at the moment of the decision. Whatever is missing keeps the volume: a kept volume costs money, a deleted one
somebody's work.
"""

from typing import Literal

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import ObjectMeta, Struct

Verdict = Literal["delete", "keep", "wait"]


class DeletionFacts(Struct, frozen=True):
    """Fresh from the API server. `torn_down`: the namespace or the CRD of instances is being removed.

    `users` are the pods that mount the volume and have not ended, whoever made them and whatever their labels say.
    """

    instance: WorkspaceInstance | None
    volume: PersistentVolumeClaim | None
    torn_down: bool
    users: tuple[ObjectMeta, ...]


def is_held(instance: WorkspaceInstance) -> bool:
    """Whether the instance's deletion waits for the operator, because its volume is to go with it."""
    return names.FINALIZER_DELETE_VOLUME in instance.metadata.finalizers


def has_consent(instance: WorkspaceInstance) -> bool:
    """Whether the owner wants the volume deleted, and wanted it before the deletion was asked for.

    The operator writes `status.dataPolicy` only while there is no deletion timestamp, and the API server takes no new
    finalizer after it.
    """
    return (
        instance.metadata.deletion_timestamp is not None
        and instance.status.data_policy == "Delete"
        and instance.spec.data_policy == "Delete"
        and is_held(instance)
    )


def decide_on_volume(uid: str, facts: DeletionFacts) -> Verdict:
    """`uid` is the instance for which the question came up; a namesake made since is somebody else."""
    instance, volume = facts.instance, facts.volume
    if instance is None or instance.metadata.uid != uid or not has_consent(instance):
        return "keep"
    if volume is None or volume.metadata.deletion_timestamp is not None or facts.torn_down:
        return "keep"
    if volume.metadata.labels.get(names.LABEL_INSTANCE_UID) != uid:
        return "keep"
    if volume.metadata.namespace != instance.metadata.namespace:
        return "keep"
    return "wait" if facts.users else "delete"


def pods_in_the_way(uid: str, facts: DeletionFacts) -> tuple[ObjectMeta, ...]:
    """The instance's own pods among the users: without their labels, no watch of ours tells of them."""
    return tuple(
        user
        for user in facts.users
        if user.deletion_timestamp is None and any(owner.uid == uid for owner in user.owner_references)
    )


PurgeObstacle = Literal["not-ours", "not-kept", "going", "used"]


class PurgeFacts(Struct, frozen=True):
    """Fresh from the API server. `instances` are the UIDs of all instances there are; `users` as above."""

    volume: PersistentVolumeClaim
    instances: frozenset[str]
    users: tuple[ObjectMeta, ...]


def find_purge_obstacle(facts: PurgeFacts) -> PurgeObstacle | None:
    """What forbids to delete a kept volume at a person's explicit command, or None.

    Only what an environment left behind can be purged: the label alone does not do it, since whoever may edit claims
    can set it on the volume of an environment that lives.
    """
    metadata = facts.volume.metadata
    uid = metadata.labels.get(names.LABEL_INSTANCE_UID)
    if metadata.labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY or not uid:
        return "not-ours"
    if metadata.labels.get(names.LABEL_RETAINED) != "true" or uid in facts.instances:
        return "not-kept"
    if metadata.deletion_timestamp is not None:
        return "going"
    return "used" if facts.users else None
