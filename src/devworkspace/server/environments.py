"""The environments as the door sees them: a table by address, fed by the watches on instances and pods.

A request finds its pod here without asking anybody. Nothing is trusted that a user of the namespace could forge alone:
a pod counts only if it lives in the instance's namespace, carries its UID and is the one that the operator names in the
instance's status (people write pods, only the operator writes that status).
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec

from devworkspace.api import names, reasons
from devworkspace.api.children import ContainerPort, ContainerResources
from devworkspace.api.instance import Phase, WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.access import Door
from devworkspace.core.address import address_id
from devworkspace.core.startup import PodTimes

READY: Final = "Ready"
OPEN_PATH: Final = "/-/open"
_KNOWS_CREDENTIAL: Final = (names.CREDENTIAL_VARIABLE, names.CLAIM_VARIABLE)

ShownPhase = Literal["Pending", "Provisioning", "Running", "Unreachable", "Stopping", "Stopped", "Failed", "Deleting"]


class EnvName(Struct, frozen=True):
    name: str
    value: str = ""


class Container(Struct, frozen=True):
    name: str
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvName, ...] = ()
    resources: ContainerResources = ContainerResources()


class DoorPodSpec(Struct, frozen=True):
    containers: tuple[Container, ...] = ()


class DoorCondition(Struct, frozen=True):
    type: str
    status: str
    last_transition_time: str | None = None


class DoorContainerState(Struct, frozen=True):
    running: dict[str, str] | None = None


class DoorContainerStatus(Struct, frozen=True):
    state: DoorContainerState = DoorContainerState()


class DoorPodStatus(Struct, frozen=True):
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    conditions: tuple[DoorCondition, ...] = ()
    container_statuses: tuple[DoorContainerStatus, ...] = ()


class DoorPod(Struct, frozen=True):
    """A pod, trimmed to where its editor listens."""

    metadata: ObjectMeta
    spec: DoorPodSpec = DoorPodSpec()
    status: DoorPodStatus = DoorPodStatus()


class Upstream(Struct, frozen=True):
    """Where something listens. `pod_uid` tells apart two pods that got the same address one after the other."""

    pod_uid: str
    host: str
    port: int


class Progress(Struct, frozen=True):
    """How far a start has come: a pod was made, it has a node, its container runs. The phase tells the rest."""

    made: bool = False
    placed: bool = False
    started: bool = False


class Environment(Struct, frozen=True):
    """One instance and, while it has one, its pod; `key_id` names the key that the pod's credential comes from.

    `lock` is what a pod from a pool keeps its editor closed with until its first owner comes.
    """

    id: str
    uid: str
    key: Key
    owner: str | None
    phase: Phase | None
    reason: str
    message: str
    display_name: str
    template: str
    url: str | None
    deleting: bool
    upstream: Upstream | None
    instance: WorkspaceInstance
    ports: tuple[ContainerPort, ...] = ()
    has_code_server: bool = False
    key_id: str | None = None
    progress: Progress = Progress()
    owner_subject: str = ""
    times: PodTimes = PodTimes()
    container: Container | None = None
    lock: str | None = None

    @property
    def door(self) -> Door:
        return Door(self.owner, self.phase, self.upstream is not None, self.deleting, owner_subject=self.owner_subject)


class EnvironmentTable:
    """Address id → environment. `on_instance` and `on_pod` are the informers' callbacks, called in the event loop."""

    def __init__(self) -> None:
        self._by_id: dict[str, Environment] = {}
        self._instances: dict[str, WorkspaceInstance] = {}
        self._pods: dict[str, dict[str, DoorPod]] = {}
        self._on_change: list[Callable[[Environment | None, Environment | None], None]] = []

    def on_change(self, callback: Callable[[Environment | None, Environment | None], None]) -> None:
        self._on_change.append(callback)

    def find(self, environment_id: str) -> Environment | None:
        return self._by_id.get(environment_id)

    def find_at(self, environment_id: str, port: int | None) -> Environment | None:
        """The environment behind a host name. The editor has one address only, which is not that of its port."""
        environment = self._by_id.get(environment_id)
        upstream = environment.upstream if environment is not None else None
        return None if upstream is not None and upstream.port == port else environment

    def values(self) -> Iterable[Environment]:
        return self._by_id.values()

    def __len__(self) -> int:
        return len(self._by_id)

    def on_instance(self, old: WorkspaceInstance | None, new: WorkspaceInstance | None) -> None:
        gone = old is not None and (new is None or new.metadata.uid != old.metadata.uid)
        if gone and old is not None:
            self._instances.pop(old.metadata.uid, None)
            self._drop(old)
        if new is not None:
            self._instances[new.metadata.uid] = new
            self._refresh(new)

    def on_pod(self, old: DoorPod | None, new: DoorPod | None) -> None:
        if old is not None:
            uid = _instance_uid(old)
            pods = self._pods.get(uid, {})
            pods.pop(old.metadata.uid, None)
            if not pods:
                self._pods.pop(uid, None)
        if new is not None:
            self._pods.setdefault(_instance_uid(new), {})[new.metadata.uid] = new
        for uid in {_instance_uid(pod) for pod in (old, new) if pod is not None}:
            instance = self._instances.get(uid)
            if instance is not None:
                self._refresh(instance)

    def _refresh(self, instance: WorkspaceInstance) -> None:
        pod = find_pod(instance, self._pods.get(instance.metadata.uid, {}).values())
        new = make_environment(instance, pod)
        old = self._by_id.get(new.id)
        self._by_id[new.id] = new
        if new != old:
            self._announce(old, new)

    def _drop(self, instance: WorkspaceInstance) -> None:
        identifier = address_id(instance.metadata.key)
        old = self._by_id.get(identifier)
        # A successor of the same name may already stand in the table.
        if old is not None and old.uid == instance.metadata.uid:
            del self._by_id[identifier]
            self._announce(old, None)

    def _announce(self, old: Environment | None, new: Environment | None) -> None:
        for callback in self._on_change:
            callback(old, new)


def find_pod(instance: WorkspaceInstance, pods: Iterable[DoorPod]) -> DoorPod | None:
    """The pod that the instance's status names, or None while there is none, or only one that is going."""
    for pod in pods:
        meta = pod.metadata
        named = meta.name == instance.status.pod_name and meta.namespace == instance.metadata.namespace
        if named and meta.deletion_timestamp is None and _instance_uid(pod) == instance.metadata.uid:
            return pod
    return None


def find_upstream(pod: DoorPod) -> Upstream | None:
    """Where the pod's editor listens, or None while it has no address."""
    port = _editor_port(pod)
    if port is None or not pod.status.pod_ip:
        return None
    return Upstream(pod_uid=pod.metadata.uid, host=pod.status.pod_ip, port=port)


def find_progress(pod: DoorPod) -> Progress:
    return Progress(
        made=True,
        placed=any(item.type == "PodScheduled" and item.status == "True" for item in pod.status.conditions),
        started=any(status.state.running is not None for status in pod.status.container_statuses),
    )


def find_times(pod: DoorPod) -> PodTimes:
    """What a pod from a pool did before it was taken counts as done when it was."""
    reached = {item.type: item.last_transition_time for item in pod.status.conditions if item.status == "True"}
    running = (status.state.running for status in pod.status.container_statuses)
    claimed = pod.metadata.annotations.get(names.ANNOTATION_CLAIMED_AT, "")

    def at(time: str | None) -> str | None:
        return max(time, claimed) if time is not None else None

    return PodTimes(
        created=at(pod.metadata.creation_timestamp),
        scheduled=at(reached.get("PodScheduled")),
        prepared=at(reached.get("PodReadyToStartContainers")),
        started=at(next((state.get("startedAt") for state in running if state is not None), None)),
        ready=at(reached.get("Ready")),
    )


def make_environment(instance: WorkspaceInstance, pod: DoorPod | None) -> Environment:
    meta, spec, status = instance.metadata, instance.spec, instance.status
    reason = next((condition.reason for condition in status.conditions if condition.type == READY), "")
    return Environment(
        id=address_id(meta.key),
        uid=meta.uid,
        key=meta.key,
        owner=spec.owner,
        phase=status.phase,
        reason=reason,
        message=status.message or "",
        display_name=spec.display_name or meta.name,
        template=spec.template_ref,
        url=status.url,
        deleting=meta.deletion_timestamp is not None,
        upstream=find_upstream(pod) if pod is not None else None,
        instance=instance,
        ports=_preview_ports(pod) if pod is not None else (),
        has_code_server=pod is not None and _has_code_server(pod),
        key_id=pod.metadata.annotations.get(names.ANNOTATION_CREDENTIAL_KEY) if pod is not None else None,
        progress=find_progress(pod) if pod is not None else Progress(),
        owner_subject=meta.annotations.get(names.ANNOTATION_OWNER_SUBJECT, ""),
        times=find_times(pod) if pod is not None else PodTimes(),
        container=_workspace(pod) if pod is not None else None,
        lock=_lock(pod) if pod is not None else None,
    )


def with_instance(environment: Environment, instance: WorkspaceInstance) -> Environment:
    """The environment with the instance as a write has left it; the watch follows with the rest."""
    name = instance.spec.display_name or instance.metadata.name
    return msgspec.structs.replace(environment, instance=instance, display_name=name)


def open_path(environment_id: str) -> str:
    """The address on the public host that leads into an environment, and starts a stopped one."""
    return f"{OPEN_PATH}?{urlencode({'env': environment_id})}"


def shown_phase(environment: Environment) -> ShownPhase:
    """The phase as people see it: a deletion under way and an editor that does not answer have words of their own."""
    if environment.deleting:
        return "Deleting"
    silent = environment.upstream is None or environment.reason == reasons.EDITOR_NOT_ANSWERING
    if environment.phase == "Running" and silent:
        return "Unreachable"
    return environment.phase or "Pending"


def _instance_uid(pod: DoorPod) -> str:
    return pod.metadata.labels.get(names.LABEL_INSTANCE_UID, "")


def _workspace(pod: DoorPod) -> Container | None:
    return next((container for container in pod.spec.containers if container.name == names.CONTAINER_NAME), None)


def _editor_port(pod: DoorPod) -> int | None:
    container = _workspace(pod)
    ports = container.ports if container is not None else ()
    return next((port.container_port for port in ports if port.name == names.PORT_NAME), None)


def _preview_ports(pod: DoorPod) -> tuple[ContainerPort, ...]:
    """What the template announces beside the editor."""
    container = _workspace(pod)
    ports = container.ports if container is not None else ()
    return tuple(port for port in ports if port.name != names.PORT_NAME)


def _lock(pod: DoorPod) -> str | None:
    container = _workspace(pod)
    variables = container.env if container is not None else ()
    return next((variable.value for variable in variables if variable.name == names.LOCK_VARIABLE), None)


def _has_code_server(pod: DoorPod) -> bool:
    """Only code-server is given a password, or told its hash; a custom server is reached without."""
    container = _workspace(pod)
    return container is not None and any(variable.name in _KNOWS_CREDENTIAL for variable in container.env)
