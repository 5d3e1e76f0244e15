"""What an environment uses now, beside what it may use at most; and what it took so far.

Its own report says it, which the server has fetched anyway; where it does not measure, the metrics API is asked.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from devworkspace.api import names
from devworkspace.api.children import ContainerResources, PersistentVolumeClaim
from devworkspace.api.meta import Key, Struct
from devworkspace.core.prices import Prices
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.usage import known_months, usage_in
from devworkspace.kube.client import Client
from devworkspace.kube.errors import NotFound, ServerError
from devworkspace.kube.resource import POD_METRICS
from devworkspace.server.activity import Figures
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.monthly import MonthView, month_view
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.api.volumes import Volumes
from devworkspace.server.environments import Environment

NOT_RUNNING: Final = "It does not run, so it uses neither processor nor memory."
NOT_YET: Final = "There are no figures yet; the metrics API measures a new pod about a minute after its start."
NO_API: Final = "This cluster has no metrics API (metrics.k8s.io), so nobody measures; ask an admin for metrics-server."
AWAY: Final = "The cluster's metrics API does not answer; try again in a moment."


class ContainerMetrics(Struct, frozen=True):
    name: str
    usage: dict[str, str] = {}


class PodMetrics(Struct, frozen=True):
    timestamp: str | None = None
    window: str | None = None
    containers: tuple[ContainerMetrics, ...] = ()


class AmountView(View, frozen=True):
    """Cores or bytes. `used` is null where nobody measures it, the others where nothing is set."""

    used: float | None
    request: float | None
    limit: float | None


class UsageView(View, frozen=True):
    """`available` false: `detail` says why there are no figures; they are unknown then, not zero.

    `disk.limit` is the volume's size; how much of it is used is null where the environment does not tell.
    `months` is what it took of the cluster by its requests, newest month first; `currency` that of their cost, null
    where the admin has set no prices.
    """

    available: bool
    detail: str
    measured_at: str | None
    window: str | None
    cpu: AmountView
    memory: AmountView
    disk: AmountView
    months: tuple[MonthView, ...]
    currency: str | None


class _Used(NamedTuple):
    """Cores and bytes, as far as somebody measures."""

    measured_at: str | None
    window: str | None
    cpu: float | None
    memory: float | None
    disk: float | None = None


class Usage:
    """The address of an environment's usage. `present` is what its own report said a moment ago."""

    def __init__(
        self,
        *,
        cluster: Client,
        lookup: Lookup,
        volumes: Volumes,
        present: Callable[[Environment], Figures | None],
        prices: Prices | None,
        now: Callable[[], datetime],
    ) -> None:
        self._present = present
        self._prices = prices
        self._now = now
        self._cluster = cluster
        self._lookup = lookup
        self._volumes = volumes

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/usage",
                self.read,
                "Processor and memory that it uses now, and what it took by month",
                UsageView,
                problems=(404,),
                right=TO_OPEN,
            ),
        )

    async def read(self, call: Call) -> UsageView:
        environment = await self._lookup.find(call)
        used, detail = await self._measure(environment)
        return UsageView(
            available=used is not None,
            detail=detail,
            measured_at=used.measured_at if used is not None else None,
            window=used.window if used is not None else None,
            cpu=amount("cpu", used.cpu if used is not None else None, environment),
            memory=amount("memory", used.memory if used is not None else None, environment),
            disk=AmountView(
                used=used.disk if used is not None else None,
                request=None,
                limit=disk_size(self._volumes.of(environment.uid)),
            ),
            months=_months(environment, self._now(), prices=self._prices),
            currency=self._prices.currency if self._prices is not None else None,
        )

    async def _measure(self, environment: Environment) -> tuple[_Used | None, str]:
        pod = environment.instance.status.pod_name
        if not environment.progress.made or not pod:
            return None, NOT_RUNNING
        figures = self._present(environment)
        if figures is not None:
            return _reported(figures), ""
        try:
            metrics = await self._cluster.get(POD_METRICS, Key(environment.key.namespace, pod), PodMetrics)
        except NotFound as error:
            # Of an API that does not exist no object can be named.
            return None, NOT_YET if error.details.get("name") else NO_API
        except ServerError:
            return None, AWAY
        used = _container(metrics)
        return _Used(metrics.timestamp, metrics.window, _value(used.get("cpu")), _value(used.get("memory"))), ""


def _reported(figures: Figures) -> _Used:
    at, sample = figures
    return _Used(format_timestamp(at), f"{sample.seconds}s", sample.cpu / 1000, sample.memory, sample.disk)


def _months(environment: Environment, now: datetime, *, prices: Prices | None) -> tuple[MonthView, ...]:
    usage = environment.instance.status.usage
    return tuple(month_view(usage_in(usage, month, now=now), prices) for month in known_months(now))


def _container(metrics: PodMetrics) -> Mapping[str, str]:
    """The editor's container; admission may have put others beside it."""
    return next((found.usage for found in metrics.containers if found.name == names.CONTAINER_NAME), {})


def amount(resource: str, used: float | None, environment: Environment) -> AmountView:
    """What is used of a resource, beside what the container has of it."""
    bounds = environment.container.resources if environment.container is not None else ContainerResources()
    return AmountView(
        used=used,
        request=_value(bounds.requests.get(resource)),
        limit=_value(bounds.limits.get(resource)),
    )


def disk_size(volume: PersistentVolumeClaim | None) -> float | None:
    """Bytes of a volume; None while there is none, or its size is not known."""
    return _value(volume.status.capacity.get("storage")) if volume is not None else None


def _value(quantity: str | None) -> float | None:
    return float(parse_quantity(quantity)) if quantity is not None else None
