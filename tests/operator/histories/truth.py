"""How a cluster must look once everything is well and at rest: an oracle that knows nothing of the operator's code."""

from collections import Counter
from typing import Any

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.core.render.secret import SECRET_TYPE
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import resource as kinds
from tests.operator.histories.judge import Judge, claims, finalizers, is_marked, is_member, label
from tests.operator.histories.world import Surroundings, key_of
from tests.support.fake_objects import Object


def check_truth(world: Surroundings, judge: Judge) -> None:
    """Every status fits the world, nothing is left over, nobody's data is lost or up for grabs."""
    for instance in world.objects(INSTANCES):
        _check_instance(world, instance)
    alive = {owner["metadata"]["uid"] for kind in (INSTANCES, TEMPLATES) for owner in world.objects(kind)}
    for resource in (kinds.PODS, kinds.SERVICES, kinds.SECRETS):
        for child in world.objects(resource):
            owners = {owner["uid"] for owner in child["metadata"].get("ownerReferences") or ()}
            assert not owners or owners & alive, f"{resource.kind} {key_of(child)} is an orphan"
            ours = child["metadata"]["uid"] in judge.ours
            assert owners or not ours or _is_disowned(child), f"{resource.kind} {key_of(child)} has no owner"
    for volume in world.objects(kinds.PVCS):
        _check_volume(volume, alive)
    for namespace in world.objects(kinds.NAMESPACES):
        _check_policy(world, judge, namespace["metadata"]["name"])
        _check_pools(world, namespace["metadata"]["name"])


def _is_disowned(child: Object) -> bool:
    """Somebody took the owner references away."""
    return "ownerReferences" not in child["metadata"]


def _check_instance(world: Surroundings, instance: Object) -> None:
    key, spec, status = key_of(instance), instance["spec"], instance.get("status", {})
    if "deletionTimestamp" in instance["metadata"]:
        assert _waits_for_a_stripped_pod(world, instance), f"the deletion of {key} does not end: {status}"
        return
    if _is_paused(instance):
        return
    held = names.FINALIZER_DELETE_VOLUME in finalizers(instance)
    policy = spec.get("dataPolicy", "Retain")
    assert held == (policy == "Delete"), f"{key}: finalizer {held}, policy {policy}"
    said = f"{key} says {status.get('phase')}: {status.get('message')}"
    assert status.get("dataPolicy") == policy, f"{said}; its policy is told as {status.get('dataPolicy')}"
    assert status.get("observedGeneration") == instance["metadata"]["generation"], f"{said}, of another generation"
    pod = _child(world, kinds.PODS, instance)
    assert status.get("podName") == (pod["metadata"]["name"] if pod else None), f"{said}; its pod is not told"
    if not spec.get("running", True):
        assert pod is None, f"{said}; it should be stopped and has a pod"
        assert status.get("phase") == "Stopped", f"{said}; it is stopped"
    elif (reason := _obstacle(world, instance)) is not None and pod is None:
        told = {one["type"]: one["reason"] for one in status.get("conditions", ())}
        assert status.get("phase") == "Pending", f"{said}; it should wait because of {reason}"
        assert reason in told.values(), f"{said}; it should tell {reason}"
    else:
        _check_running(world, instance, pod, said)


def _waits_for_a_stripped_pod(world: Surroundings, instance: Object) -> bool:
    """Without its labels a pod is nobody's, so the volume waits for whoever took them, and status names the pod."""
    pod = world.server.find(kinds.PODS, _child_key(instance))
    named = pod is not None and f"used by pod {pod['metadata']['name']!r}" in instance["status"]["message"]
    return named and pod is not None and not is_marked(pod)


def _check_running(world: Surroundings, instance: Object, pod: Object | None, said: str) -> None:
    assert pod is not None, f"{said}; nothing is in the way, and there is no pod"
    assert _is_ready(pod), f"{said}; its pod does not come up: {pod.get('status')}"
    status = instance.get("status", {})
    assert status.get("phase") == "Running", f"{said}; its pod is ready"
    key = key_of(instance)
    name = status.get("pvcName")
    volume = world.server.find(kinds.PVCS, Key(key.namespace, str(name)))
    if not _lost_its_volume(world, key, pod):
        assert volume is not None, f"{said}; its volume {name} does not exist"
        owner = label(volume, names.LABEL_INSTANCE_UID)
        assert owner == instance["metadata"]["uid"], f"{said}; on a foreign volume {name}"
        assert claims(pod) == {name}, f"{said}; its pod uses {claims(pod)}, not {name}"
    if not _in_the_way(world, instance, (kinds.SERVICES,)):
        assert _child(world, kinds.SERVICES, instance) is not None, f"{said}; it has no Service"


def _lost_its_volume(world: Surroundings, key: Key, pod: Object) -> bool:
    """Whether the marks were taken from the volume under the pod's feet."""
    (claim,) = claims(pod)
    volume = world.server.find(kinds.PVCS, Key(key.namespace, claim))
    return volume is not None and not is_marked(volume)


def _obstacle(world: Surroundings, instance: Object) -> str | None:
    """Why an environment may not start, in the words of the API; the first that counts."""
    spec = instance["spec"]
    template = world.server.find(TEMPLATES, Key("", spec["templateRef"]))
    if template is None:
        return "TemplateMissing"
    if template["spec"].get("state") == "Hidden" and not instance.get("status", {}).get("template"):
        return "TemplateHidden"
    ceiling = template["spec"].get("overrides", {}).get("maxStorage")
    wanted = spec.get("overrides", {}).get("storage", {}).get("size")
    if ceiling is not None and wanted is not None and _gibibytes(wanted) > _gibibytes(ceiling):
        return "OverrideNotAllowed"
    if _adoption_refused(world, instance):
        return "VolumeNotAdoptable"
    if _in_the_way(world, instance, (kinds.PODS, kinds.PVCS, kinds.SERVICES, kinds.SECRETS)):
        return "NameConflict"
    for name in POLICY_NAMES:
        policy = world.server.find(kinds.NETWORK_POLICIES, Key(key_of(instance).namespace, name))
        if policy is not None and label(policy, names.LABEL_MANAGED_BY) != names.MANAGED_BY:
            return "NameConflict"
    return None


def _adoption_refused(world: Surroundings, instance: Object) -> bool:
    name = instance["metadata"].get("annotations", {}).get(names.ANNOTATION_ADOPT_VOLUME)
    if name is None:
        return False
    key = key_of(instance)
    volume = world.server.find(kinds.PVCS, Key(key.namespace, name))
    names_of_own = {_child_key(instance).name, name, instance.get("status", {}).get("pvcName")}
    candidates = [one for one in world.objects(kinds.PVCS, key.namespace) if key_of(one).name in names_of_own]
    if any(_is_ours(kinds.PVCS, one, instance) for one in candidates):
        return False
    if volume is None or label(volume, names.LABEL_MANAGED_BY) != names.MANAGED_BY:
        return True
    annotations = volume["metadata"].get("annotations", {})
    in_use = any(
        other["metadata"]["uid"] == label(volume, names.LABEL_INSTANCE_UID)
        for other in world.objects(INSTANCES, key.namespace)
    )
    free = label(volume, names.LABEL_RETAINED) is not None and not in_use
    return not free or annotations.get(names.ANNOTATION_OWNER) != instance["spec"].get("owner")


def _in_the_way(world: Surroundings, instance: Object, resources: tuple[Any, ...]) -> list[str]:
    """Objects under the names of children that are not the operator's, or that lost the marks of being so."""
    found = []
    for resource in resources:
        child = world.server.find(resource, _child_key(instance))
        if child is not None and not _is_ours(resource, child, instance):
            found.append(f"{resource.kind} {key_of(child)}")
    return found


def _is_ours(resource: Any, child: Object, instance: Object) -> bool:
    own = is_marked(child) and label(child, names.LABEL_INSTANCE_UID) == instance["metadata"]["uid"]
    return own and (resource != kinds.SECRETS or child["type"] == SECRET_TYPE)


def _child(world: Surroundings, resource: Any, instance: Object) -> Object | None:
    told = instance.get("status", {}).get("podName" if resource == kinds.PODS else "serviceName")
    for name in (told, _child_key(instance).name):
        child = world.server.find(resource, Key(key_of(instance).namespace, str(name)))
        if child is not None and _is_ours(resource, child, instance):
            return child
    return None


def _child_key(instance: Object) -> Key:
    key = key_of(instance)
    return Key(key.namespace, f"{key.name}-{instance['metadata']['uid'][:8]}")


def _check_volume(volume: Object, alive: set[str]) -> None:
    uid, retained = label(volume, names.LABEL_INSTANCE_UID), label(volume, names.LABEL_RETAINED)
    marked = uid is not None and names.ANNOTATION_INSTANCE in volume["metadata"].get("annotations", {})
    if marked and uid not in alive and label(volume, names.LABEL_MANAGED_BY) == names.MANAGED_BY:
        assert retained, f"volume {key_of(volume)} is left by its instance and not marked"


def _check_policy(world: Surroundings, judge: Judge, namespace: str) -> None:
    found = [world.server.find(kinds.NETWORK_POLICIES, Key(namespace, name)) for name in POLICY_NAMES]
    if not world.objects(INSTANCES, namespace) and not _pools(world, namespace):
        marked = [one for one in found if one is not None and label(one, names.LABEL_MANAGED_BY) == names.MANAGED_BY]
        assert not marked, f"namespace {namespace} has no environment left, and still its policies"
        return
    paused = {one["metadata"]["uid"] for one in world.objects(INSTANCES, namespace) if _is_paused(one)}
    pods = [
        pod
        for pod in world.objects(kinds.PODS, namespace)
        if pod["metadata"]["uid"] in judge.ours and label(pod, names.LABEL_INSTANCE_UID) not in paused
    ]
    assert not pods or None not in found, f"the pods of namespace {namespace} are not isolated"


def _pools(world: Surroundings, namespace: str) -> dict[str, int]:
    """How many ready environments each template wants there, by its UID."""
    return {
        template["metadata"]["uid"]: size["replicas"]
        for template in world.objects(TEMPLATES)
        for size in template["spec"].get("warmPool", {}).get("perNamespace", ())
        if size["namespace"] == namespace and size["replicas"]
    }


def _check_pools(world: Surroundings, namespace: str) -> None:
    """Each pool is full, of whole members; nothing of the pool's is left that is not wanted."""
    hidden = {one["metadata"]["uid"] for one in world.objects(TEMPLATES) if one["spec"].get("state") == "Hidden"}
    wanted = {uid: count for uid, count in _pools(world, namespace).items() if uid not in hidden}
    members = [pod for pod in world.objects(kinds.PODS, namespace) if is_member(pod)]
    found = dict(Counter(str(label(pod, names.LABEL_POOL)) for pod in members))
    policies = [world.server.find(kinds.NETWORK_POLICIES, Key(namespace, name)) for name in POLICY_NAMES]
    if any(one is not None and label(one, names.LABEL_MANAGED_BY) != names.MANAGED_BY for one in policies):
        # Nothing is made where it cannot be isolated.
        assert all(count <= wanted.get(uid, 0) for uid, count in found.items()), f"{found} of {wanted} in {namespace}"
    else:
        assert found == wanted, f"pods of pools in {namespace}: {found}, wanted {wanted}"
    for pod in members:
        assert _is_ready(pod), f"member {key_of(pod)} does not come up"
    used = {claim for pod in world.objects(kinds.PODS, namespace) for claim in claims(pod)}
    for volume in world.objects(kinds.PVCS, namespace):
        held = key_of(volume).name in used or label(volume, names.LABEL_RETAINED)
        assert held or not is_member(volume), f"volume {key_of(volume)} of a pool is left over"


def _is_paused(instance: Object) -> bool:
    paused: bool = instance["metadata"].get("annotations", {}).get(names.ANNOTATION_PAUSED) == "true"
    return paused


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _gibibytes(size: str) -> int:
    return int(str(size).removesuffix("Gi"))
