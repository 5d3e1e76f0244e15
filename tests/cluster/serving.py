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


class ServerProcess:
    """The server of this checkout, inside of `granted`; may be killed and started again behind the same port.

    `user` with `password` is its local account. It has no limits on requests.
    """

    def __init__(
        self, live: Live, directory: Path, *, public_url: str | None = None, user: str = ADMIN, password: str
    ) -> None:
        self.port, internal = free_port(), free_port()
        self.url = public_url or f"http://localhost:{self.port}"
        self.key = secrets.token_bytes(32)
        self.log_file = directory / "server.log"
        self._ready_url = f"http://127.0.0.1:{internal}/-/readyz"
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "key").write_bytes(self.key)
        (directory / "username").write_text(user)
        (directory / "password-hash").write_text(FAST_HASHER.hash(password))
        options = {
            "public-url": self.url,
            "master-key-file": directory / "key",
            "admin-dir": directory,
            "listen-host": "127.0.0.1",
            "listen-port": self.port,
            "internal-port": internal,
            "kubeconfig": write_kubeconfig(live, directory),
            "namespace": live.namespace,
            "api-rate": 0,
            "change-rate": 0,
        }
        program = str(Path(sys.executable).with_name("devworkspace"))
        self._command = [program, "server", *(f"--{name}={value}" for name, value in options.items())]

    async def start(self) -> None:
        """Returns when it is ready."""
        with self.log_file.open("ab") as log:
            environment = {**os.environ, "PYTHONPATH": "src"}
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while True:
                assert self._process.poll() is None, self.log_file.read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(self._ready_url) as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def end(self) -> None:
        """Ends it by a signal; fails if it had an error of its own, now or before."""
        if self._process is None:
            return
        self._process.terminate()
        code, text = await asyncio.to_thread(self._process.wait, 30), self.log_file.read_text()
        assert code == 0, text
        assert "Traceback" not in text, text[max(0, text.index("Traceback") - 500) :][:4000]


@contextlib.asynccontextmanager
async def serving(live: Live, directory: Path) -> AsyncIterator[Served]:
    """A server whose local account nobody knows the password of; the people here have tokens."""
    with granted(live):
        server = ServerProcess(live, directory, password=secrets.token_hex())
        try:
            await server.start()
            async with aiohttp.ClientSession() as session:
                yield Served(server.url, live, session, server.log_file)
        finally:
            await server.end()
