"""The way of `devworkspace ssh` over https, and through a proxy: real TLS, in front of a server that echoes."""

import asyncio
import base64
import contextlib
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT
from tests.cli.remote.test_tunnel import HOST, echo, says
from tests.faults.pki import Authority, make_authority
from tests.server.support import Pod, running_pod
from tests.server.test_ssh import speak
from tests.support.relay import Greeting, running_relay

# Nobody knows it but the proxy, which leads everything to one port.
NAME = "dev.example.com"


def proxy_greeting(heads: list[bytes]) -> Greeting:
    """Of a proxy that is asked by CONNECT; keeps what it was asked."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    return greet


@pytest.fixture
async def echoing() -> AsyncIterator[Pod]:
    """In the place of the server."""
    async with running_pod(speak) as pod:
        yield pod


@contextlib.asynccontextmanager
async def running(
    home: Path, server: str, authority: Authority, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    (home / "authority.pem").write_bytes(authority.certificate)
    known = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {
        **{name: value for name, value in known.items() if name not in ("KUBECONFIG", "XDG_CONFIG_HOME")},
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "src"),
        "DEVWORKSPACE_TOKEN": "mia",
        "SSL_CERT_FILE": str(home / "authority.pem"),
        **more,
    }
    argv = [sys.executable, "-P", "-m", "devworkspace", "ssh", "--stdio", f"--server={server}", HOST]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    process = await asyncio.create_subprocess_exec(*argv, env=environment, **pipes, limit=2**20)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_all_bytes_go_both_ways_over_tls(echoing: Pod, tmp_path: Path) -> None:
    authority, data = make_authority(), os.urandom(4 * 2**20)
    async with (
        running_relay(echoing.port, tls=authority.context) as front,
        running(tmp_path, f"https://127.0.0.1:{front.port}", authority) as process,
    ):
        assert hashlib.sha256(await echo(process, data)).digest() == hashlib.sha256(data).digest()
        assert await says(process) == (0, "")


async def test_a_server_that_is_not_proved_gets_no_token(echoing: Pod, tmp_path: Path) -> None:
    other = make_authority()
    async with (
        running_relay(echoing.port, tls=make_authority().context) as front,
        running(tmp_path, f"https://127.0.0.1:{front.port}", other) as process,
    ):
        code, text = await says(process)
    assert (code, "certificate verify failed" in text, echoing.seen) == (1, True, []), text


async def test_a_proxy_is_asked_for_the_way_and_sees_no_token(echoing: Pod, tmp_path: Path) -> None:
    authority, heads = make_authority(NAME), list[bytes]()
    async with (
        running_relay(echoing.port, tls=authority.context) as front,
        running_relay(front.port, greeting=proxy_greeting(heads)) as proxy,
        running(tmp_path, f"https://{NAME}", authority, https_proxy=f"me:p%40ss@127.0.0.1:{proxy.port}") as process,
    ):
        assert await echo(process, b"through") == b"through"
    (head,) = heads
    assert head.startswith(f"CONNECT {NAME}:443 ".encode())
    assert base64.b64encode(b"me:p@ss") in head
    assert b"mia" not in head
    assert echoing.seen[-1][2]["Authorization"] == "Bearer mia", "positive control"
