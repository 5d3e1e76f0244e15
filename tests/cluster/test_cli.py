"""A developer's life with an environment, by command line only."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from devworkspace.kinds import INSTANCES
from devworkspace.kube.resource import PVCS
from tests.support.live import Live

pytestmark = pytest.mark.cluster


async def call(live: Live, *arguments: str) -> str:
    """Standard output of the command; fails the test with its words."""
    argv = [sys.executable, "-c", "from devworkspace.cli.main import main; main()", *arguments, "-n", live.namespace]
    environment = {**os.environ, "KUBECONFIG": str(live.surroundings.kubeconfig), "LC_ALL": "C.UTF-8"}
    result = await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, text=True, timeout=180, check=False, env=environment
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


async def test_from_create_to_the_end_of_the_disk(live: Live) -> None:
    assert "runs: http" in await call(live, "create", "demo", "-t", "python", "--cpu=500m")
    [record] = json.loads(await call(live, "list", "-o", "json"))
    assert record["phase"] == "Running"
    assert record["owner"] == (await live.get()).spec.owner
    assert "HTTP server listening" in await call(live, "logs", "demo")
    assert "Pod/" in await call(live, "events", "demo")
    await call(live, "stop", "demo")
    assert (await call(live, "open", "demo", "--no-browser")).strip() == record["url"]
    volume = record["volume"]
    await call(live, "delete", "demo", "--yes")
    await live.wait_gone(INSTANCES, "demo")
    await live.wait_retained(volume)
    [kept] = json.loads(await call(live, "volumes", "-o", "json"))
    assert (kept["name"], kept["environment"]) == (volume, "demo")
    assert "runs: http" in await call(live, "adopt", volume, "again")
    again = await live.get("again")
    assert (again.status.pvc_name, again.spec.template_ref) == (volume, "python")
    await call(live, "delete", "again", "--data=delete", "--yes")
    await live.wait_gone(PVCS, volume)


async def test_logs_go_on_after_the_container_was_started_again(live: Live) -> None:
    await call(live, "create", "demo", "-t", "python")
    argv = [
        sys.executable,
        "-c",
        "from devworkspace.cli.main import main; main()",
        "logs",
        "demo",
        "-f",
        "-n",
        live.namespace,
    ]
    environment = {**os.environ, "KUBECONFIG": str(live.surroundings.kubeconfig), "LC_ALL": "C.UTF-8"}
    following = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    assert following.stdout is not None
    try:
        async with asyncio.timeout(120):
            await read_until(following.stdout, "HTTP server listening")
            # The editor's process is the container's first one; its end is the container's.
            await live.execute((await live.get()).status.pod_name or "", "kill", "1")
            await read_until(following.stdout, "the container was started again")
            await read_until(following.stdout, "HTTP server listening")
            await call(live, "stop", "demo")
            assert "demo is stopped" in (await following.stdout.read()).decode()
            assert await following.wait() == 0
    finally:
        if following.returncode is None:
            following.kill()
            await following.wait()


async def read_until(stream: asyncio.StreamReader, text: str) -> None:
    """Fails when the output ends before the text comes."""
    seen: list[str] = []
    while not seen or text not in seen[-1]:
        line = await stream.readline()
        assert line, f"no {text!r} in: {''.join(seen)}"
        seen.append(line.decode())


async def test_a_kept_disk_is_purged(live: Live) -> None:
    await call(live, "create", "demo", "-t", "python")
    volume = (await live.get()).status.pvc_name or ""
    await call(live, "delete", "demo", "--yes")
    await live.wait_retained(volume)
    await call(live, "purge", volume, "--yes")
    await live.wait_gone(PVCS, volume)
