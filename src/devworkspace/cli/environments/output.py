"""Tables for people, JSON and YAML for programs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import click
import msgspec

from devworkspace.cli.environments.words import say
from devworkspace.cli.language import width
from devworkspace.core.timestamps import parse_timestamp

Output = Literal["table", "wide", "json", "yaml"]
_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    choice = click.Choice(["table", "wide", "json", "yaml"])
    return click.option("--output", "-o", type=choice, default="table", show_default=True)(function)


def show_one(record: Mapping[str, Any], *, output: Output) -> None:
    """Prints one record; as a table, with a line for each field that says something."""
    if print_for_programs(record, output=output):
        return
    rows = [(title(name), text) for name, value in record.items() for text in _texts(value)]
    for line in table([(name, _cell(text)) for name, text in rows]):
        click.echo(line)


def _texts(value: Any) -> list[str]:
    """A line for each entry of a list; a map in one line."""
    match value:
        case None | "":
            return []
        case dict():
            return [", ".join(_pairs(value))] if value else []
        case list() | tuple():
            return [text for part in value for text in _texts(part)]
        case bool():
            return [str(value).lower()]
    return [str(value)]


def _pairs(value: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`resources.limits.cpu=2` for each value of a map of maps."""
    pairs: list[str] = []
    for name, part in value.items():
        pairs += _pairs(part, f"{prefix}{name}.") if isinstance(part, dict) else [f"{prefix}{name}={part}"]
    return pairs


def print_for_programs(value: Any, *, output: Output) -> bool:
    """Prints it as JSON or YAML if that is wanted, and says whether it did."""
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
    elif output == "yaml":
        click.echo(msgspec.yaml.encode(value).decode(), nl=False)
    return output in ("json", "yaml")


def show(
    records: Sequence[Mapping[str, Any]], *, output: Output, columns: Sequence[str], wide: Sequence[str] = ()
) -> None:
    """Prints records; a table has their fields `columns`, with `wide` the others as well."""
    if print_for_programs(records, output=output):
        return
    if not records:
        click.echo(say("empty"), err=True)
    else:
        shown = [*columns, *wide] if output == "wide" else list(columns)
        rows = [[title(name) for name in shown], *([_cell(record.get(name)) for name in shown] for record in records)]
        for line in table(rows):
            click.echo(line)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; the last one is left as it is."""
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "   ".join(cell + " " * (space - width(cell)) for cell, space in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def title(field: str) -> str:
    """`retainedAt` -> `RETAINED AT`."""
    return "".join(f" {character}" if character.isupper() else character for character in field).upper()


def age(timestamp: str | None, *, now: datetime | None = None) -> str:
    """How long ago, in its two largest units: `3d4h`."""
    if timestamp is None:
        return say("age.unknown")
    seconds = max(0, int(((now or datetime.now(UTC)) - parse_timestamp(timestamp)).total_seconds()))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}" if count or not parts else "")
    return "".join(parts[:2])


def _cell(value: Any) -> str:
    return "-" if value is None or value == "" else printable(str(value))


def printable(text: str) -> str:
    """What other people wrote must not move the cursor or colour the screen."""
    return "".join(character if character.isprintable() else " " for character in text)
