"""What the same writes cost without an operator: a bare loop that knows everything beforehand.

It creates an environment and then does what the operator would do, with the operator's own bodies, order and client,
but with no watch on anything, no store, no queue and no decision. What is left is API server, etcd, scheduler and KWOK.
The operator may run meanwhile: it leaves a paused environment alone, and does not see children without its label.
"""

import asyncio
from typing import Any, Final

from msgspec.structs import replace

from bench.observer import Observer
from bench.simulation import TEMPLATE
from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.credential import Keyring
from devworkspace.core.plan import Kind, make_plan
from devworkspace.core.world import Installation, World
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import clock
from devworkspace.kube.client import Client
from devworkspace.kube.resource import PODS, PVCS, SECRETS, SERVICES, Resource

_KINDS: Final[dict[Kind, Resource]] = {
    "PersistentVolumeClaim": PVCS,
    "Secret": SECRETS,
    "Service": SERVICES,
    "Pod": PODS,
}


class BareLoop:
    """Runs any number of environments at once, each by one call of `run`."""

    def __init__(self, client: Client, observer: Observer, template: WorkspaceTemplate) -> None:
        self._client = client
        self._observer = observer
        self._template = template

    @classmethod
    async def make(cls, client: Client, observer: Observer) -> "BareLoop":
        return cls(client, observer, await client.get(TEMPLATES, Key("", TEMPLATE), WorkspaceTemplate))

    async def run(self, key: Key) -> None:
        """From creation to the write of `Running`."""
        paused = {names.ANNOTATION_PAUSED: "true"}
        body = {
            "metadata": {"name": key.name, "namespace": key.namespace, "annotations": paused},
            "spec": {"templateRef": TEMPLATE},
        }
        instance = await self._client.create(INSTANCES, body, WorkspaceInstance)
        plan = make_plan(self._world(instance))
        status = plan.status
        if status is None:
            raise RuntimeError("the plan of a new environment has no status")
        await self._write_status(instance, status)
        for group in plan.apply:
            bodies = [(_KINDS[action.kind], _without_label(action.body)) for action in group if action.kind in _KINDS]
            await asyncio.gather(*(self._client.apply(resource, body, Any) for resource, body in bodies))
        await self._observer.wait([key], "pod_ready", seconds=120)
        await self._write_status(instance, replace(status, phase="Running"))

    def _world(self, instance: WorkspaceInstance) -> World:
        bare = replace(instance, metadata=replace(instance.metadata, annotations={}))
        installation = Installation(keys=Keyring(b"b" * 32), server_namespace=names.SYSTEM_NAMESPACE)
        return World(
            key=instance.metadata.key,
            now=clock.now(),
            installation=installation,
            instance=bare,
            template=self._template,
        )

    async def _write_status(self, instance: WorkspaceInstance, status: Any) -> None:
        metadata = {"name": instance.metadata.name, "namespace": instance.metadata.namespace}
        await self._client.apply_status(INSTANCES, {"metadata": metadata, "status": status}, Any)


def _without_label(body: dict[str, Any]) -> dict[str, Any]:
    labels = {name: value for name, value in body["metadata"]["labels"].items() if name != names.LABEL_MANAGED_BY}
    return {**body, "metadata": {**body["metadata"], "labels": labels}}
