"""An environment that was made in advance: a pod and a volume of one name that are nobody's yet."""

from datetime import datetime

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.core.podstate import is_ready
from devworkspace.core.timestamps import parse_timestamp

_EPOCH = "1970-01-01T00:00:00Z"


class Member(Struct, frozen=True):
    """What still has the pool's label: after half a claim the volume has not, in the making there is no pod."""

    name: str
    pod: Pod | None = None
    volume: PersistentVolumeClaim | None = None


def is_takeable(member: Member, revision: str) -> bool:
    """Whether an environment of this revision may take it: complete, answering, and made from the same."""
    pod, volume = member.pod, member.volume
    if pod is None or volume is None or not is_ready(pod) or pod.status.phase != "Running":
        return False
    if names.LABEL_RETAINED in volume.metadata.labels:
        return False
    return volume.status.phase == "Bound" and not any(
        metadata.deletion_timestamp is not None or revision_of(metadata) != revision
        for metadata in (pod.metadata, volume.metadata)
    )


def revision_of(metadata: ObjectMeta) -> str | None:
    return metadata.annotations.get(names.ANNOTATION_POOL_REVISION)


def made_at(member: Member) -> datetime:
    """When its newest part was made."""
    parts = [part.metadata.creation_timestamp or _EPOCH for part in (member.pod, member.volume) if part is not None]
    return parse_timestamp(max(parts, default=_EPOCH))
