"""Taking over a volume that an earlier environment left."""

from devworkspace.api import names, reasons
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.core.resolve import Refusal
from devworkspace.core.world import World, own_volume

_LIST = f"kubectl get pvc -l {names.LABEL_RETAINED}=true lists those that can be taken over."


class Adopt(Struct, frozen=True):
    """A change of hands that only holds for this version of the volume: of two that want it, one gets it."""

    name: str
    uid: str
    resource_version: str


def wanted_volume(instance: WorkspaceInstance) -> str | None:
    """The claim that the instance asks to take over instead of getting a new one."""
    return instance.metadata.annotations.get(names.ANNOTATION_ADOPT_VOLUME)


def plan_adoption(world: World, instance: WorkspaceInstance) -> Adopt | Refusal | None:
    """None where nothing is asked for, or the instance has its volume already."""
    name = wanted_volume(instance)
    if name is None or own_volume(world, instance) is not None:
        return None
    volume = world.adoptable
    if volume is None:
        return _refuse(f"Volume {name!r} does not exist in this namespace, or no environment made it; {_LIST}")
    metadata = volume.metadata
    if metadata.deletion_timestamp is not None:
        return _refuse(f"Volume {name!r} is being deleted; choose another one. {_LIST}")
    if names.LABEL_RETAINED not in metadata.labels or world.adoptable_in_use:
        return _refuse(
            f"Volume {name!r} belongs to environment {metadata.annotations.get(names.ANNOTATION_INSTANCE)!r}; "
            f"delete that one first, which keeps the volume. {_LIST}"
        )
    if not _is_same_owner(volume, instance):
        return _refuse(f"Volume {name!r} belongs to another owner; only its owner can take it over.")
    return Adopt(name, metadata.uid, metadata.resource_version)


def _is_same_owner(volume: PersistentVolumeClaim, instance: WorkspaceInstance) -> bool:
    """By name and, where the volume tells it, by the account: a name that was given out again inherits nothing."""
    left = volume.metadata.annotations
    subject = left.get(names.ANNOTATION_OWNER_SUBJECT)
    if subject and subject != instance.metadata.annotations.get(names.ANNOTATION_OWNER_SUBJECT):
        return False
    return left.get(names.ANNOTATION_OWNER) == instance.spec.owner


def still_used(volume: str, pod: str) -> Refusal:
    """The volume is free, and somebody's pod has not let go of it: the last one of an environment ends slowly."""
    return _refuse(f"Volume {volume!r} is still used by pod {pod!r}; it is taken over when that pod has ended.")


def _refuse(message: str) -> Refusal:
    return Refusal(
        reasons.VOLUME_NOT_ADOPTABLE,
        f"{message} Without the annotation {names.ANNOTATION_ADOPT_VOLUME} the environment gets a new volume.",
    )
