"""The repository's own documents as pages of the English site, in the folders in which they link to each other."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PLACE: Final = "repository"
SOURCES: Final = (
    "README.md",
    "README_zh.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/*.md",
    "docs/decisions/*.md",
    "images/README.md",
    "extension/README_zh.md",
)
# What stands first counts: a link inside of code is no link, code inside of a link's words is.
_LINK_OR_CODE: Final = re.compile(
    r"```.*?\n[ \t]*```|(?<!!)\[(?P<text>(?:[^\]`]|`[^`]*`)+)\]\((?P<target>[^)\s]+)\)|`[^`\n]*`", re.DOTALL
)
# What the highlighter does not know stays readable as text.
_UNKNOWN: Final = re.compile(r"^(\s*```)(?:mermaid|promql)$", re.MULTILINE)


class BrokenLinkError(Exception):
    """A document names a file that is not in the repository."""


def find_documents() -> list[Path]:
    """All documents, relative to the repository."""
    return sorted({path.relative_to(ROOT) for pattern in SOURCES for path in ROOT.glob(pattern)})


def make_pages() -> Iterator[tuple[Path, str]]:
    """Each document's place in the site and its text."""
    documents = set(find_documents())
    for document in sorted(documents):
        text = (ROOT / document).read_text(encoding="utf-8")
        yield Path(PLACE) / document, rewrite(text, document, documents)


def rewrite(text: str, document: Path, documents: set[Path]) -> str:
    """Links to what is no page become plain words; diagrams for a drawing program stay readable as text."""

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if target is None:
            return found[0]
        if "://" in target or target.startswith(("#", "mailto:")):
            return found[0]
        path = target.partition("#")[0]
        meant = Path(os.path.normpath(document.parent / path))
        if meant in documents:
            return found[0]
        if not (ROOT / meant).exists():
            raise BrokenLinkError(f"{document}: leads to {target}, which is not in the repository")
        if meant == Path("docs/decisions"):
            return f"[{found['text']}]({os.path.relpath('docs/README.md', document.parent)}#decisions)"
        return found["text"]

    return _UNKNOWN.sub(r"\1text", _LINK_OR_CODE.sub(link, text))


def has_page(document: Path) -> bool:
    """Whether a file of the repository is a page of the site."""
    return document in find_documents()
