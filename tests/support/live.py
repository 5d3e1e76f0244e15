"""Environments on a real cluster: make them, wait for them, look into them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.conditions import find_condition
from devworkspace.kube.client import Client
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import NAMESPACES, PVCS, Resource
from tests.support.environment import Surroundings

INSTANCES = Resource(names.GROUP, names.VERSION, names.INSTANCE_PLURAL, names.INSTANCE_KIND)
TEMPLATES = Resource(names.GROUP, names.VERSION, names.TEMPLATE_PLURAL, names.TEMPLATE_KIND, namespaced=False)


class Anything(Struct, frozen=True):
    metadata: ObjectMeta


class Live:
    """One namespace of a real cluster, removed with everything in it at the end of a test."""

    def __init__(self, client: Client, surroundings: Surroundings, namespace: str) -> None:
        self.client = client
        self.surroundings = surroundings
        self.namespace = namespace

    def key(self, name: str) -> Key:
        return Key(self.namespace, name)

    async def create(
        self, name: str = "demo", *, template: str = "python", annotations: Mapping[str, str] | None = None, **spec: Any
    ) -> WorkspaceInstance:
        """Creates an instance."""
        body = {
            "metadata": {"name": name, "namespace": self.namespace, "annotations": dict(annotations or {})},
            "spec": {"templateRef": template, **spec},
        }
        return await self.client.create(INSTANCES, body, WorkspaceInstance)

    async def create_template(self, name: str, **spec: Any) -> None:
        """Creates a template beside the examples; its name must start with the namespace's to be removed with it."""
        body = {"displayName": "Test", "environment": {"image": self.surroundings.base_image}, **spec}
        await self.client.apply(TEMPLATES, {"metadata": {"name": f"{self.namespace}-{name}"}, "spec": body}, Anything)

    async def get(self, name: str = "demo") -> WorkspaceInstance:
        return await self.client.get(INSTANCES, self.key(name), WorkspaceInstance)

    async def patch(self, name: str = "demo", **spec: Any) -> None:
        await self.client.merge_patch(INSTANCES, self.key(name), {"spec": spec}, WorkspaceInstance)

    async def delete(self, name: str = "demo") -> None:
        instance = await self.get(name)
        await self.client.delete(INSTANCES, self.key(name), uid=instance.metadata.uid)

    async def wait_phase(self, phase: str, name: str = "demo", *, seconds: float = 90) -> WorkspaceInstance:
        """The instance once it has this phase; fails with what it says instead."""
        return await self.wait_until(lambda instance: instance.status.phase == phase, phase, name, seconds=seconds)

    async def wait_until(
        self, holds: Callable[[WorkspaceInstance], bool], what: str, name: str = "demo", *, seconds: float = 90
    ) -> WorkspaceInstance:
        """The instance once something holds for it; `what` names it in the failure, beside what status says instead."""
        deadline, instance = time.monotonic() + seconds, await self.get(name)
        while not holds(instance):
            assert time.monotonic() < deadline, (
                f"{name} is {instance.status.phase} and not {what} after {seconds} s: {instance.status.message}"
            )
            await asyncio.sleep(0.1)
            instance = await self.get(name)
        return instance

    async def wait_ready(self, name: str = "demo", *, seconds: float = 60) -> None:
        """Waits until the editor answers."""
        deadline = time.monotonic() + seconds
        while True:
            status = (await self.get(name)).status
            ready = find_condition(status.conditions, "Ready")
            if ready is not None and ready.status == "True":
                return
            assert time.monotonic() < deadline, f"{name} is not ready after {seconds} s: {status.message}"
            await asyncio.sleep(0.1)

    async def wait_gone(self, resource: Resource, name: str, *, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                await self.client.get(resource, self.key(name), Anything)
            except NotFound:
                return
            assert time.monotonic() < deadline, f"{resource.plural} {name} is still there after {seconds} s"
            await asyncio.sleep(0.1)

    async def volume(self, name: str) -> PersistentVolumeClaim:
        return await self.client.get(PVCS, self.key(name), PersistentVolumeClaim)

    async def wait_retained(self, *volumes: str, seconds: float = 60) -> None:
        """Waits until volumes carry the mark that their environment is gone."""
        deadline = time.monotonic() + seconds
        for name in volumes:
            while names.LABEL_RETAINED not in (await self.volume(name)).metadata.labels:
                assert time.monotonic() < deadline, f"volume {name} is not marked as kept after {seconds} s"
                await asyncio.sleep(0.1)

    async def execute(self, pod: str, *command: str, timeout: float = 60) -> str:
        """Output of a command in the environment's container."""
        return await asyncio.to_thread(
            self.surroundings.run_kubectl,
            "exec", f"--namespace={self.namespace}", pod, "--container=workspace", "--", *command,
            timeout=timeout,
        )  # fmt: skip


@asynccontextmanager
async def live_namespace(client: Client, surroundings: Surroundings, name: str) -> AsyncIterator[Live]:
    """A new namespace; everything in it goes at the end, volumes as well."""
    await client.create(NAMESPACES, {"metadata": {"name": name}}, Anything)
    live = Live(client, surroundings, name)
    try:
        yield live
    finally:
        for template in (await client.list(TEMPLATES, Anything)).items:
            if template.metadata.name.startswith(f"{name}-"):
                # Environments still use it.
                forced = {"metadata": {"annotations": {names.ANNOTATION_FORCE_DELETE: "true"}}}
                await client.merge_patch(TEMPLATES, template.metadata.key, forced, Anything)
                await client.delete(TEMPLATES, template.metadata.key, uid=template.metadata.uid)
        namespace = await client.get(NAMESPACES, Key("", name), Anything)
        await client.delete(NAMESPACES, Key("", name), uid=namespace.metadata.uid)


def manifest_body(text: str) -> dict[str, Any]:
    """One YAML document as the client sends it."""
    return msgspec.yaml.decode(text, type=dict[str, Any])
