"""Carries out plans: the only place of the operator that writes to the cluster."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec.structs import fields, replace

from devworkspace.api import names, reasons
from devworkspace.api.children import NetworkPolicy, PersistentVolumeClaim, Pod, Service
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.deletion import is_held
from devworkspace.core.due import due
from devworkspace.core.ownership import is_own_child, is_own_volume
from devworkspace.core.plan import Apply, Delete, Kind, Plan, asks_to_start, make_plan
from devworkspace.core.refusals import explain_refusal, name_conflict
from devworkspace.core.resolve import Refusal
from devworkspace.core.transitions import Transition, find_trouble, runs, transition
from devworkspace.core.volumestate import resize_refused
from devworkspace.core.world import World
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client
from devworkspace.kube.errors import AlreadyExists, ApiError, Conflict, Invalid, KubeError, NotFound
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, PVCS, SECRETS, SERVICES, Resource
from devworkspace.operator.activity import ActivityWord
from devworkspace.operator.claiming import Claiming
from devworkspace.operator.clockwork import Clockwork
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.events import EventRecorder
from devworkspace.operator.volumes import Volumes

logger = logging.getLogger(__name__)

# Claims side by side would all be done when the last one is; few at a time let those who came first work meanwhile.
CLAIMS_AT_ONCE: Final = 3


class SecretMetadata(Struct, frozen=True):
    """The answer to a Secret's apply without its content."""

    metadata: ObjectMeta


_KINDS: Final[Mapping[Kind, tuple[Resource, type[Any]]]] = {
    "PersistentVolumeClaim": (PVCS, PersistentVolumeClaim),
    "Secret": (SECRETS, SecretMetadata),
    "Service": (SERVICES, Service),
    "Pod": (PODS, Pod),
    "NetworkPolicy": (NETWORK_POLICIES, NetworkPolicy),
}


class RefusedWriteError(KubeError):
    """The API server refuses a child for a reason that its owner can act on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Reconciler:
    """`reconcile` makes the cluster as one instance wants it and returns the seconds until it must look again.

    `on_stop` is told the reason of each stop, `on_claim` what became of each claim of a pod made in advance.
    """

    def __init__(
        self,
        *,
        client: Client,
        cluster: Cluster,
        events: EventRecorder,
        word: ActivityWord,
        now: Callable[[], datetime],
        on_stop: Callable[[str], None],
        on_claim: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._word = word
        self._cluster = cluster
        self._events = events
        self._volumes = Volumes(client=client, cluster=cluster, events=events)
        self._clockwork = Clockwork(client=client, cluster=cluster, events=events)
        self._claiming = Claiming(client, cluster, on_claim=on_claim)
        self._claims = asyncio.Semaphore(CLAIMS_AT_ONCE)
        self._on_stop = on_stop
        self._now = now

    async def reconcile(self, key: Key) -> float | None:
        """One round for one instance.

        Returns seconds or None. Raises what the queue answers with a back-off: network failures, overload, and refused
        writes after they were told in status.
        """
        world = await self._world(key)
        if not asks_to_start(world):
            return await self._round(key, world)
        if not world.pool:
            return await self._start(key, world)
        async with self._claims:
            return await self._start(key, await self._world(key))

    async def _start(self, key: Key, world: World) -> float | None:
        """A round that may make a pod."""
        if world.instance is None:
            return await self._round(key, world)
        try:
            # Asked last: what is decided here counts for the others from this moment on.
            return await self._round(key, replace(world, hold=self._cluster.admission.ask(world, world.instance)))
        finally:
            self._cluster.admission.decided(world.instance)

    async def _round(self, key: Key, world: World) -> float | None:
        plan = make_plan(world)
        if world.instance is not None and plan.claim is not None:
            member = Key(key.namespace, plan.claim.name)
            # Another worker may have been given it since the world was seen.
            if not self._cluster.pools.promise(member, world.instance.metadata.uid):
                return 0.0
        try:
            await self._carry_out(key, world.instance, plan)
        except RefusedWriteError as refused:
            await self._tell_refusal(key, world.instance, refused.refusal)
            raise
        if world.instance is not None and plan.apply and world.write_refusal is not None:
            # It may have gone meanwhile, and what was remembered about it with it.
            self._cluster.write_refusals.pop(world.instance.metadata.uid, None)
            return 0.0
        if plan.claim is not None:
            return 0.0
        return plan.requeue_after.total_seconds() if plan.requeue_after is not None else None

    async def _world(self, key: Key) -> World:
        """What is known from the caches; where data or somebody's work might end, also what is read now."""
        world = replace(self._cluster.world(key, self._now()), server_now=self._client.server_time())
        instance = world.instance
        if instance is not None:
            found = due(instance, world.template, world.now)
            if found is not None and found.reason == "Idle" and found.at <= world.now:
                known_until = await self._word.known_until()
                # The answer has brought the API server's time along.
                world = replace(world, known_until=known_until, server_now=self._client.server_time())
        ending = instance is not None and instance.metadata.deletion_timestamp is not None and is_held(instance)
        if instance is None or not ending or world.pod is not None:
            return world
        return replace(world, deletion=await self._volumes.deletion_facts(world, instance))

    async def _carry_out(self, key: Key, instance: WorkspaceInstance | None, plan: Plan) -> None:
        if instance is not None and plan.act is not None:
            await self._clockwork.act(instance, plan.act)
            return
        told, existing = await asyncio.gather(
            self._tell(instance, plan), self._find_existing(plan), return_exceptions=True
        )
        # Both have ended: a request that outlives its round could meet the next round of the same instance.
        for outcome in (told, existing):
            if isinstance(outcome, BaseException):
                raise outcome
        if not told or isinstance(existing, BaseException):
            return
        if instance is not None and plan.clean_up_at is not None:
            self._clockwork.announce_clean_up(instance, plan.clean_up_at)
        if plan.warn is not None:
            await self._clockwork.warn(key, plan.warn)
        if instance is not None and plan.hold and not await self._set_finalizer(instance, held=True):
            return
        for deletion in plan.delete:
            await self._delete(key, instance, deletion)
        for retain in plan.retain:
            await self._volumes.retain(key, retain)
        if instance is not None and plan.delete_volume is not None:
            await self._volumes.delete_with(instance, plan.delete_volume)
        if instance is not None and plan.release:
            await self._set_finalizer(instance, held=False)
        if instance is not None and plan.claim is not None:
            await self._claiming.take(instance, plan.claim)
        # Last, because they may be refused for as long as a quota is used up or a name is taken.
        if instance is not None and plan.adopt is not None:
            refusal = await self._volumes.adopt(instance, plan.adopt)
            if refusal is not None:
                raise RefusedWriteError(refusal)
        refusals = [refusal for group in plan.apply for refusal in await self._apply_group(instance, group, existing)]
        if refusals:
            raise RefusedWriteError(refusals[0])

    async def _tell(self, instance: WorkspaceInstance | None, plan: Plan) -> bool:
        """False when nothing may be made for the instance any more."""
        if instance is None:
            return True
        if plan.status is not None:
            return await self._write_status(instance, plan.status)
        return not plan.apply or await self._exists_as_seen(instance)

    async def _exists_as_seen(self, instance: WorkspaceInstance) -> bool:
        """Asks the API server: a list can be old, and what is made for an instance that has gone is for nobody."""
        metadata = instance.metadata
        try:
            current = await self._client.get(INSTANCES, metadata.key, WorkspaceInstance)
        except NotFound:
            self._cluster.forget_instance(metadata.key, metadata.uid)
            return False
        self._cluster.instances.put(current)
        seen, now = metadata.deletion_timestamp is None, current.metadata.deletion_timestamp is None
        return current.metadata.uid == metadata.uid and seen == now

    async def _find_existing(self, plan: Plan) -> Mapping[tuple[Kind, Key], Any]:
        """What stands under the names of children that are to be new; asked while the status is written."""
        wanted = [(action.kind, _key(action)) for group in plan.apply for action in group if action.expect_new]
        found = await asyncio.gather(*(self._find(*_KINDS[kind], key) for kind, key in wanted))
        return {child: existing for child, existing in zip(wanted, found, strict=True) if existing is not None}

    async def _set_finalizer(self, instance: WorkspaceInstance, *, held: bool) -> bool:
        """False when the instance has gone, or is going: the API server takes no finalizer then."""
        metadata = (self._cluster.instances.get(instance.metadata.key) or instance).metadata
        finalizers = [name for name in metadata.finalizers if name != names.FINALIZER_DELETE_VOLUME]
        if held:
            finalizers.append(names.FINALIZER_DELETE_VOLUME)
        patch = {
            "metadata": {
                "uid": instance.metadata.uid,
                # A list is replaced as a whole; the version keeps what others added to it meanwhile.
                "resourceVersion": metadata.resource_version,
                "finalizers": finalizers,
            }
        }
        try:
            written = await self._client.merge_patch(INSTANCES, metadata.key, patch, WorkspaceInstance)
        except (NotFound, Invalid):
            return False
        if metadata.deletion_timestamp is None or finalizers:
            self._cluster.instances.put(written)
        else:
            self._cluster.forget_instance(metadata.key, metadata.uid)
        return True

    async def _write_status(self, instance: WorkspaceInstance, status: InstanceStatus) -> bool:
        """False when the instance has gone or was replaced: nothing may be made for it then."""
        metadata = instance.metadata
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.INSTANCE_KIND,
            # The UID makes the API server refuse a status that was meant for a predecessor of the same name.
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
            # The server writes the activity; a stale copy of it in our apply would fight with the server's.
            "status": replace(status, last_activity=None),
        }
        try:
            written = await self._client.apply_status(INSTANCES, body, WorkspaceInstance)
            if foreign := _foreign_fields(status, written.status):
                patch = {"metadata": {"uid": metadata.uid}, "status": dict.fromkeys(foreign)}
                written = await self._client.merge_patch(
                    INSTANCES, metadata.key, patch, WorkspaceInstance, subresource="status"
                )
        except NotFound:
            self._cluster.forget_instance(metadata.key, metadata.uid)
            return False
        except Conflict:
            logger.info("%s was replaced meanwhile", metadata.key)
            return False
        if status.phase != instance.status.phase:
            logger.info("%s: %s -> %s: %s", metadata.key, instance.status.phase, status.phase, status.message)
        self._cluster.instances.put(written)
        self._tell_transition(instance, written.status)
        return True

    def _tell_transition(self, instance: WorkspaceInstance, new: InstanceStatus) -> None:
        """Records what a status that was written is worth as an Event."""
        uid, troubles = instance.metadata.uid, self._cluster.troubles
        if new.phase == "Stopped" and instance.status.phase not in ("Stopped", None):
            self._on_stop(new.stop_reason or "User")
        told = transition(instance.status, new, trouble=troubles.get(uid))
        if told is not None:
            self._events.record(instance.metadata, told)
        if runs(new):
            troubles.pop(uid, None)
        elif (trouble := find_trouble(new) or find_trouble(instance.status)) is not None:
            troubles[uid] = trouble

    async def _apply_group(
        self, instance: WorkspaceInstance | None, group: tuple[Apply, ...], existing: Mapping[tuple[Kind, Key], Any]
    ) -> tuple[Refusal, ...]:
        """Writes a group at once. Returns refusals that nothing else needs to wait for."""
        writes = (self._apply(instance, action, existing.get((action.kind, _key(action)))) for action in group)
        results = await asyncio.gather(*writes, return_exceptions=True)
        # A refusal is what the owner must read; it must not hide behind a neighbour's network failure.
        failures = [result for result in results if isinstance(result, BaseException)]
        failures.sort(key=lambda failure: not isinstance(failure, RefusedWriteError))
        if failures:
            raise failures[0]
        return tuple(result for result in results if isinstance(result, Refusal))

    async def _apply(self, instance: WorkspaceInstance | None, action: Apply, existing: Any) -> Refusal | None:
        resource, type_ = _KINDS[action.kind]
        key = _key(action)
        if existing is not None:
            if not _is_ours(action.kind, existing.metadata, instance):
                raise RefusedWriteError(name_conflict(kind=action.kind, name=key.name))
            self._cluster.remember(existing)
            if action.kind == "Pod":
                return None
        try:
            applied = await self._client.apply(resource, action.body, type_)
        except (Conflict, AlreadyExists):
            raise
        except ApiError as error:
            if action.kind == "Secret" and error.status == 422 and "type" in error.message:
                raise RefusedWriteError(name_conflict(kind=action.kind, name=key.name)) from error
            refusal = explain_refusal(kind=action.kind, status=error.status, message=error.message)
            if refusal is None:
                raise
            if action.kind == "PersistentVolumeClaim" and not action.expect_new:
                return resize_refused(error.message)
            raise RefusedWriteError(refusal) from error
        self._cluster.remember(applied)
        return None

    async def _find(self, resource: Resource, type_: type[Any], key: Key) -> Any:
        try:
            return await self._client.get(resource, key, type_)
        except NotFound:
            return None

    async def _delete(self, key: Key, instance: WorkspaceInstance | None, deletion: Delete) -> None:
        resource, _ = _KINDS[deletion.kind]
        try:
            await self._client.delete(resource, Key(key.namespace, deletion.name), uid=deletion.uid)
        except NotFound:
            # A conflict is raised: an API server says so, too, when it was in others' way, and no event would follow.
            return
        if deletion.kind == "Pod":
            self._cluster.pod_deleted(deletion.uid)
        else:
            self._cluster.policies.forget(Key(key.namespace, deletion.name), deletion.uid)
        if deletion.failed:
            logger.info("%s: the failed pod is replaced", key)
            self._cluster.note_replacement(key, self._now())
            if instance is not None:
                message = f"Pod {deletion.name} had ended and was removed; a new one follows with the same volume."
                self._events.record(instance.metadata, Transition("Normal", reasons.POD_REPLACED, message))

    async def _tell_refusal(self, key: Key, instance: WorkspaceInstance | None, refusal: Refusal) -> None:
        if instance is None or self._cluster.write_refusals.get(instance.metadata.uid) == refusal:
            return
        self._cluster.write_refusals[instance.metadata.uid] = refusal
        plan = make_plan(self._cluster.world(key, self._now()))
        if plan.status is not None:
            await self._write_status(instance, plan.status)


def _foreign_fields(wanted: InstanceStatus, stored: InstanceStatus) -> list[str]:
    """Fields that somebody else set and that are not so; an apply leaves them, because it does not own them."""
    return [
        field.encode_name
        for field in fields(InstanceStatus)
        if field.name != "last_activity" and getattr(wanted, field.name) is None and getattr(stored, field.name)
    ]


def _key(action: Apply) -> Key:
    metadata = action.body["metadata"]
    return Key(metadata["namespace"], metadata["name"])


def _is_ours(kind: Kind, metadata: ObjectMeta, instance: WorkspaceInstance | None) -> bool:
    if kind == "NetworkPolicy":
        # It belongs to the namespace, to no single instance.
        return metadata.labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    if instance is None:
        return False
    is_own = is_own_volume if kind == "PersistentVolumeClaim" else is_own_child
    return is_own(metadata, instance)
