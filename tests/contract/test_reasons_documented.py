"""Reasons are part of the API: each constant is explained in docs/CRD_SPEC.md, and nothing else is."""

import re
from pathlib import Path

from devworkspace.api import reasons

SPEC = Path(__file__).parents[2] / "docs" / "CRD_SPEC.md"


def _rows() -> list[list[str]]:
    """The table under the heading "Reasons": its cells, without the head."""
    section = SPEC.read_text(encoding="utf-8").partition("\n## Reasons\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def _constants() -> set[str]:
    return {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}


def test_every_reason_is_documented_and_nothing_else() -> None:
    documented = [row[0].strip("`") for row in _rows()]
    assert sorted(documented) == sorted(_constants())


def test_every_reason_says_where_it_appears_what_it_means_and_what_to_do() -> None:
    for row in _rows():
        assert len(row) == 4, row
        assert all(row), row


def test_reasons_are_camel_case_words() -> None:
    assert _constants()
    for reason in _constants():
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", reason)
