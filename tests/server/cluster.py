"""A server whose requests to the cluster go to the fake API server, with an environment in both."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.render.common import child_name
from devworkspace.kube.client import Client
from devworkspace.kube.resource import POD_METRICS
from devworkspace.server.environments import DoorPod
from tests.server.support import ADMIN, Browser, Harness, running_server
from tests.support.fake_apiserver import INSTANCES, KNOWN, TEMPLATES, FakeApiServer

API = "/api/v1"
DEMO = f"{API}/namespaces/team/environments/demo"


class Wired(NamedTuple):
    """`browser` is signed in as the administrator, who has no right but as an owner."""

    server: Harness
    api: FakeApiServer
    browser: Browser


@contextlib.asynccontextmanager
async def wired(directory: Path, **settings: Any) -> AsyncIterator[Wired]:
    async with FakeApiServer(resources=(*KNOWN, POD_METRICS)) as api:
        client = Client(api.endpoint, field_manager="devworkspace-server")
        async with client, running_server(directory, cluster=client, **settings) as server, server.browser() as browser:
            assert (await browser.sign_in()).status == 303
            yield Wired(server, api, browser)


def put(wired: Wired, *, name: str = "demo", owner: str = ADMIN, pod: bool = True, **status: Any) -> WorkspaceInstance:
    """An environment at the API server and, as the watches would tell it, in the server's table."""
    body = {"metadata": {"name": name, "namespace": "team"}, "spec": {"templateRef": "python", "owner": owner}}
    made = msgspec.convert(wired.api.put(INSTANCES, body), WorkspaceInstance)
    child = child_name(made)
    told = {"phase": "Running", "podName": child, "pvcName": child, **status}
    made = msgspec.convert(wired.api.set_status(INSTANCES, made.metadata.key, told), WorkspaceInstance)
    wired.server.table.on_instance(None, made)
    if pod:
        wired.server.table.on_pod(None, msgspec.convert(pod_body(made), DoorPod))
    return made


def pod_body(instance: WorkspaceInstance) -> dict[str, Any]:
    """A pod of one that has started at noon and answered after nine seconds."""
    resources = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
    return {
        "metadata": {
            "name": child_name(instance),
            "namespace": "team",
            "uid": "pod-1",
            "creationTimestamp": "2026-11-24T12:00:01Z",
            "labels": {names.LABEL_INSTANCE_UID: instance.metadata.uid},
        },
        "spec": {
            "containers": [
                {
                    "name": names.CONTAINER_NAME,
                    "image": "python:1",
                    "ports": [{"name": names.PORT_NAME, "containerPort": 8080}],
                    "resources": resources,
                }
            ]
        },
        "status": {
            "podIP": "127.0.0.1",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T12:00:02Z"},
                {"type": "PodReadyToStartContainers", "status": "True", "lastTransitionTime": "2026-11-24T12:00:03Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-24T12:00:09Z"},
            ],
            "containerStatuses": [
                {"name": names.CONTAINER_NAME, "state": {"running": {"startedAt": "2026-11-24T12:00:07Z"}}}
            ],
        },
    }


def put_template(wired: Wired, name: str = "python", **spec: Any) -> WorkspaceTemplate:
    """A template at the API server and in the server's catalogue."""
    body = {"displayName": name.title(), "environment": {"image": f"{name}:1"}, **spec}
    stored = wired.api.put(TEMPLATES, {"metadata": {"name": name}, "spec": body})
    template = msgspec.convert(stored, WorkspaceTemplate)
    wired.server.catalogue.known[name] = template
    return template
