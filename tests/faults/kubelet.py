"""A stand-in for scheduler, kubelet and volume provisioner, so that a lifecycle takes a second or two.

It does what they do through the real API server: binds pods whose claims are bound, reports them ready, ends them
gracefully, makes volumes for claims and enlarges them. Claims and volumes are bound to each other, protected and
collected by the real controller manager.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from tests.faults.direct import Direct, Object, RefusedError
from tests.faults.truth import claims_of

log: Final = logging.getLogger(__name__)

NODE: Final = "simulated"
STORAGE_CLASS: Final = "simulated"
PROVISIONER: Final = "devworkspace.test/simulated"
TERMINATION_SECONDS: Final = 0.1


class StandIn:
    """A listener of `Truth`; `run` gives it a task group to work in."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._pods: dict[tuple[str, str], Object] = {}
        self._claims: dict[tuple[str, str], Object] = {}
        self._begun: set[tuple[str, str]] = set()
        self._group: asyncio.TaskGroup

    async def run(self) -> None:
        """Never returns."""
        await self._direct.apply(f"/api/v1/nodes/{NODE}", _node())
        await self._direct.apply(f"/apis/storage.k8s.io/v1/storageclasses/{STORAGE_CLASS}", _storage_class())
        async with asyncio.TaskGroup() as self._group:
            while True:
                await self._beat()
                await asyncio.sleep(10)

    async def _beat(self) -> None:
        """What the node controller wants to see every 40 s, or it takes the pods for lost."""
        now = datetime.now(UTC)
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NODE},
            "spec": {
                "holderIdentity": NODE,
                "leaseDurationSeconds": 40,
                "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        await self._direct.apply(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}", lease)
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": _stamp(now)}
        await self._direct.merge(f"/api/v1/nodes/{NODE}/status", {"status": {"conditions": [ready]}})

    def __call__(self, resource: str, kind: str, item: Object) -> None:
        key = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        known = {"pods": self._pods, "persistentvolumeclaims": self._claims}.get(resource)
        if known is not None:
            if kind == "DELETED":
                known.pop(key, None)
            else:
                known[key] = item
        if kind == "DELETED":
            return
        match resource:
            case "pods":
                self._look_at_pod(item)
            case "persistentvolumeclaims":
                self._look_at_claim(item)
            case "persistentvolumes" if item.get("status", {}).get("phase") == "Released":
                self._once(item, "release", lambda: self._direct.delete(_path("persistentvolumes", item)))

    def _look_at_pod(self, pod: Object) -> None:
        terminating = "deletionTimestamp" in pod["metadata"]
        scheduled = bool(pod["spec"].get("nodeName"))
        if terminating and scheduled:
            self._once(pod, "end", lambda: self._end_pod(pod))
        elif not terminating and scheduled and pod["status"].get("phase") == "Pending":
            self._once(pod, "run", lambda: self._run_pod(pod))
        elif not terminating and not scheduled and self._claims_are_bound(pod):
            self._once(pod, "bind", lambda: self._bind_pod(pod))

    def _claims_are_bound(self, pod: Object) -> bool:
        claims = [self._claims.get((pod["metadata"]["namespace"], name)) for name in claims_of(pod)]
        return all(claim is not None and claim["status"].get("phase") == "Bound" for claim in claims)

    def _look_at_claim(self, claim: Object) -> None:
        if claim["spec"].get("storageClassName") != STORAGE_CLASS:
            return
        if not claim["spec"].get("volumeName"):
            self._once(claim, "provision", lambda: self._provision(claim))
        elif claim["status"].get("phase") == "Bound":
            wanted = claim["spec"]["resources"]["requests"]["storage"]
            if claim["status"]["capacity"]["storage"] != wanted:
                self._once(claim, f"grow to {wanted}", lambda: self._grow(claim, wanted))
            for pod in tuple(self._pods.values()):
                if pod["metadata"]["namespace"] == claim["metadata"]["namespace"]:
                    self._look_at_pod(pod)

    def _once(self, item: Object, deed: str, act: Callable[[], Awaitable[Any]]) -> None:
        """An object changes while it is acted upon; each deed is done once for each UID."""
        key = (item["metadata"]["uid"], deed)
        if key not in self._begun:
            self._begun.add(key)
            self._group.create_task(_tolerate_absence(act))

    async def _bind_pod(self, pod: Object) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        }
        await self._direct.create(_path("pods", pod) + "/binding", binding)

    async def _run_pod(self, pod: Object) -> None:
        await self._direct.merge(_path("pods", pod) + "/status", {"status": _running(pod)})

    async def _end_pod(self, pod: Object) -> None:
        await asyncio.sleep(TERMINATION_SECONDS)
        await self._direct.delete(_path("pods", pod), uid=pod["metadata"]["uid"], grace=0)

    async def _provision(self, claim: Object) -> None:
        await self._direct.create("/api/v1/persistentvolumes", _volume(claim))

    async def _grow(self, claim: Object, wanted: str) -> None:
        capacity = {"capacity": {"storage": wanted}}
        await self._direct.merge(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}", {"spec": capacity})
        await self._direct.merge(_path("persistentvolumeclaims", claim) + "/status", {"status": capacity})


async def _tolerate_absence(act: Callable[[], Awaitable[Any]]) -> None:
    try:
        await act()
    except RefusedError as error:
        # Deleted meanwhile (404), replaced by a namesake or already done (409): its successor gets its own deed.
        if error.status not in (404, 409):
            raise


def _path(resource: str, item: Object) -> str:
    namespace = item["metadata"].get("namespace")
    middle = f"/namespaces/{namespace}" if namespace else ""
    return f"/api/v1{middle}/{resource}/{item['metadata']['name']}"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _running(pod: Object) -> Object:
    now = _stamp(datetime.now(UTC))
    conditions = ("PodScheduled", "Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready")
    statuses = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "simulated",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": now}},
        }
        for container in pod["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "podIP": "10.255.0.1",
        "podIPs": [{"ip": "10.255.0.1"}],
        "startTime": now,
        "conditions": [{"type": name, "status": "True", "lastTransitionTime": now} for name in conditions],
        "containerStatuses": statuses,
    }


def _volume(claim: Object) -> Object:
    metadata = claim["metadata"]
    name = f"pvc-{metadata['uid']}"
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"} | {
        key: metadata[key] for key in ("namespace", "name", "uid")
    }
    return {
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": reference,
            "hostPath": {"path": f"/simulated/{name}"},
        },
    }


def _node() -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}


def _storage_class() -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": PROVISIONER,
        "allowVolumeExpansion": True,
        "volumeBindingMode": "Immediate",
    }
