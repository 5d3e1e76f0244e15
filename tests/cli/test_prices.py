"""The options of the server for what an hour costs."""

from pathlib import Path

import pytest

from devworkspace.core.prices import Prices
from devworkspace.server.config import ServerConfig
from tests.cli.serving import start


def test_without_a_currency_there_is_no_money(tmp_path: Path, seen: list[ServerConfig]) -> None:
    assert start(tmp_path).exit_code == 0
    assert seen[0].prices is None


def test_prices_of_an_hour(tmp_path: Path, seen: list[ServerConfig]) -> None:
    options = ("--currency=CNY", "--cpu-hour-price=0.2", "--memory-gib-hour-price=0.1", "--storage-gib-hour-price=1e-3")
    assert start(tmp_path, *options).exit_code == 0
    assert seen[0].prices == Prices(currency="CNY", cpu_hour=0.2, memory_gib_hour=0.1, storage_gib_hour=0.001)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cpu-hour-price=1",), "prices need a currency"),
        (("--currency=yuan",), "no ISO 4217 code"),
        (("--currency=CNY", "--cpu-hour-price=-1"), "-1"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, seen: list[ServerConfig], options: tuple[str, ...], message: str
) -> None:
    result = start(tmp_path, *options)
    assert result.exit_code == 2
    assert message in result.output
    assert seen == []
