"""Figures of the server, in a registry of its own. Labels have few values; no name of a person or an environment."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
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
        self._bound: dict[tuple[str, int], Counter] = {}

    def count_request(self, room: str, status: int) -> None:
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
