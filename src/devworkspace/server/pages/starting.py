"""The steps of a start on the waiting page, with the seconds that each took and those that a start usually takes."""

from collections.abc import Sequence
from typing import Final, Protocol

from devworkspace.core.startup import StageId, StageState
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.server.pages.texts import Language, text

_SIGNS: Final = {"waiting": "·", "running": "◌", "done": "✓", "failed": "▲"}


class Stage(Protocol):
    """A step; times are RFC 3339."""

    @property
    def id(self) -> StageId: ...
    @property
    def state(self) -> StageState: ...
    @property
    def started_at(self) -> str | None: ...
    @property
    def finished_at(self) -> str | None: ...


class Usual(Protocol):
    """How long starts from the same template take, in seconds."""

    @property
    def median(self) -> float: ...
    @property
    def p95(self) -> float: ...


class Start(Protocol):
    """A start, as the API shows it, too."""

    @property
    def requested_at(self) -> str: ...
    @property
    def stages(self) -> Sequence[Stage]: ...
    @property
    def usual(self) -> Usual | None: ...


def start_steps(start: Start, language: Language, *, failed: bool) -> str:
    """A line about the whole and a list of the steps. The page's script counts what is under way (`data-since`)."""
    steps = "".join(_step(stage, language, failed=failed) for stage in start.stages)
    return f'{"" if failed else _total(start, language)}<ol class="steps">{steps}</ol>'


def _total(start: Start, language: Language) -> str:
    began = _milliseconds(start.requested_at)
    ends = [_milliseconds(stage.finished_at) for stage in start.stages if stage.finished_at is not None]
    if len(ends) == len(start.stages):
        took = max(ends, default=began) - began
        return f'<p class="total" data-total-ms="{took}"><span class="seconds">{took / 1000:.0f} s</span></p>'
    since = f'<span class="seconds" data-since="{began}" data-total></span>'
    usual = start.usual
    if usual is None:
        return f'<p class="total">{since} <span class="hint">{text("start.first", language)}</span></p>'
    yardstick = text("start.usual", language, median=f"{usual.median:.0f}", p95=f"{usual.p95:.0f}")
    late = text("start.late", language)
    return (
        f'<p class="total">{since} <span class="hint">{yardstick}</span> '
        f'<span class="late" data-late="{usual.p95 * 1000:.0f}" hidden>{late}</span></p>'
    )


def _step(stage: Stage, language: Language, *, failed: bool) -> str:
    state = "failed" if failed and stage.state == "running" else stage.state
    attributes, seconds = "", ""
    if stage.started_at is not None and stage.finished_at is not None:
        took = _milliseconds(stage.finished_at) - _milliseconds(stage.started_at)
        attributes, seconds = f' data-ms="{took}"', f"{took / 1000:.0f} s"
    counting = f' data-since="{_milliseconds(stage.started_at)}"' if state == "running" and stage.started_at else ""
    name = text(f"stage.{stage.id}", language)
    return (
        f'<li data-stage="{stage.id}" data-state="{state}"{attributes}>'
        f'<span aria-hidden="true">{_SIGNS[state]}</span><span class="name">{name}'
        f'<span class="unseen">, {text(f"step.{state}", language)}</span></span>'
        f'<span class="seconds"{counting}>{seconds}</span></li>'
    )


def _milliseconds(time: str) -> int:
    return int(parse_timestamp(time).timestamp() * 1000)
