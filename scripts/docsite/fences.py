"""Fenced code blocks of Markdown: what tests run, and what a page says about those that they do not."""

import re
import textwrap
from collections.abc import Iterator
from typing import Final, NamedTuple

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`]*)$")
_NOT_RUN: Final = "not-run="


class Block(NamedTuple):
    """A block as it is written: `line` is the first one of its text, `note` why tests do not run it, or empty."""

    line: int
    language: str
    note: str
    text: str


def find_blocks(text: str) -> Iterator[Block]:
    """The blocks in their order; one that nobody closes reaches to the end."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        number += 1
        if opened is None:
            continue
        first = number
        while number < len(lines) and not _closes(lines[number], opened["ticks"]):
            number += 1
        body = textwrap.dedent("\n".join(lines[first:number]))
        number += 1
        language, note = _read_info(opened["info"])
        yield Block(first + 1, language, note, body)


def tell_notes(text: str, words: dict[str, str], sentence: str) -> str:
    """The page with a visible sentence behind each block that tests do not run, and plain info strings.

    `words` has the reason for people for each one that a block may give; `sentence` has `{reason}`.
    """
    told = []
    waiting, ticks = "", ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found is not None and not ticks:
            language, note = _read_info(found["info"])
            ticks = found["ticks"]
            if note:
                waiting = f"{found['indent']}*{sentence.format(reason=words[note])}*"
                line = f"{found['indent']}{ticks}{language}"
        elif ticks and _closes(line, ticks):
            told.append(line)
            ticks = ""
            if waiting:
                told += ["", waiting]
                waiting = ""
            continue
        told.append(line)
    return "\n".join(told) + "\n"


def _closes(line: str, ticks: str) -> bool:
    return line.strip().startswith(ticks) and not line.strip().strip("`")


def _read_info(info: str) -> tuple[str, str]:
    language, _, rest = info.strip().partition(" ")
    rest = rest.strip()
    return language, rest.removeprefix(_NOT_RUN) if rest.startswith(_NOT_RUN) else ""
