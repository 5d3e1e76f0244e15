"""What the operator counts, in an own registry so that tests can run several operators in one process."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from devworkspace.api.instance import Phase
from devworkspace.core.quantity import parse_quantity
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.usage_metrics import UsageCollector

_PHASES: Final[tuple[Phase, ...]] = get_args(Phase)


class _Keys(Collector):
    """One line for each key, so that an admin sees when every process has a new one."""

    def __init__(self, name: str, read: Callable[[], dict[str, str]]) -> None:
        self._name = name
        self._read = read

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, "1 for each key in use, by its public name.", labels=("id", "role"))
        for identifier, role in self._read().items():
            family.add_metric((identifier, role), 1.0)
        yield family


class Metrics:
    """Counters and histograms; `observe_request` and `observe_reconcile` are called by client and queue."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "devworkspace_api_requests",
            "Requests to the Kubernetes API server.",
            ("verb", "resource", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "devworkspace_api_request_seconds",
            "Duration of requests to the Kubernetes API server, watches excepted.",
            ("verb",),
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
            registry=self.registry,
        )
        self._reconciles = Counter(
            "devworkspace_reconciles", "Rounds of reconciling, by result.", ("result",), registry=self.registry
        )
        self._reconcile_seconds = Histogram(
            "devworkspace_reconcile_seconds",
            "Duration of one round of reconciling.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
            registry=self.registry,
        )
        self._events = Counter(
            "devworkspace_events",
            "Kubernetes Events about environments: written, failed (given up) or dropped (too many at once).",
            ("result",),
            registry=self.registry,
        )
        self._stops = Counter(
            "devworkspace_stops",
            "Environments that were stopped, by reason: User, Idle, MaxRunDuration, Schedule.",
            ("reason",),
            registry=self.registry,
        )
        self._claims = Counter(
            "devworkspace_pool_claims",
            "Environments that took a pod made in advance: warm, or lost where it went before they had it.",
            ("result",),
            registry=self.registry,
        )
        self.queue_length = Gauge(
            "devworkspace_queue_length", "Instances that wait for a worker.", registry=self.registry
        )
        self.leading = Gauge(
            "devworkspace_operator_leading", "1 in the process that may write, 0 in a standby.", registry=self.registry
        )

    def keys(self, read: Callable[[], dict[str, str]]) -> None:
        """`read` gives the names of the keys in use and what each is for."""
        self.registry.register(_Keys("devworkspace_operator_key", read))

    def observe_request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """One finished request; `status` is 0 where no answer came."""
        self._requests.labels(verb, resource, str(status)).inc()
        if verb != "watch":
            self._request_seconds.labels(verb).observe(seconds)

    def observe_reconcile(self, result: str, seconds: float) -> None:
        """One finished round; `result` is `ok`, `refused` or `error`."""
        self._reconciles.labels(result).inc()
        self._reconcile_seconds.observe(seconds)

    def observe_event(self, result: str) -> None:
        """One write of an Event, or one that will not be written."""
        self._events.labels(result).inc()

    def observe_stop(self, reason: str) -> None:
        """One environment that has come to rest."""
        self._stops.labels(reason).inc()

    def observe_claim(self, result: str) -> None:
        """One claim; `result` is `warm` or `lost`."""
        self._claims.labels(result).inc()

    def watch(self, cluster: Cluster, *, now: Callable[[], datetime]) -> None:
        """Adds what is read from the stores when asked: environments by phase, the pools, and what namespaces take."""
        self.registry.register(_Environments(cluster))
        self.registry.register(_Pools(cluster))
        self.registry.register(UsageCollector(cluster, now=now))


class _Environments(Collector):
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self) -> Iterator[Metric]:
        tally = Tally(instance.status.phase or "Pending" for instance in self._cluster.instances.values())
        family = GaugeMetricFamily("devworkspace_environments", "Environments by phase.", labels=("phase",))
        for phase in _PHASES:
            family.add_metric((phase,), tally[phase])
        yield family
        queue = self._cluster.admission.queue
        starts = GaugeMetricFamily("devworkspace_starts", "Starts under way and waiting.", labels=("state",))
        starts.add_metric(("starting",), queue.starting)
        starts.add_metric(("waiting",), len(queue))
        yield starts


class _Pools(Collector):
    """How many environments are made in advance, and what they cost: what they request of the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self) -> Iterator[Metric]:
        labels = ("template", "namespace")
        members = GaugeMetricFamily(
            "devworkspace_pool_members",
            "Environments made in advance: wanted, ready, starting.",
            labels=(*labels, "state"),
        )
        requests = GaugeMetricFamily(
            "devworkspace_pool_requests",
            "What the environments made in advance request: cores of cpu, bytes of memory and of storage.",
            labels=(*labels, "resource"),
        )
        for (_, namespace), pool in sorted(self._cluster.pools.kept.items()):
            status, settings = pool.status, pool.settings
            for state, count in (("wanted", status.wanted), ("ready", status.ready), ("starting", status.starting)):
                members.add_metric((pool.template, namespace, state), count)
            if settings is None:
                continue
            costs = {**settings.requests, "storage": settings.storage.size}
            for resource in ("cpu", "memory", "storage"):
                cost = float(parse_quantity(costs[resource])) * (status.ready + status.starting)
                requests.add_metric((pool.template, namespace, resource), cost)
        yield members
        yield requests
