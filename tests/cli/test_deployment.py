"""The objects of an installation: the manifests as they are, changed where the settings say so."""

import base64
from typing import Any

import pytest

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli.choices import Choices
from devworkspace.cli.deployment import Deployment, Document, admin_secret, master_key_secret
from devworkspace.cli.project import Project
from devworkspace.server.starters import DEFAULT_IMAGE_PREFIX

URL = "https://dev.example.com"


def render(project: Project, **settings: Any) -> list[Document]:
    """Everything that settings can change."""
    deployment = Deployment(**{"project": project, "public_url": URL, **settings})
    parts = (deployment.base(), deployment.workloads(), deployment.templates())
    return [document for part in parts for document in part]


def only(documents: list[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def images(documents: list[Document]) -> list[str]:
    """Every image anywhere in the documents."""
    found: list[str] = []

    def walk(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, key)
        elif isinstance(value, list):
            for inner in value:
                walk(inner, name)
        elif name in ("image", "images") and isinstance(value, str):
            found.append(value)

    walk(documents)
    return found


def test_everything_is_there_in_its_order(project: Project) -> None:
    deployment = Deployment(project=project, public_url=URL)
    assert [crd["metadata"]["name"] for crd in deployment.crds()] == [
        "ideworkspacetemplates.devworkspace.kubesphere.io",
        "workspaceinstances.devworkspace.kubesphere.io",
    ]
    assert deployment.base()[0] == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": SYSTEM_NAMESPACE,
            "labels": {
                "app.kubernetes.io/name": "devworkspace",
                "app.kubernetes.io/part-of": "devworkspace",
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
    }
    assert [(document["kind"], document["metadata"]["name"]) for document in deployment.workloads()] == [
        ("Deployment", "devworkspace-operator"),
        ("PodDisruptionBudget", "devworkspace-operator"),
        ("NetworkPolicy", "devworkspace-operator"),
        ("ConfigMap", "devworkspace-revocations"),
        ("ConfigMap", "devworkspace-codes"),
        ("ConfigMap", "devworkspace-renewals"),
        ("Lease", "devworkspace-activity"),
        ("Deployment", "devworkspace-server"),
        ("Service", "devworkspace-server"),
        ("NetworkPolicy", "devworkspace-server"),
        ("PodDisruptionBudget", "devworkspace-server"),
    ]
    names = [template["metadata"]["name"] for template in deployment.templates()]
    assert names == ["base", "go", "java", "nodejs", "python"]
    assert deployment.example_instance()["spec"]["templateRef"] in names


def test_the_public_url_replaces_both_arguments_and_no_other(project: Project) -> None:
    plain = {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]["args"]
        for document in only(render(project, public_url="http://localhost:8080"), "Deployment")
    }
    changed = {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]["args"]
        for document in only(render(project), "Deployment")
    }
    assert f"--gateway-url={URL}" in changed["devworkspace-operator"]
    assert f"--public-url={URL}" in changed["devworkspace-server"]
    for name, arguments in plain.items():
        assert [argument.replace("http://localhost:8080", URL) for argument in arguments] == changed[name]


def test_the_address_mode_reaches_both_programs(project: Project) -> None:
    for mode in ("subdomain", "path"):
        found = only(render(project, address_mode=mode), "Deployment")
        arguments = [document["spec"]["template"]["spec"]["containers"][0]["args"] for document in found]
        assert [f"--address-mode={mode}" in part for part in arguments] == [True, True]


@pytest.mark.parametrize(
    ("chosen", "operators", "servers"),
    [({}, 2, 2), ({"operator_replicas": 1}, 1, 2), ({"operator_replicas": 3}, 3, 2), ({"server_replicas": 4}, 2, 4)],
)
def test_as_many_of_each_as_were_chosen(project: Project, chosen: dict[str, int], operators: int, servers: int) -> None:
    deployments = {found["metadata"]["name"]: found for found in only(render(project, **chosen), "Deployment")}
    assert deployments["devworkspace-operator"]["spec"]["replicas"] == operators
    assert deployments["devworkspace-server"]["spec"]["replicas"] == servers
    arguments = deployments["devworkspace-server"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--replicas={servers}" in arguments, "each grants its share of the limits"


def test_the_operator_is_told_what_environments_do_not_reach(project: Project) -> None:
    deployments = only(render(project, blocked_networks=("10.0.0.0/8", "fd00::/8")), "Deployment")
    arguments = {
        found["metadata"]["name"]: found["spec"]["template"]["spec"]["containers"][0]["args"] for found in deployments
    }
    told = ["--blocked-network=10.0.0.0/8", "--blocked-network=fd00::/8"]
    assert arguments["devworkspace-operator"][-2:] == told
    assert not set(told) & set(arguments["devworkspace-server"])
    assert "--blocked-network" not in str(only(render(project), "Deployment"))


def test_the_server_gets_options_and_the_operator_none_of_them(project: Project) -> None:
    option = "--oidc-issuer=https://id.example.com"
    deployments = only(render(project, server_options=(option,)), "Deployment")
    arguments = {
        found["metadata"]["name"]: found["spec"]["template"]["spec"]["containers"][0]["args"] for found in deployments
    }
    assert arguments["devworkspace-server"][-1] == option
    assert option not in arguments["devworkspace-operator"]
    assert "--oidc" not in str(only(render(project), "Deployment"))


def test_one_of_each_on_the_single_node_of_the_embedded_cluster_unless_told_otherwise() -> None:
    for choices, embedded, operators, servers in (
        (Choices(), True, 1, 1),
        (Choices(), False, 2, 2),
        (Choices(operator_replicas=3), True, 3, 1),
        (Choices(server_replicas=3), True, 1, 3),
        (Choices(server_replicas=3), False, 2, 3),
    ):
        assert (choices.operators(embedded=embedded), choices.servers(embedded=embedded)) == (operators, servers)


def test_a_node_port_is_only_there_when_asked_for(project: Project) -> None:
    (plain,) = only(render(project), "Service")
    assert "type" not in plain["spec"]
    assert "nodePort" not in plain["spec"]["ports"][0]
    (service,) = only(render(project, node_port=30080), "Service")
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"] == [{**plain["spec"]["ports"][0], "nodePort": 30080}]


def test_the_image_prefix_is_replaced_everywhere(project: Project) -> None:
    plain = images(render(project))
    assert len(plain) >= 11, "2 deployments, 5 templates, and the images that one of them allows"
    assert all(image.startswith(f"{DEFAULT_IMAGE_PREFIX}/") for image in plain)
    prefix = "registry.example.com:5000/team/devworkspace"
    assert images(render(project, image_prefix=prefix)) == [
        image.replace(DEFAULT_IMAGE_PREFIX, prefix, 1) for image in plain
    ]


def test_the_build_marks_the_pods_and_not_the_deployments(project: Project) -> None:
    for document in only(render(project), "Deployment"):
        assert "annotations" not in document["spec"]["template"]["metadata"]
    for document in only(render(project, build="devworkspace-1234.tar"), "Deployment"):
        assert document["spec"]["template"]["metadata"]["annotations"] == {
            "devworkspace.kubesphere.io/image-build": "devworkspace-1234.tar"
        }
        assert "annotations" not in document["metadata"]


def test_settings_of_one_rendering_do_not_leak_into_the_next(project: Project) -> None:
    before = render(project)
    render(project, node_port=30080, build="x", image_prefix="other")
    assert render(project) == before


def test_each_master_key_is_32_new_bytes() -> None:
    keys = [base64.b64decode(master_key_secret()["data"]["master"]) for _ in range(4)]
    assert {len(key) for key in keys} == {32}
    assert len(set(keys)) == 4


def test_the_secrets_are_those_of_the_system_namespace() -> None:
    for secret, name in (
        (master_key_secret(), "devworkspace-keys"),
        (admin_secret(username="admin", password_hash="$argon2id$x"), "devworkspace-admin"),
    ):
        assert (secret["kind"], secret["type"]) == ("Secret", "Opaque")
        assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == (name, SYSTEM_NAMESPACE)
    data = admin_secret(username="李", password_hash="$argon2id$x")["data"]
    assert {key: base64.b64decode(value).decode() for key, value in data.items()} == {
        "username": "李",
        "password-hash": "$argon2id$x",
    }


def test_the_chart_is_told_every_setting(project: Project) -> None:
    deployment = Deployment(
        project=project,
        public_url="https://Dev.example.com/",
        address_mode="path",
        image_prefix="registry.example.com/ide",
        operator_replicas=3,
        server_replicas=4,
        blocked_networks=("10.0.0.0/8",),
        server_options=("--no-local-account", "--oidc-issuer=https://id.example.com"),
        node_port=30080,
        build="devworkspace-1234.tar",
    )
    marks = {"devworkspace.kubesphere.io/image-build": "devworkspace-1234.tar"}
    assert deployment.helm_values() == {
        "publicUrl": "https://dev.example.com",
        "addressMode": "path",
        "image": {"prefix": "registry.example.com/ide"},
        "blockedNetworks": ["10.0.0.0/8"],
        "admin": {"enabled": False},
        "operator": {"replicas": 3, "podAnnotations": marks},
        "server": {
            "replicas": 4,
            "options": ["--oidc-issuer=https://id.example.com"],
            "podAnnotations": marks,
            "service": {"type": "NodePort", "nodePort": 30080},
        },
    }


def test_what_no_setting_says_is_left_to_the_release(project: Project) -> None:
    values = Deployment(project=project, public_url=URL).helm_values()
    assert values["operator"] == {"replicas": 2}
    assert values["server"] == {"replicas": 2, "options": []}
    assert values["admin"] == {"enabled": True}
