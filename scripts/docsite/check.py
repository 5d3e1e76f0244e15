"""Looks at the built site as a browser without network would: links, anchors, and nothing from another host.

`python -m scripts.docsite.check FOLDER` prints each finding and ends with 1 if there is any.
"""

import functools
import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

# What a browser loads by itself. A link that a person follows may lead elsewhere.
_LOADED: Final = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "image": "href"}
_CSS_ADDRESS: Final = re.compile(r"url\(\s*['\"]?(?P<address>[^'\")]+)|@import\s+['\"](?P<imported>[^'\"]+)")

WORD: Final = "模板"


class Page(NamedTuple):
    """What a file of HTML points to."""

    anchors: frozenset[str]
    links: tuple[str, ...]
    loaded: tuple[str, ...]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif (name := _LOADED.get(tag)) is not None and values.get(name):
            self.loaded.append(values[name])


@functools.cache
def read_page(path: Path) -> Page:
    """What the file points to."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return Page(frozenset(reader.anchors), tuple(reader.links), tuple(reader.loaded))


def find_faults(site: Path) -> Iterator[str]:
    """Sentences about what is wrong in a folder of pages."""
    for path in sorted(site.rglob("*.html")):
        page = read_page(path)
        where = path.relative_to(site)
        for address in page.loaded:
            if _is_elsewhere(address):
                yield f"{where}: loads {address}, which a reader without network does not get"
            else:
                yield from _faults_of_link(path, address, where)
        for address in page.links:
            if not _is_elsewhere(address):
                yield from _faults_of_link(path, address, where)
    for path in sorted(site.rglob("*.css")):
        for found in _CSS_ADDRESS.finditer(path.read_text(encoding="utf-8")):
            address = found["address"] or found["imported"]
            if _is_elsewhere(address):
                yield f"{path.relative_to(site)}: loads {address}, which a reader without network does not get"


def find_search_faults(index: Path) -> Iterator[str]:
    """Whether the search knows a word that stands in the middle of Chinese sentences."""
    text = index.read_text(encoding="utf-8")
    if WORD not in text and json.dumps(WORD)[1:-1] not in text:
        yield f"{index}: does not know {WORD}, so that nobody finds anything in Chinese"


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme not in ("", "data") or bool(parts.netloc)


def _faults_of_link(path: Path, address: str, where: Path) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return
    target = path.parent / unquote(parts.path) if parts.path else path
    if not target.is_file():
        yield f"{where}: leads to {address}, where nothing is"
    elif parts.fragment and target.suffix == ".html":
        anchors = read_page(target.resolve()).anchors
        if unquote(parts.fragment) not in anchors:
            yield f"{where}: leads to {address}, a page without such a place"


def main() -> int:
    site = Path(sys.argv[1])
    faults = [*find_faults(site), *find_search_faults(site / "zh/searchindex.js")]
    pages = len(list(site.rglob("*.html")))
    print("\n".join(faults) or f"{pages} pages: every link leads somewhere, nothing comes from another host")
    return int(bool(faults) or not pages)


if __name__ == "__main__":
    sys.exit(main())
