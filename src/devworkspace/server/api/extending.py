"""Putting off a stop that nobody has asked for."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from devworkspace.core.due import Due, due
from devworkspace.core.timestamps import format_timestamp
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.lookup import ENVIRONMENT, Lookup, actor_of
from devworkspace.server.api.problems import FieldError, Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.viewing import Viewer
from devworkspace.server.api.views import EnvironmentView
from devworkspace.server.authorizer import MANAGE
from devworkspace.server.environments import with_instance
from devworkspace.server.lifecycle import Lifecycle


class ExtendRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Until when it is to stay; null takes an earlier wish back."""

    until: Annotated[datetime, Meta(tz=True)] | None


class Extending:
    """The address that keeps an environment awake; `now` is the wall clock."""

    def __init__(
        self,
        *,
        lookup: Lookup,
        catalogue: Catalogue,
        lifecycle: Lifecycle,
        viewer: Viewer,
        now: Callable[[], datetime],
    ) -> None:
        self._lookup = lookup
        self._catalogue = catalogue
        self._lifecycle = lifecycle
        self._viewer = viewer
        self._now = now

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                f"{ENVIRONMENT}/extend",
                self.extend,
                "Put its idle or scheduled stop off, until `extendableUntil` at most",
                EnvironmentView,
                body=ExtendRequest,
                problems=(404, 409, 412),
                right="owner, or `update workspaceinstances`",
            ),
        )

    async def extend(self, call: Call) -> EnvironmentView:
        environment = await self._lookup.find(call)
        await self._lookup.check(call, environment, action="extend", right=MANAGE)
        until: datetime | None = call.body.until
        if until is not None:
            found = due(environment.instance, self._catalogue.template(environment.template), self._now())
            _check(until, found, now=self._now())
        edited = await self._lifecycle.extend(environment, until, actor_of(call))
        return await self._viewer.view(call.identity, with_instance(environment, edited))


def _check(until: datetime, found: Due | None, *, now: datetime) -> None:
    """Raises `Problem` for what would change nothing, and says what is possible."""
    if found is None or found.action != "stop":
        raise Problem(409, "Nothing stops this environment but people, so there is nothing to put off.")
    at = format_timestamp(found.at)
    if found.latest is None:
        raise Problem(
            409, f"It stops at {at} because it has run for as long as its template allows. Start it again then."
        )
    latest = format_timestamp(found.latest)
    if until > found.latest:
        raise _refused(f"Its template allows {latest} at the latest; choose that or an earlier time.")
    if until <= now:
        raise _refused("This time is past; choose a later one.")


def _refused(message: str) -> Problem:
    return Problem(422, message, errors=(FieldError("until", message),))
