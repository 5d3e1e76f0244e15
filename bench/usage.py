"""What figures cost: by month the operator's page of metrics, its decisions and the API's sums; over time the server.

In one process, without a cluster.

    .local/venv/bin/python -m bench.usage
"""

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from tests.support.builders import INSTALLATION, make_instance, make_pod, make_volume, running_status
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of

from bench.figures import Figure, header, median, table
from devworkspace.api.instance import InstanceStatus, MonthUsage, Usage, UsageNow, WorkspaceInstance
from devworkspace.core.figures import SPAN, WINDOWS, Lines, choose, parse_lines, parse_sample
from devworkspace.core.usage import account, sum_usage, usage_in
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.usage_metrics import UsageCollector
from devworkspace.server.activity import Figures

_ENVIRONMENTS: Final = 10_000
_PER_NAMESPACE: Final = 20
_ROUNDS: Final = 7
_NOW: Final = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
_MONTHS: Final = tuple(
    MonthUsage(f"2026-{month}", 360_000, 180_000_000, 368_640_000, 3_686_400_000) for month in (11, 10, 9)
)
_WEEK: Final = b"".join(b"%d 250 1048576 10485760\n" % (1_795_000_000 + 600 * line) for line in range(1009))
_USAGE: Final = Usage("2026-11-25T09:00:00Z", UsageNow(True, 500, 1024, 10240), _MONTHS)


async def main() -> int:
    """Returns 0: these figures have no bar of their own."""
    usages = [_USAGE] * _ENVIRONMENTS
    pod, volume = make_pod(**running_status()), make_volume()
    kept = account(None, pod=pod, volume=volume, now=_NOW)
    registry = CollectorRegistry()
    async with FakeApiServer() as server, client_of(server) as client:
        cluster = Cluster(client, INSTALLATION, lambda *_, **__: None)
        for number in range(_ENVIRONMENTS):
            cluster.instances.put(_environment(number))
        registry.register(UsageCollector(cluster, now=lambda: _NOW))
        page = _seconds(lambda: generate_latest(registry))
        lines = sum(1 for line in generate_latest(registry).splitlines() if not line.startswith(b"#"))
    sums = _seconds(lambda: sum_usage("2026-11", (usage_in(usage, "2026-11", now=_NOW) for usage in usages)))
    decisions = _seconds(lambda: [account(kept, pod=pod, volume=volume, now=_NOW) for _ in range(1000)])
    size = len(msgspec.json.encode(_USAGE))
    note = f"{_ENVIRONMENTS} environments in {_ENVIRONMENTS // _PER_NAMESPACE} namespaces"
    print(header())
    print(
        table(
            [
                Figure(name="metrics of usage", value=page * 1000, unit="ms a scrape", note=note),
                Figure(name="lines of metrics", value=lines, unit="lines", note=note),
                Figure(name="sums of a month", value=sums * 1000, unit="ms", note=f"{_ENVIRONMENTS} environments"),
                Figure(name="a decision that nothing has changed", value=decisions * 1000, unit="µs"),
                Figure(name="status.usage with three months", value=size, unit="bytes"),
                Figure(name="a week of figures read and chosen from", value=_seconds(_read_week) * 1000, unit="ms"),
                Figure(name="a week of figures in memory", value=_mebibytes(_parse_week), unit="MiB"),
                Figure(
                    name="present figures in memory",
                    value=_mebibytes(_present),
                    unit="MiB",
                    note=f"{_ENVIRONMENTS} environments",
                ),
            ]
        )
    )
    return 0


def _environment(number: int) -> WorkspaceInstance:
    namespace = f"team-{number // _PER_NAMESPACE}"
    status = InstanceStatus(phase="Running", usage=_USAGE)
    return make_instance(f"e{number}", status=status, metadata={"namespace": namespace, "uid": f"{number:08x}-0"})


def _parse_week() -> Lines:
    found = parse_lines(_WEEK, seconds=SPAN)
    assert found is not None
    return found


def _read_week() -> None:
    history = _parse_week()
    now = history.samples[-1].at
    assert len(choose(minutes=Lines(), history=history, window=WINDOWS["7d"], now=now).samples) > 300


def _present() -> dict[str, Figures]:
    """As the recorder of activity keeps them, one for each environment."""
    lines = (b"%d %d 1048576 10485760" % (1_795_000_000 + number, number % 4000) for number in range(_ENVIRONMENTS))
    samples = (sample for line in lines if (sample := parse_sample(line)) is not None)
    return {str(number): Figures(datetime.now(UTC), sample) for number, sample in enumerate(samples)}


def _mebibytes(make: Callable[[], object]) -> float:
    """What stays of what is made, while somebody holds it."""
    tracemalloc.start()
    made = make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return size / 2**20


def _seconds(act: Callable[[], object]) -> float:
    """The median of the rounds, in processor time: others work on this machine."""
    times = []
    for _ in range(_ROUNDS):
        before = time.process_time()
        act()
        times.append(time.process_time() - before)
    return median(times)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
