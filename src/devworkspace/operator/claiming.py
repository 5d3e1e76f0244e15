"""Takes members of pools for instances: first the volume, then the pod, each only in a version that is nobody's."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.core.plan import Claim
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Conflict, NotFound
from devworkspace.kube.resource import PODS, PVCS, Resource
from devworkspace.operator.cluster import Cluster

logger = logging.getLogger(__name__)

# The kubelet and the volume's controller write to both now and then.
_ATTEMPTS: Final = 4

T = TypeVar("T", Pod, PersistentVolumeClaim)


class Claiming:
    """`take` carries a claim out as far as it goes; the next round of the instance decides on what is there then."""

    def __init__(self, client: Client, cluster: Cluster, *, on_claim: Callable[[str], None]) -> None:
        self._client = client
        self._cluster = cluster
        self._on_claim = on_claim

    async def take(self, instance: WorkspaceInstance, claim: Claim) -> None:
        """Raises `KubeError` where it is worth another try; then the promise holds."""
        key, uid = Key(instance.metadata.namespace, claim.name), instance.metadata.uid
        taken = True
        if claim.volume is not None:
            taken = await self._take(PVCS, key, claim.volume, PersistentVolumeClaim, uid=uid)
        taken = taken and await self._take(PODS, key, claim.pod, Pod, uid=uid)
        logger.info("%s %s %s of the pool", instance.metadata.key, "took" if taken else "lost", claim.name)
        self._on_claim("warm" if taken else "lost")
        self._cluster.pools.release(key, uid)
        self._cluster.pools.changed.set()

    async def _take(self, resource: Resource, key: Key, patch: Mapping[str, Any], type_: type[T], *, uid: str) -> bool:
        """False when it is gone, or somebody else's."""
        for attempt in range(_ATTEMPTS):
            try:
                self._cluster.remember(await self._client.merge_patch(resource, key, patch, type_))
                return True
            except NotFound:
                self._forget(resource, key, patch)
                return False
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
            try:
                found = await self._client.get(resource, key, type_)
            except NotFound:
                self._forget(resource, key, patch)
                return False
            self._cluster.remember(found)
            if found.metadata.labels.get(names.LABEL_INSTANCE_UID) == uid:
                # The answer to our own patch was lost.
                return True
            ends = resource == PVCS and found.metadata.deletion_timestamp is not None
            if ends or not _is_nobodys(found.metadata) or found.metadata.uid != patch["metadata"]["uid"]:
                return False
            version = found.metadata.resource_version
            patch = {**patch, "metadata": {**patch["metadata"], "resourceVersion": version}}
        return False

    def _forget(self, resource: Resource, key: Key, patch: Mapping[str, Any]) -> None:
        informer = self._cluster.pods if resource == PODS else self._cluster.volumes
        informer.forget(key, patch["metadata"]["uid"])


def _is_nobodys(metadata: ObjectMeta) -> bool:
    return names.LABEL_POOL in metadata.labels and names.LABEL_INSTANCE_UID not in metadata.labels
