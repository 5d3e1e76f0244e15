"""What attackers who cost much are made of, and what they cost the server."""

import asyncio
import time
from pathlib import Path

from devworkspace.api.names import SYSTEM_NAMESPACE
from tests.attacks.scene import Wire
from tests.support.environment import Surroundings

# What an attack may cost at most: for each client a read and a written buffer, its head, and Python's objects for them.
MEBIBYTES = 100
FIGURES = Path(".local/test-results/slow-clients.md")
_HEAD = "| clients | memory of the largest process | others are answered in (median, longest) |\n|---|---|---|\n"


def note_figure(line: str) -> None:
    """Puts a line into the report of this run, which several processes write."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    if not FIGURES.exists():
        FIGURES.write_text(_HEAD)
    with FIGURES.open("a") as file:
        file.write(f"{line}\n")


def resident_mebibytes(surroundings: Surroundings, part: str = "server") -> float:
    """The largest process of a part of the installation."""
    place = f"--namespace={SYSTEM_NAMESPACE}"
    selector = f"--selector=app.kubernetes.io/component={part}"
    running = "--field-selector=status.phase=Running"
    names = surroundings.run_kubectl(
        "get", "pods", place, selector, running, "--output=jsonpath={.items[*].metadata.name}"
    )
    read = ("--", "grep", "VmRSS", "/proc/1/status")
    sizes = [surroundings.run_kubectl("exec", place, pod, *read).split()[1] for pod in names.split()]
    return max(int(size) for size in sizes) / 1024


async def answer_time(wire: Wire, request: bytes) -> float:
    """Seconds until a request is answered in whole."""
    started = time.perf_counter()
    await wire.ask(request)
    return time.perf_counter() - started


class Crowd:
    """Clients that stay."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.writers: list[asyncio.StreamWriter] = []

    async def add(self, data: bytes) -> asyncio.StreamWriter:
        """One that sends this and reads nothing."""
        _, writer = await asyncio.open_connection(self._wire.host, self._wire.port, limit=1)
        self.writers.append(writer)
        writer.write(data)
        return writer

    async def knock(self, data: bytes) -> bytes:
        """One that sends this and reads the head of the answer."""
        reader, writer = await asyncio.open_connection(self._wire.host, self._wire.port)
        self.writers.append(writer)
        writer.write(data)
        async with asyncio.timeout(10):
            return await reader.readuntil(b"\r\n\r\n")

    def leave(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
