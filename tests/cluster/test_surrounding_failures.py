"""Failures that the pod's own status does not tell: of disks, of sandboxes, of nodes; provoked for real."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from devworkspace.api import reasons
from devworkspace.api.children import Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.render.common import child_name
from devworkspace.kube.resource import PODS
from tests.cluster.failing import apply, apply_volume, remove_marked, run_on_node, start, storage_class
from tests.support.builders import running_status
from tests.support.live import Anything, Live
from tests.support.witness import Witness, claim_is, node_is, not_scheduled, warned

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
async def _marked(live: Live) -> AsyncIterator[None]:
    """Removes what the namespace does not take along."""
    yield
    remove_marked(live)


async def start_on_own_volume(live: Live, **spec: Any) -> WorkspaceInstance:
    return await start(live, storage={"storageClassName": storage_class(live), "size": "1Gi"}, **spec)


# Disks.


async def test_a_disk_that_nobody_makes(live: Live, witness: Witness) -> None:
    apply(live, "StorageClass", storage_class(live), api="storage.k8s.io/v1", provisioner="test.invalid/nobody")
    await start_on_own_volume(live)
    await witness.expect(
        reasons.VOLUME_PENDING,
        phase="Pending",
        words=("The disk is not ready yet", "unbound immediate PersistentVolumeClaims"),
        knew=not_scheduled("Unschedulable"),
        condition="VolumeReady",
    )
    apply_volume(live, "disk", path=f"/tmp/{live.namespace}")
    await live.wait_phase("Running")
    # With a class that binds at once every first start looks like this.
    told = ("get", "events", f"--namespace={live.namespace}", "--field-selector=involvedObject.kind=WorkspaceInstance")
    assert live.surroundings.run_kubectl(*told, "--output=name") == ""
    await run_on_node(live, f"rmdir {live.namespace}")


async def test_a_disk_that_cannot_be_made(live: Live, witness: Witness) -> None:
    await start_on_own_volume(live)
    await witness.expect(
        reasons.VOLUME_PROVISIONING_FAILED,
        phase="Pending",
        words=(
            "The disk cannot be made",
            f'"{storage_class(live)}" not found',
            f"storage class '{storage_class(live)}'",
        ),
        knew=warned("ProvisioningFailed"),
        condition="VolumeReady",
    )
    apply_volume(live, "disk", path=f"/tmp/{live.namespace}")
    await live.wait_phase("Running")
    await run_on_node(live, f"rmdir {live.namespace}")


async def test_a_disk_that_cannot_be_mounted(live: Live, witness: Witness) -> None:
    apply_volume(live, "disk", path=f"/tmp/{live.namespace}", type_="Directory")
    await start_on_own_volume(live)
    await witness.expect(
        reasons.VOLUME_MOUNT_FAILED,
        phase="Pending",
        words=("cannot mount the disk", f"/tmp/{live.namespace} is not a directory"),
        knew=warned("FailedMount", "is not a directory"),
        condition="VolumeReady",
    )
    await run_on_node(live, f"mkdir {live.namespace}")
    # The kubelet's own back-off between two attempts grows.
    await live.wait_phase("Running", seconds=120)
    await run_on_node(live, f"rmdir {live.namespace}")


async def test_a_disk_that_is_lost(live: Live, witness: Witness) -> None:
    apply_volume(live, "disk", path=f"/tmp/{live.namespace}")
    await start_on_own_volume(live)
    await live.wait_phase("Running")
    await live.patch(running=False)
    await live.wait_phase("Stopped")
    disk = f"{live.namespace}-disk"
    live.surroundings.run_kubectl("delete", "persistentvolume", disk, "--wait=false")
    live.surroundings.run_kubectl("patch", "persistentvolume", disk, '--patch={"metadata":{"finalizers":null}}')
    words = ("The disk is gone", disk, "Ask an admin to restore it from a backup")
    await witness.expect(
        reasons.VOLUME_LOST, phase="Stopped", words=words, knew=claim_is("Lost"), condition="VolumeReady"
    )
    began = time.monotonic()
    await live.patch(running=True)
    await witness.expect(reasons.VOLUME_LOST, phase="Failed", words=words, knew=began)
    await run_on_node(live, f"rmdir {live.namespace}")


async def test_a_disk_that_may_not_grow(live: Live, witness: Witness) -> None:
    apply_volume(live, "disk", path=f"/tmp/{live.namespace}")
    await start_on_own_volume(live)
    await live.wait_phase("Running")
    began = time.monotonic()
    await live.patch(overrides={"storage": {"size": "2Gi"}})
    await witness.expect(
        reasons.VOLUME_RESIZE_REFUSED,
        phase="Running",
        words=("cannot be enlarged", "must support resize", "works with its present size"),
        knew=began,
        condition="VolumeReady",
    )
    await run_on_node(live, f"rmdir {live.namespace}")


# Nodes.


async def test_a_pod_that_the_node_cannot_set_up(live: Live, witness: Witness) -> None:
    apply(live, "RuntimeClass", live.namespace, api="node.k8s.io/v1", handler="none-such")
    await start(live, scheduling={"runtimeClassName": live.namespace})
    await witness.expect(
        reasons.SANDBOX_FAILED,
        phase="Pending",
        words=("cannot set up the pod", "none-such", "container runtime and network"),
        knew=warned("FailedCreatePodSandBox"),
    )
    live.surroundings.run_kubectl("delete", "runtimeclass", live.namespace)
    apply(live, "RuntimeClass", live.namespace, api="node.k8s.io/v1", handler="runc")
    await live.wait_phase("Running", seconds=120)


async def test_a_node_that_is_lost_comes_back_and_is_removed(live: Live, witness: Witness) -> None:
    """A node without a kubelet: the test says once that all is well, and Kubernetes finds out that nobody says it."""
    node = live.namespace
    apply_node(live, node)
    apply_volume(live, "disk", path="/tmp")
    selected = {"nodeSelector": {"devworkspace-test": node}, "tolerations": [taint_of(node)]}
    instance = await start_on_own_volume(live, scheduling=selected)
    await answer_as_kubelet(live, witness, instance)
    await live.wait_phase("Running")

    await witness.expect(
        reasons.NODE_LOST,
        phase="Failed",
        words=(f"Node {node} does not answer (Kubelet stopped posting node status)", "The disk is safe"),
        knew=node_is(node, "Unknown"),
        seconds=120,
    )
    report_node(live, node)
    await answer_as_kubelet(live, witness, instance)
    await live.wait_phase("Running")

    removed = time.monotonic()
    live.surroundings.run_kubectl("delete", "node", node, "--wait=false")
    await witness.expect(
        reasons.NODE_LOST,
        phase="Failed",
        words=(f"Node {node} does not answer (it was removed from the cluster)",),
        knew=removed,
    )
    # Kubernetes removes the pod of a node that is gone; the next one waits for a node.
    await witness.expect(
        reasons.UNSCHEDULABLE,
        phase="Pending",
        words=("No node fits this environment",),
        knew=not_scheduled("Unschedulable"),
        since=removed,
        condition="PodScheduled",
        seconds=120,
    )


def taint_of(node: str) -> dict[str, str]:
    """Keeps the pods of other tests, which run beside, from a node that has no kubelet."""
    return {"key": "devworkspace-test", "value": node, "effect": "NoSchedule"}


def apply_node(live: Live, name: str) -> None:
    apply(live, "Node", name, spec={"taints": [taint_of(name)]})
    report_node(live, name)


def report_node(live: Live, name: str) -> None:
    """What a kubelet says of a healthy node."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "well"}
    room = {"cpu": "8", "memory": "16Gi", "pods": "10"}
    status = {
        "capacity": room,
        "allocatable": room,
        "conditions": [{**ready, "lastHeartbeatTime": now, "lastTransitionTime": now}],
    }
    live.surroundings.run_kubectl(
        "patch", "node", name, "--subresource=status", "--type=merge", f"--patch={json.dumps({'status': status})}"
    )


async def answer_as_kubelet(live: Live, witness: Witness, instance: WorkspaceInstance) -> None:
    """The pod gets its node, and that node's kubelet says that the editor answers."""
    key = live.key(child_name(instance))
    await witness.wait_for(lambda seen: isinstance(seen, Pod) and seen.spec.node_name == live.namespace)
    await live.client.merge_patch(PODS, key, {"status": running_status()}, Anything, subresource="status")
