"""The person's language, and how a text gets there: English stands where it is said, its Chinese in `chinese`."""

import os
import unicodedata
from typing import Literal

Language = Literal["en", "zh"]


def language() -> Language:
    """By the locale of the shell, in gettext's order of variables."""
    chosen = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "zh" if chosen.startswith("zh") else "en"


def choose(pair: tuple[str, str]) -> str:
    """English or Chinese, by the person's locale."""
    return pair[1] if language() == "zh" else pair[0]


def translate(text: str) -> str:
    """The text in the person's language; one that the catalogue does not know stays as it is."""
    if language() == "en":
        return text
    # Not read by others: each connection of `ssh` starts this program anew.
    from devworkspace.cli.chinese import CATALOGUE

    return CATALOGUE.get(text, text)


def phrase(text: str, /, **values: object) -> str:
    """A sentence in the person's language, with its gaps filled."""
    return translate(text).format(**values)


def width(text: str) -> int:
    """Places on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
