"""Reference of the chart's values, made from values.yaml and its schema."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from scripts.docsite.tables import code, plain, table
from scripts.docsite.words import Language, say

CHART: Final = Path(__file__).parents[2] / "charts/devworkspace"


def make_page(language: Language) -> str:
    """Every value with its comment, in the file's order."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    lines = [f"# {say('helm', language)}", "", say("made", language, source="charts/devworkspace/values.yaml")]
    lines += ["", say("helm-lead", language), ""]
    head = [say(word, language) for word in ("value", "type", "default", "meaning")]
    lines += table(head, _rows(yaml.compose(text), schema, text.splitlines(), prefix="", language=language))
    return "\n".join(lines).rstrip() + "\n"


def _rows(node: Any, schema: Any, lines: list[str], *, prefix: str, language: Language) -> Iterator[list[str]]:
    for key, value in node.value:
        path, about = f"{prefix}{key.value}", schema.get("properties", {}).get(key.value, {})
        comment = plain(_comment(lines, key.start_mark.line))
        section = isinstance(value, yaml.MappingNode) and not value.flow_style
        default = "" if section else code(_shown(value))
        yield [code(path), _type(about, language), default, comment]
        if section:
            yield from _rows(value, about, lines, prefix=f"{path}.", language=language)


def _comment(lines: list[str], line: int) -> str:
    """The lines of comment that stand directly above a line."""
    first = line
    while first > 0 and lines[first - 1].strip().startswith("#"):
        first -= 1
    return " ".join(text.strip().lstrip("#").strip() for text in lines[first:line])


def _shown(node: Any) -> str:
    value = yaml.safe_load(yaml.serialize(node))
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _type(schema: Any, language: Language) -> str:
    if "enum" in schema:
        return f"{say('one-of', language)} {', '.join(code(value) for value in schema['enum'])}"
    kind = schema.get("type", "")
    return " / ".join(kind) if isinstance(kind, list) else kind
