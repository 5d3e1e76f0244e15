"""Reference of the two kinds, made from their definitions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from scripts.docsite.tables import code, plain, table
from scripts.docsite.words import Language, say

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = {"instance": "crds/workspace_instance_crd.yaml", "template": "crds/workspace_template_crd.yaml"}


def make_page(which: str, language: Language) -> str:
    """The page of one kind; `which` is a key of SOURCES."""
    source = SOURCES[which]
    definition = yaml.safe_load((ROOT / source).read_text(encoding="utf-8"))["spec"]
    version = definition["versions"][0]
    names = definition["names"]
    described = say(
        "names",
        language,
        group=f"{definition['group']}/{version['name']}",
        plural=names["plural"],
        short=", ".join(code(name) for name in names["shortNames"]),
        scope=say(definition["scope"], language),
    )
    schema = version["schema"]["openAPIV3Schema"]
    more = say("crd-more", language, link="[CRD_SPEC.md](../../../CRD_SPEC.md)")
    lines = [
        f"# {say(f'crd-{which}', language)}",
        "",
        say("made", language, source=source),
        "",
        described,
        "",
        more,
        "",
    ]
    for part in ("spec", "status"):
        lines += [f"## {say(part, language)}", ""]
        lines += table(
            [say(word, language) for word in ("field", "type", "default", "meaning")],
            _rows(schema["properties"][part], "", language),
        )
    refusals = sorted({plain(rule) for rule in _rules(schema)})
    if refusals:
        lines += [
            f"## {say('rules', language)}",
            "",
            say("rules-lead", language),
            "",
            *(f"- {rule}" for rule in refusals),
        ]
    return "\n".join(lines) + "\n"


def _rows(schema: dict[str, Any], prefix: str, language: Language) -> Iterator[list[str]]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        inner, suffix = field, ""
        if field.get("type") == "array":
            inner, suffix = field["items"], "[]"
        elif isinstance(field.get("additionalProperties"), dict):
            inner, suffix = field["additionalProperties"], "{}"
        default = say("required", language) if name in required else code(_literal(field.get("default")))
        yield [code(path + suffix), _type(field, inner, language), default, plain(field.get("description", ""))]
        if "properties" in inner:
            yield from _rows(inner, f"{path}{suffix}.", language)


def _type(field: dict[str, Any], inner: dict[str, Any], language: Language) -> str:
    parts = [_name(field) if field is inner else f"{_name(field)}: {_name(inner)}"]
    if "enum" in inner:
        parts.append(f"{say('one-of', language)} {', '.join(code(value) for value in inner['enum'])}")
    if "maxLength" in inner:
        parts.append(say("at-most", language, inner["maxLength"]))
    if "minimum" in inner and "maximum" in inner:
        parts.append(say("range", language, inner["minimum"], inner["maximum"]))
    if (bound := field.get("maxItems", field.get("maxProperties"))) is not None:
        parts.append(say("items", language, bound))
    return "; ".join(parts)


def _name(schema: dict[str, Any]) -> str:
    return "quantity" if schema.get("x-kubernetes-int-or-string") else str(schema.get("type", "any"))


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _rules(schema: Any) -> Iterator[str]:
    """The sentences of every rule, at any depth; those that are made by an expression are left out."""
    if isinstance(schema, dict):
        for rule in schema.get("x-kubernetes-validations", ()):
            if "message" in rule:
                yield rule["message"]
        for value in schema.values():
            yield from _rules(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _rules(value)
