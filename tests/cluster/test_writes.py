"""What an environment costs the API server: each step of its life, a quiet minute, a restart of the operator.

The figures are exact, so that one write more fails here before it is multiplied by ten thousand.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bench.audit import count
from msgspec.structs import replace

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.kube.resource import PODS, SECRETS
from tests.cluster.writes import WriteCount, wait_for_rest
from tests.support.live import Live

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
STATUS = "patch workspaceinstances/status"
# What each step of a life may cost; the volume is kept at the end, which is the last write.
LIFE = {
    "create": {
        "patch persistentvolumeclaims": 1,
        "patch pods": 1,
        "patch secrets": 1,
        "patch services": 1,
        STATUS: 2,
    },
    "stop": {"delete pods": 1, STATUS: 2},
    "start": {"patch pods": 1, "patch secrets": 1, STATUS: 2},
    "delete": {"patch persistentvolumeclaims": 1},
}
# Longer than anything that follows a step by itself.
SETTLED_SECONDS = 5


async def prepare(live: Live) -> str:
    await live.create_template("writes", resources=SMALL, storage={"size": "1Gi"})
    await wait_for_rest(live)
    return f"{live.namespace}-writes"


def operators_part(instance: WorkspaceInstance) -> WorkspaceInstance:
    """Without what the server writes, which asks each environment for its last work once a minute."""
    return replace(
        instance,
        metadata=replace(instance.metadata, resource_version=""),
        status=replace(instance.status, last_activity=None),
    )


async def test_a_whole_life_costs_fourteen_writes(live: Live) -> None:
    template, writes = await prepare(live), WriteCount(live)

    async def create() -> None:
        await live.create(template=template)
        await live.wait_phase("Running")

    async def stop() -> None:
        await live.patch(running=False)
        await live.wait_phase("Stopped")

    async def start() -> None:
        await live.patch(running=True)
        await live.wait_phase("Running")

    async def delete() -> None:
        status = (await live.get()).status
        assert status.pod_name is not None
        await live.delete()
        for resource in (PODS, SECRETS):
            await live.wait_gone(resource, status.pod_name)

    steps: dict[str, Callable[[], Awaitable[None]]] = {"create": create, "stop": stop, "start": start, "delete": delete}
    assert sum(sum(expected.values()) for expected in LIFE.values()) == 14
    for step, act in steps.items():
        writes.mark()
        await act()
        await asyncio.sleep(SETTLED_SECONDS)
        counted = writes.counted()
        assert counted.total() == sum(LIFE[step].values()), (step, counted)
        if (own := writes.own()) is not None:
            assert count(own) == LIFE[step], step


async def test_a_quiet_minute_costs_nothing(live: Live) -> None:
    template, writes = await prepare(live), WriteCount(live)
    for name in ("runs", "stopped"):
        await live.create(name, template=template, running=name == "runs")
    await live.wait_phase("Running", "runs")
    await live.wait_phase("Stopped", "stopped")
    await asyncio.sleep(SETTLED_SECONDS)
    writes.mark()
    await asyncio.sleep(60)
    assert writes.own() in (None, [])
    assert writes.counted() == {}
    # The count is not blind.
    await live.patch("runs", running=False)
    await live.wait_phase("Stopped", "runs")
    assert writes.counted()
    assert writes.own() != []


async def test_a_restarted_operator_touches_nothing(live: Live) -> None:
    template, writes = await prepare(live), WriteCount(live)
    for name in ("runs", "stopped"):
        await live.create(name, template=template, running=name == "runs")
    running = await live.wait_phase("Running", "runs")
    await live.wait_phase("Stopped", "stopped")
    await asyncio.sleep(SETTLED_SECONDS)
    writes.mark()
    kubectl = live.surroundings.run_kubectl
    system = "--namespace=devworkspace-system"
    kubectl("rollout", "restart", system, "deployment/devworkspace-operator")
    kubectl("rollout", "status", system, "deployment/devworkspace-operator", "--timeout=120s", timeout=130)
    # One that is made now shows that the new process works, and that everything before it was looked at.
    await live.create("new", template=template)
    fresh = await live.wait_phase("Running", "new")
    await asyncio.sleep(SETTLED_SECONDS)
    if (own := writes.own()) is not None:
        assert count([write for write in own if write.name not in ("new", fresh.status.pod_name)]) == {}
        assert count(own) == LIFE["create"]
    assert operators_part(await live.get("runs")) == operators_part(running)
