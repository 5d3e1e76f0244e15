"""What the cluster has told about an environment: Events about the instance, its pods and its volume."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from devworkspace.api import names
from devworkspace.api.meta import Struct
from devworkspace.api.surroundings import Event
from devworkspace.core.render.common import child_name
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.kube.client import Client
from devworkspace.kube.resource import EVENTS
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.environments import Environment

MAX_EVENTS: Final = 200
# Of one object; a program that writes Events without end must not make us read them without end.
MAX_READ: Final = 1000
MAX_MESSAGE: Final = 1024

Subject = Literal["Environment", "Pod", "Volume"]
_SUBJECTS: Final[dict[str, Subject]] = {
    names.INSTANCE_KIND: "Environment",
    "Pod": "Pod",
    "PersistentVolumeClaim": "Volume",
}


class Source(Struct, frozen=True):
    component: str = ""


class ToldEvent(Event, frozen=True):
    """An Event with what people want to see of it beside what the operator reads."""

    count: int | None = None
    source: Source = Source()
    reporting_component: str = ""


class EventView(View, frozen=True):
    """One thing that happened, however often; `about` says to which part."""

    about: Subject
    object: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    count: int
    first_seen: str
    last_seen: str
    source: str


class EventList(View, frozen=True):
    """Newest first. `complete` is false if there were more; Kubernetes itself keeps Events for an hour."""

    items: tuple[EventView, ...]
    complete: bool


class EventQuery(msgspec.Struct, frozen=True, rename="camel"):
    limit: Annotated[int, Meta(ge=1, le=MAX_EVENTS)] = 100


class Events:
    """The address of an environment's Events."""

    def __init__(self, *, cluster: Client, lookup: Lookup) -> None:
        self._cluster = cluster
        self._lookup = lookup

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/events",
                self.list,
                "What the cluster tells about it, its pod and its volume",
                EventList,
                query=EventQuery,
                problems=(404,),
                right=TO_OPEN,
            ),
        )

    async def list(self, call: Call) -> EventList:
        environment = await self._lookup.find(call)
        results = await asyncio.gather(
            *(
                self._cluster.list(
                    EVENTS,
                    ToldEvent,
                    namespace=environment.key.namespace,
                    field_selector=selector,
                    limit=MAX_READ,
                    at_most=MAX_READ,
                )
                for selector in _selectors(environment)
            )
        )
        found = merge_events(event for result in results for event in result.items)
        limit: int = call.query.limit
        complete = len(found) <= limit and all(result.complete for result in results)
        return EventList(items=found[:limit], complete=complete)


def _selectors(environment: Environment) -> tuple[str, ...]:
    """Pods of earlier starts had the same name, which no other environment's have."""
    child, status = child_name(environment.instance), environment.instance.status
    # The first pod may have been made in advance, those of later starts are named after the environment.
    pods = sorted({child, status.pod_name or child, status.pvc_name or child})
    return (
        f"involvedObject.uid={environment.uid}",
        *(f"involvedObject.kind=Pod,involvedObject.name={pod}" for pod in pods),
        f"involvedObject.kind=PersistentVolumeClaim,involvedObject.name={status.pvc_name or child}",
    )


def merge_events(events: Iterable[ToldEvent]) -> tuple[EventView, ...]:
    """Newest first; equal words about equal objects once, with the sum of their counts."""
    merged: dict[tuple[str, ...], tuple[datetime, EventView]] = {}
    for event in events:
        first, last = _times(event)
        view = _view(event, first=first, last=last)
        key = (view.about, view.object, event.involved_object.uid, view.type, view.reason, view.message)
        if (known := merged.get(key)) is not None:
            view = msgspec.structs.replace(
                view if last > known[0] else known[1],
                count=view.count + known[1].count,
                first_seen=min(view.first_seen, known[1].first_seen),
            )
            last = max(last, known[0])
        merged[key] = (last, view)
    ordered = sorted(merged.values(), key=lambda item: (item[0], item[1].reason), reverse=True)
    return tuple(view for _, view in ordered)


def _view(event: ToldEvent, *, first: datetime, last: datetime) -> EventView:
    series = event.series.count if event.series is not None else 0
    return EventView(
        about=_SUBJECTS.get(event.involved_object.kind, "Environment"),
        object=event.involved_object.name,
        type="Warning" if event.type == "Warning" else "Normal",
        reason=event.reason,
        message=event.message if len(event.message) <= MAX_MESSAGE else event.message[: MAX_MESSAGE - 1] + "…",
        count=max(series, event.count or 0, 1),
        first_seen=format_timestamp(first),
        last_seen=format_timestamp(last),
        source=event.source.component or event.reporting_component,
    )


def _times(event: ToldEvent) -> tuple[datetime, datetime]:
    """First and last, from whichever of the fields are set."""
    observed = event.series.last_observed_time if event.series is not None else None
    told = [text for text in (event.first_timestamp, event.event_time, event.last_timestamp, observed) if text]
    times = [parse_timestamp(text) for text in told or [event.metadata.creation_timestamp or "1970-01-01T00:00:00Z"]]
    return min(times), max(times)
