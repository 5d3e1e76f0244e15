"""The look at the built site finds what a reader would stumble over, and nothing else."""

from pathlib import Path

import pytest
from scripts.docsite.check import find_faults, find_search_faults
from scripts.docsite.repository import BrokenLinkError, rewrite
from scripts.docsite.stage import link_documents

FINE = """<html><head><link rel="stylesheet" href="style.css"><script src="page.js"></script></head>
<body id="top"><h2 id="a-place">A place</h2>
<a href="#a-place">here</a> <a href="folder/other.html#far">there</a> <a href="https://example.com/">elsewhere</a>
<img src="data:image/png;base64,AAAA" alt=""></body></html>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/other.html").write_text('<p id="far"></p><a href="../index.html">back</a>')
    (tmp_path / "style.css").write_text("body { background: url(data:image/png;base64,AAAA) }")
    (tmp_path / "page.js").write_text("")
    (tmp_path / "index.html").write_text(FINE)
    return tmp_path


def test_a_site_without_faults_has_none(site: Path) -> None:
    assert list(find_faults(site)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("folder/other.html#far", "folder/none.html", "leads to folder/none.html, where nothing is"),
        ('href="#a-place"', 'href="#none"', "leads to #none, a page without such a place"),
        ("other.html#far", "other.html#near", "leads to folder/other.html#near, a page without such a place"),
        (
            "page.js",
            "https://example.com/a.js",
            "loads https://example.com/a.js, which a reader without network does not get",
        ),
        ("style.css", "//example.com/a.css", "loads //example.com/a.css, which a reader without network does not get"),
        ("page.js", "gone.js", "leads to gone.js, where nothing is"),
    ],
)
def test_a_fault_of_a_page_is_told(site: Path, old: str, new: str, fault: str) -> None:
    assert FINE.count(old) == 1
    (site / "index.html").write_text(FINE.replace(old, new))
    assert list(find_faults(site)) == [f"index.html: {fault}"]


def test_a_font_from_elsewhere_is_told(site: Path) -> None:
    (site / "style.css").write_text("@font-face { src: url('https://example.com/font.woff2') }")
    assert [fault.partition(", which")[0] for fault in find_faults(site)] == [
        "style.css: loads https://example.com/font.woff2"
    ]


def test_a_search_that_does_not_know_chinese_words_is_told(tmp_path: Path) -> None:
    index = tmp_path / "searchindex.js"
    index.write_text('Search.setIndex({"terms": {"\\u6a21\\u677f": [1]}})')
    assert list(find_search_faults(index)) == []
    index.write_text('Search.setIndex({"terms": {"template": [1]}})')
    assert len(list(find_search_faults(index))) == 1


def test_links_of_a_document_to_what_is_no_page_become_words() -> None:
    documents = {Path("docs/A.md"), Path("README.md")}
    text = (
        "[a](A.md#x) [readme](../README.md) [rights](../deploy/rbac.yaml) `[code](../none)` [web](https://example.com)"
    )
    told = "[a](A.md#x) [readme](../README.md) rights `[code](../none)` [web](https://example.com)"
    assert rewrite(text, Path("docs/A.md"), documents) == told


def test_a_document_that_names_a_missing_file_is_refused() -> None:
    with pytest.raises(BrokenLinkError, match="leads to none"):
        rewrite("[gone](none.md)", Path("docs/A.md"), {Path("docs/A.md")})


def test_documents_are_pages_of_the_english_site_for_both_languages() -> None:
    text = "[Rights](../../../RBAC.md#people) [a page of ours](backup.md#a-place)"
    english = "[Rights](../repository/docs/RBAC.md#people) [a page of ours](backup.md#a-place)"
    assert link_documents(text, Path("how-to/oidc.md"), "en") == english
    chinese = '<a href="../../en/repository/docs/RBAC.html#people" hreflang="en">Rights</a>'
    assert link_documents(text, Path("how-to/oidc.md"), "zh").startswith(f"{chinese} [a page of ours](backup.md")


def test_a_document_that_is_no_page_is_refused() -> None:
    with pytest.raises(BrokenLinkError, match="NONE"):
        link_documents("[x](../../NONE.md)", Path("index.md"), "en")
