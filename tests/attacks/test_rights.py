"""N37, N39: what people and our own accounts can do with the API server, tried there."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.kube.client import Client
from devworkspace.kube.review import AccessReviewer
from tests.attacks.scene import Person, Room, Scene

pytestmark = pytest.mark.cluster

RBAC = Path(__file__).parents[2] / "deploy" / "rbac.yaml"


def tries(room: Room) -> dict[str, tuple[str, ...]]:
    """Every way into a pod that Kubernetes has besides its network address."""
    base = f"/api/v1/namespaces/{room.namespace}"
    debug = json.dumps({"spec": {"ephemeralContainers": [{"name": "spy", "image": "x", "command": ["sh"]}]}})
    return {
        "exec": ("exec", room.pod, "--", "true"),
        "attach": ("attach", room.pod, "--container=workspace"),
        "port-forward": ("port-forward", room.pod, ":8080"),
        "logs": ("logs", room.pod),
        "pod proxy": ("get", "--raw", f"{base}/pods/{room.pod}:8080/proxy/healthz"),
        "service proxy": ("get", "--raw", f"{base}/services/{room.pod}:8080/proxy/healthz"),
        "ephemeral container": ("patch", "pod", room.pod, "--subresource=ephemeralcontainers", f"--patch={debug}"),
        "copy of the pod's specification": ("get", "pod", room.pod, "--output=json"),
        "the editor's Secret": ("get", "secret", room.pod),
        "a token": ("create", "token", "default"),
        "the policy": ("delete", "networkpolicy", "devworkspace-environments", "--dry-run=server"),
        "the namespace's labels": ("label", "namespace", room.namespace, "x=y", "--dry-run=server"),
    }


@pytest.mark.parametrize("way", tries(Room("", "", "", "", "", "", Person("", ""))))
def test_rights_on_environments_open_no_pod(scene: Scene, way: str) -> None:
    """Alice may do everything with environments of her namespace, nothing else: no way around the door."""
    for room in (scene.bobs, scene.two):
        code, words = scene.kubectl_as(scene.alice, f"--namespace={room.namespace}", *tries(room)[way])
        assert code != 0
        assert "forbidden" in words.lower(), words


@pytest.mark.parametrize("way", ["exec", "logs", "pod proxy", "copy of the pod's specification", "the editor's Secret"])
def test_the_same_tries_succeed_for_the_cluster_s_admin(scene: Scene, way: str) -> None:
    scene.surroundings.run_kubectl(f"--namespace={scene.two.namespace}", *tries(scene.two)[way])


Rights = dict[tuple[str, str], set[str]]


def account(part: str) -> Person:
    return Person(SYSTEM_NAMESPACE, f"devworkspace-{part}")


def granted(scene: Scene, person: Person, namespace: str) -> Rights:
    """What the API server says that somebody may do in a namespace, by group/resource and name."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    code, words = scene.kubectl_as(
        person, "create", "--filename=-", "--validate=false", "--output=json", input_text=json.dumps(review)
    )
    assert code == 0, words
    return collect(json.loads(words)["status"]["resourceRules"])


def collect(rules: list[dict[str, Any]]) -> Rights:
    found: Rights = defaultdict(set)
    for rule in rules:
        for group in rule.get("apiGroups", [""]):
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    found[f"{group}/{resource}", name] |= set(rule["verbs"])
    return dict(found)


def written(part: str, kinds: tuple[str, ...]) -> Rights:
    documents = [doc for doc in yaml.safe_load_all(RBAC.read_text(encoding="utf-8")) if doc["kind"] in kinds]
    return collect(
        [rule for doc in documents if doc["metadata"]["name"] == f"devworkspace-{part}" for rule in doc["rules"]]
    )


@pytest.mark.parametrize("part", ["operator", "server"])
@pytest.mark.parametrize("place", ["its own namespace", "somebody's namespace"])
def test_our_accounts_can_do_what_is_written_and_nothing_else(scene: Scene, part: str, place: str) -> None:
    """Nothing is aggregated, bound by others, or left from an earlier version."""
    own = place == "its own namespace"
    namespace = SYSTEM_NAMESPACE if own else scene.bobs.namespace
    # What every account of the cluster may do, e.g. ask what it may do.
    everybody = granted(scene, Person(scene.alice.namespace, "default"), namespace)
    ours = {
        place: verbs - everybody.get(place, set())
        for place, verbs in granted(scene, account(part), namespace).items()
        if verbs - everybody.get(place, set())
    }
    assert ours == written(part, ("ClusterRole", "Role") if own else ("ClusterRole",))


# Verb, group and resource with subresource: what a stolen token of ours would be good for, and must not be.
NEVER = [
    *[(verb, "", "secrets") for verb in ("get", "list", "watch")],
    *[("create", "", f"pods/{way}") for way in ("exec", "attach", "portforward", "proxy")],
    *[("get", "", f"pods/{way}") for way in ("exec", "proxy")],
    *[(verb, "", "pods/ephemeralcontainers") for verb in ("update", "patch")],
    *[(verb, "", "nodes/proxy") for verb in ("get", "create")],
    *[(verb, "", "namespaces") for verb in ("create", "update", "patch", "delete")],
    *[(verb, "", kind) for verb in ("impersonate",) for kind in ("users", "groups", "serviceaccounts")],
    ("create", "", "serviceaccounts/token"),
    *[
        (verb, "rbac.authorization.k8s.io", kind)
        for verb in ("create", "update", "patch", "bind", "escalate")
        for kind in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
    ],
    ("create", "certificates.k8s.io", "certificatesigningrequests"),
    *[
        (verb, "admissionregistration.k8s.io", kind)
        for verb in ("create", "patch", "delete")
        for kind in ("validatingadmissionpolicies", "mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    ],
    *[(verb, "apiextensions.k8s.io", "customresourcedefinitions") for verb in ("create", "patch", "delete")],
    ("*", "*", "*"),
]
# The server shows people the output of their own environments.
NEVER_BY_THE_OPERATOR = [("get", "", "pods/log")]
# Besides, the server makes nothing that runs and touches nobody's data, but for kept disks that their owner purges;
# which claims it may delete is up to a policy (tests/cluster/test_api.py).
NEVER_BY_THE_SERVER = [
    (verb, group, kind)
    for verb in ("create", "patch", "update", "delete", "deletecollection")
    for group, kind in (
        ("", "pods"),
        ("", "persistentvolumeclaims"),
        ("", "services"),
        ("", "configmaps"),
        ("networking.k8s.io", "networkpolicies"),
        ("apps", "deployments"),
    )
    if (verb, kind) != ("delete", "persistentvolumeclaims")
]
CONTROLS = {"operator": ("create", "", "pods"), "server": ("create", "authorization.k8s.io", "subjectaccessreviews")}


@pytest.mark.parametrize("part", ["operator", "server"])
async def test_a_stolen_token_of_ours_is_good_for_little(scene: Scene, client: Client, part: str) -> None:
    reviewer = AccessReviewer(client)
    thief = account(part).identity

    async def may(verb: str, group: str, resource: str) -> bool:
        kind, _, subresource = resource.partition("/")
        return await reviewer.allowed(
            thief.name, thief.groups, {}, verb=verb, group=group, resource=kind, subresource=subresource,
            namespace=scene.bobs.namespace, name="",
        )  # fmt: skip

    assert await may(*CONTROLS[part]), "positive control"
    never = NEVER + (NEVER_BY_THE_SERVER if part == "server" else NEVER_BY_THE_OPERATOR)
    assert [right for right in never if await may(*right)] == []
    await reviewer.close()
