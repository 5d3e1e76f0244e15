"""What an admin's policies do to the pods of one namespace: change them, or refuse them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.meta import Key
from devworkspace.kube.errors import ApiError
from devworkspace.kube.resource import PODS, Resource
from tests.support.live import Anything, Live

_GROUP: Final = "admissionregistration.k8s.io"
MUTATING: Final = Resource(_GROUP, "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", namespaced=False)
MUTATING_BINDINGS: Final = Resource(
    _GROUP, "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", namespaced=False
)
VALIDATING: Final = Resource(_GROUP, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False)
VALIDATING_BINDINGS: Final = Resource(
    _GROUP, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)


_MARK: Final = "changed"


@asynccontextmanager
async def changed_pods(live: Live, changes: Mapping[str, Any]) -> AsyncIterator[None]:
    """Sets fields of each environment's pod, by JSON pointer, as a company's injector does."""
    patches = {f"/metadata/annotations/{_MARK}": "yes", **changes}
    operations = [f'JSONPatch{{op: "add", path: "{path}", value: {_cel(value)}}}' for path, value in patches.items()]
    spec = {
        "matchConstraints": _pods_of(live),
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{', '.join(operations)}]"}}],
    }
    async with _applied(live, MUTATING, MUTATING_BINDINGS, spec, {}):
        # Where the change makes the pod inadmissible, its refusal shows that it is made.
        await _until(live, lambda pod: pod is None or _MARK in pod.metadata.annotations)
        yield


def _cel(value: Any) -> str:
    """A value as CEL; literals there want equal types, or none (`dyn`)."""
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)}: dyn({_cel(part)})" for key, part in value.items()) + "}"
        case list():
            return "[" + ", ".join(f"dyn({_cel(part)})" for part in value) + "]"
        case _:
            return json.dumps(value)


@asynccontextmanager
async def refused_pods(live: Live, message: str) -> AsyncIterator[None]:
    """Refuses each environment's pod with this message, until the end of the block."""
    spec = {"matchConstraints": _pods_of(live), "validations": [{"expression": "false", "message": message}]}
    async with _applied(live, VALIDATING, VALIDATING_BINDINGS, spec, {"validationActions": ["Deny"]}):
        await _until(live, lambda pod: pod is None)
        yield


def _pods_of(live: Live) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": live.namespace}},
        "objectSelector": {"matchLabels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}},
        "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }


@asynccontextmanager
async def _applied(
    live: Live, policies: Resource, bindings: Resource, spec: dict[str, Any], binding: dict[str, Any]
) -> AsyncIterator[None]:
    metadata, key = {"name": live.namespace}, Key("", live.namespace)
    await live.client.create(policies, {"metadata": metadata, "spec": spec}, Anything)
    await live.client.create(
        bindings, {"metadata": metadata, "spec": {"policyName": live.namespace, **binding}}, Anything
    )
    try:
        yield
    finally:
        for resource in (bindings, policies):
            made = await live.client.get(resource, key, Anything)
            await live.client.delete(resource, key, uid=made.metadata.uid)


async def _until(live: Live, holds: Callable[[Pod | None], bool]) -> None:
    """Policies take effect a moment after they were stored: asks with a pod that is not made."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": names.CONTAINER_NAME, "image": live.surroundings.base_image, "securityContext": security}
    pod = {
        "metadata": {
            "name": "probe",
            "namespace": live.namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
            "annotations": {"probe": "yes"},
        },
        # As the product's own policies want it: refused by them it would say nothing about this one.
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        },
    }
    async with asyncio.timeout(30):
        while True:
            try:
                answer: Pod | None = await live.client.create(PODS, pod, Pod, dry_run=True)
            except ApiError:
                answer = None
            if holds(answer):
                return
            await asyncio.sleep(0.1)
