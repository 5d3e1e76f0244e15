"""What environments used over time, and what those that run use now, by the word of their own pods."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from devworkspace.core.figures import WINDOWS, Lines, Sample, WindowName, choose
from devworkspace.core.timestamps import format_timestamp
from devworkspace.server.activity import Figures, is_watched, reports_itself
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import FieldError, Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.usage import AmountView, amount, disk_size
from devworkspace.server.api.views import View
from devworkspace.server.api.volumes import Volumes
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.environments import Environment, EnvironmentTable
from devworkspace.server.pastusage import PastUsage

# As many as a page of the dashboard's list has rows.
MAX_UIDS: Final = 100
WhyNone = Literal["", "stopped", "unmeasured", "silent"]


class WindowQuery(msgspec.Struct, frozen=True, rename="camel"):
    """How far back: figures of a minute, of ten minutes, or of half an hour."""

    window: WindowName = "1h"


class UidsQuery(msgspec.Struct, frozen=True, rename="camel"):
    """Whose figures: UIDs of environments, with commas between them, at most 100."""

    uids: Annotated[str, Meta(min_length=1, max_length=64 * MAX_UIDS)]


class FigureView(View, frozen=True):
    """The `seconds` before `at`: cores on average, most memory in bytes, and at their end bytes of the disk.

    `disk` is null where nobody knows.
    """

    at: str
    seconds: int
    cpu: float
    memory: int
    disk: int | None


class HistoryView(View, frozen=True):
    """`why` says why there is nothing: it does not run (`stopped`), nobody measures in it (`unmeasured`), or its pod
    does not answer as it should (`silent`). The time before `until` that nothing tells of is unknown, not zero.

    Limits are those of now. `starts` is when its container started: between two figures there is a gap then.
    """

    available: bool
    why: WhyNone
    window: WindowName
    since: str
    until: str
    cpu_limit: float | None
    memory_limit: float | None
    disk_limit: float | None
    figures: tuple[FigureView, ...]
    starts: tuple[str, ...]


class PresentView(View, frozen=True):
    """What one used in the minute before `measured_at`, in cores and bytes."""

    uid: str
    measured_at: str
    cpu: AmountView
    memory: AmountView


class PresentList(View, frozen=True):
    """Those of the environments asked for that you may open, that run and that measure themselves."""

    items: tuple[PresentView, ...]


class _Clock(NamedTuple):
    """Which time it is here when the pod's clock shows `pod_now`."""

    now: datetime
    pod_now: int

    def tell(self, at: int) -> str:
        return format_timestamp(self.now - timedelta(seconds=self.pod_now - at))


class FigureRoutes:
    """The addresses of figures. `present` is what a pod's last report said."""

    def __init__(
        self,
        *,
        lookup: Lookup,
        table: EnvironmentTable,
        authorizer: Authorizer,
        volumes: Volumes,
        past: PastUsage,
        present: Callable[[Environment], Figures | None],
        now: Callable[[], datetime],
    ) -> None:
        self._lookup = lookup
        self._table = table
        self._authorizer = authorizer
        self._volumes = volumes
        self._past = past
        self._present = present
        self._now = now

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/usage/history",
                self.read_history,
                "Processor, memory and disk that it used in the last hour, day or week",
                HistoryView,
                query=WindowQuery,
                problems=(404,),
                right=TO_OPEN,
            ),
            Route(
                "GET",
                "/api/v1/usage/now",
                self.read_present,
                "Processor and memory that several environments use now",
                PresentList,
                query=UidsQuery,
                right=TO_OPEN,
            ),
        )

    async def read_history(self, call: Call) -> HistoryView:
        environment = await self._lookup.find(call)
        window: WindowName = call.query.window
        now = self._now()
        why, found, clock = await self._read(environment, window, now)
        return HistoryView(
            available=why == "",
            why=why,
            window=window,
            since=format_timestamp(now - timedelta(seconds=WINDOWS[window].length)),
            until=format_timestamp(now),
            cpu_limit=amount("cpu", None, environment).limit,
            memory_limit=amount("memory", None, environment).limit,
            disk_limit=disk_size(self._volumes.of(environment.uid)),
            figures=tuple(_view(sample, clock) for sample in found.samples),
            starts=tuple(clock.tell(at) for at in found.starts),
        )

    async def _read(self, environment: Environment, window: WindowName, now: datetime) -> tuple[WhyNone, Lines, _Clock]:
        nothing = Lines(), _Clock(now, 0)
        if not is_watched(environment):
            return "stopped", *nothing
        if not reports_itself(environment):
            return "unmeasured", *nothing
        reading = await self._past.read(environment)
        if reading.pod_time is None:
            return ("unmeasured" if reading.outcome == "absent" else "silent"), *nothing
        clock = _Clock(now, int(reading.pod_time.timestamp()))
        found = choose(minutes=reading.minutes, history=reading.history, window=WINDOWS[window], now=clock.pod_now)
        return "", found, clock

    async def read_present(self, call: Call) -> PresentList:
        wanted = set(call.query.uids.split(","))
        if len(wanted) > MAX_UIDS:
            message = f"At most {MAX_UIDS} environments at once."
            raise Problem(422, message, errors=(FieldError("uids", message),))
        fitting = [found for found in self._table.values() if found.uid in wanted and is_watched(found)]
        allowed = await self._authorizer.allowed_of(call.identity, fitting)
        views = (self._view_present(environment) for environment in allowed)
        return PresentList(tuple(view for view in views if view is not None))

    def _view_present(self, environment: Environment) -> PresentView | None:
        figures = self._present(environment)
        if figures is None:
            return None
        return PresentView(
            uid=environment.uid,
            measured_at=format_timestamp(figures.at),
            cpu=amount("cpu", figures.sample.cpu / 1000, environment),
            memory=amount("memory", figures.sample.memory, environment),
        )


def _view(sample: Sample, clock: _Clock) -> FigureView:
    return FigureView(
        at=clock.tell(sample.at),
        seconds=sample.seconds,
        cpu=sample.cpu / 1000,
        memory=sample.memory,
        disk=sample.disk,
    )
