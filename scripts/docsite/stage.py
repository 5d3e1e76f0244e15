"""Lays out what Sphinx reads: our pages, the reference that the code makes, and the repository's documents.

`python -m scripts.docsite.stage FOLDER` makes FOLDER/en and FOLDER/zh.
"""

import html
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scripts.docsite import cli, crds, helm, metrics, reasons, repository, rest
from scripts.docsite.fences import tell_notes
from scripts.docsite.words import LANGUAGES, NOT_RUN, NOT_RUN_SENTENCE, Language

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ROOT / "docs/site"
REFERENCE: Final[dict[str, Callable[[Language], str]]] = {
    "environments": lambda language: crds.make_page("instance", language),
    "templates": lambda language: crds.make_page("template", language),
    "rest": rest.make_page,
    "cli": cli.make_page,
    "metrics": metrics.make_page,
    "reasons": reasons.make_page,
    "helm": helm.make_page,
}
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<path>[^)#:\s]+\.md)(?P<anchor>#[^)\s]+)?\)")
# A browser would show the end of a line as a blank, which Chinese does not have.
_CHINESE_LINE_END: Final = re.compile("(?<=[\u2014\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")


def stage(out: Path) -> None:
    """Writes everything."""
    for language in LANGUAGES:
        pages = own_pages(language)
        pages |= {Path("reference") / f"{name}.md": make(language) for name, make in REFERENCE.items()}
        for place, text in pages.items():
            linked = link_documents(text, place, language)
            _write(out / language / place, linked if language == "en" else _CHINESE_LINE_END.sub("", linked))
        shutil.copytree(PAGES / language / "pictures", out / language / "pictures")
    for place, text in repository.make_pages():
        _write(out / "en" / place, text)
    with (out / "en" / "more.md").open("a", encoding="utf-8") as more:
        more.write(_navigation())


def _navigation() -> str:
    places = [f"{repository.PLACE}/{document.with_suffix('')}" for document in repository.find_documents()]
    return "\n".join(["", "```{toctree}", ":hidden:", "", *places, "```", ""])


def own_pages(language: Language) -> dict[Path, str]:
    """The pages that are written by hand, with a visible word about each block that is not run."""
    words = {key: texts[language] for key, texts in NOT_RUN.items()}
    folder = PAGES / language
    return {
        path.relative_to(folder): tell_notes(path.read_text(encoding="utf-8"), words, NOT_RUN_SENTENCE[language])
        for path in sorted(folder.rglob("*.md"))
    }


def link_documents(text: str, place: Path, language: Language) -> str:
    """Links to documents of the repository lead to their pages; those of the Chinese site, into the English one."""
    up = "../" * len(place.parent.parts)
    folder = (PAGES / language / place).relative_to(ROOT).parent
    pages = (PAGES / language).relative_to(ROOT)

    def link(found: re.Match[str]) -> str:
        meant = Path(os.path.normpath(folder / found["path"]))
        if meant.is_relative_to(pages):
            return found[0]
        if not repository.has_page(meant):
            raise repository.BrokenLinkError(f"{place}: {found['path']} is no page")
        anchor = found["anchor"] or ""
        if language == "en":
            return f"[{found['text']}]({up}{repository.PLACE}/{meant}{anchor})"
        address = f"{up}../en/{repository.PLACE}/{meant.with_suffix('.html')}{anchor}"
        return f'<a href="{html.escape(address)}" hreflang="en">{html.escape(found["text"])}</a>'

    return _LINK.sub(link, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
