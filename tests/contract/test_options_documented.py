"""docs/OPERATOR.md lists the options and metrics that the operator has, with their defaults, and no others."""

import re
from pathlib import Path
from typing import Any, Final

import click
import pytest
from prometheus_client import CollectorRegistry

from devworkspace.cli.operator import command
from devworkspace.operator.metrics import Metrics

PAGE: Final = Path(__file__).parents[2] / "docs" / "OPERATOR.md"


def rows(section: str) -> dict[str, str]:
    """The first two cells of a table's rows; options without the word for their value."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| `([^` {]+)[^`]*` \| ([^|]+?) \|", text, re.MULTILINE)
    return dict(cells)


def options() -> dict[str, click.Option]:
    return {parameter.opts[0]: parameter for parameter in command.params if isinstance(parameter, click.Option)}


def test_every_option_is_documented_and_nothing_else() -> None:
    assert sorted(rows("Options")) == sorted(options())


@pytest.mark.parametrize("name", [name for name, option in options().items() if option.required])
def test_what_is_required_is_called_so(name: str) -> None:
    assert rows("Options")[name] == "required"


@pytest.mark.parametrize(
    ("name", "default"),
    [(name, option.default) for name, option in options().items() if isinstance(option.default, str | int | float)],
)
def test_defaults_are_those_of_the_program(name: str, default: Any) -> None:
    if default is False:
        assert rows("Options")[name] == "off"
    else:
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        assert f"`{shown}`" in rows("Options")[name]


def names_of(registry: CollectorRegistry) -> set[str]:
    return {metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()}


def test_every_metric_is_documented_and_nothing_else() -> None:
    of_stores = {"devworkspace_environments", "devworkspace_starts"}
    of_pools = {"devworkspace_pool_members", "devworkspace_pool_requests"}
    assert set(rows("Metrics")) - of_stores - of_pools == names_of(Metrics().registry)
