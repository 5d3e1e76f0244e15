"""The address that ends the sessions of a person: one's own, or, for admins, anybody's."""

from typing import Annotated

import msgspec
from msgspec import Meta

from devworkspace.api.meta import Key
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.audit import Actor
from devworkspace.server.authorizer import END_SESSIONS, Authorizer
from devworkspace.server.changes import Changes
from devworkspace.server.revocations import FullError
from devworkspace.server.sessions import Sessions
from devworkspace.server.source import source_of


class EndingQuery(msgspec.Struct, frozen=True, rename="camel"):
    """Whose; without `user` one's own."""

    user: Annotated[str, Meta(min_length=1, max_length=253)] | None = None


class Endings:
    """Sessions end on every replica at once, with their sockets. Tokens of programs are the cluster's and go on."""

    def __init__(self, *, sessions: Sessions, authorizer: Authorizer, changes: Changes) -> None:
        self._sessions = sessions
        self._authorizer = authorizer
        self._changes = changes

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "DELETE",
                "/api/v1/sessions",
                self.end,
                "End all sessions of a person",
                None,
                status=204,
                query=EndingQuery,
                right="oneself; others: `delete sessions.devworkspace.kubesphere.io`",
            ),
        )

    async def end(self, call: Call) -> None:
        user = call.query.user or call.identity.name
        if user != call.identity.name:
            await self._check(call, user)
        by = Actor(call.identity.name, source_of(call.request))
        async with self._changes.recorded("end-sessions", by, of=user):
            try:
                await self._sessions.revoke_all(user)
            except FullError:
                raise Problem(503, "The record of ended sessions is full; nothing was ended.", retry_after=60) from None

    async def _check(self, call: Call, user: str) -> None:
        # Names of people are no names of objects, so the question is about everybody's.
        if await self._authorizer.answer(call.identity, Key("", ""), END_SESSIONS) is not True:
            raise Problem(403, f"You may end your own sessions, not those of {user!r}.")
