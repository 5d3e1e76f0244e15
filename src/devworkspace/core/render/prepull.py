"""The DaemonSet that holds images on nodes. Its pods meet Pod Security `restricted`, hold no token and run no foreign
program: a static one of our own image is copied into the pod and waits in each of the others.
"""

from typing import Final

from devworkspace.api import names
from devworkspace.core.prepull import Host, PulledImage, PullSet
from devworkspace.core.render.common import Body, digest

# Statically linked, so that it runs in any image; ends at once when it is told to.
HOLDER: Final = "/usr/bin/catatonit"
_FOLDER: Final = "/.devworkspace"
_VOLUME: Final = "holder"
_NOBODY: Final = 65532
# runc itself needs some megabytes of the container's memory for a moment.
_LIMITS: Final = {"memory": "32Mi"}


def render_pull_set(pulled: PullSet, host: Host) -> Body:
    """The DaemonSet, beside the operator's Deployment and removed with it."""
    labels = {
        names.LABEL_NAME: names.APP_NAME,
        names.LABEL_COMPONENT: names.COMPONENT_PREPULL,
        names.LABEL_INSTANCE: pulled.name,
    }
    body: Body = {
        "metadata": {
            "name": pulled.name,
            "namespace": host.namespace,
            "labels": {**labels, names.LABEL_MANAGED_BY: names.MANAGED_BY},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": host.name,
                    "uid": host.uid,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "selector": {"matchLabels": labels},
            # A pod that waits for an image that cannot be pulled must not keep others from being renewed.
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(pulled, host)},
        },
    }
    body["metadata"]["annotations"] = {names.ANNOTATION_INPUTS_HASH: digest(body)}
    return body


def _pod_spec(pulled: PullSet, host: Host) -> Body:
    secrets = sorted({*pulled.pull_secrets, *host.pull_secrets})
    images = sorted(pulled.images, key=lambda image: image.container)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "nodeSelector": pulled.node_selector,
        "tolerations": list(pulled.tolerations),
        "imagePullSecrets": [{"name": name} for name in secrets],
        "initContainers": [_copying(host)],
        "containers": [_holding(image) for image in images],
        # In memory: a node's disk may be mounted so that no program runs from it.
        "volumes": [{"name": _VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}],
    }


def _copying(host: Host) -> Body:
    return {
        **_container("copy", host.image, memory="16Mi"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["cp", HOLDER, f"{_FOLDER}/hold"],
        "volumeMounts": [{"name": _VOLUME, "mountPath": _FOLDER}],
    }


def _holding(pulled: PulledImage) -> Body:
    policy = {"imagePullPolicy": pulled.policy} if pulled.policy is not None else {}
    return {
        **_container(pulled.container, pulled.image, memory="2Mi"),
        **policy,
        "command": [f"{_FOLDER}/hold", "-P"],
        # The image's own may be closed to this user.
        "workingDir": "/",
        "volumeMounts": [{"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}],
    }


def _container(name: str, image: str, *, memory: str) -> Body:
    return {
        "name": name,
        "image": image,
        "resources": {"requests": {"cpu": "1m", "memory": memory}, "limits": _LIMITS},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
