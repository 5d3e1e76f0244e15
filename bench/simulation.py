"""A real control plane with simulated nodes, and the operator of this checkout as a process on it.

etcd, API server, controller manager and scheduler are the embedded cluster's; KWOK (bench/kwok.yaml) plays the nodes,
so that thousands of pods cost nothing but their objects. The operator runs on the host under the rights of its service
account, as it would in its pod; its memory and processor time are read from /proc.
"""

import asyncio
import ipaddress
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import yaml
from tests.support.ports import free_port

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.cli import shell
from devworkspace.cli.deployment import Deployment
from devworkspace.cli.embedded import EmbeddedCluster
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import find_project
from devworkspace.cli.toolchain import find_go
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import config
from devworkspace.kube.client import Client
from devworkspace.kube.resource import NAMESPACES, Resource

ACCOUNT: Final = "devworkspace-operator"
TEMPLATE: Final = "bench"
NODES: Final = 5
_PROGRAMS: Final = ("kubernetes", "kwok", "devcluster")
_CONFIG: Final = Path(__file__).parent / "kwok.yaml"
_NODE_RESOURCE: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
_CREATES_AT_ONCE: Final = 50


class Anything(Struct, frozen=True):
    metadata: ObjectMeta


class Simulation:
    """The cluster; `client` is an administrator's. An async context manager that leaves the cluster running."""

    def __init__(self, *, name: str, state: Path | None) -> None:
        self._project = find_project()
        self._cluster = EmbeddedCluster(self._project, name=name, state=state or self._project.state / "bench")
        self._state = self._cluster.state
        self._progress = Progress(total=1, log_folder=self._project.logs, name="bench")

    @property
    def host(self) -> str:
        """This machine as the cluster reaches it: the other end of the API server's two-address network."""
        address = ipaddress.ip_address(str(urlsplit(self.client.endpoint.server).hostname))
        return str(address - 1)

    @property
    def audit_log(self) -> Path:
        return self._state / "logs" / "audit.log"

    async def __aenter__(self) -> "Simulation":
        await asyncio.to_thread(self._start)
        endpoint = config.from_kubeconfig(self._cluster.kubeconfig)
        self.client = Client(endpoint, field_manager="devworkspace-bench", limit=_CREATES_AT_ONCE, silence=300)
        await self.client.__aenter__()
        await self._prepare()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.__aexit__(None, None, None)

    def remove(self) -> None:
        """Stops the cluster and deletes its data."""
        self._cluster.down(self._progress, delete_data=True)

    def _start(self) -> None:
        programs, build = self._project.state / "bin", self._project.root / "cluster" / "build.sh"
        go = {"GO": str(find_go(self._project, self._progress)), "GOTOOLCHAIN": "local"}
        shell.run([build, programs, *_PROGRAMS], log=self._progress.log, on_line=self._progress.detail, environment=go)
        up = ("--name", self._cluster.name, "--bin-dir", programs, "--audit", "--simulate", _CONFIG)
        shell.run(self._cluster.command("up", *up), log=self._progress.log, on_line=self._progress.detail)

    async def _prepare(self) -> None:
        deployment = Deployment(project=self._project, public_url="http://localhost:8080")
        kubectl = Kubectl([self._project.state / "bin" / "kubernetes", "kubectl"], kubeconfig=self._cluster.kubeconfig)
        # Nobody serves it here, and a part of the API that does not answer holds up every removal of a namespace.
        kubectl.call("delete", "apiservice", "v1beta1.metrics.k8s.io", "--ignore-not-found")
        kubectl.apply(deployment.crds())
        established = [f"customresourcedefinition/{crd['metadata']['name']}" for crd in deployment.crds()]
        kubectl.call("wait", "--for=condition=Established", "--timeout=60s", *established)
        kubectl.apply([*deployment.base(), *(_node(number) for number in range(NODES))])
        await self.publish(TEMPLATE)
        token = kubectl.call("create", "token", ACCOUNT, f"--namespace={names.SYSTEM_NAMESPACE}", "--duration=48h")
        self._write_kubeconfig(token.strip())

    async def publish(self, name: str, **environment: Any) -> None:
        """A template whose environments fit the simulated nodes."""
        spec = {
            "displayName": "Benchmark",
            "environment": {"image": "localhost/devworkspace/base:0.1.0", **environment},
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
            "storage": {"size": "2Gi"},
        }
        await self.client.apply(TEMPLATES, {"metadata": {"name": name}, "spec": spec}, Anything)

    async def namespace(self, prefix: str) -> str:
        """A new namespace that is ready to be used: its service account is there, which every pod needs."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        await self.client.create(NAMESPACES, {"metadata": {"name": name}}, Anything)
        accounts = Resource("", "v1", "serviceaccounts", "ServiceAccount")
        async with asyncio.timeout(30):
            while not (await self.client.list(accounts, Anything, namespace=name)).items:
                await asyncio.sleep(0.02)
        return name

    async def forget(self, namespaces: Iterable[str]) -> None:
        """Removes namespaces and waits until they are gone, so that the next measurement starts from rest."""
        left = set(namespaces)
        for name in left:
            made = await self.client.get(NAMESPACES, Key("", name), Anything)
            await self.client.delete(NAMESPACES, Key("", name), uid=made.metadata.uid)
        async with asyncio.timeout(900):
            while left & {item.metadata.name for item in (await self.client.list(NAMESPACES, Anything)).items}:
                await asyncio.sleep(0.5)

    async def create(self, namespace: str, name: str, *, template: str = TEMPLATE) -> WorkspaceInstance:
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": {"templateRef": template}}
        return await self.client.create(INSTANCES, body, WorkspaceInstance)

    async def create_many(self, keys: Sequence[Key]) -> None:
        await asyncio.gather(*(self.create(key.namespace, key.name) for key in keys))

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each part of the cluster since its start."""
        status = json.loads(shell.output(self._cluster.command("status", "--json")))
        return {part["name"]: _cpu_seconds(part["pid"]) for part in status["components"]}

    def operator(self, name: str = "first") -> "OperatorProcess":
        return OperatorProcess(self._state, kubeconfig=self._operator_kubeconfig, name=name)

    @property
    def _operator_kubeconfig(self) -> Path:
        return self._state / "operator.kubeconfig"

    def _write_kubeconfig(self, token: str) -> None:
        document = yaml.safe_load(self._cluster.kubeconfig.read_text(encoding="utf-8"))
        document["users"] = [{"name": document["contexts"][0]["context"]["user"], "user": {"token": token}}]
        self._operator_kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
        self._operator_kubeconfig.chmod(0o600)


class OperatorProcess:
    """`devworkspace operator` of this checkout. Its log grows in operator-<name>.log beside the cluster's data."""

    def __init__(self, folder: Path, *, kubeconfig: Path, name: str) -> None:
        self._key = folder / "master-key"
        self._log = folder / f"operator-{name}.log"
        self._kubeconfig = kubeconfig
        self._name = name
        # Another run on this machine has an operator of its own.
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if not self._key.exists():
            self._key.write_bytes(secrets.token_bytes(32))
        program = Path(sys.executable).parent / "devworkspace"
        argv: list[str | Path] = [
            program, "operator", f"--master-key-file={self._key}", f"--kubeconfig={self._kubeconfig}",
            "--gateway-url=http://localhost:8080", "--probe-host=127.0.0.1", f"--probe-port={self._port}",
            "--log-format=json",
            # As in a pod whose container comes back: its own Lease does not hold it up.
            f"--identity=operator-{self._name}",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdout=log, stderr=log, env={**os.environ, **_deployed_environment()}
            )

    async def wait_ready(self, *, seconds: float = 120) -> float:
        """Waits for /readyz and returns the seconds that it took."""
        started = time.monotonic()
        async with aiohttp.ClientSession() as session, asyncio.timeout(seconds):
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{self._port}/readyz") as answer:
                        if answer.status == 200:
                            return time.monotonic() - started
                except aiohttp.ClientConnectionError:
                    if self._running.poll() is not None:
                        raise SystemExit(f"the operator ended at its start; see {self._log}") from None
                await asyncio.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    async def wait_end(self) -> None:
        """Waits for the end of a process that got a signal."""
        process, self._process = self._running, None
        await asyncio.to_thread(process.wait, 30)

    async def end(self) -> None:
        """Ends it as Kubernetes ends a pod."""
        self.signal(signal.SIGTERM)
        await self.wait_end()

    async def leads(self) -> bool:
        """Whether it holds the Lease."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self._port}/metrics") as answer,
        ):
            return "devworkspace_operator_leading 1.0" in await answer.text()

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("the operator was not started")
        return self._process

    def memory_mib(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self._running.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def cpu_seconds(self) -> float:
        """Processor time since its start."""
        return _cpu_seconds(self._running.pid)


def _deployed_environment() -> dict[str, str]:
    """The variables that the operator's manifest sets to a value."""
    (manifest,) = (
        document
        for document in yaml.safe_load_all((find_project().deploy / "operator.yaml").read_text(encoding="utf-8"))
        if document["kind"] == "Deployment"
    )
    environment = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return {entry["name"]: entry["value"] for entry in environment if "value" in entry}


def _cpu_seconds(pid: int) -> float:
    """Of user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _node(number: int) -> dict[str, Any]:
    name = f"simulated-{number}"
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
