"""Whether the cluster's network keeps to NetworkPolicies: many do not, and take them without a word.

Two pods: one listens, the other one knocks and prints what came of it. It must get in without a policy, be kept out
with one, and get in again without it; anything else says nothing about policies. A Job owns all of it and ends by
itself, so that the cluster clears away even if this program is killed in the middle.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any, Final, Literal

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.cli.doctor.findings import Finding, Report
from devworkspace.cli.doctor.objects import JOBS
from devworkspace.cli.doctor.scene import Scene
from devworkspace.kube.client import Client
from devworkspace.kube.codec import OnlyMetadata
from devworkspace.kube.errors import ApiError, KubeError
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, Resource

Knock = Literal["in", "out"]

POLL_SECONDS: Final = 0.3
START_SECONDS: Final = 90.0
# Network plug-ins follow a change within a second or two, on a busy node later.
CHANGE_SECONDS: Final = 60.0
_LIFE_SECONDS: Final = 300
# One that failed may be an accident; the knocking one tries three times a second.
_IN_A_ROW: Final = 3
_PORT: Final = 8000
_NOBODY: Final = 65532
_APP: Final = "devworkspace-doctor"
_LISTEN: Final = f"""
import os, socket
family = socket.AF_INET6 if ":" in os.environ["POD_IP"] else socket.AF_INET
server = socket.create_server(("", {_PORT}), family=family)
while True:
    server.accept()[0].close()
"""
_KNOCK: Final = f"""
import os, socket, time
while True:
    try:
        socket.create_connection((os.environ["TARGET"], {_PORT}), timeout=1).close()
        print("in", flush=True)
    except OSError:
        print("out", flush=True)
    time.sleep(0.3)
"""
network = Report("network-policies")


class _Silent(Exception):  # noqa: N818 - no error: the probe did not get as far as to say anything
    """`text` and `message` say why the probe tells nothing."""

    def __init__(self, text: str, message: str = "") -> None:
        self.text, self.message = text, message
        super().__init__(text)


async def check_network(scene: Scene, namespace: str) -> list[Finding]:
    """The image is our own server's: it is there, and has a Python."""
    if scene.server is None:
        return [network.unknown("network.no-image")]
    probe = _Probe(scene, namespace)
    try:
        return [await probe.run()]
    except _Silent as error:
        return [network.unknown(error.text, namespace=namespace, message=error.message)]
    finally:
        await probe.clear_away()


class _Probe:
    def __init__(self, scene: Scene, namespace: str) -> None:
        self._client: Client = scene.client
        self._scene = scene
        self._name = f"{_APP}-{secrets.token_hex(3)}"
        self._namespace = namespace
        self._made: list[tuple[Resource, Key, str]] = []

    async def run(self) -> Finding:
        job = await self._make(JOBS, self._job())
        target = await self._wait_for_address()
        await self._make(PODS, self._knocking_pod(job, target))
        async with self._knocks() as knocks:
            if not await _until(knocks, "in", seconds=START_SECONDS):
                raise _Silent("network.shut")
            policy = await self._make(NETWORK_POLICIES, self._policy(job))
            if not await _until(knocks, "out", seconds=CHANGE_SECONDS):
                return network.problem("network.open", namespace=self._namespace)
            await self._client.delete(NETWORK_POLICIES, policy.key, uid=policy.uid)
            if not await _until(knocks, "in", seconds=CHANGE_SECONDS):
                raise _Silent("network.stuck")
        return network.ok("network.ok", namespace=self._namespace)

    async def clear_away(self) -> None:
        """Also when this program is told to end; what it leaves, the cluster removes when the Job's time is up."""
        for resource, key, uid in reversed(self._made):
            with contextlib.suppress(KubeError):
                await self._client.delete(resource, key, uid=uid)

    async def _make(self, resource: Resource, body: dict[str, Any]) -> ObjectMeta:
        try:
            made = (await self._client.create(resource, body, OnlyMetadata)).metadata
        except ApiError as error:
            raise _Silent("network.refused", error.message) from error
        self._made.append((resource, made.key, made.uid))
        return made

    async def _wait_for_address(self) -> str:
        """The listening pod's address, once it runs."""
        message = ""
        for _ in range(int(START_SECONDS / POLL_SECONDS)):
            selector = ",".join(f"{name}={value}" for name, value in self._labels("listen").items())
            listed = await self._client.list(PODS, Pod, namespace=self._namespace, label_selector=selector)
            for pod in listed.items:
                if pod.status.phase == "Running" and pod.status.pod_ip:
                    return pod.status.pod_ip
                message = _state_of(pod)
            await asyncio.sleep(POLL_SECONDS)
        raise _Silent("network.not-started", message)

    @contextlib.asynccontextmanager
    async def _knocks(self) -> AsyncIterator[AsyncIterator[Knock]]:
        """What the knocking pod prints, from when it runs."""
        key = Key(self._namespace, f"{self._name}-knock")
        for _ in range(int(START_SECONDS / POLL_SECONDS)):
            pod = await self._client.get(PODS, key, Pod)
            if pod.status.phase == "Running":
                break
            await asyncio.sleep(POLL_SECONDS)
        else:
            raise _Silent("network.not-started", _state_of(pod))
        async with self._client.log(key, params={"follow": "true"}) as chunks:
            yield _parse(chunks)

    def _job(self) -> dict[str, Any]:
        pod_ip = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        return {
            "metadata": self._metadata(self._name, role="job"),
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": _LIFE_SECONDS,
                "ttlSecondsAfterFinished": 0,
                "template": {
                    "metadata": {"labels": self._labels("listen")},
                    "spec": self._pod_spec(_LISTEN, pod_ip),
                },
            },
        }

    def _knocking_pod(self, job: ObjectMeta, target: str) -> dict[str, Any]:
        metadata = self._metadata(f"{self._name}-knock", role="knock", owner=job)
        return {"metadata": metadata, "spec": self._pod_spec(_KNOCK, {"name": "TARGET", "value": target})}

    def _policy(self, job: ObjectMeta) -> dict[str, Any]:
        selector = {"matchLabels": self._labels("listen")}
        return {
            "metadata": self._metadata(self._name, role="policy", owner=job),
            "spec": {"podSelector": selector, "policyTypes": ["Ingress"]},
        }

    def _pod_spec(self, program: str, variable: dict[str, Any]) -> dict[str, Any]:
        """Meets Pod Security `restricted`, quotas and limit ranges; holds no token."""
        assert self._scene.server is not None
        server = self._scene.server
        container = {
            "name": "probe",
            "image": server.image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", program],
            "env": [variable],
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        secrets_ = server.spec.template.spec.image_pull_secrets if self._namespace == self._scene.system else ()
        return {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "activeDeadlineSeconds": _LIFE_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "imagePullSecrets": [{"name": secret.name} for secret in secrets_],
            "containers": [container],
        }

    def _metadata(self, name: str, *, role: str, owner: ObjectMeta | None = None) -> dict[str, Any]:
        metadata: dict[str, Any] = {"name": name, "namespace": self._namespace, "labels": self._labels(role)}
        if owner is not None:
            reference = {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "name": owner.name, "uid": owner.uid}
            metadata["ownerReferences"] = [reference]
        return metadata

    def _labels(self, role: str) -> dict[str, str]:
        return {names.LABEL_NAME: _APP, names.LABEL_INSTANCE: self._name, names.LABEL_COMPONENT: role}


async def _parse(chunks: AsyncIterator[bytes]) -> AsyncIterator[Knock]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line == b"in":
                yield "in"
            elif line == b"out":
                yield "out"


async def _until(knocks: AsyncIterator[Knock], wanted: Knock, *, seconds: float) -> bool:
    """Whether the knocks become this one and stay so for a moment, within the time."""
    row = 0
    try:
        async with asyncio.timeout(seconds):
            async for knock in knocks:
                row = row + 1 if knock == wanted else 0
                if row >= _IN_A_ROW:
                    return True
    except TimeoutError:
        return False
    raise _Silent("network.ended")


def _state_of(pod: Pod) -> str:
    """What keeps a pod from running, in the cluster's words."""
    for status in pod.status.container_statuses:
        if status.state.waiting is not None:
            return f"{status.state.waiting.reason} {status.state.waiting.message}".strip()
    return next((condition.message for condition in pod.status.conditions if condition.message), pod.status.phase)
