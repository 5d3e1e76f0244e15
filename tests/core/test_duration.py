from datetime import timedelta

import pytest

from devworkspace.core.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("1h0m5s", 3605), ("0s", 0), ("100m", 6000)]
)
def test_reads_the_api_s_form(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "5d", "-5m", "1m1h", "1.5h"])
def test_refuses_anything_else_and_names_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: expected"):
        parse_duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "1m30s"), (3600, "1h"), (5400, "1h30m"), (59.9, "59s")])
def test_writes_what_it_reads(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text
