"""Tables, ages and words."""

from datetime import UTC, datetime, timedelta

import pytest

from devworkspace.cli import language as languages
from devworkspace.cli.environments.output import age, table, title

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(hours=3, minutes=5, seconds=7), "3h5m"),
        (timedelta(days=3, minutes=5), "3d"),
        (timedelta(seconds=-5), "0s"),
    ],
)
def test_ages_have_two_units_at_most(ago: timedelta, text: str) -> None:
    assert age((NOW - ago).isoformat(), now=NOW) == text


def test_chinese_takes_two_places() -> None:
    assert table([["名称", "x"], ["ab", "y"]]) == ["名称   x", "ab     y"]


def test_titles() -> None:
    assert [title("name"), title("lastActivity")] == ["NAME", "LAST ACTIVITY"]


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "C"}, "zh"),
        ({}, "en"),
    ],
)
def test_the_language_follows_the_locale(
    variables: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert languages.language() == language
