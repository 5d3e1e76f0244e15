"""Everybody but the operator: users, forgers, the kubelet and the cluster's own controllers.

Every action may be asked for at any moment; where there is nothing to act on, nothing happens.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.render.common import child_labels, child_name, owner_reference
from devworkspace.core.render.policy import INGRESS_POLICY
from devworkspace.core.render.volume import volume_annotations
from devworkspace.kinds import CRDS, INSTANCE_CRD, INSTANCES, TEMPLATES
from devworkspace.kube import resource as kinds
from devworkspace.kube.resource import Resource
from tests.operator.histories.judge import claims, finalizers
from tests.operator.histories.server import MemoryServer
from tests.support.builders import running_status, waiting_status
from tests.support.fake_objects import Object, merge_patch
from tests.support.fake_routes import Target
from tests.support.fake_store import Refusal

KEYS: Final = (Key("blue", "ada"), Key("blue", "bob"), Key("red", "ada"))
NAMESPACES: Final = ("blue", "red")
CATALOGUE: Final = ("python", "go")
OWNERS: Final = ("ada", "bob")
CHILDREN: Final = (kinds.PODS, kinds.PVCS, kinds.SERVICES, kinds.SECRETS, kinds.NETWORK_POLICIES)
PROTECTION: Final = "kubernetes.io/pvc-protection"
FOREIGN_FINALIZER: Final = "example.org/hold"
FAILURES: Final[dict[str, Object]] = {
    "evicted": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
    "ended": {"phase": "Succeeded"},
    "out of memory": waiting_status(
        "CrashLoopBackOff",
        restarts=3,
        lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-24T12:00:00Z"}},
    ),
    "crash loop": waiting_status("CrashLoopBackOff", "back-off 5m0s", restarts=9),
    "no image": waiting_status("ErrImagePull", "manifest unknown"),
    "no secret": waiting_status("CreateContainerConfigError", 'secret "x" not found'),
    "not ready": running_status(ready=False),
    "ready": running_status(),
}


class Surroundings:
    """The world around the operators; `server` is where all of them meet."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server
        self.exhausted: set[str] = set()
        server.admission.append(self._admit)
        server.store.create(CRDS, {"metadata": {"name": INSTANCE_CRD.name, "finalizers": ["customresourcecleanup"]}})
        for namespace in NAMESPACES:
            self.make_namespace(namespace)
        for template in CATALOGUE:
            self.publish(template)

    # What the API server itself refuses.

    def _admit(self, target: Target, before: Object | None, body: Object) -> None:
        if target.verb not in ("apply", "create") or not target.resource.namespaced:
            return
        namespace = self.server.find(kinds.NAMESPACES, Key("", target.key.namespace))
        if before is None and namespace is None:
            raise Refusal(404, "NotFound", f'namespaces "{target.key.namespace}" not found')
        if before is None and namespace is not None and "deletionTimestamp" in namespace["metadata"]:
            raise Refusal(403, "Forbidden", f'unable to create new content in "{target.key.namespace}": terminating')
        if target.resource == kinds.PODS and before is not None and body.get("spec") != before["spec"]:
            raise Refusal(422, "Invalid", "pod updates may not change fields other than the image")
        if target.resource == kinds.PODS and before is None and target.key.namespace in self.exhausted:
            raise Refusal(403, "Forbidden", "exceeded quota: q, requested: cpu=1, used: cpu=1, limited: cpu=1")
        if target.resource == kinds.SECRETS and before is not None and body.get("type") != before.get("type"):
            raise Refusal(422, "Invalid", f'Secret "{target.key.name}" is invalid: type: field is immutable')

    # Finding things.

    def instance(self, key: Key) -> WorkspaceInstance | None:
        found = self.server.find(INSTANCES, key)
        return msgspec.convert(found, WorkspaceInstance) if found is not None else None

    def objects(self, resource: Resource, namespace: str = "") -> list[Object]:
        return self.server.store.list(resource, namespace)

    def pick(self, resource: Resource, number: int, namespace: str = "") -> Object | None:
        """One of what is there; the number may be any."""
        found = self.objects(resource, namespace)
        return found[number % len(found)] if found else None

    def patch(self, resource: Resource, key: Key, patch: Object, *, subresource: str = "") -> None:
        """As a user: a refusal is a refusal."""
        if (old := self.server.find(resource, key)) is None:
            return
        try:
            self.server.store.update(resource, key, merge_patch(old, patch), subresource=subresource)
        except Refusal:
            return

    def remove(self, resource: Resource, key: Key) -> None:
        if self.server.find(resource, key) is not None:
            self.server.store.delete(resource, key)

    def make(self, resource: Resource, body: Object) -> None:
        key = kinds.key_of(body)
        namespace = self.server.find(kinds.NAMESPACES, Key("", key.namespace))
        usable = not resource.namespaced or (namespace is not None and "deletionTimestamp" not in namespace["metadata"])
        if usable and self.server.find(resource, key) is None:
            self.server.store.create(resource, body)

    # Admins.

    def make_namespace(self, name: str) -> None:
        self.make(kinds.NAMESPACES, {"metadata": {"name": name, "finalizers": ["kubernetes"]}})

    def publish(self, name: str, **spec: Any) -> None:
        """Makes a template, or edits it."""
        image = f"localhost/devworkspace/{name}:0.1.0"
        body: Object = {"displayName": name, "environment": {"image": image}, "storage": {"size": "1Gi"}, **spec}
        self.make(TEMPLATES, {"metadata": {"name": name}, "spec": body})
        key = Key("", name)
        self.server.store.update(TEMPLATES, key, {**self.server.store.get(TEMPLATES, key), "spec": body})

    def define(self) -> None:
        """Installs the definition of instances again."""
        self.make(CRDS, {"metadata": {"name": INSTANCE_CRD.name, "finalizers": ["customresourcecleanup"]}})

    # Users.

    def create(self, key: Key, *, template: str, owner: str, adopt: str | None = None, **spec: Any) -> None:
        definition = self.server.find(CRDS, INSTANCE_CRD)
        if definition is None or "deletionTimestamp" in definition["metadata"]:
            return
        annotations = {names.ANNOTATION_ADOPT_VOLUME: adopt} if adopt else {}
        metadata = {"name": key.name, "namespace": key.namespace, "annotations": annotations}
        self.make(INSTANCES, {"metadata": metadata, "spec": {"templateRef": template, "owner": owner, **spec}})

    def edit(self, key: Key, **spec: Any) -> None:
        self.patch(INSTANCES, key, {"spec": spec})

    def grow(self, key: Key, gibibytes: int) -> None:
        instance = self.instance(key)
        if instance is None:
            return
        before = int(str(instance.spec.overrides.storage.size or "0Gi").removesuffix("Gi"))
        if gibibytes > before:
            self.edit(key, overrides={"storage": {"size": f"{gibibytes}Gi"}})

    def annotate(self, key: Key, name: str, value: str | None) -> None:
        self.patch(INSTANCES, key, {"metadata": {"annotations": {name: value}}})

    def hold(self, key: Key, *, held: bool) -> None:
        """Somebody else's finalizer on an instance."""
        if (instance := self.server.find(INSTANCES, key)) is None:
            return
        others = [name for name in finalizers(instance) if name != FOREIGN_FINALIZER]
        self.patch(INSTANCES, key, {"metadata": {"finalizers": others + [FOREIGN_FINALIZER] * held}})

    def use_volume(self, namespace: str, number: int) -> None:
        """A pod of somebody's own on a volume."""
        if (volume := self.pick(kinds.PVCS, number, namespace)) is not None:
            name = volume["metadata"]["name"]
            self.make(kinds.PODS, pod_body(Key(namespace, f"debug-{name}"[:63]), claim=name))

    # Forgers.

    def squat(self, key: Key, resource: Resource, *, labelled: bool, owned: bool) -> None:
        """Somebody else's object under the name of a child, with or without copied marks."""
        if (instance := self.instance(key)) is None:
            return
        name = INGRESS_POLICY if resource == kinds.NETWORK_POLICIES else child_name(instance)
        # With all marks a pod is the environment's pod, and nobody could tell.
        owned = owned and not (labelled and resource == kinds.PODS)
        self._forge(resource, Key(key.namespace, name), instance, labelled=labelled, owned=owned)

    def copy_marks(self, key: Key, resource: Resource, *, annotated: bool) -> None:
        """Somebody else's object under a name of its own, with the labels of an environment."""
        if (instance := self.instance(key)) is None:
            return
        annotations = volume_annotations(instance) if annotated else {}
        target = Key(key.namespace, f"a-{key.name}-copy")
        self._forge(resource, target, instance, labelled=True, owned=False, annotations=annotations)

    def _forge(
        self,
        resource: Resource,
        key: Key,
        instance: WorkspaceInstance,
        *,
        labelled: bool,
        owned: bool,
        annotations: dict[str, str] | None = None,
    ) -> None:
        metadata: Object = {"name": key.name, "namespace": key.namespace, "annotations": annotations or {}}
        if labelled:
            metadata["labels"] = child_labels(instance)
        if owned:
            metadata["ownerReferences"] = [owner_reference(instance)]
        body: Object = {"metadata": metadata}
        if resource == kinds.PVCS:
            body = volume_body(body)
        if resource == kinds.SECRETS:
            body["type"] = "Opaque"
        if resource == kinds.PODS:
            body["spec"] = {"containers": [{"name": "x", "image": "x"}]}
        self.make(resource, body)

    def strip(self, resource: Resource, number: int, namespace: str) -> None:
        if (found := self.pick(resource, number, namespace)) is not None:
            labels = dict.fromkeys(found["metadata"].get("labels", {}))
            self.patch(resource, key_of(found), {"metadata": {"labels": labels}})

    def retain_by_hand(self, number: int, namespace: str) -> None:
        if (volume := self.pick(kinds.PVCS, number, namespace)) is not None:
            self.patch(kinds.PVCS, key_of(volume), {"metadata": {"labels": {names.LABEL_RETAINED: "true"}}})

    def disown(self, resource: Resource, number: int, namespace: str) -> None:
        if (found := self.pick(resource, number, namespace)) is not None and resource in (kinds.PODS, kinds.SERVICES):
            self.patch(resource, key_of(found), {"metadata": {"ownerReferences": None}})

    def forge_status(self, key: Key, status: Object) -> None:
        if (old := self.server.find(INSTANCES, key)) is not None:
            self.patch(INSTANCES, key, {"status": {**old.get("status", {}), **status}}, subresource="status")

    # The kubelet and the controllers.

    def pod_says(self, number: int, namespace: str, status: Object) -> None:
        pod = self.pick(kinds.PODS, number, namespace)
        if pod is not None and pod.get("status", {}).get("phase") not in ("Failed", "Succeeded"):
            self._tell(pod, status)

    def _tell(self, pod: Object, status: Object) -> None:
        now = self.server.store.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [{**condition, "lastTransitionTime": now} for condition in status.get("conditions", ())]
        self.server.store.update(
            kinds.PODS, key_of(pod), {"status": {**status, "conditions": conditions}}, subresource="status"
        )

    def start_pods(self) -> None:
        """Starts what can be started: a pod whose volume is bound."""
        for pod in self.objects(kinds.PODS):
            status = pod.get("status", {})
            if "deletionTimestamp" in pod["metadata"] or status.get("phase") in ("Failed", "Succeeded"):
                continue
            if not all(self._is_usable(Key(pod["metadata"]["namespace"], name)) for name in claims(pod)):
                continue
            ready = {"type": "Ready", "status": "True"}
            known = [{k: v for k, v in one.items() if k in ready} for one in status.get("conditions", ())]
            if ready not in known:
                self._tell(pod, running_status())

    def _is_usable(self, key: Key) -> bool:
        volume = self.server.find(kinds.PVCS, key)
        return volume is not None and volume.get("status", {}).get("phase") == "Bound"

    def end_pods(self) -> None:
        """The grace period of terminating pods is over."""
        for pod in self.objects(kinds.PODS):
            if "deletionTimestamp" in pod["metadata"]:
                self.server.store.delete(kinds.PODS, key_of(pod), grace=0)

    def care_for_volumes(self) -> None:
        """Binds and enlarges claims, and lets go of those that are deleted and that no pod uses."""
        for volume in self.objects(kinds.PVCS):
            key, metadata = key_of(volume), volume["metadata"]
            if "deletionTimestamp" in metadata:
                if not any(key.name in claims(pod) for pod in self.objects(kinds.PODS, key.namespace)):
                    self.patch(kinds.PVCS, key, {"metadata": {"finalizers": None}})
                continue
            if PROTECTION not in finalizers(volume):
                self.patch(kinds.PVCS, key, {"metadata": {"finalizers": [PROTECTION]}})
            wanted = {"phase": "Bound", "capacity": dict(volume["spec"]["resources"]["requests"])}
            if volume.get("status") != wanted:
                self.server.store.update(kinds.PVCS, key, {"status": wanted}, subresource="status")

    def collect_garbage(self) -> None:
        while self.server.garbage:
            self.server.garbage.pop(0)()

    def clear_away(self) -> None:
        """The namespace controller, and the one of definitions: what is below goes first."""
        for definition in self.objects(CRDS):
            if "deletionTimestamp" in definition["metadata"]:
                self._clear(self.objects(INSTANCES), INSTANCES)
                if not self.objects(INSTANCES):
                    self.patch(CRDS, key_of(definition), {"metadata": {"finalizers": None}})
        for namespace in self.objects(kinds.NAMESPACES):
            if "deletionTimestamp" in namespace["metadata"]:
                name = namespace["metadata"]["name"]
                for resource in (INSTANCES, *CHILDREN):
                    self._clear(self.objects(resource, name), resource)
                if not any(self.objects(resource, name) for resource in (INSTANCES, *CHILDREN)):
                    self.patch(kinds.NAMESPACES, key_of(namespace), {"metadata": {"finalizers": None}})

    def _clear(self, objects: list[Object], resource: Resource) -> None:
        for obj in objects:
            if "deletionTimestamp" not in obj["metadata"]:
                self.remove(resource, key_of(obj))

    @property
    def controllers(self) -> tuple[Callable[[], None], ...]:
        return (self.care_for_volumes, self.start_pods, self.end_pods, self.collect_garbage, self.clear_away)


def key_of(obj: Object) -> Key:
    return kinds.key_of(obj)


def pod_body(key: Key, *, claim: str) -> Object:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"metadata": {"name": key.name, "namespace": key.namespace}, "spec": {"volumes": volumes}}


def volume_body(body: Object) -> Object:
    return {**body, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
