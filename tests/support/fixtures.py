"""Async context managers that tests compose; nothing global."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from devworkspace.kube.client import Client
from devworkspace.kube.informer import Informer, Timing
from devworkspace.kube.transport import RetryPolicy
from tests.support.fake_apiserver import FakeApiServer

QUICK_RETRY = RetryPolicy(base_delay=0.001, max_delay=0.005, jitter=lambda: 1.0)
QUICK_TIMING = Timing(base_delay=0.001, max_delay=0.005, jitter=lambda: 1.0)


@asynccontextmanager
async def api_server(**options: Any) -> AsyncIterator[FakeApiServer]:
    """Run a fake API server; options are those of `FakeApiServer`."""
    async with FakeApiServer(**options) as server:
        yield server


@asynccontextmanager
async def client_of(server: FakeApiServer, *, field_manager: str = "test", **options: Any) -> AsyncIterator[Client]:
    """Open a client with back-offs in the order of milliseconds; options are those of `Client`."""
    chosen: dict[str, Any] = {"retry": QUICK_RETRY, "timeout": 2.0} | options
    async with Client(server.endpoint, field_manager=field_manager, **chosen) as client:
        yield client


@asynccontextmanager
async def running(informer: Informer[Any], *, synced: bool = True) -> AsyncIterator[Informer[Any]]:
    """Run an informer, by default from its first complete list on. If it crashes, its error surfaces here."""
    task = asyncio.create_task(informer.run(), name="informer")
    try:
        if synced:
            waiting = asyncio.create_task(informer.synced.wait())
            await asyncio.wait({task, waiting}, timeout=5.0, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                await task
            assert informer.synced.is_set(), "the informer did not sync within 5 s"
        yield informer
        if task.done():
            await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def eventually(condition: Callable[[], object], *, within: float = 20.0) -> None:
    """Wait until `condition()` is true; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.002)
