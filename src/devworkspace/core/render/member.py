"""The pod and the volume of an environment that is made in advance: of nobody, and without any secret."""

from collections.abc import Mapping

from devworkspace.api import names
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.core.render.common import Body
from devworkspace.core.render.pod import CLAIM_FILE, editor_arguments, literal_variables, pod_spec, template_revision
from devworkspace.core.resolve import Settings

# Only images with the gate have this command: without the gate the editor would be open to everybody.
_COMMAND = ("devworkspace-start-unclaimed",)


def render_member_volume(key: Key, template: ObjectMeta, settings: Settings, *, revision: str) -> Body:
    storage = settings.storage
    spec: Body = {"accessModes": [storage.access_mode], "resources": {"requests": {"storage": str(storage.size)}}}
    if storage.storage_class_name is not None:
        spec["storageClassName"] = storage.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(key, template, {names.ANNOTATION_POOL_REVISION: revision}),
        "spec": spec,
    }


def render_member_pod(key: Key, template: ObjectMeta, settings: Settings, *, revision: str, lock: str) -> Body:
    """Its volume has its name. It goes with the template; a claim makes it the instance's.

    `lock` is no secret (core/credential.py).
    """
    environment = settings.environment
    file = f"{names.CLOCK_FOLDER}/{CLAIM_FILE}"
    variables = literal_variables(environment) | {
        names.CLAIM_VARIABLE: {"name": names.CLAIM_VARIABLE, "value": file},
        names.LOCK_VARIABLE: {"name": names.LOCK_VARIABLE, "value": lock},
    }
    annotations = {
        names.ANNOTATION_POOL_REVISION: revision,
        # That it is there says that this pod can be told; those of an older operator cannot.
        names.ANNOTATION_REPOSITORY: "",
        names.ANNOTATION_TEMPLATE: settings.template,
        names.ANNOTATION_TEMPLATE_REVISION: template_revision(settings),
    }
    owner: Body = {
        "apiVersion": names.API_VERSION,
        "kind": names.TEMPLATE_KIND,
        "name": template.name,
        "uid": template.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**_metadata(key, template, annotations), "ownerReferences": [owner]},
        "spec": pod_spec(
            settings,
            volume=key.name,
            variables=variables,
            command=_COMMAND,
            args=editor_arguments(environment),
            claimable=True,
        ),
    }


def _metadata(key: Key, template: ObjectMeta, annotations: Mapping[str, str]) -> Body:
    """The labels are those that the NetworkPolicies select, and none of an instance."""
    return {
        "name": key.name,
        "namespace": key.namespace,
        "labels": {
            names.LABEL_NAME: names.APP_NAME,
            names.LABEL_COMPONENT: names.COMPONENT_ENVIRONMENT,
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_POOL: template.uid,
        },
        "annotations": dict(annotations),
    }
