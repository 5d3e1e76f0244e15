"""What environments take of the cluster, as metrics: eight lines for each namespace that has environments.

Owners and environments are no labels: names of people do not belong into metrics, and ten thousand environments would
be eighty thousand lines. The API's table has both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from devworkspace.api.instance import MonthUsage, Usage, UsageNow
from devworkspace.core.usage import known_months, usage_in
from devworkspace.operator.cluster import Cluster

_MEBIBYTE: Final = 2**20
_NOW: Final[Mapping[str, tuple[str, Callable[[UsageNow], float]]]] = {
    "running_environments": ("Environments with a pod on a node.", lambda now: now.running),
    "requested_cpu_cores": ("Cores that their pods request.", lambda now: now.cpu_millicores / 1000),
    "requested_memory_bytes": ("Memory that their pods request.", lambda now: now.memory_mebibytes * _MEBIBYTE),
    "requested_storage_bytes": (
        "Size of the volumes of environments, running or not.",
        lambda now: now.storage_mebibytes * _MEBIBYTE,
    ),
}
_MONTH: Final[Mapping[str, tuple[str, Callable[[MonthUsage], float]]]] = {
    "month_running_seconds": ("Seconds with a pod on a node.", lambda month: month.running_seconds),
    "month_cpu_core_seconds": (
        "Requested cores times seconds.",
        lambda month: month.cpu_millicore_seconds / 1000,
    ),
    "month_memory_byte_seconds": (
        "Requested memory times seconds.",
        lambda month: month.memory_mebibyte_seconds * _MEBIBYTE,
    ),
    "month_storage_byte_seconds": (
        "Size of volumes times seconds.",
        lambda month: month.storage_mebibyte_seconds * _MEBIBYTE,
    ),
}


class UsageCollector(Collector):
    """Reads the stores when asked."""

    def __init__(self, cluster: Cluster, *, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now

    def collect(self) -> Iterator[Metric]:
        usages: defaultdict[str, list[Usage]] = defaultdict(list)
        for instance in self._cluster.instances.values():
            if instance.status.usage is not None:
                usages[instance.metadata.namespace].append(instance.status.usage)
        now = self._now()
        month = known_months(now)[0]
        months = {name: [usage_in(usage, month, now=now) for usage in found] for name, found in usages.items()}
        for name, (description, read) in _NOW.items():
            sums = {namespace: sum(read(usage.now) for usage in found) for namespace, found in usages.items()}
            yield _family(name, description, sums)
        for name, (description, read_month) in _MONTH.items():
            sums = {namespace: sum(map(read_month, found)) for namespace, found in months.items()}
            yield _family(name, f"{description} This month (UTC), of the environments that exist.", sums)


def _family(name: str, description: str, sums: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"devworkspace_namespace_{name}", description, labels=("namespace",))
    for namespace, value in sums.items():
        family.add_metric((namespace,), value)
    return family
