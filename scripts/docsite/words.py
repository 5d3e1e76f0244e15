"""The texts of words.yaml: what stands around generated tables, and why a block of a page is not run by tests."""

from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_TEXTS: Final[Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

# The keys are what a block's info string may say: ```sh not-run=KEY
NOT_RUN: Final[dict[str, dict[Language, str]]] = _TEXTS["not-run"]
NOT_RUN_SENTENCE: Final[dict[Language, str]] = _TEXTS["not-run-sentence"]
TEXTS: Final[dict[str, dict[Language, str]]] = _TEXTS["texts"]
# What the pages put in place of a word in a reason's advice.
PLACEHOLDERS: Final[dict[str, str]] = _TEXTS["placeholders"]


def say(key: str, language: Language, *values: object, **named: object) -> str:
    """A text with its gaps filled."""
    return TEXTS[key][language].format(*values, **named)
