"""Changes that people ask for: counted against the person's limit, and recorded with what became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from devworkspace.api.meta import Key
from devworkspace.kube.errors import KubeError
from devworkspace.server.audit import Action, Actor, Audit
from devworkspace.server.limits import LimitedError, Limiter


class Changes:
    """One for all rooms, so that a person has one limit."""

    def __init__(self, *, audit: Audit, limiter: Limiter) -> None:
        self._audit = audit
        self._limiter = limiter

    @asynccontextmanager
    async def recorded(
        self, action: Action, by: Actor, environment: Key | None = None, **more: object
    ) -> AsyncIterator[None]:
        """Around the write. Raises `LimitedError` for one change too many, before anything is written."""
        try:
            self._limiter.take(by.user or "")
            yield
        except LimitedError:
            self._audit.record(action, "denied", by, environment=environment, reason="limit", **more)
            raise
        except KubeError as error:
            reason = type(error).__name__
            self._audit.record(action, "failed", by, environment=environment, reason=reason, **more)
            raise
        self._audit.record(action, "ok", by, environment=environment, **more)

    def refused(self, action: Action, by: Actor, *, reason: str, **more: Any) -> None:
        """What was not done, although the person may do such things."""
        self._audit.record(action, "denied", by, reason=reason, **more)
