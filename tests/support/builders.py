"""Values with sensible defaults, so that a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.surroundings import Event
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.address import Gateway
from devworkspace.core.credential import Keyring
from devworkspace.core.plan import Apply, make_plan
from devworkspace.core.resolve import Settings, resolve
from devworkspace.core.world import Installation, World

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
UID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
CHILD = "demo-0a1b2c3d"
MASTER_KEY = b"k" * 32
INSTALLATION = Installation(
    keys=Keyring(MASTER_KEY), server_namespace=names.SYSTEM_NAMESPACE, gateway=Gateway("http://localhost:8080")
)


def make_template(name: str = "python", **spec: Any) -> WorkspaceTemplate:
    """A template as the API server returns it, with `spec` (camelCase) over the smallest valid one."""
    body = {"displayName": "Python", "environment": {"image": "localhost/devworkspace/python:0.1.0"}, **spec}
    return msgspec.convert({"metadata": {"name": name, "uid": f"uid-{name}"}, "spec": body}, WorkspaceTemplate)


def make_instance(
    name: str = "demo", *, status: InstanceStatus | None = None, metadata: dict[str, Any] | None = None, **spec: Any
) -> WorkspaceInstance:
    """An instance as the API server returns it, with `spec` and `metadata` (camelCase) over the smallest valid one."""
    body = {
        "metadata": {"name": name, "namespace": "team", "uid": UID, "generation": 1, **(metadata or {})},
        "spec": {"templateRef": "python", **spec},
    }
    instance = msgspec.convert(body, WorkspaceInstance)
    return msgspec.structs.replace(instance, status=status or InstanceStatus())


def make_settings(instance: WorkspaceInstance | None = None, template: WorkspaceTemplate | None = None) -> Settings:
    settings = resolve(instance or make_instance(), template or make_template(), namespace_labels={})
    assert isinstance(settings, Settings), settings
    return settings


def make_world(**parts: Any) -> World:
    """A world with one instance and its template, nothing made yet."""
    defaults: dict[str, Any] = {
        "key": make_instance().metadata.key,
        "now": NOW,
        "installation": INSTALLATION,
        "instance": make_instance(),
        "template": make_template(),
    }
    return World(**{**defaults, **parts})


def applied(world: World, kind: str) -> dict[str, Any]:
    """The body that the plan applies for a kind."""
    return next(action.body for action in all_applies(world) if action.kind == kind)


def all_applies(world: World) -> list[Apply]:
    return [action for group in make_plan(world).apply for action in group]


def make_pod(*, instance: WorkspaceInstance | None = None, age: int = 5, **status: Any) -> Pod:
    """The pod that the plan makes for an instance, `age` seconds old, with a status (camelCase) from the kubelet."""
    body = applied(make_world(instance=instance or make_instance()), "Pod")
    created = datetime.fromtimestamp(NOW.timestamp() - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {**body["metadata"], "uid": "pod-uid", "resourceVersion": "7", "creationTimestamp": created}
    spec = {"nodeName": "node-1", "containers": body["spec"]["containers"]}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status}, Pod)


def running_status(*, ready: bool = True, restarts: int = 0, **container: Any) -> dict[str, Any]:
    """A pod status with the container running; `ready` is the kubelet's verdict on the readiness probe."""
    return {
        "phase": "Running",
        "podIP": "10.244.0.9",
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T11:59:56Z"},
            {"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-11-24T11:59:58Z"},
        ],
        "containerStatuses": [
            {
                "name": names.CONTAINER_NAME,
                "ready": ready,
                "restartCount": restarts,
                "image": "localhost/devworkspace/python:0.1.0",
                "state": {"running": {"startedAt": "2026-11-24T11:59:57Z"}},
                **container,
            }
        ],
    }


def waiting_status(reason: str, message: str = "", *, restarts: int = 0, **container: Any) -> dict[str, Any]:
    """A pod status with the container waiting for `reason`."""
    status = running_status(ready=False, restarts=restarts)
    state = {"waiting": {"reason": reason, "message": message}}
    status["containerStatuses"][0].update({"state": state, **container})
    return {**status, "phase": "Pending"}


def make_volume(
    *, instance: WorkspaceInstance | None = None, phase: str = "Bound", retained: bool = False
) -> PersistentVolumeClaim:
    """The volume that the plan makes for an instance, as the API server returns it."""
    body = applied(make_world(instance=instance or make_instance()), "PersistentVolumeClaim")
    metadata = {**body["metadata"], "uid": "pvc-uid", "resourceVersion": "5"}
    if retained:
        metadata["labels"] = {**metadata["labels"], names.LABEL_RETAINED: "true"}
    spec = {**body["spec"], "storageClassName": "local"}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": {"phase": phase}}, PersistentVolumeClaim)


def make_event(reason: str, message: str = "", *, about: str = "pod-uid", age: int = 1, **body: Any) -> Event:
    """A Warning Event about an object (by UID), last seen `age` seconds ago."""
    seen = datetime.fromtimestamp(NOW.timestamp() - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    defaults = {
        "metadata": {"name": f"{about}.{reason}", "namespace": "team", "resourceVersion": "9"},
        "involvedObject": {"uid": about},
        "lastTimestamp": seen,
    }
    return msgspec.convert({**defaults, "reason": reason, "message": message, **body}, Event)


def with_object(body: dict[str, Any], type_: Any) -> Any:
    """An applied body as the API server returns it."""
    metadata = {**body["metadata"], "uid": f"uid-{body['kind']}", "resourceVersion": "6"}
    return msgspec.convert({**body, "metadata": metadata}, type_)
