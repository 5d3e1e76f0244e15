"""Reference of reasons and events: the code's constants, the pages' titles and advice, the tables of CRD_SPEC.md."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.docsite.tables import code, plain, table
from scripts.docsite.words import PLACEHOLDERS, Language, say

from devworkspace.api import reasons

ROOT: Final = Path(__file__).parents[2]
SPEC: Final = "docs/CRD_SPEC.md"
_EVENT_ONLY: Final = re.compile(r"^Event\b")
_GAP: Final = re.compile(r"\{\{(\w+)\}\}")


def make_page(language: Language) -> str:
    """All reasons; first those of conditions, then those of Events alone."""
    catalogue = read_catalogue(language)
    rows = read_rows()
    lines = [f"# {say('reasons', language)}", "", say("made", language, source="api/reasons.py")]
    lines += ["", say("reasons-lead", language), ""]
    chosen = [name for name in all_reasons() if not _EVENT_ONLY.match(rows[name][0])]
    columns = ("reason", "title", "where", *(("meaning",) if language == "en" else ()), "do")
    head = [say(word, language) for word in columns]
    lines += table(head, (_row(name, rows[name], catalogue, language) for name in chosen))
    lines += [f"## {say('events', language)}", "", say("events-lead", language), ""]
    told = [name for name in all_reasons() if _EVENT_ONLY.match(rows[name][0])]
    lines += table(head, (_row(name, rows[name], catalogue, language) for name in told))
    return "\n".join(lines).rstrip() + "\n"


def all_reasons() -> list[str]:
    """The code's constants, in the code's order."""
    return [value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)]


def read_rows() -> dict[str, tuple[str, str, str]]:
    """Condition, meaning and advice of each reason, as CRD_SPEC.md has them."""
    section = (ROOT / SPEC).read_text(encoding="utf-8").partition("\n## Reasons\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {name.strip("`"): (where, meaning, advice) for name, where, meaning, advice in cells[2:]}


def read_catalogue(language: Language) -> Mapping[str, str]:
    """The texts of the pages in a language."""
    found: Mapping[str, str] = json.loads((ROOT / f"dashboard/src/i18n/{language}.json").read_text(encoding="utf-8"))
    return found


def title(name: str, catalogue: Mapping[str, str]) -> str:
    """What the pages call it."""
    return catalogue.get(f"reason.{name}", "")


def _row(name: str, row: tuple[str, str, str], catalogue: Mapping[str, str], language: Language) -> list[str]:
    where, meaning, advice = map(plain, row)
    if language == "zh":
        said = catalogue.get(f"what.{name}")
        return [code(name), title(name, catalogue), where, fill(said) if said else say("nothing", language)]
    return [code(name), title(name, catalogue), where, meaning, advice]


def fill(text: str) -> str:
    """Advice with words in place of its gaps."""
    return _GAP.sub(lambda found: PLACEHOLDERS.get(found[1], f"⟨{found[1]}⟩"), text)
