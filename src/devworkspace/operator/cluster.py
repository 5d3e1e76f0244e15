"""Everything that the operator knows of the cluster, and the World of one instance cut out of it."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.children import Namespace, NetworkPolicy, PersistentVolumeClaim, Pod, Service
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.surroundings import ConfigMap
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.adoption import wanted_volume
from devworkspace.core.limits import instance_share, is_held_by_limit, volume_share
from devworkspace.core.member import Member
from devworkspace.core.ownership import is_own_child
from devworkspace.core.render.common import child_name
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.core.resolve import Refusal
from devworkspace.core.template_status import use_of
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.world import Installation, World
from devworkspace.kube.client import Client
from devworkspace.kube.informer import Informer, Timing
from devworkspace.kube.resource import CONFIG_MAPS, NAMESPACES, NETWORK_POLICIES, PODS, PVCS, SERVICES
from devworkspace.operator.admission import BY_HELD, BY_SHARE, BY_UID, Admission
from devworkspace.operator.pools import BY_POOL, NOBODY, Pools, pool_namespace
from devworkspace.operator.store import Store
from devworkspace.operator.surroundings import Surroundings

# A pod that ran this long without being replaced has earned a quick replacement again.
_FORGET_REPLACEMENTS_AFTER: Final = timedelta(minutes=30)
_OURS = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
_BY_UID = BY_UID
_BY_INSTANCE = "instance"
_BY_TEMPLATE = "template"
_BY_WANTED_VOLUME = "wanted volume"
_BY_CHILD = "child"
_BY_NODE = "node"
_BY_NAMESPACE = "namespace"

Child = Pod | PersistentVolumeClaim | Service | NetworkPolicy
C = TypeVar("C", Pod, Service)


class Enqueue(Protocol):
    """Takes note of an instance that must be looked at; `urgent` where somebody waits for the outcome now."""

    def __call__(self, key: Key, *, urgent: bool = False) -> None: ...


class Cluster:
    """Stores of our two kinds (fed by Kopf) and informers of everything else; `enqueue` is told whose world changed."""

    def __init__(
        self,
        client: Client,
        installation: Installation,
        enqueue: Enqueue,
        *,
        timing: Timing | None = None,
    ) -> None:
        self.installation = installation
        self.instances: Store[WorkspaceInstance] = Store(
            {
                _BY_UID: _own_uid,
                _BY_TEMPLATE: _template_name,
                _BY_WANTED_VOLUME: _wanted_volume,
                _BY_CHILD: _child_name,
                BY_SHARE: _share_of_instance,
                BY_HELD: _share_of_held,
            },
            on_change=self._instance_stored,
        )
        self.templates: Store[WorkspaceTemplate] = Store(on_change=self._template_stored)
        # Set when the status of a template may have to be written; who writes them clears it.
        self.uses_changed = asyncio.Event()
        self.write_refusals: dict[str, Refusal] = {}
        # The problem that an instance's Events told last, until they told its end.
        self.troubles: dict[str, str] = {}
        # The clean-up that an instance's Events announced last.
        self.announced: dict[str, datetime] = {}
        self._deleted_pods: set[str] = set()
        self._replacements: dict[Key, tuple[int, datetime]] = {}
        self._enqueue = enqueue
        by_uid = {_BY_UID: _uid_label}
        self.pods = Informer(
            client,
            PODS,
            Pod,
            label_selector=_OURS,
            indexers={**by_uid, _BY_NODE: _node_name, BY_POOL: pool_namespace, _BY_NAMESPACE: _namespace},
            on_change=self._pod_changed,
            timing=timing,
        )
        self.volumes = Informer(
            client,
            PVCS,
            PersistentVolumeClaim,
            label_selector=_OURS,
            indexers={
                **by_uid,
                _BY_INSTANCE: _instance_annotation,
                BY_SHARE: _share_of_volume,
                BY_POOL: pool_namespace,
                _BY_NAMESPACE: _namespace,
            },
            on_change=self._volume_changed,
            timing=timing,
        )
        self.services = Informer(
            client,
            SERVICES,
            Service,
            label_selector=_OURS,
            indexers=by_uid,
            on_change=self._child_changed,
            timing=timing,
        )
        self.policies = Informer(
            client,
            NETWORK_POLICIES,
            NetworkPolicy,
            label_selector=_OURS,
            on_change=self._policy_changed,
            timing=timing,
        )
        self.namespaces = Informer(client, NAMESPACES, Namespace, on_change=self._namespace_changed, timing=timing)
        self.limits = Informer(
            client,
            CONFIG_MAPS,
            ConfigMap,
            namespace=installation.server_namespace,
            field_selector=f"metadata.name={names.LIMITS_CONFIG_MAP}",
            on_change=self._limits_changed,
            timing=timing,
        )
        self.admission = Admission(
            instances=self.instances, templates=self.templates, volumes=self.volumes, enqueue=enqueue
        )
        self.pools = Pools(
            pods=self.pods, volumes=self.volumes, templates=self.templates.values, named_by=self._named_by
        )
        self.surroundings = Surroundings(
            client,
            owner_of=self._owner_of,
            pods_on=lambda node: self.pods.by_index(_BY_NODE, node),
            enqueue=enqueue,
        )

    @property
    def informers(self) -> tuple[Informer, ...]:  # type: ignore[type-arg]
        """Those without which there is no decision."""
        return (self.pods, self.volumes, self.services, self.policies, self.namespaces, self.limits)

    def world(self, key: Key, now: datetime) -> World:
        """The World of an instance; of one that is gone, what it left behind."""
        instance = self.instances.get(key)
        namespace = self.namespaces.get(Key("", key.namespace))
        uid = instance.metadata.uid if instance is not None else None
        template = self.templates.get(Key("", instance.spec.template_ref)) if instance is not None else None
        pod = self._pod_of(instance, now)
        volumes = tuple(self.volumes.by_index(_BY_UID, uid)) if uid is not None else ()
        return World(
            key=key,
            now=now,
            installation=self.installation,
            instance=instance,
            template=template,
            namespace_labels=namespace.metadata.labels if namespace is not None else {},
            namespace_terminating=namespace is not None and namespace.metadata.deletion_timestamp is not None,
            pod=pod,
            volumes=volumes,
            left_volumes=self._left_volumes(key, uid),
            service=_own(self.services, instance) if instance is not None else None,
            policies=self._policies_of(key.namespace),
            namespace_in_use=self._is_in_use(key.namespace),
            adoptable=self._adoptable(instance),
            adoptable_in_use=self._adoptable_in_use(instance),
            write_refusal=self.write_refusals.get(uid) if uid is not None else None,
            replacements=self._count_replacements(key, now),
            warnings=self.surroundings.about(child.metadata.uid for child in (pod, *volumes) if child is not None),
            node=self.surroundings.node(pod.spec.node_name) if pod is not None else None,
            pool=self._pool_for(instance, template) if instance is not None and pod is None else (),
        )

    def _pool_for(self, instance: WorkspaceInstance, template: WorkspaceTemplate | None) -> tuple[Member, ...]:
        return self.pools.for_instance(instance, template.metadata.uid if template is not None else None)

    def names_in(self, namespace: str) -> frozenset[str]:
        """The names of our pods and volumes there."""
        pods = {pod.metadata.name for pod in self.pods.by_index(_BY_NAMESPACE, namespace)}
        return frozenset(pods | {found.metadata.name for found in self.volumes.by_index(_BY_NAMESPACE, namespace)})

    def _is_in_use(self, namespace: str) -> bool:
        return self.instances.count(namespace) > 0 or self.pools.occupies(namespace)

    def _named_by(self, pod: Key) -> Iterator[WorkspaceInstance]:
        """Whose status names the pod."""
        for instance in self.instances.by_index(_BY_CHILD, str(pod)):
            if instance.status.pod_name == pod.name:
                yield instance

    def _owner_of(self, child: Key) -> Key | None:
        """The instance of a pod or volume; also of one that the watch has not told of yet."""
        if (volume := self.volumes.get(child)) is not None:
            owner = volume.metadata.labels.get(names.LABEL_INSTANCE)
            return Key(child.namespace, owner) if owner is not None else None
        return next((instance.metadata.key for instance in self.instances.by_index(_BY_CHILD, str(child))), None)

    def _adoptable(self, instance: WorkspaceInstance | None) -> PersistentVolumeClaim | None:
        name = wanted_volume(instance) if instance is not None else None
        return self.volumes.get(Key(instance.metadata.namespace, name)) if instance is not None and name else None

    def _adoptable_in_use(self, instance: WorkspaceInstance | None) -> bool:
        """Whether the volume's label names an instance that exists; the label `retained` alone can be set by hand."""
        if instance is None or (volume := self._adoptable(instance)) is None:
            return False
        uid = volume.metadata.labels.get(names.LABEL_INSTANCE_UID, "")
        return bool(self.instances.by_index(_BY_UID, uid))

    def _count_replacements(self, key: Key, now: datetime) -> int:
        count, at = self._replacements.get(key, (0, now))
        return count if now - at < _FORGET_REPLACEMENTS_AFTER else 0

    def note_replacement(self, key: Key, now: datetime) -> None:
        """Counts a pod that failed, so that the next one waits longer; forgotten at a restart of the operator."""
        self._replacements[key] = (self._count_replacements(key, now) + 1, now)

    def forget_instance(self, key: Key, uid: str) -> None:
        """Drops what was remembered about an instance that is gone."""
        self.instances.drop(key, uid)
        self.write_refusals.pop(uid, None)
        self.troubles.pop(uid, None)
        self.announced.pop(uid, None)
        self._replacements.pop(key, None)
        self.pools.forget_instance(uid)

    def _pod_of(self, instance: WorkspaceInstance | None, now: datetime) -> Pod | None:
        pod = _own(self.pods, instance) if instance is not None else None
        if pod is None or pod.metadata.uid not in self._deleted_pods or pod.metadata.deletion_timestamp is not None:
            return pod
        return replace(pod, metadata=replace(pod.metadata, deletion_timestamp=format_timestamp(now)))

    def _left_volumes(self, key: Key, uid: str | None) -> tuple[PersistentVolumeClaim, ...]:
        """Volumes of earlier instances under this name."""
        return tuple(
            volume
            for volume in self.volumes.by_index(_BY_INSTANCE, str(key))
            if volume.metadata.labels.get(names.LABEL_INSTANCE_UID) != uid
        )

    def instance_changed(self, key: Key) -> None:
        self._enqueue(key)

    def everything_changed(self) -> None:
        """For a start: queues every instance, first those that nobody has looked at since their owner changed them."""
        for instance in sorted(self.instances.values(), key=_is_observed):
            self._enqueue(instance.metadata.key)

    def _instance_stored(self, _: Key, old: WorkspaceInstance | None, new: WorkspaceInstance | None) -> None:
        if old is None or new is None or use_of(old) != use_of(new):
            self.uses_changed.set()
            self.pools.changed.set()
        self.admission.instance_changed(old, new)

    def _template_stored(self, key: Key, old: WorkspaceTemplate | None, new: WorkspaceTemplate | None) -> None:
        self.uses_changed.set()
        # Our own write of a template's status must not wake everybody who uses it.
        if old is None or new is None or old.spec != new.spec:
            self.pools.changed.set()
            for instance in self.instances.by_index(_BY_TEMPLATE, key.name):
                self._enqueue(instance.metadata.key)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        # What has become of a pod is what a person looks at; that one was made is news to nobody.
        self._child_changed(old, new, urgent=old is not None)
        if old is not None and new is None:
            self._deleted_pods.discard(old.metadata.uid)
            self.pools.release(old.metadata.key, NOBODY)
            # Who wants the volume that it used waits for its end.
            for volume in self.volumes.by_index(_BY_UID, old.metadata.labels.get(names.LABEL_INSTANCE_UID, "")):
                self._wake_for(volume)

    def _child_changed(self, old: Child | None, new: Child | None, *, urgent: bool = False) -> None:
        if any(child is not None and names.LABEL_POOL in child.metadata.labels for child in (old, new)):
            self.pools.changed.set()
        child = new if new is not None else old
        if child is not None and names.LABEL_POOL not in child.metadata.labels:
            name = child.metadata.labels.get(names.LABEL_INSTANCE, "")
            self._enqueue(Key(child.metadata.namespace, name), urgent=urgent)

    def _volume_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        self._child_changed(old, new)
        self.admission.volume_changed(old, new)
        volume = new if new is not None else old
        if volume is not None:
            self._wake_for(volume)

    def _limits_changed(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        self.admission.limits_changed(old, new)

    def _wake_for(self, volume: PersistentVolumeClaim) -> None:
        """Looks at those again that ask for the volume."""
        for instance in self.instances.by_index(_BY_WANTED_VOLUME, str(volume.metadata.key)):
            self._enqueue(instance.metadata.key)

    def _policies_of(self, namespace: str) -> dict[str, NetworkPolicy]:
        found = {name: self.policies.get(Key(namespace, name)) for name in POLICY_NAMES}
        return {name: policy for name, policy in found.items() if policy is not None}

    def _policy_changed(self, old: NetworkPolicy | None, new: NetworkPolicy | None) -> None:
        policy = new if new is not None else old
        if policy is None:
            return
        namespace = policy.metadata.namespace
        self._enqueue_namespace(namespace)
        if new is not None and self.instances.count(namespace) == 0:
            # The last environment went while nobody looked.
            self.namespace_left(namespace)

    def namespace_left(self, namespace: str) -> None:
        """A round of nobody's takes the policies away, unless somebody or a pool needs them."""
        self._enqueue(Key(namespace, POLICY_NAMES[0]))

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None and new is not None and old.metadata.labels != new.metadata.labels:
            self._enqueue_namespace(new.metadata.name)

    def _enqueue_namespace(self, namespace: str) -> None:
        for key in self.instances.keys_in(namespace):
            self._enqueue(key)

    def pod_deleted(self, uid: str) -> None:
        """Notes an own deletion before the watch tells it, or the next round would ask for it again."""
        self._deleted_pods.add(uid)

    def remember(self, child: Child) -> None:
        """Puts the answer to an own write where the next decision looks."""
        match child:
            case Pod():
                self.pods.remember(child)
            case PersistentVolumeClaim():
                self.volumes.remember(child)
            case Service():
                self.services.remember(child)
            case NetworkPolicy():
                self.policies.remember(child)


def _own_uid(instance: WorkspaceInstance) -> Iterator[str]:
    yield instance.metadata.uid


def _template_name(instance: WorkspaceInstance) -> Iterator[str]:
    yield instance.spec.template_ref


def _wanted_volume(instance: WorkspaceInstance) -> Iterator[str]:
    if (name := wanted_volume(instance)) is not None:
        yield str(Key(instance.metadata.namespace, name))


def _share_of_instance(instance: WorkspaceInstance) -> Iterator[str]:
    yield instance_share(instance)


def _share_of_held(instance: WorkspaceInstance) -> Iterator[str]:
    if is_held_by_limit(instance):
        yield instance_share(instance)


def _share_of_volume(volume: PersistentVolumeClaim) -> Iterator[str]:
    """What was made in advance counts for nobody until it is taken."""
    if names.LABEL_POOL not in volume.metadata.labels:
        yield volume_share(volume)


def _child_name(instance: WorkspaceInstance) -> Iterator[str]:
    for name in {child_name(instance), instance.status.pod_name} - {None}:
        yield str(Key(instance.metadata.namespace, str(name)))


def _node_name(pod: Pod) -> Iterator[str]:
    if pod.spec.node_name is not None:
        yield pod.spec.node_name


def _namespace(child: Child) -> Iterator[str]:
    yield child.metadata.namespace


def _is_observed(instance: WorkspaceInstance) -> bool:
    return instance.status.observed_generation == instance.metadata.generation


def _uid_label(child: Child) -> Iterator[str]:
    if (uid := child.metadata.labels.get(names.LABEL_INSTANCE_UID)) is not None:
        yield uid


def _own(informer: Informer[C], instance: WorkspaceInstance) -> C | None:
    """The child that status names, or under the name of those that are made for the instance.

    A pod from a pool has a name of its own. Without a name nothing is taken: labels can be copied to anything.
    """
    for name in (instance.status.pod_name, child_name(instance)):
        child = informer.get(Key(instance.metadata.namespace, name)) if name is not None else None
        if child is not None and is_own_child(child.metadata, instance):
            return child
    return None


def _instance_annotation(volume: PersistentVolumeClaim) -> Iterator[str]:
    if (name := volume.metadata.annotations.get(names.ANNOTATION_INSTANCE)) is not None:
        yield str(Key(volume.metadata.namespace, name))
