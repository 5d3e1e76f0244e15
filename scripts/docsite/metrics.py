"""Reference of the metrics, made from the registries that operator and server fill."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from scripts.docsite.tables import code, plain, table
from scripts.docsite.words import Language, say

from devworkspace.operator.metrics import Metrics as OperatorMetrics
from devworkspace.server import rooms
from devworkspace.server.metrics import Metrics as ServerMetrics

NO_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)


class _Empty(list[Any]):
    starting = 0


def make_page(language: Language) -> str:
    """Names, types, labels and words of all."""
    lines = [
        f"# {say('metrics', language)}",
        "",
        say("made", language, source="metrics.py"),
        "",
        say("metrics-lead", language),
    ]
    for part, registry in (("operator", operator_registry()), ("server", server_registry())):
        lines += ["", f"## {say(part, language)}", ""]
        head = [say(word, language) for word in ("metric", "type", "labels", "meaning")]
        lines += table(head, sorted(_rows(registry)))
    return "\n".join(lines).rstrip() + "\n"


def operator_registry() -> CollectorRegistry:
    """The operator's, of a cluster in which nothing is."""
    metrics = OperatorMetrics()
    metrics.keys(dict)
    nothing: Any = SimpleNamespace(
        instances={}, admission=SimpleNamespace(queue=_Empty()), pools=SimpleNamespace(kept={})
    )
    metrics.watch(nothing, now=lambda: NO_TIME)
    return metrics.registry


def server_registry() -> CollectorRegistry:
    """The server's, before anybody came."""
    metrics = ServerMetrics()
    ground: Any = SimpleNamespace(
        readiness=SimpleNamespace(problem=lambda: None),
        outside=SimpleNamespace(keys=SimpleNamespace(ring=SimpleNamespace(roles={})), metrics=metrics, table=[]),
    )
    gateway: Any = SimpleNamespace(sockets=[])
    activity: Any = SimpleNamespace(known=lambda: 0.0, unknown=lambda: 0.0)
    rooms._tell_figures(ground, gateway=gateway, activity=activity)
    return metrics.registry


def _rows(registry: CollectorRegistry) -> Iterator[list[str]]:
    for collector in list(registry._collector_to_names):
        labels = tuple(getattr(collector, "_labelnames", ()))
        for metric in collector.collect():
            # A family that is made when asked knows its labels itself.
            own = tuple(getattr(metric, "_labelnames", ())) or labels
            yield [code(_name(metric)), metric.type, ", ".join(map(code, own)), plain(metric.documentation)]


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name
