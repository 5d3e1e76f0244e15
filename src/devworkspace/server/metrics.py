"""Figures of the server, in a registry of its own. Labels have few values; no name of a person or an environment."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Keys(Collector):
    """One line for each key, so that an admin sees when every process has a new one."""

    def __init__(self, read: Callable[[], dict[str, str]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        description = "1 for each key in use, by its public name"
        family = GaugeMetricFamily("devworkspace_server_key", description, labels=("id", "role"))
        for identifier, role in self._read().items():
            family.add_metric((identifier, role), 1.0)
        yield family


# Up to a quarter of a second in steps that tell a slow gateway from a slow editor, then up to what people wait for.
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class _Seconds(Collector):
    """A histogram for one thread: with every request, the library's own would cost a tenth of it."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, room: str, seconds: float) -> None:
        counts = self._counts.get(room)
        if counts is None:
            counts = self._counts[room] = [0] * (len(BOUNDS) + 1)
            self._sums[room] = 0.0
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._sums[room] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "devworkspace_server_request_seconds",
            "From the request's head to the end of the answer, by room; sockets and streams are left out",
            labels=("room",),
        )
        for room, counts in self._counts.items():
            bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric((room,), buckets, self._sums[room])
        yield family


class Metrics:
    """Counters that rooms are handed as plain callables, and gauges that read the truth when asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "devworkspace_server_requests", "Answers by room and status", ["room", "status"], registry=self.registry
        )
        self._sign_ins = Counter(
            "devworkspace_server_sign_ins", "Sign-ins by result", ["result"], registry=self.registry
        )
        self._activity = {
            what: Counter(f"devworkspace_server_activity_{what}s", description, ["result"], registry=self.registry)
            for what, description in (
                ("report", "Reports of activity that pods were asked for"),
                ("write", "Writes of status.lastActivity"),
            )
        }
        self._events = Counter(
            "devworkspace_server_audit_events",
            "Lines of the audit log by action and result; denials are those with result denied",
            ["action", "result"],
            registry=self.registry,
        )
        self._upstream = Counter(
            "devworkspace_server_upstream_errors",
            "Requests that an environment's pod did not answer: unreachable, or timeout",
            ["kind"],
            registry=self.registry,
        )
        self._reviews = Counter(
            "devworkspace_server_access_reviews",
            "Questions about rights: cached, asked (a request to the API server), failed",
            ["result"],
            registry=self.registry,
        )
        self._calls = Counter(
            "devworkspace_server_api_requests",
            "Requests to the Kubernetes API server; status 0 where no answer came",
            ["verb", "resource", "status"],
            registry=self.registry,
        )
        self._seconds = _Seconds()
        self.registry.register(self._seconds)
        self._bound: dict[tuple[str, int], Counter] = {}

    def count_upstream(self, kind: str) -> None:
        self._upstream.labels(kind).inc()

    def count_review(self, result: str) -> None:
        self._reviews.labels(result).inc()

    def count_call(self, verb: str, resource: str, status: int, _: float) -> None:
        """One request to the API server, as `kube.client.Client` tells it."""
        self._calls.labels(verb, resource, str(status)).inc()

    def count_request(self, room: str, status: int, seconds: float | None) -> None:
        """`seconds` is None for what lasts as long as somebody wants: sockets and streams."""
        if seconds is not None:
            self._seconds.observe(room, seconds)
        key = (room, status if 100 <= status < 600 else 599)
        counter = self._bound.get(key)
        if counter is None:
            counter = self._bound[key] = self._requests.labels(room, str(key[1]))
        counter.inc()

    def count_audit(self, action: str, result: str) -> None:
        self._events.labels(action, result).inc()

    def count_sign_in(self, result: str) -> None:
        self._sign_ins.labels(result).inc()

    def count_activity(self, what: str, result: str) -> None:
        self._activity[what].labels(result).inc()

    def keys(self, read: Callable[[], dict[str, str]]) -> None:
        """`read` gives the names of the keys in use and what each is for."""
        self.registry.register(_Keys(read))

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        Gauge(name, description, registry=self.registry).set_function(read)

    def render(self) -> bytes:
        return generate_latest(self.registry)
