"""The deployed server's replicas, one by one, and the keys that server and operator use."""

import asyncio
import base64
import contextlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from devworkspace.core.credential import NEXT_FILE, PREVIOUS_FILE, key_id
from tests.e2e.installation import IN_SYSTEM, wait_rollout
from tests.server.support import Browser, browsing
from tests.support.environment import Surroundings

SERVER = "devworkspace-server"
# Each part, and the port of its figures.
PARTS: Mapping[str, int] = {"operator": 8081, "server": 9090}
MASTER_FILE = "master"


def pods_of(surroundings: Surroundings, part: str) -> list[str]:
    """The names of its pods that have not been told to go."""
    found = json.loads(
        surroundings.run_kubectl(
            "get", "pods", IN_SYSTEM, f"--selector=app.kubernetes.io/component={part}", "--output=json"
        )
    )
    return [pod["metadata"]["name"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]


@contextlib.contextmanager
def scaled(surroundings: Surroundings, replicas: int) -> Iterator[None]:
    """So many servers inside, as many as before afterwards."""

    def scale(count: int) -> None:
        surroundings.run_kubectl("scale", f"deployment/{SERVER}", IN_SYSTEM, f"--replicas={count}")
        wait_rollout(surroundings, SERVER)

    before = surroundings.run_kubectl("get", "deployment", SERVER, IN_SYSTEM, "--output=jsonpath={.spec.replicas}")
    scale(replicas)
    try:
        yield
    finally:
        scale(int(before))


@contextlib.asynccontextmanager
async def forwarded(surroundings: Surroundings, pod: str, *, place: str = IN_SYSTEM) -> AsyncIterator[int]:
    """A port of this machine that leads to this one replica."""
    process = await asyncio.create_subprocess_exec(
        *surroundings.kubectl,
        *("port-forward", place, f"pod/{pod}", ":8080", f"--kubeconfig={surroundings.kubeconfig}"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found is not None, line
        yield int(found[1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def at_each_replica(surroundings: Surroundings) -> AsyncIterator[list[int]]:
    """A port for each replica of the server."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(forwarded(surroundings, pod)) for pod in pods_of(surroundings, "server")]


def browser_at(surroundings: Surroundings, port: int) -> contextlib.AbstractAsyncContextManager[Browser]:
    """A browser of the public address whose requests go to one replica."""
    return browsing(surroundings.url, to_port=port)


class MasterKeys:
    """The Secret that all keys come from, as an admin changes it (docs/SERVER.md, "Changing the master key")."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        raw = surroundings.run_kubectl("get", "secret", "devworkspace-keys", IN_SYSTEM, "--output=jsonpath={.data}")
        self.before = {name: base64.b64decode(value) for name, value in json.loads(raw).items()}

    async def use(self, **keys: bytes) -> None:
        """Puts these keys and no others; returns when every server and operator works with them."""
        texts = {name: base64.b64encode(keys[name]).decode() if name in keys else None for name in _KEYS}
        patch = json.dumps({"data": texts})
        await self._kubectl("patch", "secret", "devworkspace-keys", IN_SYSTEM, "--type=merge", f"--patch={patch}")
        # With its role: the same two keys, one the next of the other first and then the previous one, are two states.
        roles = {key_id(key): role for role, key in keys.items()}
        for_operators = {key_id(keys[MASTER_FILE]): MASTER_FILE}
        pods = [(part, pod) for part in PARTS for pod in pods_of(self._surroundings, part)]
        for _, pod in pods:
            # By itself the kubelet looks once in a minute; a pod that has changed it looks at now.
            mark = f"devworkspace.kubesphere.io/test-nudge={secrets.token_hex(4)}"
            await self._kubectl("annotate", "pod", pod, IN_SYSTEM, "--overwrite", mark)
        for part, pod in pods:
            await self._until(part, pod, roles if part == "server" else for_operators)

    async def _until(self, part: str, pod: str, wanted: Mapping[str, str]) -> None:
        path = f"/api/v1/namespaces/devworkspace-system/pods/{pod}:{PARTS[part]}/proxy/metrics"
        async with asyncio.timeout(120):
            while True:
                figures = await self._kubectl("get", "--raw", path)
                found = re.findall(rf'^devworkspace_{part}_key{{id="(\w+)",role="(\w+)"}} 1', figures, re.M)
                if dict(found) == wanted:
                    return
                await asyncio.sleep(0.3)

    async def _kubectl(self, *arguments: str) -> str:
        return await asyncio.to_thread(self._surroundings.run_kubectl, *arguments)


_KEYS = (MASTER_FILE, NEXT_FILE, PREVIOUS_FILE)


def find_password(surroundings: Surroundings, kept: str | None) -> str:
    """The generated administrator's password, from where the installer keeps it; `kept` is another place."""
    if kept is None:
        uid = surroundings.run_kubectl("get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}")
        kept = f".local/admin-password-{uid[:8]}"
    return Path(kept).read_text(encoding="utf-8").strip()
