"""What an admin's Prometheus reads about the use of the cluster."""

import re
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from devworkspace.api.instance import InstanceStatus, MonthUsage, Usage, UsageNow, WorkspaceInstance
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.usage_metrics import UsageCollector
from tests.support.builders import INSTALLATION, make_instance
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def taking(name: str, namespace: str, usage: Usage | None) -> WorkspaceInstance:
    metadata = {"namespace": namespace, "uid": f"uid-{namespace}-{name}"}
    return make_instance(name, status=replace(InstanceStatus(), usage=usage), metadata=metadata)


async def read_metrics(*instances: WorkspaceInstance) -> dict[str, dict[str, float]]:
    async with FakeApiServer() as server, client_of(server) as client:
        cluster = Cluster(client, INSTALLATION, lambda *_, **__: None)
        for instance in instances:
            cluster.instances.put(instance)
        families = list(UsageCollector(cluster, now=lambda: NOW).collect())
    return {
        family.name.removeprefix("devworkspace_namespace_"): {
            sample.labels["namespace"]: sample.value for sample in family.samples
        }
        for family in families
    }


async def test_namespaces_have_what_is_taken_now_and_what_came_together_this_month() -> None:
    runs = Usage("2026-11-25T11:00:00Z", UsageNow(True, 1500, 1024, 10240), (MonthUsage("2026-11", 60, 6000, 60, 600),))
    rests = Usage("2026-11-25T11:00:00Z", UsageNow(False, 0, 0, 1024), (MonthUsage("2026-10", 99, 99, 99, 99),))
    found = await read_metrics(
        taking("a", "team", runs), taking("b", "team", rests), taking("c", "web", rests), taking("d", "new", None)
    )
    mebibyte = 2**20
    assert found == {
        "running_environments": {"team": 1, "web": 0},
        "requested_cpu_cores": {"team": 1.5, "web": 0},
        "requested_memory_bytes": {"team": 1024 * mebibyte, "web": 0},
        "requested_storage_bytes": {"team": 11264 * mebibyte, "web": 1024 * mebibyte},
        "month_running_seconds": {"team": 3660, "web": 0},
        "month_cpu_core_seconds": {"team": 6 + 3600 * 1.5, "web": 0},
        "month_memory_byte_seconds": {"team": (60 + 3600 * 1024) * mebibyte, "web": 0},
        "month_storage_byte_seconds": {
            "team": (600 + 3600 * 11264) * mebibyte,
            "web": 3600 * 1024 * mebibyte,
        },
    }


async def test_a_thousand_environments_of_a_namespace_are_eight_lines() -> None:
    usage = Usage("2026-11-25T11:00:00Z", UsageNow(True, 1, 1, 1))
    found = await read_metrics(*(taking(f"e{number}", "team", usage) for number in range(1000)))
    assert sum(len(lines) for lines in found.values()) == 8
    assert found["running_environments"] == {"team": 1000}


async def test_all_of_them_are_documented_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/USAGE.md").read_text(encoding="utf-8").partition("## Metrics")[2]
    rows = (line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(await read_metrics())
