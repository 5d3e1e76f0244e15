"""docs/API.md says what the table of routes says."""

from scripts import api_reference, openapi


def test_the_page_is_current() -> None:
    """Otherwise: python scripts/api_reference.py."""
    assert api_reference.FILE.read_text(encoding="utf-8") == api_reference.make_text()


def test_every_change_names_its_right() -> None:
    """Who may read is told by the address; who may change something needs a right of its own."""
    document = openapi.make_document()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "get":
                assert "`" in operation["description"], f"{method} {path}"
