"""Makes environments in advance and drops those that nobody will take; `core.pool` decides.

Level-triggered: one pass looks at every pool, whatever it was that changed.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from devworkspace.api import names
from devworkspace.api.children import NetworkPolicy, PersistentVolumeClaim, Pod
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.credential import make_lock
from devworkspace.core.member import Member
from devworkspace.core.pool import PoolFacts, PoolPlan, plan_pool, pool_revision
from devworkspace.core.refusals import explain_refusal, name_conflict
from devworkspace.core.render.member import render_member_pod, render_member_volume
from devworkspace.core.render.policy import render_network_policies
from devworkspace.core.resolve import Settings
from devworkspace.kube.client import Client
from devworkspace.kube.errors import AlreadyExists, ApiError, Conflict, KubeError, NotFound
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, PVCS, Resource
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.pools import NOBODY, KeptPool, template_of
from devworkspace.operator.volumes import Volumes

logger = logging.getLogger(__name__)

# A burst of changes is one pass, and whoever has just taken a member opens their editor before the next one is made.
DELAY_SECONDS: Final = 1.0
# Hours begin and end, and what hangs is overdue, without anything that changes.
LOOK_SECONDS: Final = 15.0
# One pool whose writes hang must not keep the others waiting.
_PASS_SECONDS: Final = 30.0
_RETRY: Final = timedelta(seconds=30)
_RETRY_AT_MOST: Final = timedelta(minutes=5)
_NONCE_BYTES: Final = 16

T = TypeVar("T", Pod, PersistentVolumeClaim)


class _Refused(NamedTuple):
    message: str
    until: datetime
    pause: timedelta


class _RefusedError(Exception):
    """The API server, or what stands there, does not let us make members."""


class PoolKeeper:
    """`run` keeps all pools as their templates want them."""

    def __init__(self, client: Client, cluster: Cluster, *, volumes: Volumes, now: Callable[[], datetime]) -> None:
        self._client = client
        self._cluster = cluster
        self._volumes = volumes
        self._now = now
        self._refused: dict[tuple[str, str], _Refused] = {}
        # Names that somebody else's objects have.
        self._blocked: set[Key] = set()
        self._namespaces: set[str] = set()

    async def run(self) -> None:
        """Looks at all pools after each change, and from time to time, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._cluster.pools.changed.wait()
            await asyncio.sleep(DELAY_SECONDS)
            self._cluster.pools.changed.clear()
            await self.look()

    async def look(self) -> None:
        """One pass over all pools."""
        pools = self._find_pools()
        for uid, namespace in sorted(self._cluster.pools.kept.keys() - pools.keys()):
            del self._cluster.pools.kept[uid, namespace]
            self._cluster.uses_changed.set()
        for (uid, namespace), template in sorted(pools.items(), key=lambda item: item[0]):
            try:
                async with asyncio.timeout(_PASS_SECONDS):
                    await self._keep(uid, namespace, template)
            except (KubeError, TimeoutError) as error:
                logger.warning("the pool of %s in %s is looked at again later: %s", uid, namespace, error)
        namespaces = {namespace for _, namespace in pools}
        for namespace in sorted(self._namespaces - namespaces):
            self._cluster.namespace_left(namespace)
        self._namespaces = namespaces

    def _find_pools(self) -> dict[tuple[str, str], WorkspaceTemplate | None]:
        """Every pool that a template wants, or of which there are members: by UID of the template and namespace."""
        templates = {known.metadata.uid: known for known in self._cluster.templates.values()}
        wanted = {
            (uid, size.namespace)
            for uid, template in templates.items()
            for size in template.spec.warm_pool.per_namespace
        }
        there = {(uid, namespace) for namespace, member in self._members() if (uid := template_of(member)) is not None}
        return {(uid, namespace): templates.get(uid) for uid, namespace in wanted | there}

    def _members(self) -> list[tuple[str, Member]]:
        pools = self._cluster.pools
        return [(namespace, member) for namespace in pools.namespaces() for member in pools.members(namespace).values()]

    async def _keep(self, uid: str, namespace: str, template: WorkspaceTemplate | None) -> None:
        plan = plan_pool(template, self._facts(uid, namespace))
        kept = KeptPool(template.metadata.name if template is not None else "", plan.status, plan.settings)
        before = self._cluster.pools.kept.get((uid, namespace))
        self._cluster.pools.kept[uid, namespace] = kept
        if before is None or before.status != kept.status:
            self._cluster.uses_changed.set()
        for pod in plan.drop_pods:
            await self._drop_pod(pod)
        for volume in plan.drop_volumes:
            await self._drop_volume(volume)
        if template is None or plan.settings is None or not (plan.make or plan.complete):
            return
        try:
            await self._fill(template, namespace, plan, plan.settings)
        except _RefusedError as error:
            self._note_refusal((uid, namespace), str(error))
        else:
            self._refused.pop((uid, namespace), None)

    def _facts(self, uid: str, namespace: str) -> PoolFacts:
        cluster, now = self._cluster, self._now()
        found = cluster.namespaces.get(Key("", namespace))
        refused = self._refused.get((uid, namespace))
        instances = (cluster.instances.get(key) for key in cluster.instances.keys_in(namespace))
        return PoolFacts(
            namespace=namespace,
            now=now,
            members=tuple(m for m in cluster.pools.members(namespace).values() if template_of(m) == uid),
            instances=tuple(instance for instance in instances if instance is not None),
            promised=cluster.pools.promised(namespace),
            taken=cluster.names_in(namespace),
            blocked=frozenset(key.name for key in self._blocked if key.namespace == namespace),
            namespace_labels=found.metadata.labels if found is not None else None,
            namespace_terminating=found is not None and found.metadata.deletion_timestamp is not None,
            refusal=refused.message if refused is not None and now < refused.until else None,
        )

    def _note_refusal(self, pool: tuple[str, str], message: str) -> None:
        before = self._refused.get(pool)
        pause = min(2 * before.pause, _RETRY_AT_MOST) if before is not None else _RETRY
        self._refused[pool] = _Refused(message, self._now() + pause, pause)
        logger.warning("the pool in %s is not filled: %s", pool[1], message)

    async def _fill(self, template: WorkspaceTemplate, namespace: str, plan: PoolPlan, settings: Settings) -> None:
        """Isolated before it runs: the policies come first."""
        for body in render_network_policies(namespace, self._cluster.installation):
            await self._ensure_policy(body)
        revision = pool_revision(settings)
        for name in plan.make:
            key = Key(namespace, name)
            body = render_member_volume(key, template.metadata, settings, revision=revision)
            if not await self._create(PVCS, body, PersistentVolumeClaim, template=template):
                continue
            await self._create_pod(key, template, settings, revision=revision)
        for name in plan.complete:
            await self._create_pod(Key(namespace, name), template, settings, revision=revision)

    async def _create_pod(self, key: Key, template: WorkspaceTemplate, settings: Settings, *, revision: str) -> None:
        # Another one each time, so that what opened a pod of this name opens none that comes after it.
        nonce = secrets.token_hex(_NONCE_BYTES)
        lock = make_lock(self._cluster.installation.keys.master, str(key), nonce)
        body = render_member_pod(key, template.metadata, settings, revision=revision, lock=lock)
        await self._create(PODS, body, Pod, template=template)

    async def _ensure_policy(self, body: Mapping[str, Any]) -> None:
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        known = self._cluster.policies.get(key)
        if known is not None and all(known.spec.get(field) == value for field, value in body["spec"].items()):
            return
        with contextlib.suppress(NotFound):
            found = await self._client.get(NETWORK_POLICIES, key, NetworkPolicy)
            if found.metadata.labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY:
                raise _RefusedError(name_conflict(kind="NetworkPolicy", name=key.name).message)
        try:
            self._cluster.remember(await self._client.apply(NETWORK_POLICIES, body, NetworkPolicy))
        except Conflict:
            raise
        except ApiError as error:
            raise _refused("NetworkPolicy", error) from error

    async def _create(
        self, resource: Resource, body: Mapping[str, Any], type_: type[T], *, template: WorkspaceTemplate
    ) -> bool:
        """Whether the part is there now. Never an apply: that would change what has the name already."""
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            made = await self._client.create(resource, body, type_)
        except AlreadyExists:
            return await self._find_own(resource, key, type_, template=template)
        except Conflict:
            raise
        except ApiError as error:
            raise _refused(resource.kind, error) from error
        self._cluster.remember(made)
        return True

    async def _find_own(self, resource: Resource, key: Key, type_: type[T], *, template: WorkspaceTemplate) -> bool:
        """An answer was lost, or the name is somebody else's; then another one is taken from now on."""
        try:
            found = await self._client.get(resource, key, type_)
        except NotFound:
            return False
        if found.metadata.labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY:
            self._cluster.remember(found)
        if found.metadata.labels.get(names.LABEL_POOL) == template.metadata.uid:
            return True
        self._blocked.add(key)
        self._cluster.pools.changed.set()
        return False

    async def _drop_pod(self, pod: Pod) -> None:
        """In the version that was looked at: whoever takes it meanwhile has it. Nobody gets it before it is gone."""
        key, metadata = pod.metadata.key, pod.metadata
        if not self._cluster.pools.promise(key, NOBODY):
            return
        try:
            await self._client.delete(PODS, key, uid=metadata.uid, resource_version=metadata.resource_version)
        except NotFound:
            self._cluster.pods.forget(key, metadata.uid)
        except KubeError as error:
            self._cluster.pools.release(key, NOBODY)
            if not isinstance(error, Conflict):
                raise
        else:
            logger.info("pod %s of the pool is dropped", key)

    async def _drop_volume(self, volume: PersistentVolumeClaim) -> None:
        key = volume.metadata.key
        if not self._cluster.pools.promise(key, NOBODY):
            return
        try:
            await self._volumes.drop_unclaimed(key, uid=volume.metadata.uid)
        finally:
            self._cluster.pools.release(key, NOBODY)


def _refused(kind: str, error: ApiError) -> Exception:
    refusal = explain_refusal(kind=kind, status=error.status, message=error.message)
    return _RefusedError(refusal.message) if refusal is not None else error
