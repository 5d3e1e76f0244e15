"""A table of measured figures with their bars, and the machine and the load beside them."""

import math
import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`bar` is what `value` must not exceed (`at_least`: reach), None where a figure is only told; `floor` is what the
    machine gives without us: the bare loop's value, or that of no proxy."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    floor: float | None = None
    note: str = ""
    at_least: bool = False

    @property
    def passed(self) -> bool:
        if self.bar is None:
            return True
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def header() -> str:
    """Date, commit, cores and what else runs on the machine: a figure is nothing without them."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{date}, commit {commit.stdout.strip()}, {os.cpu_count()} cores, load {load}"


def table(figures: Sequence[Figure]) -> str:
    """Markdown, as docs/PERFORMANCE.md has it."""
    lines = ["| figure | measured | bar | floor | verdict |", "| --- | --- | --- | --- | --- |"]
    for figure in figures:
        bar = "–" if figure.bar is None else f"{'≥' if figure.at_least else '≤'} {_number(figure.bar)} {figure.unit}"
        floor = "–" if figure.floor is None else f"{_number(figure.floor)} {figure.unit}"
        verdict = "" if figure.bar is None else "holds" if figure.passed else "**missed**"
        name = f"{figure.name} ({figure.note})" if figure.note else figure.name
        lines.append(f"| {name} | {_number(figure.value)} {figure.unit} | {bar} | {floor} | {verdict} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"
