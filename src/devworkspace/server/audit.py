"""The audit log: who did what to which environment, from where, and what became of it.

One line for each event, by a logger of its own, `devworkspace.audit`, whose fields docs/SERVER.md describes. A field is
absent where it makes no sense. No cookie, token, code, password or query is ever among them; text from outside cannot
forge a line, because the log escapes what is not printable (cli/logs.py).
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import structlog

from devworkspace.api.meta import Key

log = structlog.get_logger("devworkspace.audit")

Action = Literal[
    "sign-in",
    "sign-out",
    "sign-out-everywhere",
    "end-sessions",
    "open",
    "start",
    "stop",
    "restart",
    "extend",
    "create",
    "edit",
    "delete",
    "purge-volume",
    "create-template",
    "edit-template",
    "delete-template",
    "request",
]
Result = Literal["ok", "denied", "failed"]

# Somebody who comes back to an editor after so long has opened it again.
OPEN_SECONDS: Final = 900.0
MAX_OPEN: Final = 20_000


class Actor(NamedTuple):
    """Who asks: a user name, None for a stranger, and the address that the request came from."""

    user: str | None
    source: str | None


class Audit:
    """`count` is told action and result of each line, `monotonic` are seconds of the process."""

    def __init__(
        self, count: Callable[[str, str], None] = lambda *_: None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._monotonic = monotonic
        self._open: OrderedDict[tuple[str, Key, int | None], float] = OrderedDict()

    def record(
        self, action: Action, result: Result, by: Actor, *, environment: Key | None = None, **more: object
    ) -> None:
        """One line. `more` are fields of docs/SERVER.md; those that are None are left out."""
        self._count(action, result)
        fields: dict[str, object] = {"user": by.user, "source": by.source, **more}
        if environment is not None:
            fields |= {"namespace": environment.namespace, "environment": environment.name}
        present = {name: value for name, value in fields.items() if value is not None}
        log.info("audit", action=action, result=result, **present)

    def opened(self, sid: str, by: Actor, *, environment: Key, port: int | None) -> None:
        """A request of a session reached an editor or a port: one line, and one more after a pause."""
        if not self.is_open(sid, environment=environment, port=port):
            self._open[sid, environment, port] = self._monotonic()
            self._open.move_to_end((sid, environment, port))
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
            self.record("open", "ok", by, environment=environment, port=port)

    def is_open(self, sid: str, *, environment: Key, port: int | None) -> bool:
        """Whether the session has reached this editor or port without a pause; that it just does so is noted."""
        where = (sid, environment, port)
        now, before = self._monotonic(), self._open.get(where)
        if before is None or now - before >= OPEN_SECONDS:
            return False
        self._open[where] = now
        self._open.move_to_end(where)
        return True
