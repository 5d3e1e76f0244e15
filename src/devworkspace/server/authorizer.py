"""What RBAC says, for those who are not the owner. Unknown is not yes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity, may_connect
from devworkspace.server.environments import Environment

log = structlog.get_logger("devworkspace.server")


EVERYTHING: Final = Key("", "")


class Reviewer(Protocol):
    """The cached SubjectAccessReview of the kube layer."""

    async def allowed(
        self,
        user: str,
        groups: Iterable[str],
        extra: Mapping[str, Iterable[str]],
        *,
        verb: str,
        group: str,
        resource: str,
        subresource: str,
        namespace: str,
        name: str,
    ) -> bool: ...


class Authorizer:
    """Asks whether somebody may `create workspaceinstances/connect` for one environment."""

    def __init__(self, reviewer: Reviewer) -> None:
        self._reviewer = reviewer

    async def answer(self, identity: Identity, key: Key) -> bool | None:
        """RBAC's answer, or None if the API server could not give one.

        An empty name asks about all environments of a namespace, an empty namespace about all of the cluster.
        """
        try:
            return await self._reviewer.allowed(
                identity.name,
                identity.groups,
                {},
                verb="create",
                group=names.GROUP,
                resource=names.INSTANCE_PLURAL,
                subresource=names.CONNECT_SUBRESOURCE,
                namespace=key.namespace,
                name=key.name,
            )
        except Exception as error:
            log.warning("access review failed", user=identity.name, environment=str(key), error=repr(error))
            return None

    async def granted(self, identity: Identity, environment: Environment) -> bool:
        """RBAC's answer as an input for the decision; not asked for the owner, who needs no grant."""
        if may_connect(identity, owner=environment.owner, granted=False):
            return False
        return await self.answer(identity, environment.key) is True

    async def allowed_of(self, identity: Identity, environments: Sequence[Environment]) -> list[Environment]:
        """Those that the person may open. One question is enough for somebody who may open all of them."""
        if await self.answer(identity, EVERYTHING) is True:
            return list(environments)
        granted = await asyncio.gather(*(self.granted(identity, environment) for environment in environments))
        return [
            environment
            for environment, yes in zip(environments, granted, strict=True)
            if may_connect(identity, owner=environment.owner, granted=yes)
        ]
