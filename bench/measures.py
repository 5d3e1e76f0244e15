"""The measurements of bench/scale.py: each takes a `Bench` at rest, leaves it at rest, and returns figures."""

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.audit import AuditLog, Write, count
from bench.figures import Figure, median, percentile
from bench.floor import BareLoop
from bench.observer import Observer
from bench.simulation import Anything, OperatorProcess, Simulation
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.activity import WRITE_INTERVAL
from devworkspace.kinds import INSTANCES
from devworkspace.kube import clock
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import NAMESPACES

_REST_SECONDS: Final = 3.0
# Of a core; less than it needs at work, more than when nothing happens.
_REST_SHARE: Final = 0.05
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
        log = AuditLog(self.simulation.audit_log)
        async with asyncio.timeout(900):
            while True:
                log.mark()
                await asyncio.sleep(_REST_SECONDS)
                if not log.writes():
                    return

    async def settle(self) -> None:
        """Waits until the operator rests from its start, too: Kopf goes through its first list for a long time."""
        await self.rest()
        async with asyncio.timeout(900):
            while True:
                cpu = self.operator.cpu_seconds()
                await asyncio.sleep(_REST_SECONDS)
                if self.operator.cpu_seconds() - cpu < _REST_SHARE * _REST_SECONDS:
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


async def one_by_one(bench: Bench, *, size: int = 20) -> list[Figure]:
    """Creates one after the other, each when the one before runs; every second round is the bare loop's."""
    loop = await BareLoop.make(bench.simulation.client, bench.observer)
    products, floors = [], []
    async with bench.namespace("one-by-one") as namespace:
        for number in range(size):
            products.append(await timed(bench, Key(namespace, f"product-{number}"), create(bench)))
            floors.append(await timed(bench, Key(namespace, f"floor-{number}"), loop.run))
    figures = [
        ("create → Ready one by one, p50", median(products), median(floors), 38.0),
        ("create → Ready one by one, p99", percentile(products, 99), percentile(floors, 99), None),
    ]
    return [
        Figure(name=n, value=1e3 * v, floor=1e3 * f, bar=bar, unit="ms", note=f"of {size}") for n, v, f, bar in figures
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


async def burst(bench: Bench, *, size: int = 100) -> list[Figure]:
    """Creates at once, until the last one runs."""
    loop = await BareLoop.make(bench.simulation.client, bench.observer)
    async with bench.namespace("burst") as namespace:
        floor, _ = await _at_once(bench, _keys(namespace, "floor", size), loop.run, "running")
        bench.audit.mark()
        cpu, parts = bench.operator.cpu_seconds(), bench.simulation.cpu_seconds()
        product, _ = await _at_once(bench, _keys(namespace, "product", size), create(bench), "running")
        await asyncio.sleep(1)
        cpu = bench.operator.cpu_seconds() - cpu
        parts = {name: seconds - parts[name] for name, seconds in bench.simulation.cpu_seconds().items()}
        writes = bench.audit.writes()
    own = [write for write in writes if not write.is_shared]
    print(f"writes: {count(writes)}")
    print("processor time per environment: " + ", ".join(f"{n} {1e3 * s / size:.1f} ms" for n, s in parts.items()))
    return [
        Figure(name=f"burst of {size}, all Ready", value=product, floor=floor, bar=2.7, unit="s"),
        Figure(name="writes per environment, create → Running", value=len(own) / size, bar=6, unit="writes"),
        Figure(name="processor time per environment, operator", value=1e3 * cpu / size, unit="ms"),
        Figure(name="processor time per environment, cluster", value=1e3 * sum(parts.values()) / size, unit="ms"),
    ]


async def flood(bench: Bench, *, size: int = 300) -> list[Figure]:
    """Many creates at once: when is the last child written, and does each status keep up with its pod?"""
    loop = await BareLoop.make(bench.simulation.client, bench.observer)
    async with bench.namespace("flood") as namespace:
        floor, floor_lags = await _at_once(bench, _keys(namespace, "floor", size), loop.run, "pod_made")
        product, lags = await _at_once(bench, _keys(namespace, "product", size), create(bench), "pod_made")
    lag, floor_lag = percentile(lags, 99), percentile(floor_lags, 99)
    return [
        Figure(name=f"{size} creates at once, all children written", value=product, floor=floor, bar=5, unit="s"),
        Figure(name="status behind its pod, p99", value=lag, floor=floor_lag, bar=1, unit="s", note=f"of {size}"),
    ]


def _keys(namespace: str, prefix: str, size: int) -> list[Key]:
    return [Key(namespace, f"{prefix}-{number}") for number in range(size)]


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
            writes = [write for write in bench.audit.writes() if not write.is_shared]
            total += writes
            print(f"{step}: {count(writes)}")
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


async def crowd(bench: Bench, size: int) -> list[str]:
    """Makes sure that exactly `size` environments run in the crowd's namespaces and rest."""
    client = bench.simulation.client
    names = [f"crowd-{number}" for number in range(_CROWD_NAMESPACES)]
    for name in names:
        try:
            await client.get(NAMESPACES, Key("", name), Anything)
        except NotFound:
            await client.create(NAMESPACES, {"metadata": {"name": name}}, Anything)
    await asyncio.sleep(1)
    wanted = {Key(names[number % len(names)], f"wsi-{number:05}") for number in range(size)}
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


async def idle(bench: Bench, *, size: int = 1000, minutes: float = 10) -> list[Figure]:
    """What environments cost that nobody touches, after a restart of the operator: only what must be kept is kept."""
    await crowd(bench, size)
    await bench.operator.end()
    bench.operator.start()
    await bench.operator.wait_ready()
    await bench.settle()
    bench.audit.mark()
    started, cpu = time.monotonic(), bench.operator.cpu_seconds()
    await asyncio.sleep(minutes * 60)
    share = 100 * (bench.operator.cpu_seconds() - cpu) / (time.monotonic() - started)
    writes = bench.audit.writes()
    print(f"writes while idle: {count(writes)}")
    memory = {500: 81.0, 1000: 200.0, 10000: 450.0}.get(size)
    note = f"{size} environments"
    return [
        Figure(name=f"writes in {minutes:g} min", value=len(writes), bar=0, unit="writes", note=note),
        Figure(name="resident memory", value=bench.operator.memory_mib(), bar=memory, unit="MiB", note=note),
        Figure(name="processor, of one core", value=share, bar=1, unit="%", note=note),
    ]


async def active(bench: Bench, *, size: int = 1000, minutes: float = 5) -> list[Figure]:
    """Everybody works: the last work of each is written as often as servers write it; what does the operator add?"""
    await crowd(bench, size)
    await bench.settle()
    listed = await bench.simulation.client.list(INSTANCES, WorkspaceInstance)
    keys = [item.metadata.key for item in listed.items]
    pause = WRITE_INTERVAL.total_seconds() / len(keys)
    bench.audit.mark()
    started, told = time.monotonic(), 0
    while time.monotonic() - started < minutes * 60:
        work = {"status": {"lastActivity": clock.timestamp(clock.now())}}
        key = keys[told % len(keys)]
        await bench.simulation.client.merge_patch(INSTANCES, key, work, Anything, subresource="status")
        told += 1
        await asyncio.sleep(max(0.0, started + told * pause - time.monotonic()))
    rate = told / (time.monotonic() - started)
    await asyncio.sleep(_REST_SECONDS)
    writes = bench.audit.writes()
    print(f"writes of the operator while all work: {count(writes)}")
    note = f"{len(keys)} environments"
    return [
        Figure(name="writes a second, of the servers", value=rate, bar=4, unit="writes", note=note),
        Figure(name=f"writes in {minutes:g} min, of the operator", value=len(writes), bar=0, unit="writes", note=note),
    ]


async def restart(bench: Bench, *, size: int = 500) -> list[Figure]:
    """From the signal to the leading operator until an environment runs that was created right after it."""
    names = await crowd(bench, size)
    standby = bench.simulation.operator("second")
    figures = []
    async with bench.namespace("restart") as namespace:
        for number in (signal.SIGTERM, signal.SIGKILL):
            figures += await _restarts(bench, None, number, namespace=namespace, crowd=names, size=size)
        standby.start()
        await standby.wait_ready()
        for number in (signal.SIGTERM, signal.SIGKILL):
            figures += await _restarts(bench, standby, number, namespace=namespace, crowd=names, size=size)
        await standby.end()
    return figures


async def _restarts(
    bench: Bench,
    standby: OperatorProcess | None,
    number: signal.Signals,
    *,
    namespace: str,
    crowd: Sequence[str],
    size: int,
) -> list[Figure]:
    """Three restarts of the leader: ended by a signal and started again at once, as a container is."""
    taken: list[float] = []
    touched: list[Write] = []
    for _ in range(3):
        await bench.rest()
        leader = standby if standby is not None and await standby.leads() else bench.operator
        bench.audit.mark()
        key = Key(namespace, f"new-{secrets.token_hex(3)}")
        started = time.monotonic()
        leader.signal(number)
        await bench.simulation.create(key.namespace, key.name)
        await leader.wait_end()
        leader.start()
        taken.append(await bench.observer.wait([key], seconds=120) - started)
        await leader.wait_ready()
        await bench.rest()
        touched += [write for write in bench.audit.writes() if write.namespace in crowd]
    children = [write for write in touched if write.is_to_child]
    bar = 10.0 if size > 500 else 1.0 if number is signal.SIGTERM else 5.0
    what = f"restart by {number.name} with {size}, {'one replica' if standby is None else 'two replicas'}"
    return [
        Figure(name=f"{what}: a new one Ready", value=max(taken), bar=bar, unit="s", note="worst of 3"),
        Figure(name=f"{what}: writes to children", value=len(children), bar=0, unit="writes"),
        Figure(name=f"{what}: writes to statuses", value=len(touched) - len(children), unit="writes"),
    ]
