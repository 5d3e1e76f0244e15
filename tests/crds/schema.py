"""Walks the two CRDs: every constraint with its path, and manifests changed at such a path.

A schema path is written `spec.ports[].name` for a field of each list item and `spec.resources.requests{}` for each
value of a map. The API server reports concrete fields (`spec.ports[0].name`); `schema_path` turns one into the other.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"
CASES = Path(__file__).parent / "cases"
API_VERSION = "devworkspace.kubesphere.io/v1alpha1"

BOUNDS = ("maxLength", "minLength", "maxItems", "maxProperties", "minimum", "maximum", "enum")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Kind:
    """One of the two kinds, with its CRD, the smallest manifest that is valid, and the largest.

    `instead` has the fields that exclude some of those of `full`.
    """

    name: str
    plural: str
    namespaced: bool
    crd: Json
    minimal: Json
    full: Json
    instead: Json | None = None

    def showing(self, path: str) -> Json:
        """The manifest that has a value there, or would have one."""
        other = self.instead
        return other if other is not None and has_value(other, path) and not has_value(self.full, path) else self.full

    @property
    def version(self) -> Json:
        return self.crd["spec"]["versions"][0]  # type: ignore[no-any-return]

    @property
    def schema(self) -> Json:
        return self.version["schema"]["openAPIV3Schema"]  # type: ignore[no-any-return]

    def url(self, namespace: str, name: str = "", subresource: str = "") -> str:
        scope = f"/namespaces/{namespace}" if self.namespaced else ""
        return "/".join(filter(None, [f"/apis/{API_VERSION}{scope}/{self.plural}", name, subresource]))


def _kind(short: str, spec: Json) -> Kind:
    crd = load(CRDS / f"workspace_{short}_crd.yaml")
    names = crd["spec"]["names"]
    minimal = {"apiVersion": API_VERSION, "kind": names["kind"], "metadata": {"name": f"test-{short}"}, "spec": spec}
    return Kind(
        name=names["kind"],
        plural=names["plural"],
        namespaced=crd["spec"]["scope"] == "Namespaced",
        crd=crd,
        minimal=minimal,
        full=load(CASES / f"full-{short}.yaml"),
        instead=load(instead) if (instead := CASES / f"full-{short}-pool.yaml").exists() else None,
    )


TEMPLATE = _kind("template", {"displayName": "Test", "environment": {"image": "localhost/devworkspace/base:0.1.0"}})
INSTANCE = _kind("instance", {"templateRef": "python"})
KINDS = {"template": TEMPLATE, "instance": INSTANCE}


def walk(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every node of a schema with its schema path, depth first; the root's path is empty."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


@dataclass(frozen=True)
class Bound:
    kind: str
    path: str
    check: str
    limit: Any

    def __str__(self) -> str:
        return f"{self.kind} {self.path} {self.check}"


def bounds() -> list[Bound]:
    """Every maxLength, maxItems, enum, … of both CRDs."""
    return [
        Bound(short, path, check, node[check])
        for short, kind in KINDS.items()
        for path, node in walk(kind.schema)
        for check in BOUNDS
        if check in node
    ]


def required_fields() -> list[tuple[str, str]]:
    """(kind, path) of every required field below the root."""
    return [
        (short, f"{path}.{name}")
        for short, kind in KINDS.items()
        for path, node in walk(kind.schema)
        for name in node.get("required", [])
        if path
    ]


def unique_lists() -> list[tuple[str, str]]:
    """(kind, path) of every list whose items must differ."""
    return [
        (short, path)
        for short, kind in KINDS.items()
        for path, node in walk(kind.schema)
        if node.get("x-kubernetes-list-type") in ("map", "set")
    ]


def schema_path(schema: Json, field: str) -> str:
    """The schema path of a field that the API server has reported.

    `spec.ports[0].name` becomes `spec.ports[].name`, `spec.translations.zh.description` becomes
    `spec.translations{}.description`, and `spec.resources.limits.nvidia.com/gpu`, like `spec.resources.limits[cpu]`,
    becomes `spec.resources.limits{}`: a key may have dots, where no field can follow.
    """
    path, node, rest = "", schema, field
    while rest:
        if isinstance(entry := node.get("additionalProperties"), dict):
            if "properties" not in entry:
                return path + "{}"
            rest, path, node = re.sub(r"^(\[[^]]*\]|[^.\[]+)\.?", "", rest), path + "{}", entry
            continue
        if rest.startswith("["):
            rest, path, node = re.sub(r"^\[[^]]*\]\.?", "", rest), path + "[]", node["items"]
            continue
        match = re.match(r"\.?([^.\[]+)\.?", rest)
        if match is None or match[1] not in node.get("properties", {}):
            return field
        path = f"{path}.{match[1]}" if path else match[1]
        node, rest = node["properties"][match[1]], rest[match.end() :]
    return path


def changed(manifest: Json, changes: Json) -> Json:
    """A copy of the manifest with values set at dotted paths, e.g. {"spec.storage.size": "1Gi"}."""
    copied = copy.deepcopy(manifest)
    for path, value in changes.items():
        *parents, last = path.split(".")
        target = copied
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    return copied


def steps(path: str) -> list[str]:
    """`spec.ports[].name` as ["spec", "ports", "[]", "name"]."""
    return re.findall(r"\[\]|\{\}|[^.\[{]+", path)


def value_at(manifest: Any, path: str) -> Any:
    """The value at a schema path: of the first list item, or of the first map entry. KeyError where it is absent."""
    for step in steps(path):
        if step == "[]":
            manifest = manifest[0]
        elif step == "{}":
            manifest = next(iter(manifest.values()))
        else:
            manifest = manifest[step]
    return manifest


def has_value(manifest: Json, path: str) -> bool:
    try:
        value_at(manifest, path)
    except (KeyError, IndexError, StopIteration):
        return False
    return True


def replaced(manifest: Json, path: str, value: Any) -> Json:
    """A copy of the manifest with the value at a schema path replaced."""
    copied = copy.deepcopy(manifest)
    *parents, last = steps(path)
    target: Any = value_at(copied, ".".join(parents)) if parents else copied
    if last == "[]":
        target[0] = value
    elif last == "{}":
        target[next(iter(target))] = value
    else:
        target[last] = value
    return copied


def without(manifest: Json, path: str) -> Json:
    """A copy of the manifest in which the field at a schema path is absent."""
    copied = copy.deepcopy(manifest)
    *parents, last = steps(path)
    del value_at(copied, ".".join(parents))[last]
    return copied


def rule_texts(rule: Json) -> list[str]:
    """The fixed texts of a rule's message, and of its message expression's literals."""
    literals = re.findall(r"'([^']*)'|\"([^\"]*)\"", rule.get("messageExpression", ""))
    return [rule["message"], *(text for pair in literals for text in pair if text)]
