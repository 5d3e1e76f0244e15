"""Runs Kopf, and runs it again when it has given up.

One watch that is answered with what Kopf does not expect ends all of it: 410 as the answer to a watch, an error event
other than 410, half a line of JSON, a 500 that outlasts its attempts. API servers say such things to every replica at
once while etcd looks for a leader, and processes that end together wait out their crash back-off together. Stores and
workers need not end: a new Kopf lists everything again, and the sweep finds what was deleted meanwhile.

`kopf.operator` cannot be used for it: at its end it waits for, and then cancels, every task of the process that is
younger than itself. Here only those are ended that come from Kopf: they are known by the context that they inherit.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Sequence
from typing import Any, Final, TypeVar

import kopf

from devworkspace.api.meta import Struct
from devworkspace.kube.client import Client
from devworkspace.kube.codec import decode
from devworkspace.kube.resource import Resource
from devworkspace.operator.handlers import make_settings

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
# Whoever has run this long starts again without a long pause.
STABLE_SECONDS: Final = 60.0
# How long Kopf's own clean-up may take before it is interrupted.
END_SECONDS: Final = 5.0


class _ServedKind(Struct, frozen=True):
    name: str


class _ServedKinds(Struct, frozen=True):
    resources: tuple[_ServedKind, ...] = ()


T = TypeVar("T")
Tasks = set["asyncio.Task[Any]"]

_family: contextvars.ContextVar[Tasks | None] = contextvars.ContextVar("kopf_family", default=None)


async def run_kopf(
    make_registry: Callable[[], kopf.OperatorRegistry],
    *,
    check_served: Callable[[], Awaitable[None]],
    on_start: Callable[[], None],
) -> None:
    """Never returns but on a signal that Kopf got; `on_start` is called when Kopf has taken the signals.

    `check_served` raises while the API server does not serve our kinds. Kopf looks for them once: of a kind that comes
    later, because its definition was deleted and is made anew, it would never hear again.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = time.monotonic()
        try:
            await check_served()
            await _run_once(make_registry(), on_start)
            return
        except Exception as error:
            if time.monotonic() - started > STABLE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.warning("Kopf cannot go on and is started again in %.1f s: %s", pause, error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def check_served(client: Client, kinds: Sequence[Resource]) -> None:
    """Raises unless discovery, which is what Kopf goes by, names all of these kinds of one API group."""
    path = f"/apis/{kinds[0].group}/{kinds[0].version}"
    found = decode(await client.raw("GET", path, resource="discovery"), _ServedKinds, what=path)
    missing = {kind.plural for kind in kinds} - {kind.name for kind in found.resources}
    if missing:
        raise LookupError(f"the API server does not serve {', '.join(sorted(missing))}; are the CRDs installed?")


async def _run_once(registry: kopf.OperatorRegistry, on_start: Callable[[], None]) -> None:
    family: Tasks = set()
    asyncio.get_running_loop().set_task_factory(_make_task)
    token = _family.set(family)
    try:
        tasks = await kopf.spawn_tasks(registry=registry, settings=make_settings(), clusterwide=True, standalone=True)
    finally:
        _family.reset(token)
    try:
        on_start()
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(tasks, family)
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _make_task(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T] | Generator[Any, None, T], /, **options: Any
) -> "asyncio.Task[T]":
    """Makes a task as the loop would, and notes it where a task of Kopf's makes it."""
    task = asyncio.Task(coro, loop=loop, **options)
    if (family := _family.get()) is not None:
        family.add(task)
        task.add_done_callback(family.discard)
    return task


async def _end(tasks: Collection["asyncio.Task[Any]"], family: Tasks) -> None:
    """Ends Kopf in its own order, then whatever it has left behind."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=END_SECONDS)
    while left := tuple(family):
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=1)
