"""What the operator knows of environments that are made in advance: the members, and to whom they are promised."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim, Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import PoolStatus, WorkspaceTemplate
from devworkspace.core.member import Member, made_at
from devworkspace.core.pool import find_replicas
from devworkspace.core.resolve import Settings
from devworkspace.kube.informer import Informer

BY_POOL: Final = "pool"
# Who has a member that is being dropped.
NOBODY: Final = ""


class KeptPool(NamedTuple):
    """What was found when the pool was last looked at."""

    template: str
    status: PoolStatus
    settings: Settings | None


class Pools:
    """A view of the informers. `changed` is set when the pools must be looked at; who does that clears it.

    A promise holds a member back for one instance, for as long as this process works on it. Between processes the names
    in statuses do so, and at last the versions of the objects.
    """

    def __init__(
        self,
        *,
        pods: Informer[Pod],
        volumes: Informer[PersistentVolumeClaim],
        templates: Callable[[], Iterable[WorkspaceTemplate]],
        named_by: Callable[[Key], Iterable[WorkspaceInstance]],
    ) -> None:
        self.changed = asyncio.Event()
        self.kept: dict[tuple[str, str], KeptPool] = {}
        self._pods = pods
        self._volumes = volumes
        self._templates = templates
        self._named_by = named_by
        self._promised: dict[Key, str] = {}

    def members(self, namespace: str) -> Mapping[str, Member]:
        """All members of a namespace, of whatever template, by name."""
        pods = {pod.metadata.name: pod for pod in self._pods.by_index(BY_POOL, namespace)}
        volumes = {volume.metadata.name: volume for volume in self._volumes.by_index(BY_POOL, namespace)}
        return {name: Member(name, pods.get(name), volumes.get(name)) for name in pods.keys() | volumes.keys()}

    def namespaces(self) -> frozenset[str]:
        """Those with members."""
        return frozenset((*self._pods.index_values(BY_POOL), *self._volumes.index_values(BY_POOL)))

    def for_instance(self, instance: WorkspaceInstance, template_uid: str | None) -> tuple[Member, ...]:
        """Those of its template that nobody else has been given, and those that it has begun to take; oldest first."""
        uid, namespace = instance.metadata.uid, instance.metadata.namespace
        own = {instance.status.pod_name, instance.status.pvc_name}
        found = [
            member
            for member in self.members(namespace).values()
            if (member.name in own or template_of(member) == template_uid)
            and self._promised.get(Key(namespace, member.name), uid) == uid
            and not any(other.metadata.uid != uid for other in self._named_by(Key(namespace, member.name)))
        ]
        return tuple(sorted(found, key=lambda member: (made_at(member), member.name)))

    def promise(self, member: Key, to: str) -> bool:
        """Holds a member back for one; False if it is somebody else's already."""
        return self._promised.setdefault(member, to) == to

    def release(self, member: Key, of: str) -> None:
        if self._promised.get(member) == of:
            del self._promised[member]

    def forget_instance(self, uid: str) -> None:
        for member in [member for member, to in self._promised.items() if to == uid]:
            del self._promised[member]

    def promised(self, namespace: str) -> frozenset[str]:
        """What instances have been promised."""
        return frozenset(member.name for member, to in self._promised.items() if member.namespace == namespace and to)

    def occupies(self, namespace: str) -> bool:
        """Whether pods are, or may be, made in advance there."""
        if self._pods.by_index(BY_POOL, namespace):
            return True
        return any(find_replicas(template, namespace) > 0 for template in self._templates())

    def statuses(self, template_uid: str, template: WorkspaceTemplate | None) -> tuple[PoolStatus, ...] | None:
        """What the template's status says; None until its pools have been looked at."""
        wanted = {size.namespace for size in template.spec.warm_pool.per_namespace} if template is not None else set()
        found = {namespace: pool.status for (uid, namespace), pool in self.kept.items() if uid == template_uid}
        if wanted - found.keys():
            return None
        return tuple(status for _, status in sorted(found.items()))


def pool_namespace(child: Pod | PersistentVolumeClaim) -> Iterator[str]:
    """The namespace of a member's part; nothing for anything else."""
    if names.LABEL_POOL in child.metadata.labels:
        yield child.metadata.namespace


def template_of(member: Member) -> str | None:
    """The UID of the template that it was made from."""
    parts = (part.metadata.labels.get(names.LABEL_POOL) for part in (member.pod, member.volume) if part is not None)
    return next((uid for uid in parts if uid is not None), None)
