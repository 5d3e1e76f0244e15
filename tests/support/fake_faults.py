"""What the fake API server does wrong on request."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from devworkspace.api.meta import Key


@dataclass(kw_only=True)
class Fault:
    """Strikes the next `times` requests that match; None matches everything (and, for `times`, never ends).

    `delay` seconds pass before anything else. Then `status` refuses the request, `drop` cuts the connection before
    or after it took effect, `hang` never answers; with none of them the request proceeds.
    """

    verb: str | None = None
    resource: str | None = None
    key: Key | None = None
    times: int | None = 1
    delay: float = 0.0
    status: int | None = None
    reason: str = ""
    retry_after: str | None = None
    location: str | None = None
    drop: Literal["before", "after"] | None = None
    hang: bool = False

    def matches(self, verb: str, resource: str, key: Key) -> bool:
        return (
            self.times != 0
            and self.verb in {None, verb}
            and self.resource in {None, resource}
            and self.key in {None, key}
        )

    def strike(self) -> None:
        if self.times is not None:
            self.times -= 1


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the server saw it; `status` 0 means that no answer was sent."""

    verb: str
    resource: str
    key: Key
    status: int

    @property
    def is_write(self) -> bool:
        return self.verb in {"create", "apply", "patch", "update", "delete"}


class Stream:
    """One open watch; tests push what should be sent to it."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.frozen = False
        self.queue: asyncio.Queue[bytes | Literal["end", "abort"]] = asyncio.Queue()

    def send(self, line: bytes) -> None:
        """Send bytes, unless frozen: then they are lost, as behind a dead connection."""
        if not self.frozen:
            self.queue.put_nowait(line)

    def end(self) -> None:
        """End the stream properly (EOF)."""
        self.queue.put_nowait("end")

    def abort(self) -> None:
        """Break the connection without an end."""
        self.queue.put_nowait("abort")
