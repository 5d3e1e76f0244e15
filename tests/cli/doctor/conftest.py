"""An installation as the shipped manifests make it, in an API server in memory, with a stand-in for kubelets."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.cli.doctor.objects import BINDINGS, JOBS, POLICIES
from devworkspace.kube import resource as kinds
from devworkspace.kube.clock import micro_timestamp, now
from devworkspace.kube.resource import Resource
from tests.cli.environments.conftest import TEMPLATE, Shell, kubeconfig_of
from tests.support.fake_apiserver import CRDS, KNOWN, TEMPLATES, FakeApiServer
from tests.support.fake_store import Change
from tests.support.fixtures import api_server

ROOT: Final = Path(__file__).parents[3]
SYSTEM: Final = names.SYSTEM_NAMESPACE
SERVED: Final = (*KNOWN, POLICIES, BINDINGS, JOBS, kinds.POD_METRICS)
OPERATOR: Final = Key(SYSTEM, "devworkspace-operator")
SERVER: Final = Key(SYSTEM, "devworkspace-server")
_KINDS: Final = {
    "CustomResourceDefinition": CRDS,
    "Deployment": kinds.DEPLOYMENTS,
    "ValidatingAdmissionPolicy": POLICIES,
    "ValidatingAdmissionPolicyBinding": BINDINGS,
}
_STATUS: Final[dict[str, dict[str, Any]]] = {
    "CustomResourceDefinition": {
        "conditions": [{"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}]
    },
    "Deployment": {"observedGeneration": 1, "updatedReplicas": 2, "readyReplicas": 2},
}


@dataclass
class Network:
    """What kubelets and the network do: pods run at once, and a policy keeps one out if `enforced`."""

    enforced: bool = True
    reachable: bool = True

    def watch(self, server: FakeApiServer) -> None:
        server.store.listeners.append(lambda change: self._react(server, change))

    def _react(self, server: FakeApiServer, change: Change) -> None:
        if change.kind != "ADDED":
            return
        if change.resource == JOBS:
            template, metadata = change.new["spec"]["template"], change.new["metadata"]
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
            pod = {
                "metadata": {
                    "name": f"{metadata['name']}-x",
                    "namespace": metadata["namespace"],
                    "labels": template["metadata"]["labels"],
                    "ownerReferences": [owner],
                },
                "spec": template["spec"],
            }
            asyncio.get_running_loop().call_soon(server.put, kinds.PODS, pod)
        if change.resource == kinds.PODS:
            key = kinds.key_of(change.new)
            running = {"phase": "Running", "podIP": "10.244.0.9"}
            asyncio.get_running_loop().call_soon(server.set_status, kinds.PODS, key, running)

    def log(self, server: FakeApiServer) -> AsyncIterator[bytes]:
        async def knocks() -> AsyncIterator[bytes]:
            while True:
                kept_out = self.enforced and server.objects(kinds.NETWORK_POLICIES)
                yield b"in\n" if self.reachable and not kept_out else b"out\n"
                await asyncio.sleep(0.01)

        return knocks()


@dataclass
class Installation:
    """`shell` is the admin's; `ready` is what the server answers to its probe."""

    shell: Shell
    network: Network
    ready: tuple[int, str] = (200, "ok\n")

    @property
    def server(self) -> FakeApiServer:
        return self.shell.server

    async def examine(self, *options: str, locale: str = "C.UTF-8") -> tuple[int, list[dict[str, Any]]]:
        """Exit status and findings."""
        result = await self.shell.run("doctor", "-o", "json", *options, locale=locale)
        assert result.stdout, result.output
        return result.exit_code, json.loads(result.stdout)

    def patch(self, resource: Resource, key: Key, patch: Mapping[str, Any]) -> None:
        self.server.patch(resource, key, dict(patch))

    def set_argument(self, name: str, value: str) -> None:
        """One option of the server's Deployment."""
        deployment = self.server.get(kinds.DEPLOYMENTS, SERVER)
        assert deployment is not None
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        container["args"] = [arg for arg in container["args"] if not arg.startswith(f"{name}=")] + [f"{name}={value}"]
        self.server.put(kinds.DEPLOYMENTS, deployment)


@lru_cache
def manifests() -> list[dict[str, Any]]:
    paths = [
        ROOT / "crds" / "workspace_template_crd.yaml",
        ROOT / "crds" / "workspace_instance_crd.yaml",
        *(ROOT / "deploy" / name for name in ("operator.yaml", "server.yaml", "policies.yaml")),
    ]
    documents = [document for path in paths for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return [document for document in documents if document["kind"] in _KINDS]


def put_everything(server: FakeApiServer) -> None:
    for document in copy.deepcopy(manifests()):
        status = _STATUS.get(document["kind"])
        server.put(_KINDS[document["kind"]], document | ({"status": status} if status else {}))
    template = {**TEMPLATE, "metadata": {"name": "python"}}
    server.put(TEMPLATES, template)
    image = {"names": [template["spec"]["environment"]["image"], "localhost/devworkspace/python@sha256:0"]}
    server.put(kinds.NODES, {"metadata": {"name": "node"}, "status": {"images": [image, {}]}})
    put_storage_class(server, "local")
    put_lease(server, micro_timestamp(now()))


def put_storage_class(server: FakeApiServer, name: str, *, default: bool = True, **fields: Any) -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    usual = {"allowVolumeExpansion": True, "volumeBindingMode": "WaitForFirstConsumer"}
    server.put(kinds.STORAGE_CLASSES, {"metadata": {"name": name, "annotations": annotations}, **usual, **fields})


def put_lease(server: FakeApiServer, renewed: str) -> None:
    spec = {"holderIdentity": "devworkspace-operator-1_uid", "leaseDurationSeconds": 15, "renewTime": renewed}
    server.put(kinds.LEASES, {"metadata": {"name": names.OPERATOR_LEASE, "namespace": SYSTEM}, "spec": spec})


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    """All is well: operator, server, a network that keeps to policies, and an address that answers."""
    network = Network()
    async with api_server(resources=SERVED) as server:
        server.log = lambda key, query: network.log(server)
        put_everything(server)
        network.watch(server)
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(kubeconfig_of(server.url)))
        installation = Installation(Shell(server, kubeconfig), network)

        async def readyz(request: web.Request) -> web.Response:
            return web.Response(status=installation.ready[0], text=installation.ready[1])

        app = web.Application()
        app.router.add_get("/-/readyz", readyz)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            installation.set_argument("--public-url", f"http://localhost:{runner.addresses[0][1]}")
            server.set_status(kinds.DEPLOYMENTS, SERVER, {**_STATUS["Deployment"], "observedGeneration": 2})
            yield installation
        finally:
            await runner.cleanup()
