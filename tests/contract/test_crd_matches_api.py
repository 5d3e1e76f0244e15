"""The Python structs say what the CRDs say: names, types, required fields, enums, defaults.

The CRDs are the truth. A field that stands in one of the two only would be dropped without a word: by the API server
when the operator writes it, or by the decoder when a person does.
"""

import copy
from typing import Any

import msgspec
import pytest
from msgspec.inspect import (
    BoolType,
    DictType,
    Field,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)
from tests.crds.schema import INSTANCE, TEMPLATE, Json, walk

from devworkspace.api import names
from devworkspace.api.instance import InstanceSpec, InstanceStatus
from devworkspace.api.template import TemplateSpec, TemplateStatus

PAIRS = [
    pytest.param(TemplateSpec, TEMPLATE.schema["properties"]["spec"], id="WorkspaceTemplate.spec"),
    pytest.param(TemplateStatus, TEMPLATE.schema["properties"]["status"], id="WorkspaceTemplate.status"),
    pytest.param(InstanceSpec, INSTANCE.schema["properties"]["spec"], id="WorkspaceInstance.spec"),
    pytest.param(InstanceStatus, INSTANCE.schema["properties"]["status"], id="WorkspaceInstance.status"),
]


def _without_none(kind: Type) -> Type:
    if not isinstance(kind, UnionType):
        return kind
    rest = tuple(member for member in kind.types if not isinstance(member, NoneType))
    return rest[0] if len(rest) == 1 else UnionType(rest)


def _is_int_or_string(kind: Type) -> bool:
    return isinstance(kind, UnionType) and {type(member) for member in kind.types} == {IntType, StrType}


def _type_differences(kind: Type, schema: Json, path: str) -> list[str]:
    """Everything in which a Python type and a schema disagree, with its path."""
    match _without_none(kind):
        case StructType(fields=fields) if "properties" in schema:
            return _struct_differences(fields, schema, path)
        case DictType(value_type=value) if isinstance(schema.get("additionalProperties"), dict):
            return _type_differences(value, schema["additionalProperties"], f"{path}{{}}")
        case VarTupleType(item_type=item) if schema.get("type") == "array":
            return _type_differences(item, schema["items"], f"{path}[]")
        case LiteralType(values=values) if "enum" in schema:
            return [] if set(values) == set(schema["enum"]) else [f"{path}: {values} is not {schema['enum']}"]
        case StrType() if schema.get("type") == "string" and "enum" not in schema:
            return []
        case IntType() if schema.get("type") == "integer":
            return []
        case BoolType() if schema.get("type") == "boolean":
            return []
        case other:
            if _is_int_or_string(other) and schema.get("x-kubernetes-int-or-string"):
                return []
            return [f"{path}: {other} is not {schema.get('type', 'int or string')}"]


def _struct_differences(fields: tuple[Field, ...], schema: Json, path: str) -> list[str]:
    ours = {field.encode_name: field for field in fields}
    theirs = schema["properties"]
    found = [f"{path}.{name}: only in the struct" for name in ours.keys() - theirs.keys()]
    found += [f"{path}.{name}: only in the CRD" for name in theirs.keys() - ours.keys()]
    for name in ours.keys() & theirs.keys():
        found += _type_differences(ours[name].type, theirs[name], f"{path}.{name}")
    return found


@pytest.mark.parametrize(("struct", "schema"), PAIRS)
def test_names_types_and_enums(struct: type[msgspec.Struct], schema: Json) -> None:
    assert _type_differences(type_info(struct), schema, "") == []


def test_differences_are_found() -> None:
    """The control: each kind of slip in a CRD is reported with its path."""
    schema = copy.deepcopy(TEMPLATE.schema["properties"]["spec"])
    environment = schema["properties"]["environment"]["properties"]
    environment["ide"]["enum"].append("theia")
    environment["port"]["type"] = "string"
    environment["shell"] = {"type": "string"}
    del schema["properties"]["icon"]
    found = _type_differences(type_info(TemplateSpec), schema, "")
    assert sorted(difference.split(":")[0] for difference in found) == [
        ".environment.ide",
        ".environment.port",
        ".environment.shell",
        ".icon",
    ]


def _with_defaults(schema: Json, value: Any) -> Any:
    """What the API server makes of a value: absent properties get their defaults, from the outside to the inside."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        filled = {name: child["default"] for name, child in properties.items() if "default" in child} | value
        return {name: _with_defaults(properties.get(name, {}), child) for name, child in filled.items()}
    if isinstance(value, list):
        return [_with_defaults(schema.get("items", {}), item) for item in value]
    return value


def _structs(kind: Type, schema: Json, path: str) -> list[tuple[str, StructType, Json]]:
    match _without_none(kind):
        case StructType() as struct:
            inner = [
                found
                for field in struct.fields
                for found in _structs(field.type, schema["properties"][field.encode_name], f"{path}.{field.name}")
            ]
            return [(path, struct, schema), *inner]
        case VarTupleType(item_type=item):
            return _structs(item, schema["items"], f"{path}[]")
        case _:
            return []


STRUCTS = [
    pytest.param(struct, schema, id=f"{pair.id}{path}")
    for pair in PAIRS
    for path, struct, schema in _structs(type_info(pair.values[0]), pair.values[1], "")  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("struct", "schema"), STRUCTS)
def test_required_fields(struct: StructType, schema: Json) -> None:
    # A condition is written with all of its fields; only reading one is lenient.
    if struct.cls.__name__ == "Condition":
        written = msgspec.to_builtins(struct.cls(type="Ready", status="True", reason="Answering"))
        assert set(schema["required"]) <= written.keys()
        return
    assert {field.encode_name for field in struct.fields if field.required} == set(schema.get("required", []))


@pytest.mark.parametrize(("struct", "schema"), STRUCTS)
def test_defaults(struct: StructType, schema: Json) -> None:
    """An object decoded from a manifest is equal to one decoded from what the API server has stored of it."""
    samples = {"string": "A1", "integer": 1, "boolean": True, "object": {"image": "python"}}
    required = {
        name: schema["properties"][name].get("enum", [samples[schema["properties"][name]["type"]]])[0]
        for name in schema.get("required", [])
    }
    as_written = msgspec.convert(required, struct.cls)
    as_stored = msgspec.convert(_with_defaults(schema, required), struct.cls)
    assert as_written == as_stored


def test_reserved_port_name_is_the_operators() -> None:
    node = next(node for path, node in walk(TEMPLATE.schema) if path == "spec.ports[].name")
    assert [rule["rule"] for rule in node["x-kubernetes-validations"]] == [f"self != '{names.PORT_NAME}'"]


def test_names_of_the_kinds() -> None:
    for kind, name, plural in (
        (TEMPLATE, names.TEMPLATE_KIND, names.TEMPLATE_PLURAL),
        (INSTANCE, names.INSTANCE_KIND, names.INSTANCE_PLURAL),
    ):
        assert (kind.name, kind.plural) == (name, plural)
        assert kind.crd["spec"]["group"] == names.GROUP
        assert kind.version["name"] == names.VERSION
