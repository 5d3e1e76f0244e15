"""docs/CRD_SPEC.md describes every field of the CRDs and no other, and says the same defaults."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crds.schema import KINDS, Json, walk

SPEC = (Path(__file__).parents[2] / "docs" / "CRD_SPEC.md").read_text(encoding="utf-8")
# A condition is metav1.Condition; its parts are named in one line.
LISTED_AS_A_WHOLE = "conditions[]"


def _rows(heading: str) -> list[list[str]]:
    section = SPEC.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]


def _leaves(schema: Json) -> Iterator[tuple[str, Json]]:
    for path, node in walk(schema):
        if path.startswith(LISTED_AS_A_WHOLE) and path != LISTED_AS_A_WHOLE:
            continue
        if path == LISTED_AS_A_WHOLE or not {"properties", "items", "additionalProperties"} & node.keys():
            yield path, node


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_documented_and_no_other(kind: str, part: str) -> None:
    documented = [row[0].split("`")[1] for row in _rows(f"{KINDS[kind].name} {part}")]
    expected = [path for path, _ in _leaves(KINDS[kind].schema["properties"][part])]
    assert sorted(documented) == sorted(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_documented(kind: str) -> None:
    rows = {row[0].split("`")[1]: row for row in _rows(f"{KINDS[kind].name} spec")}
    for path, node in _leaves(KINDS[kind].schema["properties"]["spec"]):
        written = re.fullmatch(r"`([^`]*)`", rows[path][2])
        default = {"": "empty", True: "`true`", False: "`false`"}.get(node.get("default", "-"))
        if "default" in node:
            assert rows[path][2] == (default or f"`{node['default']}`"), path
        else:
            assert written is None, f"{path} has no default in the CRD"


@pytest.mark.parametrize("kind", KINDS)
def test_enum_values_are_documented(kind: str) -> None:
    rows = {row[0].split("`")[1]: row[3] for row in _rows(f"{KINDS[kind].name} spec")}
    for path, node in _leaves(KINDS[kind].schema["properties"]["spec"]):
        missing = [value for value in node.get("enum", []) if f"`{value}`" not in rows[path]]
        # A default stands in its own column.
        assert set(missing) <= {node.get("default")}, path


def test_every_phase_is_documented() -> None:
    phases = KINDS["instance"].schema["properties"]["status"]["properties"]["phase"]["enum"]
    assert [row[0].strip("`") for row in _rows("Phases")] == phases
