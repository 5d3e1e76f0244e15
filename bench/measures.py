"""The measurements of bench/scale.py: each takes a `Bench` at rest, leaves it at rest, and returns figures."""

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.figures import Figure, median, percentile
from bench.floor import BareLoop
from bench.observer import CHILDREN, AuditLog, Observer, Write, tally
from bench.simulation import Anything, OperatorProcess, Simulation
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import NAMESPACES
from devworkspace.operator.kinds import INSTANCES

_REST_SECONDS: Final = 3.0
_CROWD_NAMESPACES: Final = 10
_CHUNK: Final = 500


@dataclass
class Bench:
    simulation: Simulation
    observer: Observer
    audit: AuditLog
    operator: OperatorProcess

    async def rest(self) -> None:
        """Waits until the operator has written nothing for some seconds."""
        async with asyncio.timeout(900):
            while True:
                self.audit.mark()
                await asyncio.sleep(_REST_SECONDS)
                if not self.audit.writes():
                    return

    @contextlib.asynccontextmanager
    async def namespace(self, prefix: str) -> AsyncIterator[str]:
        """A namespace with one environment in it, so that what a namespace gets once is not measured."""
        name = await self.simulation.namespace(prefix)
        await self.simulation.create(name, "first")
        await self.observer.wait([Key(name, "first")], seconds=60)
        await self.rest()
        try:
            yield name
        finally:
            await self.simulation.forget([name])


async def one_by_one(bench: Bench, *, count: int = 20) -> list[Figure]:
    """Creates one after the other, each when the one before runs; every second round is the bare loop's."""
    loop = await BareLoop.make(bench.simulation.client, bench.observer)
    products, floors = [], []
    async with bench.namespace("one-by-one") as namespace:
        for number in range(count):
            products.append(await timed(bench, Key(namespace, f"product-{number}"), create(bench)))
            floors.append(await timed(bench, Key(namespace, f"floor-{number}"), loop.run))
    figures = [
        ("create → Ready one by one, p50", median(products), median(floors), 38.0),
        ("create → Ready one by one, p99", percentile(products, 99), percentile(floors, 99), None),
    ]
    return [
        Figure(name=n, value=1e3 * v, floor=1e3 * f, bar=bar, unit="ms", note=f"{count}") for n, v, f, bar in figures
    ]


def create(bench: Bench) -> Callable[[Key], Awaitable[object]]:
    """How the product is asked for an environment, for `timed`."""
    return lambda key: bench.simulation.create(key.namespace, key.name)


async def timed(bench: Bench, key: Key, start: Callable[[Key], Awaitable[object]]) -> float:
    """Seconds from the call of `start` until the environment is seen running."""
    started = time.monotonic()
    task = asyncio.ensure_future(start(key))
    seen = await bench.observer.wait([key], seconds=60)
    await task
    # What follows a start by itself (the claim's binding, the endpoints) is not the next one's burden.
    await asyncio.sleep(0.1)
    return seen - started


async def burst(bench: Bench, *, count: int = 100, bar: float = 2.7) -> list[Figure]:
    """Creates at once, until the last one runs."""
    loop = await BareLoop.make(bench.simulation.client, bench.observer)
    async with bench.namespace("burst") as namespace:
        floor, _ = await _at_once(bench, _keys(namespace, "floor", count), loop.run, "running")
        bench.audit.mark()
        keys = _keys(namespace, "product", count)
        product, _ = await _at_once(bench, keys, create(bench), "running")
        await asyncio.sleep(1)
        writes = bench.audit.writes()
    print(f"writes of the burst: {tally(writes)}")
    return [
        Figure(name=f"burst of {count}, all Ready", value=product, floor=floor, bar=bar, unit="s"),
        Figure(name="writes per environment, create → Running", value=len(writes) / count, bar=6, unit="writes"),
    ]


async def flood(bench: Bench, *, count: int = 300) -> list[Figure]:
    """Many creates at once: when is the last child written, and does each status keep up with its pod?"""
    loop = await BareLoop.make(bench.simulation.client, bench.observer)
    async with bench.namespace("flood") as namespace:
        floor, floor_lags = await _at_once(bench, _keys(namespace, "floor", count), loop.run, "pod_made")
        product, lags = await _at_once(bench, _keys(namespace, "product", count), create(bench), "pod_made")
    lag, floor_lag = percentile(lags, 99), percentile(floor_lags, 99)
    return [
        Figure(name=f"{count} creates at once, all children written", value=product, floor=floor, bar=5, unit="s"),
        Figure(name="status behind its pod, p99", value=lag, floor=floor_lag, bar=1, unit="s", note=f"of {count}"),
    ]


def _keys(namespace: str, prefix: str, count: int) -> list[Key]:
    return [Key(namespace, f"{prefix}-{number}") for number in range(count)]


async def _at_once(
    bench: Bench, keys: Sequence[Key], start: Callable[[Key], Awaitable[object]], step: str
) -> tuple[float, list[float]]:
    """Seconds until all have reached `step`, and the lags of their statuses once all run."""
    await bench.rest()
    started = time.monotonic()
    tasks = asyncio.gather(*(start(key) for key in keys))
    reached = await bench.observer.wait(keys, step, seconds=300) - started
    await bench.observer.wait(keys, seconds=300)
    await tasks
    return reached, bench.observer.status_lags(keys)


async def lifecycle(bench: Bench) -> list[Figure]:
    """Writes of one environment: create → Running → stop → start → delete, its volume retained."""
    figures = []
    total: list[Write] = []
    async with bench.namespace("lifecycle") as namespace:
        key = Key(namespace, "demo")
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "create → Running": lambda: _run_again(bench, key, create(bench)(key)),
            "stop": lambda: _stop(bench, key),
            "start": lambda: _run_again(bench, key, _patch(bench, key, running=True)),
            "delete": lambda: _delete(bench, key),
        }
        for step, act in steps.items():
            bench.audit.mark()
            await act()
            await asyncio.sleep(_REST_SECONDS)
            writes = bench.audit.writes()
            total += writes
            print(f"{step}: {tally(writes)}")
            bar = 6.0 if step == "create → Running" else None
            figures.append(Figure(name=f"writes, {step}", value=len(writes), bar=bar, unit="writes"))
    return [*figures, Figure(name="writes, whole lifecycle", value=len(total), bar=14, unit="writes")]


async def _run_again(bench: Bench, key: Key, act: Awaitable[object]) -> None:
    bench.observer.forget(key)
    await act
    await bench.observer.wait([key], seconds=60)


async def _patch(bench: Bench, key: Key, **spec: object) -> None:
    await bench.simulation.client.merge_patch(INSTANCES, key, {"spec": spec}, Anything)


async def _stop(bench: Bench, key: Key) -> None:
    await _patch(bench, key, running=False)
    async with asyncio.timeout(60):
        while (await bench.simulation.client.get(INSTANCES, key, WorkspaceInstance)).status.phase != "Stopped":
            await asyncio.sleep(0.05)


async def _delete(bench: Bench, key: Key) -> None:
    client = bench.simulation.client
    made = await client.get(INSTANCES, key, Anything)
    await client.delete(INSTANCES, key, uid=made.metadata.uid)


async def crowd(bench: Bench, count: int) -> list[str]:
    """Makes sure that exactly `count` environments run in the crowd's namespaces and rest."""
    client = bench.simulation.client
    names = [f"crowd-{number}" for number in range(_CROWD_NAMESPACES)]
    for name in names:
        try:
            await client.get(NAMESPACES, Key("", name), Anything)
        except NotFound:
            await client.create(NAMESPACES, {"metadata": {"name": name}}, Anything)
    await asyncio.sleep(1)
    wanted = {Key(names[number % len(names)], f"wsi-{number:05}") for number in range(count)}
    listed = await client.list(INSTANCES, WorkspaceInstance)
    present = {item.metadata.key: item for item in listed.items if item.metadata.namespace in names}
    for key in present.keys() - wanted:
        await client.delete(INSTANCES, key, uid=present[key].metadata.uid)
    missing = sorted(wanted - present.keys())
    started = time.monotonic()
    for first in range(0, len(missing), _CHUNK):
        chunk = missing[first : first + _CHUNK]
        await bench.simulation.create_many(chunk)
        await bench.observer.wait(chunk, seconds=300)
        print(f"  {first + len(chunk)} of {len(missing)} run after {time.monotonic() - started:.0f} s", flush=True)
    await bench.rest()
    return names


async def idle(bench: Bench, *, count: int = 1000, minutes: float = 10) -> list[Figure]:
    """What environments cost that nobody touches, after a restart of the operator: only what must be kept is kept."""
    await crowd(bench, count)
    await bench.operator.end()
    bench.operator.start()
    await bench.operator.wait_ready()
    await bench.rest()
    bench.audit.mark()
    started, cpu = time.monotonic(), bench.operator.cpu_seconds()
    await asyncio.sleep(minutes * 60)
    share = 100 * (bench.operator.cpu_seconds() - cpu) / (time.monotonic() - started)
    writes = bench.audit.writes()
    print(f"writes while idle: {tally(writes)}")
    memory = {500: 81.0, 1000: 200.0, 10000: 450.0}.get(count)
    note = f"{count} environments"
    return [
        Figure(name=f"writes in {minutes:g} min", value=len(writes), bar=0, unit="writes", note=note),
        Figure(name="resident memory", value=bench.operator.memory_mib(), bar=memory, unit="MiB", note=note),
        Figure(name="processor, of one core", value=share, bar=1, unit="%", note=note),
    ]


async def restart(bench: Bench, *, count: int = 500) -> list[Figure]:
    """From the signal to the operator until an environment runs that was created right after it."""
    names = await crowd(bench, count)
    figures = []
    async with bench.namespace("restart") as namespace:
        for number, limit in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
            bar = limit if count <= 500 else 10.0
            taken = []
            touched: list[Write] = []
            for _ in range(3):
                await bench.rest()
                bench.audit.mark()
                key = Key(namespace, f"new-{secrets.token_hex(3)}")
                started = time.monotonic()
                await bench.operator.end(number)
                bench.operator.start()
                await bench.simulation.create(key.namespace, key.name)
                taken.append(await bench.observer.wait([key], seconds=120) - started)
                await bench.operator.wait_ready()
                await asyncio.sleep(_REST_SECONDS)
                touched += [write for write in bench.audit.writes() if write.namespace in names]
            children = [write for write in touched if write.resource.partition("/")[0] in CHILDREN]
            what = f"restart by {number.name} with {count}"
            figures += [
                Figure(name=f"{what}, a new one Ready", value=max(taken), bar=bar, unit="s", note="worst of 3"),
                Figure(name=f"{what}, writes to children", value=len(children), bar=0, unit="writes"),
                Figure(name=f"{what}, writes to statuses", value=len(touched) - len(children), unit="writes"),
            ]
    return figures
