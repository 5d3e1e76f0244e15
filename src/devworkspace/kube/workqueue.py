"""A work queue with the semantics of client-go's.

A key is in at most one of three states: *queued* (waiting), *processing* (a worker has it), or processing and *dirty*
(it was added again meanwhile and will be queued once more when the worker is done). So no two workers ever hold the
same key, repeats of a waiting key cost nothing, and no change that arrives during processing is lost.

There are two lanes. What somebody waits for now is *urgent* and overtakes what comes in bulk: the news that an
environment answers must not stand behind three hundred that were created at once. The bulk still gets every fifth turn.

Everything runs in one event loop; no method but `get` waits.
"""

import asyncio
import logging
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from devworkspace.kube.errors import ApiError, KubeError

K = TypeVar("K", bound=Hashable)

_OVERTAKE_AT_MOST: Final = 4

log: Final = logging.getLogger("devworkspace.kube")


class ShutDown(Exception):  # noqa: N818  (an outcome, not an error)
    """Raised by `get` after `shut_down`."""


def full_jitter() -> float:
    """Return the factor that spreads retries: between one half and one."""
    return random.uniform(0.5, 1.0)  # noqa: S311  (spreads load, guards nothing)


class WorkQueue(Generic[K]):
    """See the module. Delays are seconds; `jitter` returns the factor by which a back-off is multiplied."""

    def __init__(
        self, *, base_delay: float = 0.2, max_delay: float = 60.0, jitter: Callable[[], float] = full_jitter
    ) -> None:
        self._base_delay = base_delay
        self._max_delay = max_delay
        self._jitter = jitter
        # Ordered, and a key can be taken out of the middle when it becomes urgent.
        self._bulk: OrderedDict[K, None] = OrderedDict()
        self._urgent: OrderedDict[K, None] = OrderedDict()
        self._overtaken = 0
        self._processing: set[K] = set()
        # Whether the key is urgent by now.
        self._dirty: dict[K, bool] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._down = False

    def __len__(self) -> int:
        """Return how many keys wait for a worker; delayed keys do not count."""
        return len(self._bulk) + len(self._urgent)

    @property
    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._timers)

    def add(self, key: K, *, urgent: bool = False) -> None:
        """Queue `key` now, unless it is queued already; while it is processed, queue it for afterwards.

        A key that waits in the bulk and becomes urgent changes the lane; it never changes back.
        """
        if self._down or key in self._urgent:
            return
        if key in self._processing:
            self._dirty[key] = urgent or self._dirty.get(key, False)
            return
        waited = key in self._bulk
        if urgent:
            self._bulk.pop(key, None)
            self._urgent[key] = None
        elif not waited:
            self._bulk[key] = None
        if not waited:
            self._wake_one()

    def add_after(self, key: K, seconds: float) -> None:
        """Queue `key` in `seconds`. Of several due times of a key the earliest wins."""
        if self._down:
            return
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if (pending := self._timers.get(key)) is not None:
            if pending.when() <= due:
                return
            pending.cancel()
        self._timers[key] = loop.call_at(due, self._fire, key)

    def add_rate_limited(self, key: K, *, at_least: float = 0.0) -> None:
        """Queue `key` after its back-off, which doubles with every call until `forget(key)`."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # The exponent is bounded because 2.0 ** 1024 overflows, which a key failing for a day would reach.
        delay = min(self._max_delay, self._base_delay * 2.0 ** min(failures, 30)) * self._jitter()
        self.add_after(key, max(delay, at_least))

    def forget(self, key: K) -> None:
        """Reset the back-off of `key`."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """Wait for a key and mark it as being processed; every `get` needs its `done`. Raises `ShutDown`."""
        while not len(self) and not self._down:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # The wake-up meant for this cancelled worker must reach another one.
                if waiter.done() and not waiter.cancelled() and len(self):
                    self._wake_one()
                raise
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        if self._down:
            raise ShutDown
        key, _ = self._next_lane().popitem(last=False)
        self._processing.add(key)
        return key

    def _next_lane(self) -> OrderedDict[K, None]:
        if not self._urgent or (self._bulk and self._overtaken >= _OVERTAKE_AT_MOST):
            self._overtaken = 0
            return self._bulk
        self._overtaken += 1
        return self._urgent

    def done(self, key: K) -> None:
        """Release `key`; if it was added meanwhile, it is queued again."""
        self._processing.discard(key)
        if key in self._dirty:
            self.add(key, urgent=self._dirty.pop(key))

    def shut_down(self) -> None:
        """Hand out nothing more. What waits is dropped: a level-triggered start finds it again."""
        self._down = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._bulk.clear()
        self._urgent.clear()
        self._dirty.clear()
        while self._waiters:
            self._wake_one()

    async def run_workers(self, count: int, handler: Callable[[K], Awaitable[float | None]]) -> None:
        """Process keys with `count` workers until `shut_down`; workers finish the key that they hold.

        `handler(key)` returns the seconds after which it wants the key again, or None. An exception requeues the key
        with back-off (not before the server's Retry-After) and is logged; it never stops a worker.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._work(handler), name=f"worker-{number}")

    async def _work(self, handler: Callable[[K], Awaitable[float | None]]) -> None:
        while True:
            try:
                key = await self.get()
            except ShutDown:
                return
            try:
                await self._handle(key, handler)
            finally:
                self.done(key)

    async def _handle(self, key: K, handler: Callable[[K], Awaitable[float | None]]) -> None:
        try:
            requeue_after = await handler(key)
        except KubeError as error:
            log.warning("cannot process %s, will retry: %s", key, error)
            wait = error.retry_after if isinstance(error, ApiError) else None
            self.add_rate_limited(key, at_least=wait or 0.0)
        except Exception:
            log.exception("failure while processing %s, will retry", key)
            self.add_rate_limited(key)
        else:
            self.forget(key)
            if requeue_after is not None:
                self.add_after(key, requeue_after)

    def _fire(self, key: K) -> None:
        del self._timers[key]
        self.add(key)

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
