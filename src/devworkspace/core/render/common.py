"""What all children share: names, labels, owner, and the hash that tells whether an apply is needed."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance

Body = dict[str, Any]

MAX_NAME_LENGTH = 63
UID_DIGITS = 8


def child_name(instance: WorkspaceInstance) -> str:
    """`<instance>-<8 hex of its UID>`, the instance's name cut to fit 63 characters."""
    suffix = "-" + instance.metadata.uid.replace("-", "")[:UID_DIGITS]
    return instance.metadata.name[: MAX_NAME_LENGTH - len(suffix)].rstrip("-") + suffix


def child_labels(instance: WorkspaceInstance) -> dict[str, str]:
    return {
        names.LABEL_NAME: names.APP_NAME,
        names.LABEL_INSTANCE: instance.metadata.name,
        names.LABEL_COMPONENT: names.COMPONENT_ENVIRONMENT,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_INSTANCE_UID: instance.metadata.uid,
    }


def owner_reference(instance: WorkspaceInstance) -> Body:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.INSTANCE_KIND,
        "name": instance.metadata.name,
        "uid": instance.metadata.uid,
        "controller": True,
        # Would need the right to change the owner's finalizers, and nothing here waits for foreground deletion.
        "blockOwnerDeletion": False,
    }


def child_metadata(instance: WorkspaceInstance, *, inputs_hash: str, annotations: Mapping[str, str] = {}) -> Body:
    """Metadata of a child that goes away with its instance."""
    return {
        "name": child_name(instance),
        "namespace": instance.metadata.namespace,
        "labels": child_labels(instance),
        "annotations": {names.ANNOTATION_INPUTS_HASH: inputs_hash, **annotations},
        "ownerReferences": [owner_reference(instance)],
    }


def digest(*inputs: object) -> str:
    """16 hexadecimal characters that change when any of the inputs changes."""
    return hashlib.sha256(msgspec.json.encode(inputs, order="deterministic")).hexdigest()[:16]
