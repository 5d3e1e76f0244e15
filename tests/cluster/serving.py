"""A server process of the test's own in front of the real cluster, with the rights and the policies that it ships with.

Its account, roles and policies are those of deploy/ under names of the test's namespace, so that the installed server
is left alone and the files are what is tested.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from devworkspace.api import names
from devworkspace.server import codes
from devworkspace.server.revocations import OBJECT_NAME
from tests.server.support import ADMIN, FAST_HASHER
from tests.support.live import Live
from tests.support.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
ACCOUNT = "devworkspace-server"
AUDIENCE = "devworkspace"
SHARED = (OBJECT_NAME, codes.RECORD_NAME)
_OF_THE_CLUSTER = (
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    etag: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A server at `url`, in whose cluster the people are service accounts of the test's namespace."""

    url: str
    live: Live
    session: aiohttp.ClientSession
    log_file: Path

    @property
    def environments(self) -> str:
        return f"/api/v1/namespaces/{self.live.namespace}/environments"

    def token(self, person: str) -> str:
        arguments = ("create", "token", person, f"--namespace={self.live.namespace}", f"--audience={AUDIENCE}")
        return self.live.surroundings.run_kubectl(*arguments).strip()

    async def ask(self, token: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {token}", **headers}
        async with self.session.request(method, self.url + path, json=body, headers=sent) as response:
            return Answer(response.status, await response.read(), response.headers.get("ETag", ""))

    async def until(self, token: str, path: str, wanted: dict[str, Any], *, seconds: float = 120) -> dict[str, Any]:
        """The object at `path` once it says what is wanted."""
        deadline = time.monotonic() + seconds
        while True:
            answer = await self.ask(token, "GET", path)
            found: dict[str, Any] = answer.json()
            if answer.status == 200 and wanted.items() <= found.items():
                return found
            assert time.monotonic() < deadline, f"{path} does not say {wanted}: {found}"
            await asyncio.sleep(0.2)


def manifests(namespace: str) -> Iterator[dict[str, Any]]:
    """What the server needs, for an account of its name in this namespace."""
    own = f"{namespace}-server"
    for file in ("rbac", "policies", "server"):
        text = (DEPLOY / f"{file}.yaml").read_text(encoding="utf-8")
        text = text.replace(f"{names.SYSTEM_NAMESPACE}:{ACCOUNT}", f"{namespace}:{ACCOUNT}")
        text = text.replace(f"namespace: {names.SYSTEM_NAMESPACE}", f"namespace: {namespace}")
        for body in yaml.safe_load_all(text):
            kind, name = body["kind"], body["metadata"]["name"]
            if kind in _OF_THE_CLUSTER and name.startswith(ACCOUNT):
                renamed = json.dumps(body).replace(f'"name": "{name}"', f'"name": "{own}{name[len(ACCOUNT) :]}"')
                renamed = renamed.replace(f'"policyName": "{name}"', f'"policyName": "{own}{name[len(ACCOUNT) :]}"')
                # The account keeps its name, it lives in another namespace.
                renamed = re.sub(
                    r'("kind": "ServiceAccount", "name": )"[^"]*"', lambda match: f'{match[1]}"{ACCOUNT}"', renamed
                )
                yield json.loads(renamed)
            elif name in (ACCOUNT, *SHARED) and kind in ("ServiceAccount", "Role", "RoleBinding", "ConfigMap"):
                yield body


@contextlib.contextmanager
def granted(live: Live) -> Iterator[None]:
    bodies = list(manifests(live.namespace))
    live.surroundings.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(bodies))
    try:
        yield
    finally:
        mine = yaml.safe_dump_all([body for body in bodies if body["kind"] in _OF_THE_CLUSTER])
        live.surroundings.run_kubectl("delete", "--ignore-not-found", "-f", "-", input_text=mine)


def write_kubeconfig(live: Live, directory: Path) -> Path:
    """The cluster of the test, entered as the server's account."""
    raw = live.surroundings.run_kubectl("config", "view", "--raw", "--minify", "--output=json")
    config = json.loads(raw)
    token = live.surroundings.run_kubectl("create", "token", ACCOUNT, f"--namespace={live.namespace}").strip()
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    file = directory / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(config))
    return file


@contextlib.asynccontextmanager
async def serving(live: Live, directory: Path) -> AsyncIterator[Served]:
    """A server without limits on requests, ended by a signal at the end; fails if it had an error of its own."""
    key, log_file, port, internal = directory / "key", directory / "server.log", free_port(), free_port()
    key.write_bytes(secrets.token_bytes(32))
    (directory / "username").write_text(ADMIN)
    (directory / "password-hash").write_text(FAST_HASHER.hash(secrets.token_hex()))
    url = f"http://localhost:{port}"
    with granted(live), log_file.open("wb") as log:
        command = [
            *(str(Path(sys.executable).with_name("devworkspace")), "server", "--public-url", url),
            *(
                "--master-key-file",
                str(key),
                "--admin-dir",
                str(directory),
                "--listen-host",
                "127.0.0.1",
                "--listen-port",
                str(port),
            ),
            *("--internal-port", str(internal), "--kubeconfig", str(write_kubeconfig(live, directory))),
            *("--namespace", live.namespace, "--api-rate", "0", "--change-rate", "0"),
        ]
        environment = {**os.environ, "PYTHONPATH": "src"}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            async with aiohttp.ClientSession() as session:
                await _ready(session, f"http://127.0.0.1:{internal}/-/readyz", process, log_file)
                yield Served(url, live, session, log_file)
        finally:
            process.terminate()
            code = await asyncio.to_thread(process.wait, 30)
    assert code == 0, log_file.read_text()
    text = log_file.read_text()
    assert "Traceback" not in text, (
        f"the server failed on a request: {text[max(0, text.index('Traceback') - 500) :][:4000]}"
    )


async def _ready(session: aiohttp.ClientSession, url: str, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    async with asyncio.timeout(60):
        while True:
            assert process.poll() is None, log_file.read_text()
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.1)
