from decimal import Decimal

import pytest

from devworkspace.core.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        (2, "2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("2E", "2000000000000000000"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("2Gi", "2147483648"),
        ("2G", "2000000000"),
        ("100u", "0.0001"),
        ("0.1Gi", "107374182.4"),
    ],
)
def test_reads_what_kubernetes_reads(text: str | int, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "two", "2 Gi", "2gi", "2GiB", "1e", "--1", "0x10", "1_000", "٣"])
def test_refuses_anything_else_and_names_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity: expected"):
        parse_quantity(text)
