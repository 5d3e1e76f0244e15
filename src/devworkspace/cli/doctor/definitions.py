"""Whether the cluster knows our kinds, in the shape that this program reads and writes."""

from typing import Any, Final

import msgspec
from msgspec.inspect import DictType, NoneType, StructType, Type, UnionType, VarTupleType, type_info

from devworkspace import __version__
from devworkspace.api import names
from devworkspace.api.instance import InstanceSpec, InstanceStatus
from devworkspace.api.meta import Key
from devworkspace.api.template import TemplateSpec, TemplateStatus
from devworkspace.cli.doctor.findings import Finding, Report
from devworkspace.cli.doctor.objects import Definition
from devworkspace.cli.doctor.scene import Scene
from devworkspace.core.conditions import find_condition
from devworkspace.kinds import CRDS
from devworkspace.kube.errors import NotFound

_KINDS: Final[dict[str, tuple[type[msgspec.Struct], type[msgspec.Struct]]]] = {
    names.INSTANCE_PLURAL: (InstanceSpec, InstanceStatus),
    names.TEMPLATE_PLURAL: (TemplateSpec, TemplateStatus),
}
_SHOWN: Final = 5
report = Report("definitions")


async def check_definitions(scene: Scene) -> list[Finding]:
    found = [finding for plural in _KINDS for finding in await _check(scene, plural)]
    return found or [report.ok("definitions.ok", version=names.VERSION)]


async def _check(scene: Scene, plural: str) -> list[Finding]:
    name = f"{plural}.{names.GROUP}"
    try:
        definition = await scene.client.get(CRDS, Key("", name), Definition)
    except NotFound:
        return [report.problem("definitions.absent", name=name)]
    established = find_condition(definition.status.conditions, "Established")
    if established is None or established.status != "True":
        message = established.message if established is not None else ""
        return [report.problem("definitions.not-established", name=name, message=message)]
    served = {version.name: version for version in definition.spec.versions if version.served}
    if names.VERSION not in served:
        return [report.problem("definitions.not-served", name=name, version=names.VERSION, served=", ".join(served))]
    return _compare(name, plural, served[names.VERSION].schema.open_api)


def _compare(name: str, plural: str, schema: dict[str, Any]) -> list[Finding]:
    ours: set[str] = set()
    theirs: set[str] = set()
    for part, struct in zip(("spec", "status"), _KINDS[plural], strict=True):
        properties = schema.get("properties", {}).get(part, {})
        ours |= _fields(type_info(struct), part)
        theirs |= _properties(properties, part)
    findings = []
    if lacking := sorted(ours - theirs):
        findings.append(report.problem("definitions.older", name=name, fields=_some(lacking), version=__version__))
    if unknown := sorted(theirs - ours):
        findings.append(report.advice("definitions.newer", name=name, fields=_some(unknown), version=__version__))
    return findings


def _fields(kind: Type, path: str) -> set[str]:
    """Every field of a struct and of those in it, as `spec.environment.image`."""
    match kind:
        case UnionType(types=types):
            return {found for member in types if not isinstance(member, NoneType) for found in _fields(member, path)}
        case StructType(fields=fields):
            inner = (_fields(field.type, f"{path}.{field.encode_name}") for field in fields)
            return {f"{path}.{field.encode_name}" for field in fields}.union(*inner)
        case VarTupleType(item_type=item):
            return _fields(item, f"{path}[]")
        case DictType(value_type=value):
            return _fields(value, f"{path}{{}}")
    return set()


def _properties(schema: dict[str, Any], path: str) -> set[str]:
    """Every property of a schema and of those in it, written alike."""
    found: set[str] = set()
    for name, child in schema.get("properties", {}).items():
        found |= {f"{path}.{name}"} | _properties(child, f"{path}.{name}")
    if isinstance(items := schema.get("items"), dict):
        found |= _properties(items, f"{path}[]")
    if isinstance(values := schema.get("additionalProperties"), dict):
        found |= _properties(values, f"{path}{{}}")
    return found


def _some(fields: list[str]) -> str:
    return ", ".join(fields[:_SHOWN]) + (f" (+{len(fields) - _SHOWN})" if len(fields) > _SHOWN else "")
