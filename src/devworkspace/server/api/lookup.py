"""From an address to an environment that the caller may know of, and to what they may do with it."""

import asyncio
from typing import Final

from devworkspace.api.meta import Key
from devworkspace.core.actions import Action, Rights, find_bar, find_obstacle
from devworkspace.core.address import address_id
from devworkspace.server.api.problems import Problem, absent
from devworkspace.server.api.route import Call
from devworkspace.server.audit import Actor
from devworkspace.server.authorizer import CONNECT, Authorizer, Right
from devworkspace.server.environments import Environment, EnvironmentTable, shown_phase
from devworkspace.server.source import source_of

ENVIRONMENT: str = "/api/v1/namespaces/{namespace}/environments/{name}"
# What the documents say of addresses about what somebody may open.
TO_OPEN: Final = "owner, or `create workspaceinstances/connect`"
# The watch tells of a new environment in milliseconds.
KNOWN_SECONDS: Final = 2.0
KNOWN_POLL_SECONDS: Final = 0.005


class Lookup:
    """What a person may not open does not exist for them."""

    def __init__(self, *, table: EnvironmentTable, authorizer: Authorizer) -> None:
        self._table = table
        self._authorizer = authorizer

    async def find(self, call: Call) -> Environment:
        """The environment of the address; raises the same 404 for absent and foreign ones."""
        key = Key(call.path["namespace"], call.path["name"])
        environment = self._table.find(address_id(key))
        if environment is None or not await self._authorizer.has(call.identity, environment, CONNECT):
            raise absent()
        return environment

    async def wait_known(self, made: Environment) -> None:
        """Whoever made it goes there at once, and would be told that there is no such environment."""
        deadline = asyncio.get_running_loop().time() + KNOWN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            known = self._table.find(made.id)
            if known is not None and known.uid == made.uid:
                return
            await asyncio.sleep(KNOWN_POLL_SECONDS)

    async def may_still_read(self, call: Call, environment: Environment) -> bool:
        """Whether an answer that goes on for long may go on: same environment, same right."""
        known = self._table.find(environment.id)
        if known is None or known.uid != environment.uid:
            return False
        return await self._authorizer.has(call.identity, known, CONNECT)

    async def check(self, call: Call, environment: Environment, *, action: Action, right: Right) -> None:
        """Right, phase, template, and the version that the person has seen."""
        allowed = await self._authorizer.has(call.identity, environment, right)
        rights = Rights(connect=True, manage=allowed, delete=allowed)
        instance = environment.instance
        obstacle = find_obstacle(action, phase=shown_phase(environment), rights=rights, instance=instance)
        if obstacle == "right":
            raise Problem(403, f"Only the owner, or an admin of the project, may {action} this environment.")
        if obstacle == "phase":
            raise Problem(409, f"An environment that is {shown_phase(environment)} cannot {action}.")
        if obstacle == "template" and (bar := find_bar(instance)) is not None:
            raise Problem(409, f"It runs, and could not start again. {bar.message}", reason=bar.reason)
        seen = seen_version(call)
        if seen is not None and seen != instance.metadata.resource_version:
            raise changed()


def seen_version(call: Call) -> str | None:
    """The version in `If-Match`: a `resourceVersion`, or an ETag of ours, which begins with it; None for any."""
    seen = call.request.headers.get("If-Match")
    if seen is None or seen.strip() == "*":
        return None
    return seen.strip().strip('"').partition("-")[0]


def changed() -> Problem:
    """The answer to somebody who decided on an older version."""
    return Problem(412, "It was changed since you read it; read it again and decide anew.")


def actor_of(call: Call) -> Actor:
    return Actor(call.identity.name, source_of(call.request))
