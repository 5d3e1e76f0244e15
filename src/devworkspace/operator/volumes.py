"""Writes that decide about somebody's data: adopting, retaining and, in one function, deleting volumes."""

import logging
from typing import TypeVar

from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import Namespace, PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.adoption import Adopt, still_used
from devworkspace.core.deletion import DeletionFacts
from devworkspace.core.plan import DeleteVolume, Retain
from devworkspace.core.pool import may_drop_volume
from devworkspace.core.render.common import child_labels
from devworkspace.core.render.volume import volume_annotations
from devworkspace.core.resolve import Refusal
from devworkspace.core.transitions import Transition
from devworkspace.core.world import World, own_volume
from devworkspace.kinds import CRDS, INSTANCE_CRD, INSTANCES
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Conflict, NotFound
from devworkspace.kube.resource import NAMESPACES, PODS, PVCS, Resource
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.events import EventRecorder

logger = logging.getLogger(__name__)

T = TypeVar("T")


class _Definition(Struct, frozen=True):
    metadata: ObjectMeta


class _Claim(Struct, frozen=True):
    claim_name: str = ""


class _PodVolume(Struct, frozen=True):
    persistent_volume_claim: _Claim | None = None


class _PodSpec(Struct, frozen=True):
    volumes: tuple[_PodVolume, ...] = ()


class _PodStatus(Struct, frozen=True):
    phase: str = ""


class _VolumeUser(Struct, frozen=True):
    """A pod of anybody, as far as it tells which volumes it mounts."""

    metadata: ObjectMeta
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


class Volumes:
    """Carries out what a plan says about volumes. Methods raise `KubeError` where it is worth another try."""

    def __init__(self, *, client: Client, cluster: Cluster, events: EventRecorder) -> None:
        self._client = client
        self._cluster = cluster
        self._events = events

    async def deletion_facts(self, world: World, instance: WorkspaceInstance) -> DeletionFacts:
        """What a deletion is decided on, read from the API server now and not from a cache."""
        namespace = instance.metadata.namespace
        cached = own_volume(world, instance)
        return DeletionFacts(
            instance=await self._find(INSTANCES, instance.metadata.key, WorkspaceInstance),
            volume=await self._find(PVCS, cached.metadata.key, PersistentVolumeClaim) if cached is not None else None,
            torn_down=await self._is_torn_down(namespace),
            users=await self._users(cached.metadata.key) if cached is not None else (),
        )

    async def delete(self, key: Key, volume: DeleteVolume) -> None:
        """The only call of the operator that deletes a volume.

        It follows its owner's consent (`core.deletion`), or that nobody has ever had it (`core.pool`).
        """
        await self._client.delete(PVCS, key, uid=volume.uid, resource_version=volume.resource_version)
        self._cluster.volumes.forget(key, volume.uid)

    async def drop_unclaimed(self, key: Key, *, uid: str) -> None:
        """Deletes the volume of a member that the pool has no use for; anything of somebody's is left alone."""
        volume = await self._find(PVCS, key, PersistentVolumeClaim)
        if volume is None or volume.metadata.uid != uid:
            self._cluster.volumes.forget(key, uid)
            return
        self._cluster.remember(volume)
        named = any(key.name in (known.status.pod_name, known.status.pvc_name) for known in self._neighbours(key))
        if not may_drop_volume(volume, users=await self._users(key), named=named):
            return
        try:
            await self.delete(key, DeleteVolume(key.name, uid, volume.metadata.resource_version))
        except (NotFound, Conflict):
            return
        logger.info("volume %s of the pool is deleted, nobody has had it", key)

    def _neighbours(self, key: Key) -> tuple[WorkspaceInstance, ...]:
        known = (self._cluster.instances.get(found) for found in self._cluster.instances.keys_in(key.namespace))
        return tuple(instance for instance in known if instance is not None)

    async def delete_with(self, instance: WorkspaceInstance, volume: DeleteVolume) -> None:
        """Deletes the volume of an environment that is being deleted, as its owner wants.

        The consent is written on it first: the API server asks for that again, by a policy that knows nothing of us.
        """
        key = Key(instance.metadata.namespace, volume.name)
        approval = {
            "metadata": {
                "uid": volume.uid,
                # Of what was decided on, and then of what this write makes of it: nothing comes in between.
                "resourceVersion": volume.resource_version,
                "annotations": {names.ANNOTATION_DELETE_APPROVED: instance.metadata.uid},
            }
        }
        try:
            approved = await self._client.merge_patch(PVCS, key, approval, PersistentVolumeClaim)
            await self.delete(key, replace(volume, resource_version=approved.metadata.resource_version))
        except NotFound:
            return
        # A conflict is no answer to the owner's wish: let through, it comes back and is decided on what is there then.
        logger.info("volume %s is deleted, as its owner asked", key)
        message = f"Volume {volume.name} was deleted with its environment, as dataPolicy asked."
        self._events.record(instance.metadata, Transition("Normal", reasons.VOLUME_DELETED, message))

    async def adopt(self, instance: WorkspaceInstance, adopt: Adopt) -> Refusal | None:
        """Makes a left volume the instance's own, unless a pod still uses it; `Conflict` when somebody was faster."""
        key = Key(instance.metadata.namespace, adopt.name)
        if users := await self._users(key):
            return still_used(adopt.name, users[0].name)
        patch = {
            "metadata": {
                "uid": adopt.uid,
                "resourceVersion": adopt.resource_version,
                "labels": {**child_labels(instance), names.LABEL_RETAINED: None},
                "annotations": {
                    **volume_annotations(instance),
                    names.ANNOTATION_RETAINED_AT: None,
                    names.ANNOTATION_DELETE_APPROVED: None,
                },
            }
        }
        self._cluster.remember(await self._client.merge_patch(PVCS, key, patch, PersistentVolumeClaim))
        logger.info("%s took over volume %s", instance.metadata.key, adopt.name)
        message = f"Volume {adopt.name}, left by an earlier environment, was taken over with its data."
        self._events.record(instance.metadata, Transition("Normal", reasons.VOLUME_ADOPTED, message))
        return None

    async def retain(self, instance: Key, retain: Retain) -> None:
        """Marks a left volume, unless its instance lives: caches of two kinds need not be equally new."""
        living = await self._find(INSTANCES, instance, WorkspaceInstance)
        if living is not None and living.metadata.uid == retain.instance_uid:
            return
        patch = {
            "metadata": {
                "uid": retain.uid,
                # Whoever took the volume over meanwhile has it.
                "resourceVersion": retain.resource_version,
                "labels": {names.LABEL_RETAINED: "true"},
                "annotations": {names.ANNOTATION_RETAINED_AT: retain.at},
            }
        }
        key = Key(instance.namespace, retain.name)
        try:
            volume = await self._client.merge_patch(PVCS, key, patch, PersistentVolumeClaim)
        except (NotFound, Conflict):
            return
        logger.info("volume %s is retained", key)
        self._cluster.remember(volume)

    async def _is_torn_down(self, namespace: str) -> bool:
        """Whether the deletion is somebody's clearing away of a whole namespace or of the API itself."""
        found = await self._find(NAMESPACES, Key("", namespace), Namespace)
        definition = await self._find(CRDS, INSTANCE_CRD, _Definition)
        return any(parent is None or parent.metadata.deletion_timestamp is not None for parent in (found, definition))

    async def _users(self, volume: Key) -> tuple[ObjectMeta, ...]:
        pods = await self._client.list(PODS, _VolumeUser, namespace=volume.namespace)
        if pods.unreadable:
            return tuple(pods.unreadable)
        return tuple(
            pod.metadata
            for pod in pods.items
            if pod.status.phase not in ("Succeeded", "Failed")
            and any(mounted.persistent_volume_claim == _Claim(volume.name) for mounted in pod.spec.volumes)
        )

    async def _find(self, resource: Resource, key: Key, type_: type[T]) -> T | None:
        try:
            return await self._client.get(resource, key, type_)
        except NotFound:
            return None
