"""What an environment used, as its pod tells: reading its lines, and choosing those of an hour, a day or a week.

The pod is its user's, who may write there what they like. Lines are taken as they must look or not at all, numbers are
bounded, and what is told is shown to those who may open this environment and decides nothing.

Times are seconds by the pod's clock. Only ages are taken from them, so that a wrong clock moves nothing.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal, NamedTuple

MAX_LINE_BYTES: Final = 48
# By images/base/rootfs/usr/local/bin/devworkspace-usage: at most 80 and 1,009 lines.
MAX_MINUTES_BYTES: Final = 96 * MAX_LINE_BYTES
MAX_HISTORY_BYTES: Final = 1200 * MAX_LINE_BYTES
MINUTE: Final = 60
SPAN: Final = 600
# Measured every minute; an older one is of a measurement that has ended.
FRESH: Final = 180

_LINE: Final = re.compile(rb"([1-9][0-9]{0,9}) (?:start|([0-9]{1,7}) ([0-9]{1,12}) (?:([0-9]{1,12})|-))")

WindowName = Literal["1h", "24h", "7d"]


class Window(NamedTuple):
    """How far back somebody looks, and for how long a figure of it stands, both in seconds."""

    length: int
    step: int


WINDOWS: Final[dict[WindowName, Window]] = {
    "1h": Window(3600, MINUTE),
    "24h": Window(86_400, SPAN),
    "7d": Window(7 * 86_400, 3 * SPAN),
}


class Sample(NamedTuple):
    """Thousandths of a core on average in the `seconds` before `at`, the most memory, and the disk, in bytes.

    `disk` is None where nobody knows.
    """

    at: int
    cpu: int
    memory: int
    disk: int | None
    seconds: int = MINUTE


class Lines(NamedTuple):
    """Figures, and when measuring began anew: starts of the container."""

    samples: tuple[Sample, ...] = ()
    starts: tuple[int, ...] = ()


def parse_sample(line: bytes) -> Sample | None:
    """None for anything but figures."""
    match = _LINE.fullmatch(line)
    return _sample(match, MINUTE) if match is not None and match[2] is not None else None


def parse_lines(body: bytes, *, seconds: int) -> Lines | None:
    """A file of lines that each stand for `seconds`; None if one is malformed. One without its end is still to come."""
    *lines, _ = body.split(b"\n")
    matches = [_LINE.fullmatch(line) for line in lines]
    found = [match for match in matches if match is not None]
    if len(found) != len(matches):
        return None
    return Lines(
        samples=tuple(_sample(match, seconds) for match in found if match[2] is not None),
        starts=tuple(int(match[1]) for match in found if match[2] is None),
    )


def choose(*, minutes: Lines, history: Lines, window: Window, now: int) -> Lines:
    """What to show of the time before `now`: minutes as far as there are any, before them the history.

    Where a figure of the window stands for longer than those that are there, they are put together: the mean of the
    processor, the most memory, the last disk.
    """
    oldest = min((sample.at for sample in minutes.samples), default=now + 1)
    older = (sample for sample in history.samples if sample.at < oldest)
    samples = sorted(sample for sample in (*older, *minutes.samples) if 0 <= now - sample.at < window.length)
    starts = sorted({at for at in (*minutes.starts, *history.starts) if 0 <= now - at < window.length})
    if window.step > MINUTE:
        samples = list(_put_together(samples, starts=starts, step=window.step))
    return Lines(tuple(samples), tuple(starts))


def _put_together(samples: Iterable[Sample], *, starts: Sequence[int], step: int) -> Iterator[Sample]:
    """Nothing is put together across a start: there is a gap."""

    def place(sample: Sample) -> tuple[int, int]:
        return bisect_left(starts, sample.at), sample.at // step

    for _, found in groupby(samples, place):
        group = tuple(found)
        seconds = sum(sample.seconds for sample in group)
        yield Sample(
            at=group[-1].at,
            cpu=round(sum(sample.cpu * sample.seconds for sample in group) / seconds),
            memory=max(sample.memory for sample in group),
            disk=group[-1].disk,
            seconds=min(seconds, step),
        )


def _sample(match: re.Match[bytes], seconds: int) -> Sample:
    disk = int(match[4]) * 1024 if match[4] is not None else None
    return Sample(at=int(match[1]), cpu=int(match[2]), memory=int(match[3]) * 1024, disk=disk, seconds=seconds)
