"""Kept volumes: what environments left behind, to be taken over by a new one or deleted for good."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity, is_owner
from devworkspace.core.deletion import PurgeObstacle
from devworkspace.kube.errors import Conflict, KubeError, NotFound
from devworkspace.kube.index import Indexer
from devworkspace.kube.informer import Informer
from devworkspace.server.api.lookup import actor_of, changed
from devworkspace.server.api.problems import Problem, from_cluster
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import CREATE, DELETE_KEPT, DELETE_VOLUME, Authorizer
from devworkspace.server.purging import Purging

_RIGHTS: Final = "`delete workspaceinstances/volume` or `delete persistentvolumeclaims`"

_BY_INSTANCE: Final = "instance"
_KEPT: Final = "kept"

_REFUSALS: Final[Mapping[PurgeObstacle, str]] = {
    "not-ours": "No environment made this volume, so it is not deleted here.",
    "not-kept": "It belongs to an environment; delete that one first, which keeps the volume.",
    "going": "It is being deleted already.",
    "used": "A pod still uses it; delete it when that pod has ended.",
}


class Volumes(Protocol):
    """The claims of environments, those included whose environment is gone."""

    def of(self, instance_uid: str) -> PersistentVolumeClaim | None: ...
    def kept(self) -> Iterable[PersistentVolumeClaim]: ...
    def find(self, key: Key) -> PersistentVolumeClaim | None: ...


VOLUME_INDEXERS: Final[Mapping[str, Indexer[PersistentVolumeClaim]]] = {
    _BY_INSTANCE: lambda volume: (volume.metadata.labels.get(names.LABEL_INSTANCE_UID, ""),),
    _KEPT: lambda volume: (volume.metadata.labels.get(names.LABEL_RETAINED, ""),),
}


class InformedVolumes:
    """The volumes behind an informer that has `VOLUME_INDEXERS`."""

    def __init__(self, informer: Informer[PersistentVolumeClaim]) -> None:
        self._informer = informer

    def of(self, instance_uid: str) -> PersistentVolumeClaim | None:
        return next(iter(self._informer.by_index(_BY_INSTANCE, instance_uid)), None)

    def kept(self) -> Iterable[PersistentVolumeClaim]:
        return self._informer.by_index(_KEPT, "true")

    def find(self, key: Key) -> PersistentVolumeClaim | None:
        return self._informer.get(key)


class VolumeQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`all`: also those of others, where you may delete them."""

    namespace: Annotated[str, Meta(max_length=63)] | None = None
    all: bool = False


class PurgeQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`uid`: of the volume that is meant, so that a namesake made since is safe."""

    uid: Annotated[str, Meta(min_length=1, max_length=64)]


class AllowedForVolume(View, frozen=True):
    """`adopt`: with `adoptVolume` of a new environment in the same namespace; only its owner may."""

    adopt: bool
    delete: bool


class VolumeView(View, frozen=True):
    """A volume whose environment is gone. `size` is what it has, `environment` what that one was called."""

    uid: str
    namespace: str
    name: str
    owner: str
    environment: str
    template: str
    size: str
    storage_class: str
    created_at: str
    kept_since: str | None
    deleting: bool
    allowed: AllowedForVolume


class VolumeList(View, frozen=True):
    items: tuple[VolumeView, ...]


class KeptVolumes:
    """The addresses of kept volumes: their owner's, and those people's whom RBAC lets delete them."""

    def __init__(self, *, volumes: Volumes, authorizer: Authorizer, purging: Purging) -> None:
        self._volumes = volumes
        self._authorizer = authorizer
        self._purging = purging

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/volumes",
                self.list,
                "Volumes kept of yours",
                VolumeList,
                query=VolumeQuery,
                right=f"owner; with `all` {_RIGHTS}",
            ),
            Route(
                "DELETE",
                "/api/v1/namespaces/{namespace}/volumes/{name}",
                self.purge,
                "Delete a kept volume and the data on it, for good",
                None,
                status=204,
                query=PurgeQuery,
                problems=(404, 409, 412),
                right=f"owner, or {_RIGHTS}",
            ),
        )

    async def list(self, call: Call) -> VolumeList:
        query: VolumeQuery = call.query
        kept = [volume for volume in self._volumes.kept() if query.namespace in (None, volume.metadata.namespace)]
        others = {volume.metadata.namespace for volume in kept if not _is_owner(call.identity, volume)}
        free = await self._deletable(call.identity, others if query.all else ())
        shown = [volume for volume in kept if volume.metadata.namespace in free or _is_owner(call.identity, volume)]
        own = {volume.metadata.namespace for volume in shown}
        creatable = await self._authorizer.namespaces_with(call.identity, own, CREATE)
        ordered = sorted(shown, key=lambda volume: volume.metadata.key)
        return VolumeList(items=tuple(_view(call.identity, volume, creatable=creatable) for volume in ordered))

    async def purge(self, call: Call) -> None:
        key = Key(call.path["namespace"], call.path["name"])
        # Strangers cost no read: what they ask for is looked up in memory first.
        if self._volumes.find(key) is None:
            raise _absent()
        try:
            volume = await self._purging.read(key)
        except NotFound:
            raise _absent() from None
        await self._check(call, volume)
        if volume.metadata.uid != call.query.uid:
            raise changed()
        try:
            obstacle = await self._purging.purge(volume, actor_of(call))
        except NotFound:
            return
        except Conflict:
            raise changed() from None
        except KubeError as error:
            raise from_cluster(error, noun="volume") from error
        if obstacle is not None:
            raise Problem(409, _REFUSALS[obstacle])

    async def _deletable(self, identity: Identity, namespaces: Iterable[str]) -> frozenset[str]:
        """Those of `namespaces` in which the person may delete everybody's."""
        asked = frozenset(namespaces)
        kept = await self._authorizer.namespaces_with(identity, asked, DELETE_KEPT)
        return kept | await self._authorizer.namespaces_with(identity, asked - kept, DELETE_VOLUME)

    async def _check(self, call: Call, volume: PersistentVolumeClaim) -> None:
        """Foreign and absent volumes look the same, and so do volumes that no environment made."""
        if _is_owner(call.identity, volume):
            return
        key = volume.metadata.key
        # The first is about all of a namespace: there is no object of that name.
        for right, place in ((DELETE_KEPT, Key(key.namespace, "")), (DELETE_VOLUME, key)):
            if await self._authorizer.answer(call.identity, place, right) is True:
                return
        raise _absent()


def _absent() -> Problem:
    return Problem(404, "This volume does not exist or is not yours.")


class _Owned(NamedTuple):
    owner: str | None
    owner_subject: str


def _is_owner(identity: Identity, volume: PersistentVolumeClaim) -> bool:
    told = volume.metadata.annotations
    return is_owner(identity, _Owned(told.get(names.ANNOTATION_OWNER), told.get(names.ANNOTATION_OWNER_SUBJECT, "")))


def _view(identity: Identity, volume: PersistentVolumeClaim, *, creatable: frozenset[str]) -> VolumeView:
    metadata = volume.metadata
    deleting = metadata.deletion_timestamp is not None
    adopt = _is_owner(identity, volume) and metadata.namespace in creatable
    return VolumeView(
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        owner=metadata.annotations.get(names.ANNOTATION_OWNER, ""),
        environment=metadata.annotations.get(names.ANNOTATION_INSTANCE, ""),
        template=metadata.annotations.get(names.ANNOTATION_TEMPLATE, ""),
        size=volume.status.capacity.get("storage") or volume.spec.resources.requests.get("storage", ""),
        storage_class=volume.spec.storage_class_name or "",
        created_at=metadata.creation_timestamp or "",
        kept_since=metadata.annotations.get(names.ANNOTATION_RETAINED_AT),
        deleting=deleting,
        allowed=AllowedForVolume(adopt=adopt and not deleting, delete=not deleting),
    )
