"""Durations as the API writes them: Go's form, `90s`, `5m`, `1h30m`."""

import re
from datetime import timedelta
from typing import Final

_PATTERN: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The length of a duration; raises ValueError naming the text and the accepted form."""
    match = _PATTERN.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is not a duration: expected hours, minutes and seconds, as in 1h30m or 90s")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def format_duration(length: timedelta) -> str:
    """The same form for people: `90s` becomes `1m30s`, zero is `0s`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
