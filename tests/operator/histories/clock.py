"""An event loop that never waits: it runs until nothing is left to do now, and time passes on request."""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any


class _IdleSelector(selectors.SelectSelector):
    """Reports no input ever, and tells when the loop would fall asleep."""

    def __init__(self) -> None:
        super().__init__()
        self.on_idle: Callable[[float | None], None] = lambda timeout: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self.on_idle(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. Nothing in it may use sockets, threads or processes."""

    def __init__(self) -> None:
        self._virtual = 0.0
        self._next_timer: float | None = None
        self.failures: list[Mapping[str, Any]] = []
        selector = _IdleSelector()
        super().__init__(selector)
        selector.on_idle = self._fall_asleep
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        return self._virtual

    def run_until_idle(self) -> None:
        """Returns when every task waits for a timer or for somebody outside."""
        self.run_forever()

    def advance(self, seconds: float, *, each: Callable[[], None] = lambda: None) -> None:
        """Lets time pass and fires every timer at its moment; `each` runs after each of them."""
        until = self._virtual + seconds
        self.run_until_idle()
        while self._next_timer is not None and self._virtual + self._next_timer <= until:
            self._virtual += self._next_timer
            self.run_until_idle()
            each()
        self._virtual = until
        self.run_until_idle()

    def _fall_asleep(self, timeout: float | None) -> None:
        self._next_timer = timeout
        self.stop()
