"""Whether an object is an instance's own.

The operator marks what it makes twice, with labels and with an owner reference (a volume: with a name or an
annotation). Each of the two alone is found on objects of other people: labels get copied with a manifest.
"""

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import ObjectMeta
from devworkspace.core.render.common import child_name


def is_own_child(metadata: ObjectMeta, instance: WorkspaceInstance) -> bool:
    """For everything that goes away with the instance."""
    owners = {reference.uid for reference in metadata.owner_references}
    return _has_labels(metadata, instance) and instance.metadata.uid in owners


def is_own_volume(metadata: ObjectMeta, instance: WorkspaceInstance) -> bool:
    """A volume has no owner: it was made for the instance, under its child's name, or taken over or from a pool."""
    named = metadata.name == child_name(instance)
    taken_over = metadata.annotations.get(names.ANNOTATION_INSTANCE) == instance.metadata.name
    return _has_labels(metadata, instance) and (named or taken_over)


def _has_labels(metadata: ObjectMeta, instance: WorkspaceInstance) -> bool:
    labels = metadata.labels
    ours = labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    return ours and labels.get(names.LABEL_INSTANCE_UID) == instance.metadata.uid
