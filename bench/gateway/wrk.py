"""Closed loads by wrk: each connection sends its next request when the answer is there."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.contenders import Contender
from bench.gateway.nginx import MIB
from bench.gateway.process import cpu_seconds

_UPLOAD = f'wrk.method = "POST"\nwrk.body = string.rep("x", {MIB})\n'
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True)
class Load:
    """What wrk does: `path`, connections, and whether each request uploads one MiB."""

    name: str
    path: str
    connections: int
    upload: bool = False


@dataclass(frozen=True)
class Sample:
    """`cpu_us` is the contender's processor time for one request, in microseconds; `p99_ms` wrk's latency."""

    rate: float
    cpu_us: float
    p99_ms: float


async def measure(contender: Contender, load: Load, *, seconds: int, directory: Path) -> Sample:
    """One run. Raises RuntimeError if any answer was not a success: refusals are cheap and would look fast."""
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    for name, value in contender.http.headers.items():
        command += ["-H", f"{name}: {value}"]
    if load.upload:
        script = directory / "upload.lua"
        script.write_text(_UPLOAD)
        command += ["-s", str(script)]
    before = cpu_seconds(contender.pid)
    process = await asyncio.create_subprocess_exec(
        *command, f"http://127.0.0.1:{contender.http.port}{load.path}", stdout=asyncio.subprocess.PIPE
    )
    output = (await process.communicate())[0].decode()
    spent = cpu_seconds(contender.pid) - before
    done = re.search(r"(\d+) requests in", output)
    if process.returncode or done is None or "Non-2xx" in output or "Socket errors" in output or done[1] == "0":
        raise RuntimeError(f"{contender.name}, {load.name}: the load failed:\n{output}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", output)
    assert rate is not None and p99 is not None
    return Sample(float(rate[1]), spent / int(done[1]) * 1e6, float(p99[1]) * _UNITS[p99[2]])
