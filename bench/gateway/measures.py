"""What is measured, in rounds: each contender has its turn in each, so that the neighbours' noise hits all alike."""

import asyncio
import contextlib
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.figures import Figure, median, percentile
from bench.gateway import paced, sockets, wrk
from bench.gateway.contenders import Address, Contender
from bench.gateway.process import cpu_seconds, memory_bytes
from bench.gateway.wrk import Load, Sample

SMALL: Final = Load("GET 1 KiB", "/small", connections=50)
DOWNLOAD: Final = Load("download 1 MiB", "/mib", connections=8)
UPLOAD: Final = Load("upload 1 MiB", "/upload", connections=8, upload=True)
CROWD: Final = 1000
KIB: Final = 1024

Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Bench:
    """`seconds` is the length of one turn."""

    contenders: Sequence[Contender]
    rounds: int
    seconds: int
    directory: Path

    def named(self, name: str) -> Contender:
        return next(contender for contender in self.contenders if contender.name == name)

    async def in_turns(self, contenders: Sequence[Contender], turn: Callable[[Contender], Awaitable[None]]) -> None:
        """Each round begins with another contender."""
        for number in range(self.rounds):
            first = number % len(contenders)
            for contender in [*contenders[first:], *contenders[:first]]:
                await turn(contender)


async def requests(bench: Bench) -> list[Figure]:
    """Small answers, and bodies of a MiB in both directions."""
    figures, small = [], await _load(bench, SMALL)
    figures += _told(small, SMALL)
    ratio = _ratio(small, "nginx", lambda sample: 1 / sample.cpu_us)
    figures += [
        Figure(name="GET 1 KiB: gateway / nginx, requests per second of processor time", value=ratio, unit="×",
               bar=0.15, at_least=True, note="goal 0.4"),
        Figure(name="GET 1 KiB: gateway / nginx, requests/s", value=_ratio(small, "nginx", lambda s: s.rate),
               unit="×", bar=0.15, at_least=True),
        Figure(name="GET 1 KiB: gateway / Starlette + httpx, requests/s",
               value=_ratio(small, "starlette+httpx", lambda sample: sample.rate), unit="×", bar=8, at_least=True),
    ]  # fmt: skip
    for load in (DOWNLOAD, UPLOAD):
        figures += _told(await _load(bench, load), load)
    return figures


async def delay(bench: Bench) -> list[Figure]:
    """What the gateway adds to the slowest percent of answers at half of the rate that it can reach."""
    full = await wrk.measure(bench.named("gateway"), SMALL, seconds=bench.seconds, directory=bench.directory)
    rate = full.rate / 2
    found: dict[str, list[float]] = defaultdict(list)

    async def turn(contender: Contender) -> None:
        times = await asyncio.to_thread(paced.latencies, contender.http, SMALL.path, rate=rate, seconds=bench.seconds)
        found[contender.name].append(percentile(times, 99))

    await bench.in_turns([bench.named(name) for name in ("direct", "nginx", "gateway")], turn)
    note = f"{rate:.0f} requests/s, half of the gateway's rate"
    return [
        Figure(name=f"p99 above direct: {name}", unit="ms", note=note, bar=2 if name == "gateway" else None,
               value=median([ours - theirs for ours, theirs in zip(found[name], found["direct"], strict=True)]),
               floor=median(found["direct"]))
        for name in ("nginx", "gateway")
    ]  # fmt: skip


async def echo(bench: Bench) -> list[Figure]:
    """Round trips of 100 bytes on one WebSocket and on 50, in front of a bare responder and of Node."""
    return await _echo_at(bench, "echo", "bare responder") + await _echo_at(bench, "editor", "Node")


async def _echo_at(bench: Bench, upstream: str, title: str) -> list[Figure]:
    one: dict[str, list[float]] = defaultdict(list)
    fifty: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)

    async def turn(contender: Contender) -> None:
        async with _sockets(_address(contender, upstream), 50) as links:
            one[contender.name].append(median(await asyncio.to_thread(sockets.echo, links[0], seconds=bench.seconds)))
            before = cpu_seconds(contender.pid)
            found = await asyncio.to_thread(sockets.echo_all, links, seconds=bench.seconds)
            cpu[contender.name].append((cpu_seconds(contender.pid) - before) / len(found) * 1e6)
            fifty[contender.name].append(median(found))

    await bench.in_turns([bench.named(name) for name in ("direct", "nginx", "gateway")], turn)
    return [
        *_echo_figures(f"echo, {title}, 1 socket", one, bar=1.5),
        *_echo_figures(f"echo, {title}, 50 sockets", fifty, bar=None),
        *(
            Figure(name=f"echo, {title}, 50 sockets: {name}, processor", value=median(cpu[name]), unit="µs")
            for name in ("nginx", "gateway")
        ),
    ]


async def crowd(bench: Bench) -> list[Figure]:
    """A thousand open sockets: memory of each, the cost of idle editors, and the echo meanwhile."""
    figures = []
    for name in ("nginx", "gateway"):
        contender = bench.named(name)
        address = _address(contender, "editor")
        before = memory_bytes(contender.pid)
        async with _sockets(address, CROWD) as links:
            each = (memory_bytes(contender.pid) - before) / CROWD / KIB
            silent, _ = await _busy(contender, asyncio.sleep(10))
            beating, seconds = await _busy(contender, asyncio.to_thread(sockets.beat_all, links, seconds=10))
            figures += [
                Figure(name=f"1,000 sockets: {name}, memory each", value=each, unit="KiB",
                       bar=40 if name == "gateway" else None),
                Figure(name=f"1,000 sockets: {name}, silent, of one core", value=silent / 10 * 100, unit="%"),
                Figure(name=f"1,000 sockets: {name}, a frame/s each way, of one core", value=beating / seconds * 100,
                       unit="%"),
            ]  # fmt: skip
            figures.append(
                Figure(
                    name=f"1,000 sockets: {name}, echo p50 / direct",
                    value=await _echo_ratio(bench, contender),
                    unit="×",
                    bar=1.5 if name == "gateway" else None,
                )
            )
    return figures


async def _load(bench: Bench, load: Load) -> Samples:
    samples: Samples = defaultdict(list)

    async def turn(contender: Contender) -> None:
        sample = await wrk.measure(contender, load, seconds=bench.seconds, directory=bench.directory)
        samples[contender.name].append(sample)
        print(f"{load.name}, {contender.name}: {sample.rate:.0f}/s, {sample.cpu_us:.1f} µs", flush=True)

    await bench.in_turns(bench.contenders, turn)
    return samples


def _told(samples: Samples, load: Load) -> list[Figure]:
    figures = []
    for name, runs in samples.items():
        figures += [
            Figure(name=f"{load.name}: {name}, requests/s", value=median([run.rate for run in runs]), unit="/s"),
            Figure(name=f"{load.name}: {name}, processor", value=median([run.cpu_us for run in runs]), unit="µs"),
        ]
    return figures


def _ratio(samples: Samples, other: str, value: Callable[[Sample], float]) -> float:
    """The median of the rounds' ratios: what disturbs a round disturbs both."""
    pairs = zip(samples["gateway"], samples[other], strict=True)
    return median([value(ours) / value(theirs) for ours, theirs in pairs])


def _echo_figures(title: str, found: dict[str, list[float]], *, bar: float | None) -> list[Figure]:
    figures = []
    for name in ("nginx", "gateway"):
        value = median([ours / theirs for ours, theirs in zip(found[name], found["direct"], strict=True)])
        figures += [
            Figure(name=f"{title}: {name}, p50", value=median(found[name]), unit="ms", floor=median(found["direct"])),
            Figure(name=f"{title}: {name} / direct", value=value, unit="×", bar=bar if name == "gateway" else None),
        ]
    return figures


async def _busy(contender: Contender, work: Awaitable[None]) -> tuple[float, float]:
    """The contender's processor seconds during the work, and how long it took."""
    loop = asyncio.get_running_loop()
    start, before = loop.time(), cpu_seconds(contender.pid)
    await work
    return cpu_seconds(contender.pid) - before, loop.time() - start


async def _echo_ratio(bench: Bench, contender: Contender) -> float:
    """The contender's round trip by that of no proxy, in turns."""
    found: dict[str, list[float]] = defaultdict(list)

    async def turn(of: Contender) -> None:
        async with _sockets(_address(of, "editor"), 1) as links:
            found[of.name].append(median(await asyncio.to_thread(sockets.echo, links[0], seconds=bench.seconds)))

    await bench.in_turns([bench.named("direct"), contender], turn)
    pairs = zip(found[contender.name], found["direct"], strict=True)
    return median([ours / theirs for ours, theirs in pairs])


def _address(contender: Contender, upstream: str) -> Address:
    address = contender.echo if upstream == "echo" else contender.editor
    assert address is not None
    return address


@contextlib.asynccontextmanager
async def _sockets(address: Address, count: int) -> AsyncIterator[list[socket.socket]]:
    links = await asyncio.to_thread(lambda: [sockets.connect(address) for _ in range(count)])
    try:
        yield links
    finally:
        for link in links:
            link.close()
        await asyncio.sleep(1)
