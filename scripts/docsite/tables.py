"""Tables of Markdown, whose cells may hold anything."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

# Outside of code, these would be markup.
_MARKUP: Final = re.compile(r"(`+[^`]*`+)|([<>*_\[\]$])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; cells are Markdown on one line already."""
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') or '–' for cell in cells)} |"


def code(text: object) -> str:
    """A literal."""
    return f"`{text}`" if text not in (None, "") else ""


def plain(text: str) -> str:
    """Words of a description on one line, in which nothing but code is markup."""
    joined = " ".join(text.split())
    return _MARKUP.sub(lambda found: found[1] or f"\\{found[2]}", joined)
