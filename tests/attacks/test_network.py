"""N13, N14: what a program in an environment reaches, and who reaches an editor past the gateway.

Each address that is out of reach is in reach of a pod that no policy of ours is about: the address is right.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.core.credential import COOKIE_NAME, environment_credential
from tests.attacks.scene import NO_ANSWER, Ask, Room, Scene, apply, find_master_key, probe
from tests.support.environment import Surroundings

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Visitor:
    """Somebody's ordinary pod, which answers on port 9000."""

    surroundings: Surroundings
    namespace: str
    ip: str

    def probe(self, url: str) -> str:
        return probe(self.surroundings, self.namespace, "visitor", [(url, {})])[0]


def visitor_pod(surroundings: Surroundings, namespace: str) -> dict[str, Any]:
    container = {
        "name": "workspace",
        "image": f"{surroundings.image_prefix}/python:0.1.0",
        "command": ["python3", "-m", "http.server", "9000", "--directory", "/usr/share/base-files"],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 9000}, "periodSeconds": 1},
    }
    metadata = {"name": "visitor", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def start_visitor(surroundings: Surroundings, namespace: str) -> Visitor:
    apply(surroundings, visitor_pod(surroundings, namespace))
    place = f"--namespace={namespace}"
    surroundings.run_kubectl("wait", "pod/visitor", place, "--for=condition=Ready", "--timeout=90s", timeout=100)
    ip = surroundings.run_kubectl("get", "pod", "visitor", place, "--output=jsonpath={.status.podIP}")
    return Visitor(surroundings, namespace, ip)


@pytest.fixture(scope="module")
def visitor(scene: Scene) -> Visitor:
    """In Alice's project, beside her environments."""
    return start_visitor(scene.surroundings, scene.alice.namespace)


@pytest.fixture(scope="module")
def reader(scene: Scene) -> Iterator[Visitor]:
    """In a namespace whose pods may read our figures."""
    name = f"{scene.alice.namespace}-figures"
    labels = {"devworkspace.kubesphere.io/metrics": "true"}
    apply(scene.surroundings, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        yield start_visitor(scene.surroundings, name)
    finally:
        scene.surroundings.run_kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def addresses(scene: Scene, visitor: Visitor, reader: Visitor) -> dict[str, str]:
    """Every address that a program in an environment might try, with the status that an ordinary pod gets."""
    kubectl = scene.surroundings.run_kubectl

    def ip_of(part: str) -> str:
        selector = f"--selector=app.kubernetes.io/name=devworkspace,app.kubernetes.io/component={part}"
        place = f"--namespace={names.SYSTEM_NAMESPACE}"
        return kubectl("get", "pods", place, selector, "--output=jsonpath={.items[0].status.podIP}")

    node = kubectl("get", "nodes", '--output=jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
    service = kubectl("get", "service", "kubernetes", "--output=jsonpath={.spec.clusterIP}")
    listed = json.loads(kubectl("get", "endpoints", "kubernetes", "--output=json"))["subsets"][0]
    direct = f"{listed['addresses'][0]['ip']}:{listed['ports'][0]['port']}"
    return {
        "the API server, by its Service": f"https://{service}/livez",
        "the API server, directly": f"https://{direct}/livez",
        "the kubelet": f"https://{node.split()[0]}:10250/pods",
        "the gateway, from inside": f"http://{ip_of('server')}:8080/",
        "the gateway's internal port": f"http://{ip_of('server')}:9090/metrics",
        "the operator's figures": f"http://{ip_of('operator')}:8081/metrics",
        "a pod of another namespace": f"http://{reader.ip}:9000/",
        "a pod of the same namespace": f"http://{visitor.ip}:9000/",
    }


@dataclass(frozen=True)
class Reach:
    """The status that each address gave to each asker."""

    environment: dict[str, str]
    visitor: dict[str, str]
    reader: dict[str, str]


@pytest.fixture(scope="module")
def reach(scene: Scene, visitor: Visitor, reader: Visitor, addresses: dict[str, str]) -> Reach:
    asks: list[Ask] = [(url, {}) for url in addresses.values()]
    places = ((scene.one.namespace, scene.one.pod), (visitor.namespace, "visitor"), (reader.namespace, "visitor"))
    answers = [probe(scene.surroundings, namespace, pod, asks) for namespace, pod in places]
    return Reach(*(dict(zip(addresses, found, strict=True)) for found in answers))


FIGURES = ("the gateway's internal port", "the operator's figures")
BLOCKED = (
    "the API server, by its Service",
    "the API server, directly",
    "the kubelet",
    "the gateway, from inside",
    "a pod of another namespace",
)


@pytest.mark.parametrize("target", BLOCKED)
def test_a_program_in_an_environment_does_not_reach(reach: Reach, target: str) -> None:
    assert reach.visitor[target] != NO_ANSWER, "positive control"
    assert reach.environment[target] == NO_ANSWER


@pytest.mark.parametrize("target", FIGURES)
def test_only_readers_of_figures_reach_the_internal_ports(reach: Reach, target: str) -> None:
    assert reach.reader[target] == "200", "positive control"
    assert reach.visitor[target] == NO_ANSWER
    assert reach.environment[target] == NO_ANSWER


def test_the_project_s_own_pods_and_names_are_in_reach(scene: Scene, reach: Reach) -> None:
    """A database beside the environments; without this control everything could be cut off."""
    assert reach.environment["a pod of the same namespace"] == "200"
    found = scene.execute(scene.one, "getent", "hosts", "kubernetes.default.svc.cluster.local")
    assert "kubernetes.default.svc.cluster.local" in found


def test_the_metadata_address_is_blocked(scene: Scene) -> None:
    """Few machines have one, so that the rule itself is looked at; that such rules hold is shown above."""
    assert scene.probe(scene.one, [("http://169.254.169.254/latest/meta-data/", {})]) == [NO_ANSWER]
    policy = scene.surroundings.run_kubectl(
        "get",
        "networkpolicy",
        "devworkspace-environments-egress",
        f"--namespace={scene.alice.namespace}",
        "--output=json",
    )
    blocks = [
        to["ipBlock"] for rule in json.loads(policy)["spec"]["egress"] for to in rule.get("to", ()) if "ipBlock" in to
    ]
    assert any("169.254.0.0/16" in block["except"] for block in blocks if block["cidr"] == "0.0.0.0/0")
    assert any("fd00:ec2::254/128" in block["except"] for block in blocks if block["cidr"] == "::/0")


def editor_of(room: Room) -> str:
    return f"http://{room.pod_ip}:8080/healthz"


def test_no_environment_reaches_another_s_editor(scene: Scene, visitor: Visitor) -> None:
    """Neither in the same namespace nor from another one; each editor answers itself."""
    targets = [scene.one, scene.two, scene.bobs]
    asks: list[Ask] = [(editor_of(target), {}) for target in targets]
    assert scene.probe(scene.one, asks) == ["200", NO_ANSWER, NO_ANSWER]
    assert scene.probe(scene.bobs, asks) == [NO_ANSWER, NO_ANSWER, "200"]
    assert visitor.probe(editor_of(scene.one)) == NO_ANSWER


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
# Path, further fields, the answer to strangers, the answer to the gateway.
WAYS_INTO_AN_EDITOR: dict[str, tuple[str, dict[str, str], str, str]] = {
    "the page": ("/?folder=/home/dev", {}, "302", "200"),
    "a file": ("/vscode-remote-resource?path=/etc/hostname", {}, "401", "200"),
    "a port": ("/proxy/8080/healthz", {}, "401", "200"),
    "the socket": ("/?reconnectionToken=x", HANDSHAKE, "401", "101"),
}


def test_an_editor_lets_nobody_in_without_the_credential_of_its_own(scene: Scene) -> None:
    """Asked from inside, where no policy stands in between."""
    key = find_master_key(scene.surroundings)
    right = environment_credential(key, scene.one.uid)
    wrong = (None, "", "x", environment_credential(key, scene.two.uid), environment_credential(key, ""))
    for way, (path, fields, refused, let_in) in WAYS_INTO_AN_EDITOR.items():
        asks = [
            (f"http://{scene.one.pod_ip}:8080{path}", {**fields, **_cookie(credential)})
            for credential in (right, *wrong)
        ]
        assert scene.probe(scene.one, asks) == [let_in, *[refused] * len(wrong)], way


def _cookie(credential: str | None) -> dict[str, str]:
    return {} if credential is None else {"Cookie": f"{COOKIE_NAME}={credential}"}


def test_what_names_the_credential_is_not_what_opens_elsewhere(scene: Scene) -> None:
    """A person reads the own environment's credential; it is derived one way, for this environment alone."""
    own = scene.execute(scene.one, "printenv", "HASHED_PASSWORD").strip()
    assert own == environment_credential(find_master_key(scene.surroundings), scene.one.uid)
    assert own != scene.execute(scene.two, "printenv", "HASHED_PASSWORD").strip()
    assert base64.b64encode(find_master_key(scene.surroundings)).decode() not in own
