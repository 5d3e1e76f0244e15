"""Writes docs/API.md from the table of routes and their types.

`python scripts/api_reference.py`; a test fails if the file does not say what the table says.
"""

import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from scripts import openapi

FILE: Final = Path(__file__).parent.parent / "docs/API.md"
_HEAD: Final = """# The REST API, address by address

Made by `python scripts/api_reference.py` from the table of routes in `src/devworkspace/server/api`; a test compares
them.
[SERVER.md](SERVER.md#the-api) says how to sign in, what errors look like and what holds for all addresses. Browsers and
tools read the same from `/api/v1/openapi.json`.

"""
_ALWAYS: Final = frozenset({"200", "201", "204", "304", "400", "401", "422", "429", "503", "413", "415"})


class Words(NamedTuple):
    """What stands around the tables; the documentation site has it in Chinese as well."""

    head: str = _HEAD
    addresses: str = "Addresses"
    address_columns: tuple[str, ...] = ("address", "does", "right", "particular answers")
    parameters: str = "Parameters"
    parameter_columns: tuple[str, ...] = ("address", "parameter", "type", "default")
    types: str = "Types"
    types_lead: str = "A field is there always unless it is marked with `?`; `null` stands for unknown or unset."
    type_columns: tuple[str, ...] = ("field", "type")


ENGLISH: Final = Words()


def make_text(words: Words = ENGLISH) -> str:
    """The page."""
    document = openapi.make_document()
    lines = [words.head, f"## {words.addresses}", "", *_columns(words.address_columns)]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            right = operation["description"].removeprefix("Right: ").removesuffix(".")
            special = ", ".join(sorted(set(operation["responses"]) - _ALWAYS)) or "–"
            lines.append(f"| `{method.upper()} {path}` | {operation['summary']} | {right} | {special} |")
    lines += ["", f"## {words.parameters}", "", *_columns(words.parameter_columns)]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += [
                f"| `{method.upper()} {path}` | `{found['name']}` | {_type(found['schema'])} | {_default(found)} |"
                for found in operation["parameters"]
                if found["in"] == "query"
            ]
    lines += [
        "",
        f"## {words.types}",
        "",
        words.types_lead,
        "",
    ]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _section(name, schema, words)
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _columns(names: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(names)} |", f"| {' | '.join('---' for _ in names)} |"]


def _section(name: str, schema: dict[str, Any], words: Words) -> list[str]:
    required = set(schema.get("required", ()))
    lines = [f"### {name}", ""]
    if text := schema.get("description"):
        lines += [" ".join(text.split()), ""]
    lines += _columns(words.type_columns)
    for field, type_ in schema.get("properties", {}).items():
        lines.append(f"| `{field}`{'' if field in required else ' ?'} | {_type(type_)} |")
    return [*lines, ""]


def _default(parameter: dict[str, Any]) -> str:
    if parameter["required"]:
        return "required"
    default = parameter["schema"].get("default")
    return "–" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _type(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if parts := schema.get("anyOf"):
        return " or ".join(_type(part) for part in parts)
    if values := schema.get("enum"):
        return ", ".join(f"`{value}`" if value is not None else "null" for value in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return f"map of {_type(schema['additionalProperties'])}" if schema.get("additionalProperties") else "object"
    return str(schema.get("type", "any")) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if "minLength" in schema or "maxLength" in schema else ""
    if low is None and high is None:
        return ""
    if low is None:
        return f", at most {high}{unit}"
    return f", {low} to {high}{unit}" if high is not None else f", at least {low}{unit}"


if __name__ == "__main__":
    FILE.write_text(make_text(), encoding="utf-8")
    sys.exit(0)
