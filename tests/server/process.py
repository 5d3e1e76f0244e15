"""The server as processes of its own on uvloop, with what they find in a cluster, and their files."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import CONFIG_MAPS, LEASES, PODS
from devworkspace.server import codes
from devworkspace.server.config import ServerConfig
from devworkspace.server.revocations import OBJECT_NAME
from devworkspace.server.signin.oidc import turns
from tests.server.support import ADMIN, FAST_HASHER, MASTER_KEY, PASSWORD, UNLIMITED
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.ports import free_port

PROGRAM = """
import asyncio, msgspec, sys, uvloop
from devworkspace.cli.logs import configure_logging
from devworkspace.server.app import run
from devworkspace.server.config import ServerConfig
configure_logging(log_format="json", verbose=True)
config = msgspec.json.decode(sys.argv[1], type=ServerConfig, dec_hook=lambda kind, value: kind(value))
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(run(config))
"""


def kubeconfig(url: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
        }
    )


def put_record(api: FakeApiServer) -> None:
    """The objects of deploy/server.yaml that replicas share."""
    api.put(LEASES, {"metadata": {"name": names.ACTIVITY_LEASE, "namespace": names.SYSTEM_NAMESPACE}})
    for name in (OBJECT_NAME, codes.RECORD_NAME, turns.RECORD_NAME):
        if api.get(CONFIG_MAPS, Key(names.SYSTEM_NAMESPACE, name)) is None:
            api.put(CONFIG_MAPS, {"metadata": {"name": name, "namespace": names.SYSTEM_NAMESPACE}})


async def answer_as_reporter(request: web.BaseRequest) -> web.StreamResponse:
    """An editor whose environment was used a quarter of an hour ago."""
    now = int(time.time())
    return web.Response(text=f"1 {now} {now - 900} seen\n", headers={"Date": formatdate(now, usegmt=True)})


def put_environment(
    api: FakeApiServer, name: str, *, owner: str, port: int, code_server: bool = False, namespace: str = "team"
) -> None:
    """What the operator and the kubelet leave behind for a running environment."""
    container = {
        "name": names.CONTAINER_NAME,
        "ports": [{"name": names.PORT_NAME, "containerPort": port}],
        "env": [{"name": names.CREDENTIAL_VARIABLE}] if code_server else [],
    }
    made = api.put(
        INSTANCES,
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"templateRef": "python", "owner": owner},
            "status": {"phase": "Running", "podName": f"{name}-pod"},
        },
    )
    api.put(
        PODS,
        {
            "metadata": {
                "name": f"{name}-pod",
                "namespace": namespace,
                "labels": {
                    names.LABEL_MANAGED_BY: names.MANAGED_BY,
                    names.LABEL_INSTANCE_UID: made["metadata"]["uid"],
                },
            },
            "spec": {"containers": [container]},
            "status": {"podIP": "127.0.0.1"},
        },
    )


class Process:
    """`log_file` has what the process has logged, every detail of it."""

    def __init__(self, process: asyncio.subprocess.Process, config: ServerConfig, log_file: Path) -> None:
        self.process = process
        self.config = config
        self.log_file = log_file

    def audit(self, **wanted: Any) -> list[dict[str, Any]]:
        """The lines of the audit log with these fields, without what every line of a log has."""
        lines = [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]
        return [
            {name: value for name, value in line.items() if name not in ("timestamp", "level", "event", "logger")}
            for line in lines
            if line["logger"] == "devworkspace.audit" and wanted.items() <= line.items()
        ]

    async def ready(self, *, seconds: float = 60) -> None:
        """Waits until the process says that it is ready; TimeoutError if it does not."""
        url = f"http://127.0.0.1:{self.config.internal_port}/-/readyz"
        async with aiohttp.ClientSession() as session, asyncio.timeout(seconds):
            while True:
                assert self.process.returncode is None, "the server ended at its start"
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)


@contextlib.asynccontextmanager
async def running_process(
    directory: Path,
    api: FakeApiServer,
    *,
    public_url: str | None = None,
    python: str | Path = sys.executable,
    **settings: Any,
) -> AsyncIterator[Process]:
    """A server; replicas of one installation share `directory` and `public_url`."""
    (directory / "key").write_bytes(MASTER_KEY)
    (directory / "username").write_text(ADMIN)
    (directory / "password-hash").write_text(FAST_HASHER.hash(PASSWORD))
    (directory / "kubeconfig").write_text(kubeconfig(api.url))
    port = free_port()
    values: dict[str, Any] = {
        "public_url": public_url or f"http://localhost:{port}",
        "master_key_file": directory / "key",
        "admin_dir": directory,
        "kubeconfig": directory / "kubeconfig",
        "listen_host": "127.0.0.1",
        "listen_port": port,
        "internal_port": free_port(),
        "drain_seconds": 2.0,
        "key_seconds": 0.1,
        "leave_seconds": 0.1,
        "activity_seconds": 0.5,
        "api_allowance": UNLIMITED,
        "change_allowance": UNLIMITED,
        **settings,
    }
    config = ServerConfig(**values)
    log_file = directory / f"{config.listen_port}.log"
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            python,
            "-c",
            PROGRAM,
            msgspec.json.encode(config, enc_hook=str).decode(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "PYTHONPATH": "src"},
        )
    try:
        yield Process(process, config, log_file)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
