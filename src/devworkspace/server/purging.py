"""Deleting a kept volume for good, at the explicit command of somebody who may.

The caller has decided that the person may. What is deleted is decided here on what the API server says now, not on a
cache, and the deletion only holds for the very version that was looked at: a volume that a new environment has taken
over a moment before is not touched.
"""

from typing import Any

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.deletion import PurgeFacts, PurgeObstacle, find_purge_obstacle
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client, OnlyMetadata
from devworkspace.kube.resource import PODS, PVCS
from devworkspace.server.audit import Actor
from devworkspace.server.changes import Changes


class _Claim(Struct, frozen=True):
    claim_name: str


class _Mounted(Struct, frozen=True):
    persistent_volume_claim: _Claim | None = None


class _UserSpec(Struct, frozen=True):
    volumes: tuple[_Mounted, ...] = ()


class _UserStatus(Struct, frozen=True):
    phase: str = ""


class _VolumeUser(Struct, frozen=True):
    """A pod, as far as it may be mounting a volume."""

    metadata: ObjectMeta
    spec: _UserSpec = _UserSpec()
    status: _UserStatus = _UserStatus()


class Purging:
    """Methods raise `KubeError`; `Conflict` where the volume has changed in the meantime."""

    def __init__(self, client: Client, *, changes: Changes) -> None:
        self._client = client
        self._changes = changes

    async def read(self, key: Key) -> PersistentVolumeClaim:
        return await self._client.get(PVCS, key, PersistentVolumeClaim)

    async def purge(self, volume: PersistentVolumeClaim, by: Actor) -> PurgeObstacle | None:
        """Deletes `volume` in the version that was read, or says what forbids it."""
        key, metadata = volume.metadata.key, volume.metadata
        obstacle = find_purge_obstacle(await self._facts(volume))
        told: dict[str, Any] = {
            "namespace": key.namespace,
            "volume": key.name,
            "uid": metadata.uid,
            "owner": metadata.annotations.get(names.ANNOTATION_OWNER),
            "of": metadata.annotations.get(names.ANNOTATION_INSTANCE),
        }
        if obstacle is not None:
            self._changes.refused("purge-volume", by, reason=obstacle, **told)
            return obstacle
        async with self._changes.recorded("purge-volume", by, **told):
            await self._client.delete(PVCS, key, uid=metadata.uid, resource_version=metadata.resource_version)
        return None

    async def _facts(self, volume: PersistentVolumeClaim) -> PurgeFacts:
        namespace = volume.metadata.namespace
        instances = await self._client.list(INSTANCES, OnlyMetadata, namespace=namespace, metadata_only=True)
        pods = await self._client.list(PODS, _VolumeUser, namespace=namespace)
        users = (
            *pods.unreadable,
            *(pod.metadata for pod in pods.items if _uses(pod, volume.metadata.name)),
        )
        return PurgeFacts(
            volume=volume,
            instances=frozenset(found.metadata.uid for found in instances.items),
            users=users,
        )


def _uses(pod: _VolumeUser, volume: str) -> bool:
    mounts = any(mounted.persistent_volume_claim == _Claim(volume) for mounted in pod.spec.volumes)
    return mounts and pod.status.phase not in ("Succeeded", "Failed")
