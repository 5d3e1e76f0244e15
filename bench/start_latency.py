"""How long from `kubectl apply` of an instance to an answering editor, against a bare pod of the same spec and probe?

Prints both in seconds and the difference, rounds interleaved so that both see the same machine. The floor applies a
claim and the very pod that the operator would make (taken from the operator's own rendering), and waits for the pod's
Ready condition; the product applies the example instance and waits for phase Running. Both are watched, not polled.

    .local/venv/bin/python bench/start_latency.py [--rounds 10] [--kubeconfig .local/kubeconfig]
"""

import argparse
import asyncio
import secrets
import statistics
import time
from pathlib import Path
from typing import Any

import yaml

from devworkspace.api.children import Pod
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.credential import Keyring
from devworkspace.core.plan import make_plan
from devworkspace.core.podstate import is_ready
from devworkspace.core.world import Installation, World
from devworkspace.kube import clock, config
from devworkspace.kube.client import Client
from devworkspace.kube.resource import NAMESPACES, PODS, PVCS, SECRETS, Resource
from devworkspace.operator.app import TEMPLATES
from devworkspace.operator.reconciler import INSTANCES

EXAMPLE = Path(__file__).parent.parent / "crds" / "examples" / "workspace-instance.yaml"
KINDS: dict[str, Resource] = {"PersistentVolumeClaim": PVCS, "Secret": SECRETS, "Pod": PODS}


class Anything(Struct, frozen=True):
    metadata: ObjectMeta


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kubeconfig", type=Path, default=Path(".local/kubeconfig"))
    options = parser.parse_args()
    async with Client(config.from_kubeconfig(options.kubeconfig), field_manager="devworkspace-bench") as client:
        namespace = f"bench-{secrets.token_hex(3)}"
        await client.create(NAMESPACES, {"metadata": {"name": namespace}}, Anything)
        try:
            await measure(client, namespace, options.rounds)
        finally:
            made = await client.get(NAMESPACES, Key("", namespace), Anything)
            await client.delete(NAMESPACES, Key("", namespace), uid=made.metadata.uid)


async def measure(client: Client, namespace: str, rounds: int) -> None:
    floors, products = [], []
    await product(client, namespace, "warm-up")
    for number in range(rounds):
        floors.append(await floor(client, namespace, f"floor-{number}"))
        products.append(await product(client, namespace, f"product-{number}"))
        print(f"round {number + 1:2}: bare pod {floors[-1]:.3f} s, environment {products[-1]:.3f} s", flush=True)
    for name, values in (("bare pod", floors), ("environment", products)):
        print(f"{name:<12} p50 {statistics.median(values):.3f} s   max {max(values):.3f} s")
    print(f"environment above bare pod: p50 {statistics.median(products) - statistics.median(floors):+.3f} s")


async def product(client: Client, namespace: str, name: str) -> float:
    """Seconds from the apply of the example instance to phase Running."""
    body = {**example(), "metadata": {"name": name, "namespace": namespace}}
    started = time.monotonic()
    made = await client.apply(INSTANCES, body, WorkspaceInstance)
    await watch_until(client, INSTANCES, made.metadata, WorkspaceInstance, lambda seen: seen.status.phase == "Running")
    elapsed = time.monotonic() - started
    await remove(client, INSTANCES, made.metadata)
    await asyncio.sleep(2)
    return elapsed


async def floor(client: Client, namespace: str, name: str) -> float:
    """Seconds from the apply of a claim, a Secret and the operator's pod to that pod's Ready condition."""
    groups = await children(client, namespace, name)
    started = time.monotonic()
    for group in groups:
        applied = await asyncio.gather(*(client.apply(KINDS[body["kind"]], body, Pod) for body in group))
    (pod,) = applied
    await watch_until(client, PODS, pod.metadata, Pod, is_ready)
    elapsed = time.monotonic() - started
    await remove(client, PODS, pod.metadata)
    await asyncio.sleep(2)
    return elapsed


async def children(client: Client, namespace: str, name: str) -> list[list[dict[str, Any]]]:
    """What the operator would apply for this instance, without owner references, Service and NetworkPolicy."""
    template = await client.get(TEMPLATES, Key("", example()["spec"]["templateRef"]), WorkspaceTemplate)
    instance = WorkspaceInstance(
        metadata=ObjectMeta(name=name, namespace=namespace, uid=secrets.token_hex(16)),
        spec=(await dry_run(client, namespace, name)).spec,
        status=InstanceStatus(),
    )
    installation = Installation(keys=Keyring(b"b" * 32), server_namespace="devworkspace-system")
    world = World(
        key=instance.metadata.key, now=clock.now(), installation=installation, instance=instance, template=template
    )
    groups = []
    for group in make_plan(world).apply:
        bodies = [dict(action.body) for action in group if action.kind in KINDS]
        for body in bodies:
            # Without the operator's label, or it would take these for children of an instance that is gone.
            metadata = {key: value for key, value in body["metadata"].items() if key in ("name", "namespace")}
            body["metadata"] = metadata
        groups.append(bodies)
    return groups


async def dry_run(client: Client, namespace: str, name: str) -> WorkspaceInstance:
    body = {**example(), "metadata": {"name": name, "namespace": namespace}}
    return await client.apply(INSTANCES, body, WorkspaceInstance, dry_run=True)


async def watch_until(client: Client, resource: Resource, metadata: ObjectMeta, type_: Any, done: Any) -> None:
    selector = f"metadata.name={metadata.name}"
    async with asyncio.timeout(120):
        events = client.watch(
            resource, type_, namespace=metadata.namespace, field_selector=selector,
            resource_version=metadata.resource_version,
        )  # fmt: skip
        async for event in events:
            if event.object is not None and done(event.object):
                return


async def remove(client: Client, resource: Resource, metadata: ObjectMeta) -> None:
    await client.delete(resource, metadata.key, uid=metadata.uid, grace_period_seconds=0)


def example() -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return body


if __name__ == "__main__":
    asyncio.run(main())
