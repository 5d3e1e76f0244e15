"""The manifests in deploy/ fit Kubernetes' rules for pods, the program that they start, and each other."""

import base64
import copy
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import argon2
import click
import pytest
import yaml

from devworkspace.api import names
from devworkspace.cli.deployment import admin_secret, master_key_secret
from devworkspace.cli.main import main
from devworkspace.core.credential import Keyring
from devworkspace.core.render.policy import render_network_policies
from devworkspace.core.world import Installation
from devworkspace.operator.health import Health
from devworkspace.operator.metrics import Metrics
from devworkspace.operator.probes import make_probe_app
from devworkspace.server import codes
from devworkspace.server.config import parse_public_url
from devworkspace.server.keys import read_keyring
from devworkspace.server.metrics import Metrics as ServerMetrics
from devworkspace.server.probes import make_internal_app
from devworkspace.server.readiness import Readiness
from devworkspace.server.revocations import OBJECT_NAME
from devworkspace.server.signin.accounts import AdminAccount
from devworkspace.server.signin.oidc import turns

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
PARTS: Final = ("operator", "server")
# What Pod Security `restricted` lets a pod mount.
VOLUMES: Final = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"} | {
    "secret"
}


@functools.cache
def _text(name: str) -> str:
    return (DEPLOY / f"{name}.yaml").read_text(encoding="utf-8")


def load(name: str, kind: str, *, called: str | None = None) -> dict[str, Any]:
    """The one object of a kind in a file, or the one of that name."""
    (found,) = [
        document
        for document in yaml.safe_load_all(_text(name))
        if document["kind"] == kind and called in (None, document["metadata"]["name"])
    ]
    return cast(dict[str, Any], found)


def pod_of(part: str) -> dict[str, Any]:
    return cast(dict[str, Any], load(part, "Deployment")["spec"]["template"])


def container_of(part: str) -> dict[str, Any]:
    (container,) = pod_of(part)["spec"]["containers"]
    return cast(dict[str, Any], container)


def role_of(part: str) -> dict[str, Any]:
    """What a part may do in its own namespace."""
    (role,) = [
        found
        for found in yaml.safe_load_all(_text("rbac"))
        if found["kind"] == "Role" and found["metadata"]["name"] == f"devworkspace-{part}"
    ]
    return cast(dict[str, Any], role)


def restricted_violations(spec: dict[str, Any]) -> list[str]:
    """What Pod Security `restricted` would refuse about a pod."""
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if not set(volume) - {"name"} <= VOLUMES]
    pod = spec.get("securityContext", {})
    for container in [*spec["containers"], *spec.get("initContainers", []), *spec.get("ephemeralContainers", [])]:
        own = container.get("securityContext", {})
        effective = {**pod, **own}
        capabilities = own.get("capabilities", {})
        checks = {
            "privileged": not own.get("privileged", False),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "runAsNonRoot": effective.get("runAsNonRoot") is True,
            "runAsUser": effective.get("runAsUser") != 0,
            "seccompProfile": effective.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "capabilities.drop": "ALL" in capabilities.get("drop", []),
            "capabilities.add": set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
            "hostPort": not any(port.get("hostPort") for port in container.get("ports", [])),
            "procMount": own.get("procMount", "Default") == "Default",
        }
        found += [f"{container['name']}: {name}" for name, fine in checks.items() if not fine]
    return found


def _set(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        place: Any = spec
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


OWN: Final = ("containers", 0, "securityContext")


class TestPodSecurity:
    @pytest.mark.parametrize("part", PARTS)
    def test_the_pods_are_restricted(self, part: str) -> None:
        assert restricted_violations(pod_of(part)["spec"]) == []

    @pytest.mark.parametrize(
        ("change", "violation"),
        [
            (_set("hostNetwork", value=True), "hostNetwork"),
            (_set("volumes", 0, value={"name": "keys", "hostPath": {"path": "/"}}), "volume keys"),
            (_set("securityContext", value={}), "operator: runAsNonRoot"),
            (_set("securityContext", "runAsUser", value=0), "operator: runAsUser"),
            (_set("securityContext", "seccompProfile", "type", value="Unconfined"), "operator: seccompProfile"),
            (_set(*OWN, "privileged", value=True), "operator: privileged"),
            (_set(*OWN, "allowPrivilegeEscalation", value=True), "operator: allowPrivilegeEscalation"),
            (_set(*OWN, "runAsNonRoot", value=False), "operator: runAsNonRoot"),
            (_set(*OWN, "capabilities", value={"drop": ["NET_RAW"]}), "operator: capabilities.drop"),
            (_set(*OWN, "capabilities", "add", value=["SYS_ADMIN"]), "operator: capabilities.add"),
            (_set("containers", 0, "ports", 0, "hostPort", value=8081), "operator: hostPort"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_violation_is_found(self, change: Callable[[dict[str, Any]], None], violation: str) -> None:
        spec = copy.deepcopy(pod_of("operator")["spec"])
        change(spec)
        assert violation in restricted_violations(spec)

    def test_the_namespace_enforces_it(self) -> None:
        metadata = load("namespace", "Namespace")["metadata"]
        assert metadata["name"] == names.SYSTEM_NAMESPACE
        assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    @pytest.mark.parametrize("part", PARTS)
    def test_beyond_it_nothing_can_be_written_and_services_are_not_told(self, part: str) -> None:
        spec, container = pod_of(part)["spec"], container_of(part)
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert spec["enableServiceLinks"] is False
        writable = [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert [volume for volume in spec["volumes"] if volume["name"] in writable] == [{"name": "tmp", "emptyDir": {}}]

    @pytest.mark.parametrize("part", PARTS)
    def test_a_pod_cannot_take_all_memory_of_its_node(self, part: str) -> None:
        resources = container_of(part)["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert "memory" in resources["limits"]


def parameters(part: str, folder: Path, *extra: str) -> dict[str, Any]:
    """What the command makes of the manifest's arguments and `extra` ones, with the mounted Secrets below `folder`."""
    verb, *arguments = container_of(part)["args"]
    here = [argument.replace("=/etc/devworkspace/", f"={folder}/") for argument in arguments]
    command = main.get_command(click.Context(main), verb)
    assert command is not None, verb
    return command.make_context(verb, [*here, *extra]).params


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """The Secrets that the installer makes, mounted as the manifests say."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    secrets = [master_key_secret(), admin_secret(username="admin", password_hash=hasher.hash("right"))]
    contents = {secret["metadata"]["name"]: secret["data"] for secret in secrets}
    # Optional, and not made by the installer: an empty folder.
    contents["devworkspace-oidc"] = {}
    for part in PARTS:
        for path, secret in mounts(part):
            folder = tmp_path / path.removeprefix("/etc/devworkspace/")
            folder.mkdir(exist_ok=True)
            for key, value in contents[secret].items():
                (folder / key).write_bytes(base64.b64decode(value))
    return tmp_path


def mounts(part: str) -> Iterator[tuple[str, str]]:
    """Path and Secret of each mounted Secret."""
    volumes = {volume["name"]: volume for volume in pod_of(part)["spec"]["volumes"]}
    for mount in container_of(part)["volumeMounts"]:
        if secret := volumes[mount["name"]].get("secret"):
            yield mount["mountPath"], secret["secretName"]


class TestProgram:
    """The arguments, files and ports are those of the commands that the image runs."""

    @pytest.mark.parametrize("part", PARTS)
    def test_the_arguments_are_accepted(self, part: str, mounted: Path) -> None:
        values = parameters(part, mounted)
        assert values["log_format"] == "json"
        assert values["verbose"] is False
        assert values["kubeconfig"] is None, "the pod's own account"

    def test_a_provider_needs_two_options_and_the_mounted_secret(self, mounted: Path) -> None:
        options = ("--oidc-issuer=https://id.example.com", f"--oidc-client-dir={mounted / 'oidc'}")
        assert parameters("server", mounted, *options)["oidc_issuer"] == "https://id.example.com"
        with pytest.raises(click.BadParameter, match="absent"):
            parameters("server", mounted, options[0], "--oidc-client-dir=/absent")

    @pytest.mark.parametrize("part", PARTS)
    def test_a_wrong_argument_is_found(self, part: str, mounted: Path) -> None:
        with pytest.raises(click.NoSuchOption, match="--log-formatt"):
            parameters(part, mounted, "--log-formatt=json")
        with pytest.raises(click.BadParameter, match="/absent"):
            parameters(part, mounted, "--master-key-file=/absent")

    @pytest.mark.parametrize("part", PARTS)
    def test_the_key_is_mounted_where_it_is_read(self, part: str, mounted: Path) -> None:
        key = parameters(part, mounted)["master_key_file"]
        assert len(read_keyring(key).master) == 32
        assert key.parent == mounted / "keys"

    async def test_the_account_is_mounted_where_it_is_read(self, mounted: Path) -> None:
        account = AdminAccount(parameters("server", mounted)["admin_dir"])
        assert await account.check("admin", "right") is not None
        assert await account.check("admin", "wrong") is None

    def test_both_share_one_key_and_one_address(self, mounted: Path) -> None:
        operator, server = (parameters(part, mounted) for part in PARTS)
        assert operator["master_key_file"] == server["master_key_file"]
        assert operator["gateway_url"] == server["public_url"]
        assert operator["address_mode"] == server["address_mode"] == "subdomain"
        parse_public_url(server["public_url"])
        assert operator["server_namespace"] == load("server", "Deployment")["metadata"]["namespace"]

    @pytest.mark.parametrize("part", PARTS)
    def test_secrets_are_read_only_and_readable_by_the_process(self, part: str) -> None:
        spec = pod_of(part)["spec"]
        secrets = {volume["name"]: volume["secret"] for volume in spec["volumes"] if "secret" in volume}
        assert secrets
        for mount in container_of(part)["volumeMounts"]:
            if mount["name"] in secrets:
                assert mount["readOnly"] is True
                # Root owns the files; the process reads them as a member of fsGroup, others do not.
                assert secrets[mount["name"]]["defaultMode"] == 0o440
        assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"]

    def test_the_operator_sees_no_account(self) -> None:
        assert [secret for _, secret in mounts("operator")] == ["devworkspace-keys"]

    def test_ports_are_those_that_the_program_listens_on(self, mounted: Path) -> None:
        operator, server = (parameters(part, mounted) for part in PARTS)
        assert ports("operator") == {"probes": operator["probe_port"]}
        assert ports("server") == {"http": server["listen_port"], "internal": server["internal_port"]}
        # On loopback alone neither the kubelet nor the Service would reach it.
        assert {operator["probe_host"], server["listen_host"]} == {"0.0.0.0"}

    @pytest.mark.parametrize("part", PARTS)
    def test_probes_ask_for_what_is_served(self, part: str) -> None:
        container = container_of(part)
        for kind, path in (("livenessProbe", "healthz"), ("readinessProbe", "readyz")):
            probe = container[kind]
            assert set(probe) >= {"httpGet", "periodSeconds", "timeoutSeconds"}
            assert probe["httpGet"]["port"] in ports(part)
            assert probe["httpGet"]["port"] != "http", "the public port answers only to its own host name"
            assert probe["httpGet"]["path"].endswith(f"/{path}")
            assert probe["httpGet"]["path"] in served_paths(part)


def ports(part: str) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container_of(part)["ports"]}


def served_paths(part: str) -> set[str]:
    """The paths of the part's internal port; its handlers are not called."""
    app = (
        make_probe_app(cast(Health, None), Metrics(), lambda: True)
        if part == "operator"
        else make_internal_app(cast(Readiness, None), ServerMetrics())
    )
    return {resource.canonical for resource in app.router.resources()}


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) == {"matchLabels"}
    return bool(selector["matchLabels"].items() <= labels.items())


def installation_of(part: str) -> Installation:
    return Installation(keys=Keyring(b""), server_namespace=load(part, "Deployment")["metadata"]["namespace"])


class TestFit:
    """Objects that name each other do so rightly."""

    @pytest.mark.parametrize("part", PARTS)
    def test_a_deployment_finds_its_own_pods_only(self, part: str) -> None:
        selector = load(part, "Deployment")["spec"]["selector"]
        assert [other for other in PARTS if selects(selector, pod_of(other)["metadata"]["labels"])] == [part]

    def test_the_service_leads_to_the_server_s_public_port(self) -> None:
        spec = load("server", "Service")["spec"]
        selector = {"matchLabels": spec["selector"]}
        assert [part for part in PARTS if selects(selector, pod_of(part)["metadata"]["labels"])] == ["server"]
        assert [port["targetPort"] for port in spec["ports"]] == ["http"]
        assert "http" in ports("server")

    def test_the_network_policy_lets_the_server_in_and_nobody_else(self) -> None:
        policy, _ = render_network_policies("team", installation_of("server"))
        ((source,),) = [rule["from"] for rule in policy["spec"]["ingress"]]
        # Kubernetes itself gives each namespace this label.
        namespace = {"kubernetes.io/metadata.name": load("namespace", "Namespace")["metadata"]["name"]}
        assert selects(source["namespaceSelector"], namespace)
        assert [part for part in PARTS if selects(source["podSelector"], pod_of(part)["metadata"]["labels"])] == [
            "server"
        ]

    @pytest.mark.parametrize(("part", "public"), [("operator", set()), ("server", {"http"})])
    def test_the_internal_ports_are_for_those_who_read_the_figures(self, part: str, public: set[str]) -> None:
        spec = load(part, "NetworkPolicy")["spec"]
        assert spec["policyTypes"] == ["Ingress"]
        assert [other for other in PARTS if selects(spec["podSelector"], pod_of(other)["metadata"]["labels"])] == [part]
        open_to_all = {port["port"] for rule in spec["ingress"] if "from" not in rule for port in rule["ports"]}
        assert open_to_all == public
        (guarded,) = [rule for rule in spec["ingress"] if "from" in rule]
        assert {port["port"] for port in guarded["ports"]} | public == set(ports(part))
        assert guarded["from"] == [
            {"namespaceSelector": {"matchLabels": {"devworkspace.kubesphere.io/metrics": "true"}}}
        ]

    @pytest.mark.parametrize("part", PARTS)
    def test_everything_is_in_the_system_namespace_under_an_account_that_exists(self, part: str) -> None:
        for document in yaml.safe_load_all(_text(part)):
            assert document["metadata"]["namespace"] == names.SYSTEM_NAMESPACE
            assert document["metadata"]["labels"][names.LABEL_NAME] == names.APP_NAME
        accounts = [
            document["metadata"]["name"]
            for document in yaml.safe_load_all(_text("rbac"))
            if document["kind"] == "ServiceAccount"
        ]
        assert pod_of(part)["spec"]["serviceAccountName"] == f"devworkspace-{part}"
        assert f"devworkspace-{part}" in accounts

    @pytest.mark.parametrize("part", PARTS)
    def test_another_one_is_there_before_one_goes(self, part: str) -> None:
        spec = load(part, "Deployment")["spec"]
        assert spec["replicas"] == 2
        assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}

    @pytest.mark.parametrize("part", PARTS)
    def test_the_replicas_prefer_different_nodes_and_leave_one_by_one(self, part: str) -> None:
        (preference,) = pod_of(part)["spec"]["affinity"]["podAntiAffinity"][
            "preferredDuringSchedulingIgnoredDuringExecution"
        ]
        term = preference["podAffinityTerm"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        budget = load(part, "PodDisruptionBudget")["spec"]
        # Not `minAvailable`: with one replica that would keep its node from ever being drained.
        assert budget["maxUnavailable"] == 1
        for selector in (term["labelSelector"], budget["selector"]):
            assert [name for name in PARTS if selects(selector, pod_of(name)["metadata"]["labels"])] == [part]

    def test_the_operator_s_name_in_the_lease_is_its_pod_s(
        self, mounted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fields = {
            entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"]
            for entry in container_of("operator")["env"]
            if "valueFrom" in entry
        }
        assert fields == {
            "POD_NAME": "metadata.name",
            "POD_UID": "metadata.uid",
            "POD_NAMESPACE": "metadata.namespace",
        }
        monkeypatch.setenv("POD_NAMESPACE", load("operator", "Deployment")["metadata"]["namespace"])
        values = parameters("operator", mounted)
        role = role_of("operator")
        assert values["lease_namespace"] == role["metadata"]["namespace"]
        assert [values["lease_name"]] in [rule.get("resourceNames") for rule in role["rules"]]

    def test_the_server_reaches_the_objects_that_replicas_share(
        self, mounted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared, role = load("server", "ConfigMap", called=OBJECT_NAME)["metadata"], role_of("server")
        for name in (OBJECT_NAME, codes.RECORD_NAME, turns.RECORD_NAME):
            assert "data" not in load("server", "ConfigMap", called=name), "applying it again would bring sessions back"
        assert role["rules"] == [
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": [OBJECT_NAME],
                "verbs": ["get", "list", "watch", "patch"],
            },
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": [names.LIMITS_CONFIG_MAP],
                "verbs": ["list", "watch"],
            },
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": [codes.RECORD_NAME, turns.RECORD_NAME],
                "verbs": ["get", "patch"],
            },
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "resourceNames": [names.ACTIVITY_LEASE],
                "verbs": ["patch"],
            },
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "resourceNames": [names.OPERATOR_LEASE, names.ACTIVITY_LEASE],
                "verbs": ["get"],
            },
        ]
        lease = load("server", "Lease")
        assert lease["metadata"]["name"] == names.ACTIVITY_LEASE
        assert "spec" not in lease, "applying it again would take the servers' word back"
        monkeypatch.setenv("POD_NAMESPACE", shared["namespace"])
        assert parameters("server", mounted)["namespace"] == role["metadata"]["namespace"] == shared["namespace"]

    def test_the_environments_policy_does_not_shut_our_own_pods_off(self) -> None:
        for policy in render_network_policies("team", installation_of("server")):
            selector = policy["spec"]["podSelector"]
            assert [part for part in PARTS if selects(selector, pod_of(part)["metadata"]["labels"])] == []

    def test_the_folder_holds_what_the_installer_applies_and_no_more(self) -> None:
        assert sorted(path.name for path in DEPLOY.iterdir()) == [
            "namespace.yaml",
            "operator.yaml",
            "policies.yaml",
            "rbac.yaml",
            "roles.yaml",
            "server.yaml",
        ]
