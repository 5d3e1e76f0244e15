"""The dashboard's types are made from a file in git; it says what the table of routes says."""

from scripts import openapi


def test_the_file_is_current() -> None:
    """Otherwise: python scripts/openapi.py."""
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.make_text()
