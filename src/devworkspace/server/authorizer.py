"""What RBAC says, for those who are not the owner. Unknown is not yes."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity, may_connect
from devworkspace.server.environments import Environment

log = structlog.get_logger("devworkspace.server")


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
        """RBAC's answer, or None if the API server could not give one."""
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
