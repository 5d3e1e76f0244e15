"""When somebody last worked in an environment: reading the report from its pod, and what of it goes into the status.

Not knowing is never idleness. `status.lastActivity` is there only while reports say when the last work was; where
nobody reports, because the image has no reporter, the extension is off or the pod does not answer, it is taken away.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from devworkspace.core.figures import MAX_LINE_BYTES, Sample, parse_sample

MAX_REPORT_BYTES: Final = 64 + MAX_LINE_BYTES
# Pods are asked every minute: one missing answer is forgiven.
FRESH: Final = timedelta(seconds=100)
# A report is written every half minute; an older one means that the reporter has died, or that the pod is very busy.
REPORT_FRESH: Final = timedelta(seconds=90)
# How old the written time must be before a newer one is written: 1,000 environments in use cost 3.3 writes a second.
WRITE_INTERVAL: Final = timedelta(minutes=5)
# Times go through two clocks, in whole seconds; steps below this are no news.
RESOLUTION: Final = timedelta(minutes=1)

_REPORT: Final = re.compile(rb"1 ([1-9][0-9]{0,9}) ([1-9][0-9]{0,9}) (seen|blind)(?:\n|\nusage ([^\n]+)\n)?")


class Report(NamedTuple):
    """What a pod says, by its own clock. `blind`: an editor window is open and nobody sees what happens in it.

    `figures` is what it used in the minute before; None where nobody measures.
    """

    written_at: datetime
    worked_at: datetime
    blind: bool
    figures: Sample | None = None


class Knowledge(NamedTuple):
    """What one server knows about one pod. Times are this server's.

    `worked_at` is the last work that reports tell of, None before the first one; `heard_at` is when the last good
    report was fetched, before the first one when asking began. `opened_at`: when a person last opened one of the
    environment's pages.
    """

    heard_at: datetime
    worked_at: datetime | None = None
    opened_at: datetime | None = None


class ActivityWrite(NamedTuple):
    """What `status.lastActivity` is to become; None takes it away."""

    last_activity: datetime | None


def parse_report(body: bytes) -> Report | None:
    """None for anything but a report: the pod is its user's, who may send what they like."""
    match = _REPORT.fullmatch(body)
    if match is None:
        return None
    figures = parse_sample(match[4]) if match[4] is not None else None
    if match[4] is not None and figures is None:
        return None
    written_at, worked_at = (datetime.fromtimestamp(int(match[group]), UTC) for group in (1, 2))
    return Report(written_at, worked_at, match[3] == b"blind", figures)


def find_last_work(report: Report, *, pod_time: datetime, now: datetime) -> datetime | None:
    """The last work by the clock of `now`, or None if the report does not tell.

    Only differences of the pod's clock count, so that one that is wrong changes nothing.
    """
    if report.blind or abs(pod_time - report.written_at) >= REPORT_FRESH:
        return None
    return now - max(pod_time - report.worked_at, timedelta())


def learn(knowledge: Knowledge, *, last_work: datetime, now: datetime) -> Knowledge:
    """Adds a good report."""
    worked_at = last_work if knowledge.worked_at is None else max(last_work, knowledge.worked_at)
    return knowledge._replace(heard_at=now, worked_at=worked_at)


def is_known(knowledge: Knowledge, now: datetime) -> bool:
    return knowledge.worked_at is not None and now - knowledge.heard_at < FRESH


def find_write(
    knowledge: Knowledge, *, stored: datetime | None, now: datetime, urgent: bool = False
) -> ActivityWrite | None:
    """What to write, if anything; `stored` is what the status says.

    Work after a pause is written at once, work that goes on every `WRITE_INTERVAL`, and never an earlier time than the
    one that stands there. `urgent` where the environment is about to be stopped: all news is written at once then.
    Several servers agree without talking: what one has written, the others see as not due.
    """
    if now - knowledge.heard_at >= FRESH:
        return None if stored is None else ActivityWrite(None)
    if knowledge.worked_at is None:
        return None
    last = max(knowledge.worked_at, knowledge.opened_at or knowledge.worked_at)
    if stored is not None and (last - stored < RESOLUTION or (now - stored < WRITE_INTERVAL and not urgent)):
        return None
    return ActivityWrite(last)
