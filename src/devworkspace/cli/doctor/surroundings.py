"""What the cluster itself brings: Kubernetes, admission policies, disks, images, figures."""

import re
from collections.abc import Sequence
from typing import Final

from devworkspace.api.template import WorkspaceTemplate
from devworkspace.cli.doctor.findings import Finding, Report
from devworkspace.cli.doctor.objects import (
    BINDINGS,
    POLICIES,
    Binding,
    KubernetesVersion,
    Node,
    StorageClass,
)
from devworkspace.cli.doctor.scene import Scene
from devworkspace.kinds import TEMPLATES
from devworkspace.kube.codec import OnlyMetadata, decode
from devworkspace.kube.errors import NotFound, ServerError
from devworkspace.kube.resource import NODES, POD_METRICS, STORAGE_CLASSES

OLDEST: Final = (1, 29)
_WITH_POLICIES: Final = (1, 30)
# Those of deploy/policies.yaml; tests/contract/test_doctor.py compares them.
POLICY_NAMES: Final = (
    "devworkspace-children",
    "devworkspace-owners",
    "devworkspace-pods",
    "devworkspace-server-status",
    "devworkspace-server-volumes",
    "devworkspace-templates-in-use",
    "devworkspace-volumes",
)
# A policy that takes several bindings, each for other objects. Those with one may be bound by any name.
SEVERAL_BINDINGS: Final = {"devworkspace-children": ("devworkspace-children", "devworkspace-children-by-uid")}
_DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
_SHOWN: Final = 5
kubernetes = Report("kubernetes")
policies = Report("policies")
storage = Report("storage")
images = Report("images")
metrics = Report("metrics")


async def check_kubernetes(scene: Scene) -> list[Finding]:
    answer = await scene.client.raw("GET", "/version", resource="version", idempotent=True)
    version = decode(answer, KubernetesVersion, what="/version").git_version
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None:
        return [kubernetes.unknown("kubernetes.unreadable", version=version)]
    found = (int(numbers[1]), int(numbers[2]))
    if found < OLDEST:
        return [kubernetes.problem("kubernetes.old", version=version, oldest=".".join(map(str, OLDEST)))]
    if found < _WITH_POLICIES:
        return [kubernetes.advice("kubernetes.no-policies", version=version)]
    return [kubernetes.ok("kubernetes.ok", version=version)]


async def check_policies(scene: Scene) -> list[Finding]:
    try:
        made = await scene.client.list(POLICIES, OnlyMetadata)
        bindings = await scene.client.list(BINDINGS, Binding)
    except NotFound:
        return [policies.advice("policies.not-served")]
    there = {policy.metadata.name for policy in made.items}
    parts = {name: _parts(name, bindings.items) for name in POLICY_NAMES if name in there}
    bound = {name: of for name, of in parts.items() if any(of.values())}
    wrong = {
        "policies.absent": [name for name in POLICY_NAMES if name not in there],
        "policies.unbound": [name for name in parts if name not in bound],
        "policies.half-bound": [part for of in bound.values() for part, found in of.items() if not found],
        "policies.lenient": [name for name, of in bound.items() if any(map(_is_lenient, of.values()))],
    }
    found = [policies.problem(text, names=", ".join(listed)) for text, listed in wrong.items() if listed]
    return found or [policies.ok("policies.ok", count=len(parts))]


def _parts(policy: str, bindings: Sequence[Binding]) -> dict[str, list[Binding]]:
    """The bindings of a policy, by the part of it that each puts in force."""
    of = [binding for binding in bindings if binding.spec.policy_name == policy]
    names = SEVERAL_BINDINGS.get(policy)
    if names is None:
        return {policy: of}
    return {name: [binding for binding in of if binding.metadata.name == name] for name in names}


def _is_lenient(bindings: Sequence[Binding]) -> bool:
    return bool(bindings) and not any("Deny" in binding.spec.validation_actions for binding in bindings)


async def check_storage(scene: Scene) -> list[Finding]:
    listed = await scene.client.list(STORAGE_CLASSES, StorageClass)
    default = [item for item in listed.items if item.metadata.annotations.get(_DEFAULT_CLASS) == "true"]
    if not default:
        return [storage.problem("storage.none", names=", ".join(item.metadata.name for item in listed.items) or "-")]
    if len(default) > 1:
        return [storage.advice("storage.several", names=", ".join(item.metadata.name for item in default))]
    (chosen,) = default
    name, found = chosen.metadata.name, []
    if not chosen.allow_volume_expansion:
        found.append(storage.advice("storage.fixed", name=name))
    if chosen.volume_binding_mode != "WaitForFirstConsumer":
        found.append(storage.advice("storage.immediate", name=name))
    return found or [storage.ok("storage.ok", name=name)]


async def check_images(scene: Scene) -> list[Finding]:
    """By what nodes tell of the images on them; they name 50 each, the largest ones first."""
    templates = (await scene.client.list(TEMPLATES, WorkspaceTemplate)).items
    wanted = {template.spec.environment.image for template in templates if template.spec.state != "Hidden"}
    if not wanted:
        return [images.advice("images.no-templates")]
    nodes = (await scene.client.list(NODES, Node)).items
    there = {name for node in nodes for image in node.status.images for name in image.names or ()}
    missing = sorted(image for image in wanted if not _is_there(image, there))
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
        return [images.advice("images.missing", count=len(missing), images=shown)]
    return [images.ok("images.ok", count=len(wanted))]


def _is_there(image: str, there: set[str]) -> bool:
    """Nodes name images in full, with a registry that a template may leave out."""
    return any(name == image or name.endswith(f"/{image}") for name in there)


async def check_metrics(scene: Scene) -> list[Finding]:
    path = f"/apis/{POD_METRICS.api_version}"
    try:
        await scene.client.raw("GET", path, resource="discovery", idempotent=True)
    except NotFound:
        return [metrics.advice("metrics.absent", group=POD_METRICS.group)]
    except ServerError as error:
        return [metrics.advice("metrics.failing", group=POD_METRICS.group, message=error.message)]
    return [metrics.ok("metrics.ok", group=POD_METRICS.group)]
