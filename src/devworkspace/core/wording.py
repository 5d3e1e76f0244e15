"""Foreign words and counts as parts of our sentences."""

from typing import Final

MAX_QUOTE: Final = 300


def clause(text: str) -> str:
    """A foreign text as part of a sentence of ours: one line, no full stop, not endless."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= MAX_QUOTE else line[: MAX_QUOTE - 1] + "…"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
