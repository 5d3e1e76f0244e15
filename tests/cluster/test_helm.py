"""The charts on a real cluster: taken over, upgraded, rolled back, removed and installed again, under environments."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.releases import Release, find_release
from devworkspace.kube.resource import PODS, PVCS
from tests.support.helm import CHART, CRD_CHART, SYSTEM, Helm
from tests.support.live import Live

# Nobody's installation is replaced but the tests' own.
pytestmark = [pytest.mark.helm, pytest.mark.destructive, pytest.mark.alone]

ENVIRONMENTS: Final = int(os.environ.get("DEVWORKSPACE_HELM_ENVIRONMENTS", "3"))
# As the installation was made, which is taken over.
INSTALL: Final = os.environ.get("DEVWORKSPACE_INSTALL_OPTIONS", "--yes").split()
INSTALL_SECONDS: Final = 300
SMALL: Final = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
WAIT: Final = ("--wait", "--timeout=120s")


class ContainerStatus(Struct, frozen=True):
    container_id: str = msgspec.field(name="containerID", default="")
    restart_count: int = 0


class PodStatus(Struct, frozen=True):
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Struct, frozen=True):
    metadata: ObjectMeta
    status: PodStatus = PodStatus()


class Volume(Struct, frozen=True):
    metadata: ObjectMeta


def deployment(live: Live, part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        live.surroundings.run_kubectl("get", "deployment", f"devworkspace-{part}", f"-n={SYSTEM}", "-o=json")
    )
    return found


def container(live: Live, part: str) -> dict[str, Any]:
    (only,) = deployment(live, part)["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def arguments(live: Live) -> list[list[str]]:
    return [container(live, part)["args"] for part in ("operator", "server")]


def memory(live: Live) -> str:
    found: str = container(live, "operator")["resources"]["limits"]["memory"]
    return found


async def installed(live: Live) -> dict[str, Any]:
    """What must be the same whatever happens to the release: running containers, and volumes to the last write."""
    pods = (await live.client.list(PODS, Pod, namespace=live.namespace)).items
    volumes = (await live.client.list(PVCS, Volume, namespace=live.namespace)).items
    containers = {pod.metadata.name: (pod.metadata.uid, pod.status.container_statuses) for pod in pods}
    assert len(containers) == len(volumes) == ENVIRONMENTS
    assert all(status.restart_count == 0 for _, statuses in containers.values() for status in statuses)
    return {
        "containers": containers,
        "volumes": {
            volume.metadata.name: (volume.metadata.uid, volume.metadata.resource_version) for volume in volumes
        },
        "key": live.surroundings.run_kubectl(
            "get",
            "secret",
            "devworkspace-keys",
            f"-n={SYSTEM}",
            "-o=jsonpath={.metadata.uid} {.metadata.resourceVersion}",
        ),
    }


async def install() -> None:
    """The installer, which takes over what it made without Helm and goes on with what it made with it."""
    program = Path(sys.executable).with_name("devworkspace")
    argv = [str(program), "install", "--helm", *INSTALL]
    result = await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert result.returncode == 0, f"{result.stdout}{result.stderr}"


async def start_environments(live: Live) -> None:
    await live.create_template("helm", resources=SMALL, storage={"size": "1Gi"})
    numbered = [f"demo-{number}" for number in range(ENVIRONMENTS)]
    for name in numbered:
        await live.create(name, template=f"{live.namespace}-helm")
    for name in numbered:
        await live.wait_phase("Running", name, seconds=300)
    # The volume's last word comes from the provisioner, about when its pod starts.
    await asyncio.sleep(2)


async def test_environments_live_through_install_upgrade_rollback_and_uninstall(live: Live, tmp_path: Path) -> None:
    helm = Helm(tmp_path, live.surroundings.kubeconfig)
    kubectl = Kubectl(live.surroundings.kubectl, kubeconfig=live.surroundings.kubeconfig)
    await start_environments(live)
    before, arguments_before, memory_before = await installed(live), arguments(live), memory(live)

    async def unchanged_after(step: Callable[[], Awaitable[None]]) -> None:
        await step()
        assert await installed(live) == before, step

    # As a person goes on: no conflict is forced.
    async def run(*words: str | Path) -> str:
        return await asyncio.to_thread(helm.run, *words, f"--namespace={SYSTEM}")

    async def upgrade() -> None:
        limit = "--set=operator.resources.limits.memory=600Mi"
        await run("upgrade", "devworkspace", CHART, "--reuse-values", limit, *WAIT)

    async def roll_back() -> None:
        await run("rollback", "devworkspace", *WAIT)

    async def uninstall() -> None:
        for name in ("devworkspace", "devworkspace-crds"):
            await run("uninstall", name, *WAIT)

    async def install_again() -> None:
        await run("install", "devworkspace-crds", CRD_CHART, *WAIT)
        await run("install", "devworkspace", CHART, f"--values={values}", *WAIT)

    values = tmp_path / "values.yaml"
    try:
        await unchanged_after(install)
        assert arguments(live) == arguments_before
        assert find_release(kubectl) == Release("devworkspace", SYSTEM)
        await unchanged_after(upgrade)
        assert memory(live) == "600Mi"
        await unchanged_after(roll_back)
        assert (memory(live), arguments(live)) == (memory_before, arguments_before)
        values.write_text(await run("get", "values", "devworkspace", "--output=yaml"), encoding="utf-8")
        await unchanged_after(uninstall)
        assert find_release(kubectl) is None
        left = live.surroundings.run_kubectl("get", "deployment,clusterrole,serviceaccount", f"-n={SYSTEM}", "-o=name")
        assert "devworkspace" not in left
        assert live.surroundings.run_kubectl("get", "configmap", "devworkspace-revocations", f"-n={SYSTEM}", "-o=name")
        await unchanged_after(install_again)
        assert arguments(live) == arguments_before
    except BaseException:
        await install()
        raise
    # What is there again is whole: it makes an environment.
    await live.patch("demo-0", running=False)
    await live.wait_phase("Stopped", "demo-0")
