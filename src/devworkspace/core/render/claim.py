"""What makes a member of the pool somebody's: merge patches, each for one version of the object."""

from datetime import datetime

import msgspec

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.address import Gateway, editor_addresses
from devworkspace.core.credential import Keyring, credential_digest, environment_credential, key_id
from devworkspace.core.render.common import Body, child_labels, owner_reference
from devworkspace.core.render.pod import git_annotations
from devworkspace.core.render.volume import render_volume
from devworkspace.core.resolve import Settings
from devworkspace.core.timestamps import format_timestamp


def render_volume_claim(instance: WorkspaceInstance, settings: Settings, volume: PersistentVolumeClaim) -> Body:
    """Labels and annotations of a volume that was made for the instance."""
    body = render_volume(instance, settings, volume)
    return {
        "metadata": {
            "uid": volume.metadata.uid,
            "resourceVersion": volume.metadata.resource_version,
            "labels": {**body["metadata"]["labels"], names.LABEL_POOL: None},
            "annotations": {**body["metadata"]["annotations"], names.ANNOTATION_POOL_REVISION: None},
        }
    }


def render_pod_claim(
    instance: WorkspaceInstance, pod: Pod, *, keys: Keyring, gateway: Gateway | None, now: datetime
) -> Body:
    """This write opens the editor for who presents the instance's credential, of which it tells a hash."""
    credential = environment_credential(keys.master, instance.metadata.uid)
    told = {"credential": credential_digest(credential)}
    if gateway is not None:
        told |= editor_addresses(instance.metadata.key, gateway)
    restarted_at = instance.metadata.annotations.get(names.ANNOTATION_RESTARTED_AT, "")
    return {
        "metadata": {
            "uid": pod.metadata.uid,
            "resourceVersion": pod.metadata.resource_version,
            "labels": {**child_labels(instance), names.LABEL_POOL: None},
            "annotations": {
                names.ANNOTATION_RESTARTED_AT: restarted_at,
                names.ANNOTATION_CREDENTIAL_KEY: key_id(keys.master),
                names.ANNOTATION_CLAIM: msgspec.json.encode(told, order="deterministic").decode(),
                names.ANNOTATION_CLAIMED_AT: format_timestamp(now),
                names.ANNOTATION_POOL_REVISION: None,
                **git_annotations(instance),
            },
            "ownerReferences": [owner_reference(instance)],
        }
    }
