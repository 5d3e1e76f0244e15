"""The charts on a real cluster: taken over, upgraded, rolled back, removed and installed again, under environments."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from devworkspace.api import names
from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.kube.resource import PODS, PVCS
from tests.support.helm import CHART, CRD_CHART, SYSTEM, Helm
from tests.support.live import Live

# Nobody's installation is replaced but the tests' own.
pytestmark = [pytest.mark.helm, pytest.mark.destructive, pytest.mark.alone]

ENVIRONMENTS: Final = int(os.environ.get("DEVWORKSPACE_HELM_ENVIRONMENTS", "3"))
SMALL: Final = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
BUILD: Final = f"{names.GROUP}/image-build"
# What the chart itself says, or says by another value.
FIXED: Final = (
    *("--public-url", "--gateway-url", "--address-mode", "--master-key-file", "--admin-dir", "--log-format"),
    *("--server-namespace", "--blocked-network", "--image-prefix", "--replicas", "--safe-image"),
)


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


def options(deployed: dict[str, Any]) -> list[str]:
    (container,) = deployed["spec"]["template"]["spec"]["containers"]
    given: list[str] = container["args"][1:]
    return given


def value_of(given: list[str], name: str) -> list[str]:
    return [option.partition("=")[2] for option in given if option.partition("=")[0] == name]


def values_of(live: Live) -> dict[str, Any]:
    """The installation as it is, in the words of the chart."""
    operator, server = deployment(live, "operator"), deployment(live, "server")
    service = json.loads(
        live.surroundings.run_kubectl("get", "service", "devworkspace-server", f"-n={SYSTEM}", "-o=json")
    )
    return {
        "publicUrl": value_of(options(server), "--public-url")[0],
        "addressMode": value_of(options(server), "--address-mode")[0],
        "image": {"prefix": live.surroundings.image_prefix},
        "blockedNetworks": value_of(options(operator), "--blocked-network"),
        "operator": part_of(operator),
        "server": {
            **part_of(server),
            "service": {"type": service["spec"]["type"], "nodePort": service["spec"]["ports"][0].get("nodePort")},
        },
    }


def part_of(deployed: dict[str, Any]) -> dict[str, Any]:
    annotations = deployed["spec"]["template"]["metadata"].get("annotations", {})
    return {
        "replicas": deployed["spec"]["replicas"],
        "options": [option for option in options(deployed) if option.partition("=")[0] not in FIXED],
        "podAnnotations": {BUILD: annotations[BUILD]} if BUILD in annotations else {},
    }


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


class Release:
    """Both charts on the cluster of a test, with the values of a file."""

    def __init__(self, live: Live, folder: Path) -> None:
        self._helm = Helm(folder, live.surroundings.kubeconfig)
        self._values = folder / "values.yaml"
        self._values.write_text(yaml.safe_dump(values_of(live)), encoding="utf-8")

    async def run(self, *arguments: str | Path) -> None:
        await asyncio.to_thread(self._helm.run, *arguments, f"--namespace={SYSTEM}")

    async def install(self, *arguments: str) -> None:
        """Also takes over what another installer made."""
        take = ("--install", "--take-ownership", "--force-conflicts", "--wait", "--timeout=120s")
        await self.run("upgrade", "devworkspace-crds", CRD_CHART, *take)
        await self.run("upgrade", "devworkspace", CHART, f"--values={self._values}", *take, *arguments)

    async def roll_back(self) -> None:
        await self.run("rollback", "devworkspace", "--force-conflicts", "--wait", "--timeout=120s")

    async def uninstall(self) -> None:
        for name in ("devworkspace", "devworkspace-crds"):
            await self.run("uninstall", name, "--wait", "--timeout=120s")


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
    release = Release(live, tmp_path)
    before_by_installer = [options(deployment(live, part)) for part in ("operator", "server")]
    await start_environments(live)
    before = await installed(live)

    async def unchanged_after(step: Callable[[], Awaitable[None]]) -> None:
        await step()
        assert await installed(live) == before, step

    async def upgrade() -> None:
        await release.install("--set=operator.options={--workers=8}", "--set=server.podAnnotations.step=upgraded")

    try:
        await unchanged_after(release.install)
        assert [sorted(options(deployment(live, part))) for part in ("operator", "server")] == [
            sorted(given) for given in before_by_installer
        ]
        await unchanged_after(upgrade)
        assert "--workers=8" in options(deployment(live, "operator"))
        await unchanged_after(release.roll_back)
        assert "--workers=8" not in options(deployment(live, "operator"))
        await unchanged_after(release.uninstall)
        left = live.surroundings.run_kubectl("get", "deployment,clusterrole,serviceaccount", f"-n={SYSTEM}", "-o=name")
        assert "devworkspace" not in left
        assert live.surroundings.run_kubectl("get", "configmap", "devworkspace-revocations", f"-n={SYSTEM}", "-o=name")
    finally:
        await release.install()
    assert await installed(live) == before
    # What is there again is whole: it makes an environment.
    await live.patch("demo-0", running=False)
    await live.wait_phase("Stopped", "demo-0")
