"""The server as its own process on uvloop, watching a Kubernetes API over HTTP, ended by a signal."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import PODS
from devworkspace.server.config import ServerConfig
from tests.server.support import (
    ADMIN,
    FAST_HASHER,
    MASTER_KEY,
    PASSWORD,
    Browser,
    Pod,
    browsing,
    free_port,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer

PROGRAM = """
import asyncio, json, pathlib, sys, uvloop
from devworkspace.server.app import run
from devworkspace.server.config import ServerConfig
values = json.loads(sys.argv[1])
for name in ("master_key_file", "admin_dir", "kubeconfig"):
    values[name] = pathlib.Path(values[name])
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(run(ServerConfig(**values)))
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


def put_environment(api: FakeApiServer, name: str, *, owner: str, port: int) -> None:
    """What the operator and the kubelet leave behind for a running environment."""
    made = api.put(
        INSTANCES,
        {
            "metadata": {"name": name, "namespace": "team"},
            "spec": {"templateRef": "python", "owner": owner},
            "status": {"phase": "Running", "podName": f"{name}-pod"},
        },
    )
    api.put(
        PODS,
        {
            "metadata": {
                "name": f"{name}-pod",
                "namespace": "team",
                "labels": {
                    names.LABEL_MANAGED_BY: names.MANAGED_BY,
                    names.LABEL_INSTANCE_UID: made["metadata"]["uid"],
                },
            },
            "spec": {
                "containers": [
                    {"name": names.CONTAINER_NAME, "ports": [{"name": names.PORT_NAME, "containerPort": port}]}
                ]
            },
            "status": {"podIP": "127.0.0.1"},
        },
    )


class Process:
    def __init__(self, process: asyncio.subprocess.Process, config: ServerConfig) -> None:
        self.process = process
        self.config = config

    async def ready(self) -> None:
        """Waits until the process says that it is ready."""
        url = f"http://127.0.0.1:{self.config.internal_port}/-/readyz"
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
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
async def running_process(directory: Path, api: FakeApiServer) -> AsyncIterator[Process]:
    (directory / "key").write_bytes(MASTER_KEY)
    (directory / "username").write_text(ADMIN)
    (directory / "password-hash").write_text(FAST_HASHER.hash(PASSWORD))
    (directory / "kubeconfig").write_text(kubeconfig(api.url))
    port = free_port()
    values: dict[str, Any] = {
        "public_url": f"http://localhost:{port}",
        "master_key_file": directory / "key",
        "admin_dir": directory,
        "kubeconfig": directory / "kubeconfig",
        "listen_host": "127.0.0.1",
        "listen_port": port,
        "internal_port": free_port(),
        "drain_seconds": 2.0,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        json.dumps(values, default=str),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": "src"},
    )
    try:
        yield Process(process, ServerConfig(**values))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def api() -> AsyncIterator[FakeApiServer]:
    def authorize(spec: Any) -> bool:
        attributes = spec["resourceAttributes"]
        return (attributes["verb"], attributes["subresource"], attributes["name"]) == ("create", "connect", "shared")

    async with FakeApiServer(authorize=authorize) as server:
        yield server


async def names_in_list(browser: Browser, origin: str) -> list[str]:
    answer = await browser.get(origin + "/api/v1/environments")
    assert answer.status == 200
    return [item["name"] for item in answer.json()["items"]]


async def test_from_the_watch_to_the_editor_and_out_by_signal(tmp_path: Path, api: FakeApiServer, pod: Pod) -> None:
    put_environment(api, "mine", owner=ADMIN, port=pod.port)
    put_environment(api, "shared", owner="li.wei", port=pod.port)
    put_environment(api, "foreign", owner="li.wei", port=pod.port)
    async with running_process(tmp_path, api) as process:
        await process.ready()
        origin = process.config.public_url
        async with browsing(origin) as browser:
            assert (await browser.sign_in()).status == 303
            assert await names_in_list(browser, origin) == ["mine", "shared"]
            for name, status in (("mine", 200), ("shared", 200), ("foreign", 404)):
                assert (await browser.open(name)).status == status
            review = api.reviews[-1]
            assert review["user"] == ADMIN
            assert review["resourceAttributes"]["resource"] == names.INSTANCE_PLURAL

            api.set_status(INSTANCES, Key("team", "mine"), {"phase": "Stopped"})
            api.remove(PODS, Key("team", "mine-pod"))
            api.remove(INSTANCES, Key("team", "shared"))
            async with asyncio.timeout(5):
                while (await browser.open("mine")).status != 503:
                    await asyncio.sleep(0.02)
                while await names_in_list(browser, origin) != ["mine"]:
                    await asyncio.sleep(0.02)
        assert {(request.verb, request.resource) for request in api.requests} == {
            ("list", "workspaceinstances"),
            ("watch", "workspaceinstances"),
            ("list", "pods"),
            ("watch", "pods"),
            ("list", "ideworkspacetemplates"),
            ("watch", "ideworkspacetemplates"),
            ("list", "namespaces"),
            ("watch", "namespaces"),
        }, "the rights that docs/SERVER.md asks for"
        assert api.writes == []
        assert await process.end() == 0


async def test_it_is_not_ready_before_the_first_list(tmp_path: Path, api: FakeApiServer) -> None:
    await api.stop()
    async with running_process(tmp_path, api) as process:
        url = f"http://127.0.0.1:{process.config.internal_port}/-/readyz"
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            status = 0
            while not status:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        status = response.status
                await asyncio.sleep(0.05)
        assert status == 503
        assert await process.end() == 0
