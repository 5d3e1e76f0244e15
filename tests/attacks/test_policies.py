"""What the API server refuses about the parts of environments, whoever asks (deploy/policies.yaml).

The editor has Kubernetes' own role `edit` in Alice's namespace. What is tried as a dry run is judged as the deed would
be, and leaves everything as it was.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from devworkspace.api import names
from tests.attacks.scene import Person, Scene, apply
from tests.crds.apiserver import ApiServer

pytestmark = pytest.mark.cluster

OPERATOR: Final = Person(names.SYSTEM_NAMESPACE, "devworkspace-operator")
COLLECTOR: Final = Person("kube-system", "generic-garbage-collector")
REPLICA_SETS: Final = Person("kube-system", "replicaset-controller")
NAMESPACES: Final = Person("kube-system", "namespace-controller")
KINDS: Final = {
    "Pod": "v1/pods",
    "Service": "v1/services",
    "Secret": "v1/secrets",
    "PersistentVolumeClaim": "v1/persistentvolumeclaims",
    "NetworkPolicy": "networking.k8s.io/networkpolicies",
}
OURS: Final = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Asking:
    """Asks the API server whether somebody may, in Alice's namespace; None is the cluster's admin.

    Answers are what is said against it, empty where it would be done.
    """

    server: ApiServer
    namespace: str

    def create(self, person: Person | None, body: dict[str, Any]) -> str:
        return self._ask(person, "POST", KINDS[body["kind"]], body=body)

    def change(self, person: Person | None, part: str, metadata: dict[str, Any]) -> str:
        merge = "application/merge-patch+json"
        return self._ask(person, "PATCH", f"v1/{part}", body={"metadata": metadata}, content_type=merge)

    def debug(self, person: Person | None, pod: str, container: dict[str, Any]) -> str:
        place, spec = f"v1/pods/{pod}/ephemeralcontainers", {"ephemeralContainers": [container]}
        merge = "application/strategic-merge-patch+json"
        return self._ask(person, "PATCH", place, body={"spec": spec}, content_type=merge)

    def delete(self, person: Person | None, part: str) -> str:
        return self._ask(person, "DELETE", f"v1/{part}")

    def _ask(self, person: Person | None, method: str, place: str, **more: Any) -> str:
        version, _, rest = place.partition("/")
        root = "/api/v1" if version == "v1" else f"/apis/{version}/v1"
        path, user = f"{root}/namespaces/{self.namespace}/{rest}", person.name if person is not None else None
        answer = self.server.request(method, path, query={"dryRun": "All"}, user=user, **more)
        return "" if answer.ok else str(answer)


@pytest.fixture(scope="module")
def asking(scene: Scene) -> Iterator[Asking]:
    with contextlib.closing(ApiServer.from_kubeconfig(scene.surroundings.kubeconfig)) as server:
        yield Asking(server, scene.alice.namespace)


@pytest.fixture(scope="module")
def editor(scene: Scene) -> Iterator[Person]:
    person = Person(scene.alice.namespace, "editor")
    place = {"name": person.account, "namespace": person.namespace}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": place,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", **place}],
    }
    apply(scene.surroundings, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place}, binding)
    yield person
    scene.surroundings.run_kubectl("delete", "rolebinding,serviceaccount", "editor", f"--namespace={person.namespace}")


@pytest.fixture(scope="module")
def volume(scene: Scene) -> str:
    """That of Alice's environment `two`."""
    where = ("get", "wsi", scene.two.name, f"--namespace={scene.two.namespace}")
    return "persistentvolumeclaims/" + scene.surroundings.run_kubectl(*where, "--output=jsonpath={.status.pvcName}")


def claim(name: str, labels: dict[str, str]) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }


def plain_pod() -> dict[str, Any]:
    container = {
        "name": names.CONTAINER_NAME,
        "image": "forged:1",
        "ports": [{"name": names.PORT_NAME, "containerPort": 8080}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }


# Each as bare as its kind allows.
PARTS: Final[dict[str, dict[str, Any]]] = {
    "Pod": {"apiVersion": "v1", "spec": plain_pod()},
    "Service": {"apiVersion": "v1", "spec": {"clusterIP": "None", "selector": {"app": "forged"}}},
    "Secret": {"apiVersion": "v1", "data": {}},
    "PersistentVolumeClaim": claim("forged", {}),
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {}}},
}


@pytest.mark.parametrize("kind", PARTS)
def test_nobody_but_the_operator_makes_a_part_of_an_environment(
    scene: Scene, asking: Asking, editor: Person, kind: str
) -> None:
    """Neither by hand nor through a controller that makes it for them."""

    def made(person: Person | None, labels: dict[str, str]) -> str:
        return asking.create(person, {**PARTS[kind], "kind": kind, "metadata": {"name": "forged", "labels": labels}})

    uid = {names.LABEL_INSTANCE_UID: scene.two.uid}
    for labels in (OURS, uid, OURS | uid):
        for person in (editor, REPLICA_SETS) if kind == "Pod" else (editor,):
            assert "only the operator makes those" in made(person, labels), labels
    assert made(editor, {"app": "forged"}) == "", "positive control"
    assert made(OPERATOR, OURS | uid) == "", "positive control"
    assert made(None, OURS | uid) == "", "the cluster's admin repairs"


MARKS: Final[dict[str, dict[str, Any]]] = {
    "another environment's": {"labels": {names.LABEL_INSTANCE_UID: "another"}},
    "nobody's": {"labels": {names.LABEL_INSTANCE_UID: None}},
    "somebody else's": {"labels": {names.LABEL_MANAGED_BY: None, names.LABEL_INSTANCE_UID: None}},
    "out of the policies' reach": {"labels": {names.LABEL_COMPONENT: None}},
    "a pool's": {"labels": {names.LABEL_POOL: "template"}},
    "kept": {"labels": {names.LABEL_RETAINED: "true"}},
    "another person's": {"annotations": {names.ANNOTATION_OWNER: "editor"}},
    "given up": {"annotations": {names.ANNOTATION_DELETE_APPROVED: "uid"}},
    "under another key": {"annotations": {names.ANNOTATION_CREDENTIAL_KEY: "mine"}},
    "unclaimed": {"annotations": {names.ANNOTATION_CLAIM: "{}"}},
    "without an end": {"ownerReferences": None},
    "somebody's as well": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]},
}


@pytest.mark.parametrize("becomes", MARKS)
def test_nobody_but_the_operator_changes_what_a_part_is(
    scene: Scene, asking: Asking, editor: Person, volume: str, becomes: str
) -> None:
    # A volume has no owner to lose.
    volumes = [volume] if becomes != "without an end" else []
    for part in (f"pods/{scene.two.pod}", *volumes):
        assert "environment's parts" in asking.change(editor, part, MARKS[becomes]), part
        for person in (OPERATOR, None):
            assert asking.change(person, part, MARKS[becomes]) == "", f"{part}: positive control"


def test_other_things_about_a_part_are_changed_as_ever(
    scene: Scene, asking: Asking, editor: Person, volume: str
) -> None:
    """Storage, network and injectors write labels, annotations and finalizers of their own, the collector lets go."""
    foreign = {
        "labels": {"app": "theirs", "app.kubernetes.io/version": "1"},
        "annotations": {"volume.kubernetes.io/selected-node": "n", "cni.example.com/address": "10.0.0.1"},
        "finalizers": ["example.com/protection"],
    }
    for part in (f"pods/{scene.two.pod}", volume):
        assert asking.change(editor, part, foreign) == ""
    assert asking.change(COLLECTOR, f"pods/{scene.two.pod}", {"ownerReferences": None}) == ""


def test_what_was_one_s_own_does_not_become_a_part_later(scene: Scene, asking: Asking, editor: Person) -> None:
    place = {"name": "editors-own", "namespace": editor.namespace}
    apply(scene.surroundings, {"apiVersion": "v1", "kind": "Secret", "metadata": place})
    for labels in (OURS, {names.LABEL_INSTANCE_UID: scene.two.uid}):
        assert "environment's parts" in asking.change(editor, "secrets/editors-own", {"labels": labels}), labels
    assert asking.change(editor, "secrets/editors-own", {"labels": {"app": "x"}}) == "", "positive control"


def _field(*path: str | int, value: Any) -> Change:
    def change(spec: dict[str, Any]) -> None:
        place: Any = spec
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _more(field: str, item: dict[str, Any]) -> Change:
    def change(spec: dict[str, Any]) -> None:
        spec[field] = [*spec.get(field, []), item]

    return change


OWN: Final = ("containers", 0, "securityContext")
TOKEN: Final = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
BENT: Final[dict[str, tuple[str, Change]]] = {
    "a token": ("no token", _field("automountServiceAccountToken", value=True)),
    "a projected token": ("no token", _more("volumes", TOKEN)),
    "the node's network": ("no part of its node", _field("hostNetwork", value=True)),
    "the node's processes": ("no part of its node", _field("hostPID", value=True)),
    "the node's memory": ("no part of its node", _field("hostIPC", value=True)),
    "a port of the node": ("no part of its node", _field("containers", 0, "ports", 0, "hostPort", value=8080)),
    "a folder of the node": ("volumes of the types", _more("volumes", {"name": "h", "hostPath": {"path": "/"}})),
    "a foreign disk": ("volumes of the types", _more("volumes", {"name": "n", "nfs": {"server": "x", "path": "/"}})),
    "root": ("other than root", _field("securityContext", "runAsUser", value=0)),
    "whoever the image says": ("other than root", _field("securityContext", "runAsNonRoot", value=False)),
    "all system calls": ("seccomp", _field("securityContext", "seccompProfile", value={"type": "Unconfined"})),
    "all system calls for one": ("drops all", _field(*OWN, "seccompProfile", value={"type": "Unconfined"})),
    "privileges": ("drops all", _field(*OWN, value={"privileged": True})),
    "more privileges later": ("drops all", _field(*OWN, "allowPrivilegeEscalation", value=True)),
    "a capability": ("drops all", _field(*OWN, "capabilities", value={"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
    "the usual capabilities": ("drops all", _field(*OWN, "capabilities", value={})),
    "root for one": ("drops all", _field(*OWN, "runAsUser", value=0)),
    "a container before": ("drops all", _more("initContainers", {"name": "first", "image": "x:1"})),
}


@pytest.mark.parametrize("what", BENT)
def test_a_pod_of_an_environment_gets_nothing_more_whoever_makes_it(asking: Asking, what: str) -> None:
    words, bend = BENT[what]
    spec = plain_pod()
    bend(spec)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bent", "labels": OURS}, "spec": spec}
    for person in (OPERATOR, None):
        assert words in asking.create(person, pod)
    foreign = {**pod, "metadata": {"name": "bent", "labels": {"app": "theirs"}}}
    assert asking.create(None, foreign) == "", "other people's pods are theirs"


def test_what_debugs_an_environment_gets_nothing_more_either(scene: Scene, asking: Asking) -> None:
    container = {"name": "debug", "image": "x:1", "targetContainerName": names.CONTAINER_NAME}
    shaped = {**container, "securityContext": plain_pod()["containers"][0]["securityContext"]}
    assert "--profile=restricted" in asking.debug(None, scene.two.pod, container)
    assert asking.debug(None, scene.two.pod, shaped) == "", "positive control"


def test_the_volume_of_an_environment_is_not_deleted_by_hand(
    scene: Scene, asking: Asking, editor: Person, volume: str
) -> None:
    """One by one, all at once, or by the operator: until the consent stands on it, and is this environment's."""
    for part in (volume, "persistentvolumeclaims"):
        assert "Delete the environment" in asking.delete(editor, part)
    assert "consent" in asking.delete(OPERATOR, volume)

    def note(value: str) -> None:
        words = ("annotate", volume, f"--namespace={scene.two.namespace}", "--overwrite")
        scene.surroundings.run_kubectl(*words, f"{names.ANNOTATION_DELETE_APPROVED}{value}")

    try:
        note(f"={scene.one.uid}")
        assert "consent" in asking.delete(OPERATOR, volume), "another environment's"
        note(f"={scene.two.uid}")
        assert asking.delete(OPERATOR, volume) == "", "positive control"
        assert "Delete the environment" in asking.delete(editor, volume), "a consent to the operator"
    finally:
        note("-")
    for person in (None, NAMESPACES, COLLECTOR):
        assert asking.delete(person, volume) == ""


def test_people_delete_kept_volumes_and_their_own(scene: Scene, asking: Asking, editor: Person) -> None:
    kept = OURS | {names.LABEL_RETAINED: "true", names.LABEL_INSTANCE_UID: "gone"}
    claims = {"kept": kept, "theirs": {"app": "theirs"}}
    apply(scene.surroundings, *(_in(editor.namespace, claim(name, labels)) for name, labels in claims.items()))
    assert "consent" in asking.delete(OPERATOR, "persistentvolumeclaims/kept"), "kept is not the operator's"
    for name in claims:
        assert asking.delete(editor, f"persistentvolumeclaims/{name}") == ""


def test_the_operator_drops_what_nobody_has_had(scene: Scene) -> None:
    """The operator itself, which finds a volume of a pool that no template wants."""
    namespace = scene.alice.namespace
    labels = OURS | {names.LABEL_COMPONENT: names.COMPONENT_ENVIRONMENT, names.LABEL_POOL: "of-no-template"}
    apply(scene.surroundings, _in(namespace, claim("unclaimed", labels)))
    gone = ("wait", "pvc/unclaimed", f"--namespace={namespace}", "--for=delete", "--timeout=40s")
    scene.surroundings.run_kubectl(*gone, timeout=50)


def test_no_namespace_is_kept_from_going(scene: Scene) -> None:
    """With a volume in it that nobody may delete by hand."""
    name = f"{scene.alice.namespace}-goes"
    apply(scene.surroundings, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    apply(scene.surroundings, _in(name, claim("lives", OURS | {names.LABEL_COMPONENT: "environment"})))
    began = time.monotonic()
    scene.surroundings.run_kubectl("delete", "namespace", name, "--timeout=60s", timeout=70)
    assert time.monotonic() - began < 60


def _in(namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}
