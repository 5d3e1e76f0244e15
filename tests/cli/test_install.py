"""`devworkspace install` with programs that note what they are asked to do."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from devworkspace.cli.main import main
from devworkspace.cli.project import Project
from tests.cli.conftest import ROOT
from tests.cli.programs import Call, FakeKubectl, FakeProgram
from tests.support.ports import free_port

pytestmark = pytest.mark.usefixtures("cheap_hashes")

IMAGES = ("base", "devworkspace", "python", "nodejs", "go", "java")
POLICY = "ValidatingAdmissionPolicy"
EXPECTED_WRITES = [
    ("apply", {"CustomResourceDefinition"}),
    ("apply", {"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}),
    ("apply", {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}),
    ("create", {"Secret"}),
    ("apply", {"Secret"}),
    ("apply", {"Deployment", "PodDisruptionBudget", "Service", "NetworkPolicy", "ConfigMap", "Lease"}),
    ("apply", {"WorkspaceTemplate"}),
    ("create", {"WorkspaceInstance"}),
]


def install(*arguments: str, answer: str = "") -> Result:
    """Runs the command in this process; `answer` is what the person types."""
    return CliRunner().invoke(main, ["install", *arguments], input=answer)


def written(calls: list[Call]) -> list[tuple[str, set[str]]]:
    """The verb and the kinds of each write."""
    writes = []
    for call in calls:
        verb = call.arguments[1] if call.arguments[0] == "kubectl" else call.arguments[0]
        writes.append((verb, {document["kind"] for document in yaml.safe_load_all(call.stdin)}))
    return writes


def are_counted(output: str) -> bool:
    """Whether the steps are numbered from one to the number that was announced."""
    numbers = re.findall(r"^\[(\d+)/(\d+)\] .* …$", output, re.MULTILINE)
    return numbers != [] and numbers == [(str(n), str(len(numbers))) for n in range(1, len(numbers) + 1)]


def log_of(project: Project) -> str:
    (log,) = project.logs.glob("install-*.log")
    return log.read_text()


class TestForeign:
    """Into a cluster of the person's own."""

    @pytest.fixture
    def kubectl(self, project: Project, programs: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKubectl:
        (programs / "theirs.yaml").write_text("{}")
        monkeypatch.setenv("KUBECONFIG", str(programs / "theirs.yaml"))
        return FakeKubectl(programs / "kubectl")

    def test_nothing_is_written_before_the_person_says_yes(self, project: Project, kubectl: FakeKubectl) -> None:
        result = install(answer="n\n")
        assert result.exit_code == 1
        assert "This will add to context 'production': Kubernetes v1.30.1, 2 node(s):" in result.output
        assert "namespace devworkspace-system" in result.output
        assert "Go on? [y/N]: n\nAborted!" in result.output
        assert kubectl.writes == []
        assert list(project.state.glob("admin-password-*")) == []

    def test_no_answer_is_a_no(self, kubectl: FakeKubectl) -> None:
        assert install().exit_code == 1
        assert kubectl.writes == []

    @pytest.mark.parametrize(
        ("arguments", "answer"), [((), "y\n"), (("--yes",), "")], ids=["after asking", "without asking"]
    )
    def test_it_is_installed(self, kubectl: FakeKubectl, arguments: tuple[str, ...], answer: str) -> None:
        result = install(*arguments, answer=answer)
        assert result.exit_code == 0, result.output
        assert ("Go on?" in result.output) == bool(answer)
        assert are_counted(result.output)
        assert written(kubectl.writes) == EXPECTED_WRITES

    def test_a_kubernetes_without_policies_gets_none_and_the_person_learns_it(self, kubectl: FakeKubectl) -> None:
        kubectl.serves("validatingwebhookconfigurations")
        result = install("--yes")
        assert result.exit_code == 0, result.output
        assert "older than 1.30: admission policies are left out" in result.output
        assert written(kubectl.writes) == [write for write in EXPECTED_WRITES if POLICY not in write[1]]

    def test_the_person_learns_how_to_reach_it_and_the_log_has_no_password(
        self, project: Project, kubectl: FakeKubectl
    ) -> None:
        result = install("--yes", "--port", "9000")
        (file,) = project.state.glob("admin-password-*")
        assert file.name == "admin-password-abcdef12"
        password = file.read_text().strip()
        assert f"  Password:  {password}\n" in result.output
        assert "  Address:   http://localhost:9000/\n" in result.output
        forward = "kubectl --namespace devworkspace-system port-forward service/devworkspace-server 9000:80"
        assert f"Reach it with: {forward}\n" in result.output
        log = log_of(project)
        assert "DevWorkspace is ready" in log
        assert password not in log

    def test_settings_reach_the_manifests(self, kubectl: FakeKubectl) -> None:
        install("--yes", "--public-url", "https://dev.example.com", "--image-prefix", "registry.example.com/ide")
        text = "\n".join(call.stdin for call in kubectl.writes)
        assert "--public-url=https://dev.example.com" in text
        assert "--gateway-url=https://dev.example.com" in text
        assert "registry.example.com/ide/devworkspace:0.1.0" in text
        assert "localhost/devworkspace" not in text
        assert "nodePort" not in text
        assert "image-build" not in text

    def test_a_second_installation_keeps_the_choices_of_the_first(self, kubectl: FakeKubectl) -> None:
        first = install(
            "--yes", "--public-url", "https://dev.example.com", "--image-prefix", "registry.example.com/ide"
        )
        before = [call.stdin for call in kubectl.writes if "kind: Deployment" in call.stdin]
        kubectl.forget()
        second = install("--yes")
        assert (first.exit_code, second.exit_code) == (0, 0)
        assert [call.stdin for call in kubectl.writes if "kind: Deployment" in call.stdin] == before
        kubectl.forget()
        install("--yes", "--address-mode", "path")
        (path_mode,) = [call.stdin for call in kubectl.writes if "kind: Deployment" in call.stdin]
        assert path_mode == before[0].replace("--address-mode=subdomain", "--address-mode=path") != before[0]
        install("--yes", "--address-mode", "subdomain")
        option = "--oidc-issuer=https://id.example.com"
        install("--yes", f"--server-option={option}")
        kubectl.forget()
        install("--yes")
        (with_option,) = [call.stdin for call in kubectl.writes if "kind: Deployment" in call.stdin]
        assert option in with_option
        install("--yes", "--server-option=")
        kubectl.forget()
        install("--yes", "--public-url", "https://new.example.com")
        (after,) = [call.stdin for call in kubectl.writes if "kind: Deployment" in call.stdin]
        assert after == before[0].replace("https://dev.example.com", "https://new.example.com")

    def test_what_was_not_confirmed_is_not_remembered(self, kubectl: FakeKubectl) -> None:
        install("--public-url", "https://dev.example.com", answer="n\n")
        assert "https://dev.example.com" not in install("--yes").output

    def test_a_second_installation_keeps_keys_password_and_environment(
        self, project: Project, kubectl: FakeKubectl
    ) -> None:
        first = install("--yes")
        for kind, name in (
            ("secret", "devworkspace-keys"),
            ("secret", "devworkspace-admin"),
            ("workspaceinstance", "my-workspace"),
        ):
            kubectl.has(kind, name)
        kubectl.forget()
        second = install("--yes")
        assert second.exit_code == 0, second.output
        assert {kinds for verb, kinds in map(_frozen, written(kubectl.writes)) if verb != "apply"} == set()
        assert "Secret" not in {kind for _, kinds in written(kubectl.writes) for kind in kinds}
        line = "  Password:  "
        assert first.output.partition(line)[2].split()[0] == second.output.partition(line)[2].split()[0]

    def test_a_password_made_elsewhere_is_told_as_such(self, kubectl: FakeKubectl) -> None:
        kubectl.has("secret", "devworkspace-admin")
        assert "(made by another checkout; ./install.sh --reset-password makes a new one)" in install("--yes").output

    def test_a_reset_is_passed_on(self, kubectl: FakeKubectl) -> None:
        kubectl.has("secret", "devworkspace-admin")
        install("--yes", "--reset-password")
        assert ("rollout", "restart") in [call.arguments[:2] for call in kubectl.writes]

    def test_an_environment_that_was_stopped_stays_so(self, kubectl: FakeKubectl) -> None:
        kubectl.has("workspaceinstance", "my-workspace")
        stopped = {"spec": {"running": False}, "status": {"phase": "Stopped"}}
        kubectl.answer("workspaceinstance", "--output=json", stdout=stopped)
        result = install("--yes")
        assert result.exit_code == 0, result.output
        assert "default/my-workspace was stopped by its owner and stays so" in result.output

    @pytest.fixture
    def helm(self, programs: Path) -> FakeProgram:
        helm = FakeProgram(programs / "helm")
        helm.answer("version", "--short", stdout="v4.3.1")
        return helm

    def test_helm_installs_the_charts_and_kubectl_what_no_chart_has(
        self, project: Project, kubectl: FakeKubectl, helm: FakeProgram
    ) -> None:
        result = install("--helm", "--public-url", "https://dev.example.com", answer="y\n")
        assert result.exit_code == 0, result.output
        assert "It does so as two Helm releases" in result.output
        assert are_counted(result.output)
        upgrades = [call[1:3] for call in helm.arguments if call[0] == "upgrade"]
        charts = project.root / "charts"
        assert upgrades == [
            ("devworkspace-crds", str(charts / "devworkspace-crds")),
            ("devworkspace", str(charts / "devworkspace")),
        ]
        assert written(kubectl.writes) == [
            ("apply", {"Namespace"}),
            *(write for write in EXPECTED_WRITES if write[1] == {"Secret"}),
            *[("create", {"WorkspaceTemplate"})] * 5,
            ("create", {"WorkspaceInstance"}),
        ]
        (values,) = project.state.glob("helm-values.yaml-*")
        assert yaml.safe_load(values.read_text())["publicUrl"] == "https://dev.example.com"
        go_on = f"helm upgrade devworkspace {charts / 'devworkspace'} --reuse-values --namespace devworkspace-system"
        assert f"Go on with Helm (docs/HELM.md): {go_on}\n" in result.output

    def test_the_next_installation_goes_on_with_helm(self, kubectl: FakeKubectl, helm: FakeProgram) -> None:
        install("--yes", "--helm")
        helm.forget()
        mine = {"meta.helm.sh/release-name": "devworkspace", "meta.helm.sh/release-namespace": "devworkspace-system"}
        role = {"kind": "ClusterRole", "metadata": {"annotations": mine}}
        kubectl.answer("get", "clusterrole/devworkspace-operator", stdout=role)
        assert install("--yes").exit_code == 0
        assert [call[1] for call in helm.arguments if call[0] == "upgrade"] == ["devworkspace-crds", "devworkspace"]
        kubectl.forget()
        refused = install("--yes", "--no-helm")
        assert refused.exit_code == 1
        assert "is in this cluster as the Helm release devworkspace" in refused.output
        assert kubectl.writes == []
        helm.forget()
        assert install("--yes").exit_code == 0, "what was refused is not remembered"
        assert [call[0] for call in helm.arguments].count("upgrade") == 2

    def test_somebody_s_release_is_not_changed_by_kubectl(self, kubectl: FakeKubectl, helm: FakeProgram) -> None:
        theirs = {"meta.helm.sh/release-name": "ide", "meta.helm.sh/release-namespace": "tools"}
        role = {"kind": "ClusterRole", "metadata": {"annotations": theirs}}
        kubectl.answer("get", "clusterrole/devworkspace-operator", stdout=role)
        for given in ((), ("--helm",)):
            result = install("--yes", *given)
            assert result.exit_code == 1
            assert "the Helm release ide in namespace tools, which is not this installer's" in result.output
        assert kubectl.writes == helm.calls == []

    def test_a_release_that_is_busy_is_told_before_anything_changes(
        self, kubectl: FakeKubectl, helm: FakeProgram
    ) -> None:
        helm.answer("list", stdout=[{"name": "devworkspace", "status": "pending-upgrade"}])
        result = install("--yes", "--helm")
        assert result.exit_code == 1
        assert "the Helm release devworkspace is pending-upgrade" in result.output
        assert kubectl.writes == []
        assert [call[0] for call in helm.arguments] == ["version", "list"]

    def test_without_helm_none_is_looked_for(self, kubectl: FakeKubectl, helm: FakeProgram) -> None:
        assert install("--yes").exit_code == 0
        assert helm.calls == []

    def test_a_failure_names_the_step_the_reason_and_the_log(self, project: Project, kubectl: FakeKubectl) -> None:
        kubectl.answer("rollout", "status", stderr="error: timed out waiting for the condition", code=1)
        result = install("--yes")
        assert result.exit_code == 1
        assert "] Starting operator and server: failed after" in result.output
        assert "Error: " in result.output
        assert "timed out waiting for the condition" in result.output
        assert str(project.logs) in result.output
        assert "is ready" not in result.output

    def test_the_embedded_one_is_taken_when_asked_for(
        self, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert "into the embedded Kubernetes on this machine" in install("--embedded").output
        assert kubectl.calls == []


def _frozen(write: tuple[str, set[str]]) -> tuple[str, frozenset[str]]:
    return write[0], frozenset(write[1])


class Machine:
    """A machine on which everything for the embedded cluster is a fake program."""

    def __init__(self, project: Project, programs: Path) -> None:
        self.dpkg = FakeProgram(programs / "dpkg-query")
        self.dpkg.answer(stdout="install ok installed")
        go = FakeProgram(programs / "go")
        go.answer("version", stdout="go version go1.26.8 linux/amd64")
        for folder in ("cluster", "images"):
            (project.root / folder).mkdir()
            (project.root / folder / "packages.txt").write_bytes((ROOT / folder / "packages.txt").read_bytes())
        self.build = FakeProgram(project.root / "cluster" / "build.sh")
        self.images = FakeProgram(project.root / "images" / "build.sh")
        for name in IMAGES:
            self.images.answer("--print", name, stdout=f"{programs / name}-1111.tar\n")
        self.devcluster = FakeProgram(project.state / "bin" / "devcluster")
        self.kubectl = FakeKubectl(project.state / "bin" / "kubernetes")
        # devcluster makes its folder at its start.
        (project.state / "cluster").mkdir()
        self.port = free_port()

    def install(self, *arguments: str) -> Result:
        return install("--port", str(self.port), *arguments)


class TestEmbedded:
    """On a bare machine."""

    @pytest.fixture
    def machine(self, project: Project, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        yield Machine(project, programs)

    def test_without_root_one_is_told_what_to_do(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        result = machine.install()
        assert result.exit_code == 1
        assert "Error: the embedded cluster needs root" in result.output
        assert "run it with sudo, or point KUBECONFIG to a cluster of your own" in result.output
        assert machine.devcluster.calls == machine.build.calls == machine.kubectl.calls == []

    def test_it_is_installed_without_asking(self, project: Project, programs: Path, machine: Machine) -> None:
        result = machine.install("--audit")
        assert result.exit_code == 0, result.output
        assert are_counted(result.output)
        assert written(machine.kubectl.writes) == EXPECTED_WRITES
        up, load = machine.devcluster.arguments
        assert up[0] == "up"
        assert up[-3:] == ("--publish", f"127.0.0.1:{machine.port}:30080", "--audit")
        assert load[0] == "load-image"
        bundle = str(project.state / "cluster" / "images.tar")
        assert machine.images.arguments[0] == IMAGES
        assert machine.images.arguments[-1] == ("--bundle", bundle, *IMAGES)
        assert load[-1] == bundle

    def test_the_node_port_and_the_build_reach_the_manifests(self, machine: Machine) -> None:
        machine.install()
        documents = [
            document
            for call in machine.kubectl.writes
            for document in yaml.safe_load_all(call.stdin)
            if document["kind"] in ("Service", "Deployment")
        ]
        (service,) = [document for document in documents if document["kind"] == "Service"]
        assert service["spec"]["ports"][0]["nodePort"] == 30080
        marks = [
            document["spec"]["template"]["metadata"]["annotations"]
            for document in documents
            if document["kind"] == "Deployment"
        ]
        assert marks == [{"devworkspace.kubesphere.io/image-build": "devworkspace-1111.tar"}] * 2

    def test_helm_is_built_and_gets_them_as_values(self, project: Project, machine: Machine) -> None:
        helm = FakeProgram(project.state / "bin" / "helm")
        result = machine.install("--helm")
        assert result.exit_code == 0, result.output
        assert are_counted(result.output)
        assert machine.build.arguments[-1] == (str(project.state / "bin"), "helm")
        values = yaml.safe_load((project.state / "cluster-helm-values.yaml").read_text())
        assert values["server"]["service"] == {"type": "NodePort", "nodePort": 30080}
        mark = {"devworkspace.kubesphere.io/image-build": "devworkspace-1111.tar"}
        assert values["server"]["podAnnotations"] == values["operator"]["podAnnotations"] == mark
        assert {call.environment["KUBECONFIG"] for call in helm.calls[1:]} == {str(project.kubeconfig)}

    def test_the_next_time_only_what_changed_is_loaded(
        self, project: Project, programs: Path, machine: Machine
    ) -> None:
        machine.install()
        machine.devcluster.forget()
        assert machine.install().exit_code == 0
        assert [call[0] for call in machine.devcluster.arguments] == ["up"]
        machine.devcluster.forget()
        machine.images.answer("--print", "devworkspace", stdout=f"{programs}/devworkspace-2222.tar\n")
        assert machine.install().exit_code == 0
        loaded = [call[-1] for call in machine.devcluster.arguments if call[0] == "load-image"]
        assert loaded == [f"{programs}/devworkspace-2222.tar"]

    def test_another_one_beside_it_has_its_own_state(self, project: Project, machine: Machine) -> None:
        (project.root / "two").mkdir()
        assert machine.install("--cluster-name", "two", "--state-dir", "two").exit_code == 0
        (up, _) = machine.devcluster.arguments
        state = str(project.root / "two")
        assert up[:5] == ("up", "--state-dir", state, "--name", "two")
        assert {call.environment["KUBECONFIG"] for call in machine.kubectl.calls} == {f"{state}/kubeconfig"}

    def test_a_taken_port_is_told_before_anything_is_built(self, machine: Machine) -> None:
        machine.devcluster.answer("status", stderr="the state cannot be read", code=1)
        with socket.create_server(("127.0.0.1", machine.port)):
            result = machine.install()
        assert result.exit_code == 1
        assert f"Error: port {machine.port} of 127.0.0.1 cannot be used: Address already in use" in result.output
        assert "choose another with --port" in result.output
        assert machine.build.calls == machine.dpkg.calls == []

    @pytest.mark.parametrize(
        ("state", "offset", "code", "installed"),
        [
            ("healthy", 0, 0, True),
            ("unhealthy", 0, 1, True),
            ("stopped", 0, 3, False),
            ("healthy", 1, 0, False),
        ],
        ids=["runs there", "runs there badly", "is stopped", "runs on another port"],
    )
    def test_a_port_is_taken_and_our_own_cluster(
        self, machine: Machine, state: str, offset: int, code: int, installed: bool
    ) -> None:
        report = {"state": state, "publish": [f"127.0.0.1:{machine.port + offset}:30080"]}
        machine.devcluster.answer("status", "--json", stdout=report, code=code)
        with socket.create_server(("127.0.0.1", machine.port)):
            result = machine.install()
        assert (result.exit_code == 0) == installed
        assert ("cannot be used" in result.output) != installed

    def test_the_next_time_it_has_the_same_port(self, machine: Machine) -> None:
        machine.install()
        machine.devcluster.forget()
        assert install().exit_code == 0
        assert machine.devcluster.arguments[0][-1] == f"127.0.0.1:{machine.port}:30080"

    def test_a_failed_start_ends_the_installation(self, machine: Machine) -> None:
        machine.devcluster.answer("up", stdout="etcd: port 2379 is taken\n", code=1)
        result = machine.install()
        assert result.exit_code == 1
        assert "] Starting the cluster: failed after" in result.output
        assert "etcd: port 2379 is taken" in result.output
        assert machine.kubectl.calls == []


def test_outside_of_a_checkout_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Project:
        raise click.ClickException("no checkout of DevWorkspace found")

    monkeypatch.setattr("devworkspace.cli.install.find_project", nowhere)
    result = install()
    assert (result.exit_code, result.output) == (1, "Error: no checkout of DevWorkspace found\n")
