"""Programs of the benchmark: started on one core, ended at the end, their costs read from /proc."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

# The contender under measurement has a core of its own; load, HTTP upstream and everything else share the other.
PROXY_CORE: Final = 1
LOAD_CORE: Final = 0
START_SECONDS: Final = 30.0


def pin(pid: int, core: int) -> None:
    """Ties a process with all its threads to a core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads so far, to the nanosecond (/proc/<pid>/stat counts in hundredths)."""
    spent = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        spent += int(schedstat.read_text().split()[0])
    return spent / 1e9


def memory_bytes(pid: int) -> int:
    """The process's proportional share of memory (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no Pss in /proc/{pid}/smaps_rollup")


async def wait_for_port(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"a program of the benchmark ended at its start with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str | Path], *, core: int, port: int, env: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """The program, listening on `port`; yields its process id."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **(env or {})}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await wait_for_port(port, process)
        pin(process.pid, core)
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
