"""`devworkspace ssh --stdio` as ssh runs it: a process between two pipes, in front of a real server."""

import asyncio
import contextlib
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT
from tests.server.support import Harness, Pod, running_pod, running_server
from tests.server.test_ssh import know, speak

HOST = "demo.team.devworkspace"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_server(tmp_path, recheck_seconds=0.1) as harness:
        know(harness, "mia", "li.wei")
        yield harness


@pytest.fixture
async def sshd() -> AsyncIterator[Pod]:
    async with running_pod(speak) as pod:
        yield pod


@contextlib.asynccontextmanager
async def running(
    server: Harness, home: Path, *options: str, token: str = "mia", locale: str = "C.UTF-8"
) -> AsyncIterator[asyncio.subprocess.Process]:
    argv = [sys.executable, "-P", "-m", "devworkspace", "ssh", "--stdio", f"--server={server.origin}", *options, HOST]
    more = {"HOME": str(home), "DEVWORKSPACE_TOKEN": token, "LC_ALL": locale, "PYTHONPATH": str(ROOT / "src")}
    environment = {name: value for name, value in os.environ.items() if name not in ("KUBECONFIG", "XDG_CONFIG_HOME")}
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    process = await asyncio.create_subprocess_exec(*argv, env={**environment, **more}, **pipes, limit=2**20)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def says(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """How it ended, and what it had to say."""
    async with asyncio.timeout(60):
        output, complaint = await process.communicate(b"")
    assert output == b""
    assert process.returncode is not None
    return process.returncode, complaint.decode()


async def echo(process: asyncio.subprocess.Process, data: bytes) -> bytes:
    assert process.stdin is not None and process.stdout is not None
    reading = asyncio.create_task(process.stdout.readexactly(len(data)))
    process.stdin.write(data)
    await process.stdin.drain()
    async with asyncio.timeout(60):
        return await reading


async def test_all_bytes_go_both_ways(server: Harness, sshd: Pod, tmp_path: Path) -> None:
    server.add(sshd.port, owner="mia")
    data = os.urandom(8 * 2**20)
    async with running(server, tmp_path) as process:
        assert hashlib.sha256(await echo(process, data)).digest() == hashlib.sha256(data).digest()
        assert await says(process) == (0, ""), "ssh ends it by closing its pipes"
    _, _, headers = sshd.seen[-1]
    public = (tmp_path / ".config/devworkspace/ssh/id_ed25519.pub").read_text().split()
    assert headers["X-DevWorkspace-SSH-Key"] == " ".join(public[:2])


async def test_a_connection_that_is_taken_away_says_so(server: Harness, sshd: Pod, tmp_path: Path) -> None:
    server.rbac.grants.add(("li.wei", "team", "demo"))
    server.add(sshd.port, owner="mia")
    async with running(server, tmp_path, token="li.wei") as process:
        assert await echo(process, b"x") == b"x"
        server.rbac.grants.clear()
        assert process.stderr is not None
        async with asyncio.timeout(30):
            complaint = await process.stderr.read()
            assert (await process.wait(), complaint.decode()) == (
                1,
                "Error: The connection to environment team/demo was ended: your access has ended; ask its owner or an "
                "admin.\n",
            )


async def test_what_is_not_there_is_said_in_the_persons_language(server: Harness, sshd: Pod, tmp_path: Path) -> None:
    server.add(sshd.port, owner="li.wei")
    async with running(server, tmp_path) as process:
        code, text = await says(process)
    assert (code, "no environment team/demo" in text) == (1, True), text
    async with running(server, tmp_path, token="wrong", locale="zh_CN.UTF-8") as process:
        code, text = await says(process)
    assert (code, "不接受该令牌" in text) == (1, True), text


async def test_one_that_is_stopped_says_so_and_starts_if_asked(server: Harness, sshd: Pod, tmp_path: Path) -> None:
    server.add(sshd.port, owner="mia", phase="Stopped", running=False)
    async with running(server, tmp_path) as process:
        code, text = await says(process)
    assert (code, "is stopped" in text, server.api.patches) == (1, True, []), text

    def run_it(*_: object) -> None:
        server.add(sshd.port, owner="mia")

    server.api.on_patch = run_it
    async with running(server, tmp_path, "--start") as process:
        assert await echo(process, b"x") == b"x"
    assert [patch["spec"] for _, patch in server.api.patches] == [{"running": True}]


async def test_an_image_without_ssh_says_so(server: Harness, tmp_path: Path) -> None:
    async with running_pod() as pod:
        server.add(pod.port, owner="mia")
        async with running(server, tmp_path) as process:
            code, text = await says(process)
    assert (code, "has no ssh" in text) == (1, True), text


async def test_a_server_that_is_not_there_is_named(server: Harness, tmp_path: Path) -> None:
    async with running(server, tmp_path, "--server=http://localhost:1") as process:
        code, text = await says(process)
    assert (code, "http://localhost:1 cannot be reached" in text, "Traceback" in text) == (1, True, False), text
