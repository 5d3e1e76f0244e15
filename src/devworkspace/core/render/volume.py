"""The volume of an environment: the one child without an owner reference, because data outlives its instance."""

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.render.common import Body, child_labels, child_name, digest
from devworkspace.core.resolve import Settings


def render_volume(instance: WorkspaceInstance, settings: Settings, existing: PersistentVolumeClaim | None) -> Body:
    """The claim. One that exists keeps its name, class and access mode, and grows only by the instance's own wish."""
    storage = settings.storage
    name, size, class_name = child_name(instance), storage.size, storage.storage_class_name
    access_modes: tuple[str, ...] = (storage.access_mode,)
    if existing is not None:
        name = existing.metadata.name
        size = _grown(existing, instance.spec.overrides.storage.size)
        class_name, access_modes = existing.spec.storage_class_name, existing.spec.access_modes or access_modes
    labels = child_labels(instance)
    annotations = volume_annotations(instance)
    # Class and access mode are left out of the hash: the API server fills the class in, and neither can change.
    inputs_hash = digest(str(size), labels, annotations)
    spec: Body = {"accessModes": list(access_modes), "resources": {"requests": {"storage": str(size)}}}
    if class_name is not None:
        spec["storageClassName"] = class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": instance.metadata.namespace,
            "labels": labels,
            "annotations": {names.ANNOTATION_INPUTS_HASH: inputs_hash, **annotations},
        },
        "spec": spec,
    }


def volume_annotations(instance: WorkspaceInstance) -> dict[str, str]:
    """What a volume tells about its environment, also when that is gone."""
    subject = instance.metadata.annotations.get(names.ANNOTATION_OWNER_SUBJECT)
    return {
        names.ANNOTATION_INSTANCE: instance.metadata.name,
        names.ANNOTATION_TEMPLATE: instance.spec.template_ref,
        **({names.ANNOTATION_OWNER: instance.spec.owner} if instance.spec.owner else {}),
        **({names.ANNOTATION_OWNER_SUBJECT: subject} if subject else {}),
    }


def _grown(existing: PersistentVolumeClaim, wanted: str | int | None) -> str | int:
    current = existing.spec.resources.requests.get("storage", "0")
    if wanted is None or parse_quantity(current) >= parse_quantity(wanted):
        return current
    return wanted
