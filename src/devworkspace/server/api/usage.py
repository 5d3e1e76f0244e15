"""What an environment uses now: the metrics API's figures beside what it may use at most; and what it took so far."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from devworkspace.api import names
from devworkspace.api.children import ContainerResources
from devworkspace.api.meta import Key, Struct
from devworkspace.core.prices import Prices
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.usage import known_months, usage_in
from devworkspace.kube.client import Client
from devworkspace.kube.errors import NotFound, ServerError
from devworkspace.kube.resource import POD_METRICS
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

    `disk.limit` is the volume's size. How much of it is used only the node knows, and this server asks no node.
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


class Usage:
    """The address of an environment's usage."""

    def __init__(
        self,
        *,
        cluster: Client,
        lookup: Lookup,
        volumes: Volumes,
        prices: Prices | None,
        now: Callable[[], datetime],
    ) -> None:
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
        metrics, detail = await self._measure(environment)
        used: Mapping[str, str] = _container(metrics) if metrics is not None else {}
        volume = self._volumes.of(environment.uid)
        return UsageView(
            available=metrics is not None,
            detail=detail,
            measured_at=metrics.timestamp if metrics is not None else None,
            window=metrics.window if metrics is not None else None,
            cpu=_amount("cpu", used, environment),
            memory=_amount("memory", used, environment),
            disk=AmountView(
                used=None,
                request=None,
                limit=_value(volume.status.capacity.get("storage")) if volume is not None else None,
            ),
            months=_months(environment, self._now(), prices=self._prices),
            currency=self._prices.currency if self._prices is not None else None,
        )

    async def _measure(self, environment: Environment) -> tuple[PodMetrics | None, str]:
        pod = environment.instance.status.pod_name
        if not environment.progress.made or not pod:
            return None, NOT_RUNNING
        try:
            return await self._cluster.get(POD_METRICS, Key(environment.key.namespace, pod), PodMetrics), ""
        except NotFound as error:
            # Of an API that does not exist no object can be named.
            return None, NOT_YET if error.details.get("name") else NO_API
        except ServerError:
            return None, AWAY


def _months(environment: Environment, now: datetime, *, prices: Prices | None) -> tuple[MonthView, ...]:
    usage = environment.instance.status.usage
    return tuple(month_view(usage_in(usage, month, now=now), prices) for month in known_months(now))


def _container(metrics: PodMetrics) -> Mapping[str, str]:
    """The editor's container; admission may have put others beside it."""
    return next((found.usage for found in metrics.containers if found.name == names.CONTAINER_NAME), {})


def _amount(resource: str, used: Mapping[str, str], environment: Environment) -> AmountView:
    bounds = environment.container.resources if environment.container is not None else ContainerResources()
    return AmountView(
        used=_value(used.get(resource)),
        request=_value(bounds.requests.get(resource)),
        limit=_value(bounds.limits.get(resource)),
    )


def _value(quantity: str | None) -> float | None:
    return float(parse_quantity(quantity)) if quantity is not None else None
