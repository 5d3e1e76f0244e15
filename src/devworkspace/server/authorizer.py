"""What RBAC says, for those who are not the owner. Unknown is not yes."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import structlog

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity, has_right
from devworkspace.core.actions import Rights
from devworkspace.server.environments import Environment
from devworkspace.server.grants import Grants
from devworkspace.server.kubesphere import Question

log = structlog.get_logger("devworkspace.server")


# A question that failed tells of an outage before the watches do.
AWAY_SECONDS: Final = 5.0
EVERYTHING: Final = Key("", "")
HANDFUL: Final = 20


class Right(NamedTuple):
    """A verb on instances, or on a subresource of them, or on another kind."""

    verb: str
    subresource: str = ""
    group: str = names.GROUP
    resource: str = names.INSTANCE_PLURAL


CONNECT: Final = Right("create", names.CONNECT_SUBRESOURCE)
MANAGE: Final = Right("update")
CREATE: Final = Right("create")
DELETE: Final = Right("delete")
SET_OWNER: Final = Right("create", "owner")
# Kept volumes by the server alone; the second also any other claim, with kubectl.
DELETE_KEPT: Final = Right("delete", "volume")
DELETE_VOLUME: Final = Right("delete", group="", resource="persistentvolumeclaims")
READ_TEMPLATE: Final = Right("get", resource=names.TEMPLATE_PLURAL)
CREATE_TEMPLATE: Final = Right("create", resource=names.TEMPLATE_PLURAL)
EDIT_TEMPLATE: Final = Right("update", resource=names.TEMPLATE_PLURAL)
DELETE_TEMPLATE: Final = Right("delete", resource=names.TEMPLATE_PLURAL)
# No kind of the cluster: a name for a right that roles can grant.
END_SESSIONS: Final = Right("delete", resource="sessions")


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


class Replay(Protocol):
    """KubeSphere, asked with a person's own token."""

    async def allowed(self, token: str, question: Question) -> bool: ...


class Authorizer:
    """Asks whether somebody may open an environment (`CONNECT`), or start and stop it (`MANAGE`).

    `is_away` tells whether the API server does not answer. `owner_only`: seeing it in the list is all that `CONNECT`
    gives. `kubesphere` is asked about its own people.
    """

    def __init__(
        self,
        reviewer: Reviewer,
        *,
        is_away: Callable[[], bool] = lambda: False,
        owner_only: bool = False,
        kubesphere: Replay | None = None,
        grants: Grants | None = None,
    ) -> None:
        self._reviewer = reviewer
        self._grants = grants
        self._is_away = is_away
        self._kubesphere = kubesphere
        self._failed_at = -math.inf
        # Below one host nothing but this keeps a page in one person's environment out of another person's.
        self.owner_only = owner_only

    async def answer(self, identity: Identity, key: Key, right: Right = CONNECT) -> bool | None:
        """RBAC's answer, or None if the API server could not give one.

        An empty name asks about all environments of a namespace, an empty namespace about all of the cluster.
        """
        try:
            if identity.token:
                question = Question(right.verb, right.group, right.resource, right.subresource, key)
                # Kubernetes knows nothing of this person's roles, and no KubeSphere is no yes.
                return self._kubesphere is not None and await self._kubesphere.allowed(identity.token, question)
            return await self._reviewer.allowed(
                identity.name,
                identity.groups,
                {},
                verb=right.verb,
                group=right.group,
                resource=right.resource,
                subresource=right.subresource,
                namespace=key.namespace,
                name=key.name,
            )
        except Exception as error:
            self._failed_at = time.monotonic()
            log.warning("access review failed", user=identity.name, environment=str(key), error=repr(error))
            return None

    def is_away(self) -> bool:
        """Whether rights cannot be asked now, so that a no may be no answer; the same whatever was asked about."""
        return self._is_away() or time.monotonic() - self._failed_at < AWAY_SECONDS

    async def granted(self, identity: Identity, environment: Environment, right: Right = CONNECT) -> bool:
        """RBAC's answer as an input for the decision; not asked for the owner, who needs no grant."""
        if has_right(identity, environment, granted=False):
            return False
        return await self.answer(identity, environment.key, right) is True

    async def admits(self, identity: Identity, environment: Environment) -> bool:
        """RBAC's answer to whether the person gets in, as an input for the decision; no grant counts in path mode."""
        return not self.owner_only and await self.granted(identity, environment)

    async def may_enter(self, identity: Identity, environment: Environment) -> bool:
        """Whether the person gets in, as owner or by RBAC; seeing and managing it are rights of their own."""
        granted = await self.admits(identity, environment)
        return has_right(identity, environment, granted=granted)

    async def has(self, identity: Identity, environment: Environment, right: Right) -> bool:
        """Whether the person has the right, as owner or by RBAC."""
        granted = await self.granted(identity, environment, right)
        return has_right(identity, environment, granted=granted)

    async def rights(self, identity: Identity, environment: Environment) -> Rights:
        """What the person may do with it."""
        return (await self.rights_of(identity, [environment]))[0]

    async def rights_of(self, identity: Identity, environments: Sequence[Environment]) -> list[Rights]:
        """What the person may do with each, in few questions."""
        connect, manage, delete = await asyncio.gather(
            *(self._with(identity, environments, right) for right in (CONNECT, MANAGE, DELETE))
        )
        return [
            Rights(
                connect=has_right(identity, found, granted=False) if self.owner_only else found.uid in connect,
                manage=found.uid in manage,
                delete=found.uid in delete,
            )
            for found in environments
        ]

    async def sees(self, identity: Identity, environment: Environment) -> bool:
        """Whether it belongs into the person's lists."""
        return environment.uid in await self._with(identity, [environment], CONNECT)

    async def allowed_of(self, identity: Identity, environments: Sequence[Environment]) -> list[Environment]:
        """Those that belong into the person's lists."""
        seen = await self._with(identity, environments, CONNECT)
        return [environment for environment in environments if environment.uid in seen]

    async def _with(self, identity: Identity, environments: Sequence[Environment], right: Right) -> frozenset[str]:
        """UIDs of those that the person has the right to: asked about all at once, then about namespaces, then by name.

        A namespace's no does not settle it, because roles may name single environments; `Grants` knows which.
        """
        foreign = [found for found in environments if not has_right(identity, found, granted=False)]
        if not foreign or await self.answer(identity, EVERYTHING, right) is True:
            return frozenset(found.uid for found in environments)
        # Roles of KubeSphere are not the cluster's, so that these say nothing about its people.
        grants = None if identity.token else self._grants
        prospects = grants.prospects(identity) if grants is not None else None
        namespaces = {found.key.namespace for found in foreign}
        if prospects is not None:
            namespaces &= prospects.namespaces
        whole = await self._namespaces_with(identity, namespaces, right)
        single = [
            found
            for found in foreign
            if found.key.namespace not in whole and (prospects is None or prospects.is_worth_asking(found.key))
        ]
        answers = await asyncio.gather(*(self.answer(identity, found.key, right) for found in single))
        refused = {found.uid for found in foreign if found.key.namespace not in whole}
        refused -= {found.uid for found, answer in zip(single, answers, strict=True) if answer is True}
        return frozenset(found.uid for found in environments if found.uid not in refused)

    async def namespaces_with(self, identity: Identity, namespaces: Iterable[str], right: Right) -> frozenset[str]:
        """Those of `namespaces` in which the person has the right to everything."""
        asked = frozenset(namespaces)
        if not asked or await self.answer(identity, EVERYTHING, right) is True:
            return asked
        return await self._namespaces_with(identity, asked, right)

    async def _namespaces_with(self, identity: Identity, namespaces: Iterable[str], right: Right) -> frozenset[str]:
        asked = sorted(namespaces)
        answers = await asyncio.gather(*(self.answer(identity, Key(name, ""), right) for name in asked))
        return frozenset(name for name, answer in zip(asked, answers, strict=True) if answer is True)

    async def may_somewhere(self, identity: Identity, namespaces: Sequence[str], right: Right) -> bool:
        """Whether the person has the right in one of them at least; asks in handfuls, most find one early."""
        if await self.answer(identity, EVERYTHING, right) is True:
            return True
        for start in range(0, len(namespaces), HANDFUL):
            asked = namespaces[start : start + HANDFUL]
            answers = await asyncio.gather(*(self.answer(identity, Key(name, ""), right) for name in asked))
            if any(answer is True for answer in answers):
                return True
        return False
