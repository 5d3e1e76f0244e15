"""Runs a whole operator, Kopf included, against the fake API server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.address import Gateway
from devworkspace.kinds import CRDS, INSTANCE_CRD
from devworkspace.kube.resource import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS
from devworkspace.operator.app import Operator
from devworkspace.operator.config import OperatorConfig
from tests.support.builders import MASTER_KEY, running_status
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fake_faults import Logged
from tests.support.fixtures import eventually
from tests.support.ports import free_port

DEMO = Key("team", "demo")
LIMITS = Key(names.SYSTEM_NAMESPACE, names.LIMITS_CONFIG_MAP)


@contextlib.asynccontextmanager
async def running_operator(
    server: FakeApiServer, folder: Path, *, identity: str = "operator_1", leads: bool = True, **options: Any
) -> AsyncIterator[Operator]:
    """An operator that leads and has a complete view of the cluster; its failure surfaces here.

    With `leads` false it need only be warm. `options` are those of `OperatorConfig`.
    """
    key_file = folder / "master"
    key_file.write_bytes(MASTER_KEY)
    config = OperatorConfig(
        master_key_file=key_file,
        identity=identity,
        gateway=Gateway("http://localhost:8080"),
        probe_host="127.0.0.1",
        probe_port=free_port(),
        **({"workers": 4} | options),
    )
    operator = Operator(config, server.endpoint)
    task = asyncio.create_task(operator.run())
    try:
        awaited = operator.ready if leads else operator.warm
        await eventually(lambda: awaited.is_set() or task.done(), within=10)
        if task.done():
            await task
        yield operator
    finally:
        operator.stop()
        await task


def put_template(server: FakeApiServer, name: str = "python", **spec: Any) -> None:
    body = {"displayName": "Python", "environment": {"image": "localhost/devworkspace/python:0.1.0"}, **spec}
    server.put(TEMPLATES, {"metadata": {"name": name}, "spec": body})


def put_operator_deployment(server: FakeApiServer, image: str = "localhost/devworkspace/devworkspace:0.1.0") -> None:
    """The operator's own Deployment, as an installation makes it."""
    metadata = {"name": names.OPERATOR_DEPLOYMENT, "namespace": names.SYSTEM_NAMESPACE}
    pod = {"containers": [{"name": names.OPERATOR_CONTAINER, "image": image}], "imagePullSecrets": [{"name": "own"}]}
    server.put(DEPLOYMENTS, {"metadata": metadata, "spec": {"template": {"spec": pod}}})


def put_instance(server: FakeApiServer, name: str = "demo", **spec: Any) -> str:
    """Creates an instance and returns its UID."""
    server.put(NAMESPACES, {"metadata": {"name": "team"}})
    made = server.put(
        INSTANCES,
        {"metadata": {"name": name, "namespace": "team", "generation": 1}, "spec": {"templateRef": "python", **spec}},
    )
    uid: str = made["metadata"]["uid"]
    return uid


def put_limits(server: FakeApiServer, **data: str) -> None:
    """The limits of the installation; `owner_running="1"` stands for `owner.running`."""
    body = {
        "metadata": {"name": LIMITS.name, "namespace": LIMITS.namespace},
        "data": {name.replace("_", "."): text for name, text in data.items()},
    }
    if server.get(CONFIG_MAPS, LIMITS) is None:
        server.put(CONFIG_MAPS, body)
    else:
        server.patch(CONFIG_MAPS, LIMITS, {"data": body["data"]})


def put_instance_crd(server: FakeApiServer) -> None:
    """The definition of instances, which the operator looks at before it deletes a volume."""
    server.put(CRDS, {"metadata": {"name": INSTANCE_CRD.name}})


def status_of(server: FakeApiServer, key: Key = DEMO) -> dict[str, Any]:
    instance = server.get(INSTANCES, key)
    return {} if instance is None else instance.get("status", {})


def phase_of(server: FakeApiServer, key: Key = DEMO) -> str | None:
    return status_of(server, key).get("phase")


async def let_pod_answer(server: FakeApiServer, key: Key = DEMO) -> None:
    """Plays the kubelet: the pod of an instance starts and its readiness probe succeeds."""
    await eventually(lambda: pods_of(server, key))
    (pod,) = pods_of(server, key)
    server.set_status(PODS, Key(key.namespace, pod["metadata"]["name"]), running_status())


def pods_of(server: FakeApiServer, key: Key = DEMO) -> list[dict[str, Any]]:
    return [
        pod
        for pod in server.objects(PODS, key.namespace)
        if pod["metadata"]["labels"]["app.kubernetes.io/instance"] == key.name
    ]


# What belongs to no single environment. The NetworkPolicy is shared by all of a namespace; the status of a template
# follows up to two seconds later, one write for all that happened meanwhile (test_template_status.py counts those).
SHARED = frozenset(("networkpolicies", "ideworkspacetemplates/status"))


def own_writes(server: FakeApiServer, *, since: int = 0) -> list[Logged]:
    """The writes for environments and their children from the number `since` on, Events included."""
    return [write for write in server.writes[since:] if write.resource not in SHARED]


async def silence(server: FakeApiServer, seconds: float = 0.3) -> list[str]:
    """The writes for environments, and the NetworkPolicies, that arrive within the next moments."""
    before = len(server.writes)
    await asyncio.sleep(seconds)
    return [
        f"{write.verb} {write.resource} {write.key}"
        for write in server.writes[before:]
        if write.resource != "ideworkspacetemplates/status"
    ]


async def settled(server: FakeApiServer, seconds: float = 0.3, *, within: float = 20.0) -> None:
    """Waits until nobody has written for some moments, whatever is still on its way; fails if that never ends."""
    deadline = time.monotonic() + within
    while written := await silence(server, seconds):
        assert time.monotonic() < deadline, f"still writing after {within} s: {written}"
