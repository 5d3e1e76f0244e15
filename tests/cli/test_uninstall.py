"""`devworkspace uninstall`: what it removes, and what it must not remove unless told to."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devworkspace.cli.main import main
from devworkspace.cli.project import Project
from tests.cli.programs import FakeKubectl, FakeProgram

SYSTEM = "devworkspace-system"
CRDS = (
    "ideworkspacetemplates.devworkspace.kubesphere.io",
    "workspaceinstances.devworkspace.kubesphere.io",
)


def uninstall(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["uninstall", *arguments], input=answer)


class TestForeign:
    @pytest.fixture
    def kubectl(self, project: Project, programs: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKubectl:
        (programs / "theirs.yaml").write_text("{}")
        monkeypatch.setenv("KUBECONFIG", str(programs / "theirs.yaml"))
        return FakeKubectl(programs / "kubectl")

    @pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "no answer"])
    def test_nothing_is_removed_before_the_person_says_yes(self, kubectl: FakeKubectl, answer: str) -> None:
        result = uninstall(answer=answer)
        assert result.exit_code == 1
        assert "Remove DevWorkspace from context 'production'" in result.output
        assert "keeping environments and volumes? [y/N]" in result.output
        assert kubectl.writes == []

    def test_the_question_names_the_loss(self, kubectl: FakeKubectl) -> None:
        result = uninstall("--delete-data", answer="n\n")
        assert "INCLUDING all environments, templates and volumes? [y/N]" in result.output
        assert kubectl.writes == []

    @pytest.mark.parametrize(("arguments", "answer"), [((), "y\n"), (("--yes",), "")], ids=["asked", "not asked"])
    def test_operator_server_rights_and_pods_go_and_data_stays(
        self, kubectl: FakeKubectl, arguments: tuple[str, ...], answer: str
    ) -> None:
        result = uninstall(*arguments, answer=answer)
        assert result.exit_code == 0, result.output
        assert "Removed. ./install.sh brings it back, with its data.\n" in result.output
        assert deleted(kubectl) == {
            ("namespace", "devworkspace-system"),
            ("ValidatingAdmissionPolicy", "devworkspace-templates-in-use"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-templates-in-use"),
            ("ValidatingAdmissionPolicy", "devworkspace-server-volumes"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-server-volumes"),
            ("ValidatingAdmissionPolicy", "devworkspace-children"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-children"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-children-by-uid"),
            ("ValidatingAdmissionPolicy", "devworkspace-pods"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-pods"),
            ("ValidatingAdmissionPolicy", "devworkspace-volumes"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-volumes"),
            ("ValidatingAdmissionPolicy", "devworkspace-owners"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-owners"),
            ("ValidatingAdmissionPolicy", "devworkspace-server-status"),
            ("ValidatingAdmissionPolicyBinding", "devworkspace-server-status"),
            ("ClusterRole", "devworkspace-operator"),
            ("ClusterRole", "devworkspace-server"),
            ("ClusterRole", "devworkspace-admin"),
            ("ClusterRole", "devworkspace-editor"),
            ("ClusterRole", "devworkspace-developer"),
            ("ClusterRole", "devworkspace-viewer"),
            ("ClusterRoleBinding", "devworkspace-operator"),
            ("ClusterRoleBinding", "devworkspace-server"),
            ("ClusterRoleBinding", "devworkspace-admins"),
            ("pods", "ours"),
            ("networkpolicies", "ours"),
        }

    @pytest.fixture
    def helm(self, programs: Path) -> FakeProgram:
        helm = FakeProgram(programs / "helm")
        helm.answer("version", "--short", stdout="v4.3.1")
        return helm

    @pytest.mark.parametrize("data", [(), ("--delete-data",)], ids=["data stays", "data goes"])
    def test_releases_go_by_helm_and_first(
        self, kubectl: FakeKubectl, helm: FakeProgram, data: tuple[str, ...]
    ) -> None:
        assert uninstall("--yes", *data).exit_code == 0
        without = deleted(kubectl)
        assert helm.calls == []
        kubectl.answer("get", "clusterrole/devworkspace-operator", stdout=role_of("devworkspace", SYSTEM))
        kubectl.forget()
        result = uninstall("--yes", *data)
        assert result.exit_code == 0, result.output
        assert "[1/3] Removing the Helm releases" in result.output
        assert [call[1] for call in helm.arguments if call[0] == "uninstall"] == ["devworkspace", "devworkspace-crds"]
        assert deleted(kubectl) == without

    def test_somebody_s_release_is_left_to_them(self, kubectl: FakeKubectl, helm: FakeProgram) -> None:
        kubectl.answer("get", "clusterrole/devworkspace-operator", stdout=role_of("ide", "tools"))
        result = uninstall("--yes", "--delete-data")
        assert result.exit_code == 1
        assert "helm uninstall ide --namespace tools" in result.output
        assert kubectl.writes == helm.calls == []

    def test_a_release_that_stays_ends_it(self, kubectl: FakeKubectl, helm: FakeProgram) -> None:
        kubectl.answer("get", "clusterrole/devworkspace-operator", stdout=role_of("devworkspace", SYSTEM))
        helm.answer("uninstall", stdout="Error: timed out", code=1)
        result = uninstall("--yes", "--delete-data")
        assert result.exit_code == 1
        assert "Error: timed out" in result.output
        assert kubectl.writes == []

    def test_a_kubernetes_without_policies_is_not_asked_to_delete_one(self, kubectl: FakeKubectl) -> None:
        kubectl.serves()
        assert uninstall("--yes").exit_code == 0
        assert [kind for kind, _ in deleted(kubectl) if kind.startswith("Validating")] == []

    def test_data_goes_when_it_is_asked_for_by_name(self, kubectl: FakeKubectl) -> None:
        uninstall("--yes")
        kept = deleted(kubectl)
        kubectl.forget()
        result = uninstall("--yes", "--delete-data")
        assert result.exit_code == 0, result.output
        assert "Removed. ./install.sh brings it back.\n" in result.output
        assert deleted(kubectl) - kept == {
            *(("customresourcedefinition", name) for name in CRDS),
            ("services", "ours"),
            ("persistentvolumeclaims", "ours"),
        }

    def test_an_environment_that_waits_for_the_operator_is_let_go(self, kubectl: FakeKubectl) -> None:
        kubectl.has("customresourcedefinition", "workspaceinstances.devworkspace.kubesphere.io")
        held = ["somebody/else", "devworkspace.kubesphere.io/delete-volume"]
        items = [
            {"metadata": {"name": "held", "namespace": "team", "resourceVersion": "7", "finalizers": held}},
            {"metadata": {"name": "free", "namespace": "team", "resourceVersion": "8"}},
        ]
        kubectl.answer("get", "workspaceinstances", "--all-namespaces", stdout={"items": items})
        result = uninstall("--yes", "--delete-data")
        assert result.exit_code == 0, result.output
        (patch,) = [call.arguments for call in kubectl.writes if call.arguments[0] == "patch"]
        assert patch[1:] == (
            "workspaceinstances",
            "held",
            "--namespace=team",
            "--type=merge",
            '--patch={"metadata": {"resourceVersion": "7", "finalizers": ["somebody/else"]}}',
        )

    def test_what_looks_after_objects_goes_before_them(self, kubectl: FakeKubectl) -> None:
        """An operator that still ran would make pods again while they are deleted."""
        uninstall("--yes", "--delete-data")
        kinds = [call.arguments[1] for call in kubectl.writes]
        assert kinds.index("namespace") < kinds.index("pods") < kinds.index("customresourcedefinition")
        assert kinds.index("customresourcedefinition") < kinds.index("persistentvolumeclaims")

    def test_only_objects_with_our_label_are_touched(self, kubectl: FakeKubectl) -> None:
        uninstall("--yes", "--delete-data")
        everywhere = [call.arguments for call in kubectl.writes if "--all-namespaces" in call.arguments]
        assert len(everywhere) == 4
        for arguments in everywhere:
            assert "--selector=app.kubernetes.io/managed-by=devworkspace-operator" in arguments

    def test_a_failure_is_told_and_ends_it(self, kubectl: FakeKubectl) -> None:
        kubectl.answer("delete", "namespace", stderr="Error from server (Forbidden)", code=1)
        result = uninstall("--yes", "--delete-data")
        assert result.exit_code == 1
        assert "[1/2] Removing operator, server and rights: failed after" in result.output
        assert "Forbidden" in result.output
        assert len(kubectl.writes) == 1


class TestEmbedded:
    @pytest.fixture
    def devcluster(self, project: Project, programs: Path) -> FakeProgram:
        (project.state / "cluster").mkdir(parents=True)
        project.kubeconfig.write_text("{}")
        (project.state / "cluster-admin-password").write_text("known\n")
        (project.state / "cluster-helm-values.yaml").write_text("{}")
        (project.state / "admin-password-abcdef12").write_text("another cluster's\n")
        return FakeProgram(project.state / "bin" / "devcluster")

    def test_it_asks_first(self, project: Project, devcluster: FakeProgram) -> None:
        result = uninstall(answer="n\n")
        assert result.exit_code == 1
        assert "Remove DevWorkspace from the embedded Kubernetes on this machine" in result.output
        assert devcluster.calls == []
        assert project.kubeconfig.exists()

    def test_data_and_password_stay(self, project: Project, devcluster: FakeProgram) -> None:
        assert uninstall("--yes").exit_code == 0
        assert devcluster.arguments == [("down", "--state-dir", str(project.state / "cluster"))]
        assert not project.kubeconfig.exists()
        assert (project.state / "cluster-admin-password").exists()

    def test_data_and_password_go_when_asked_for(self, project: Project, devcluster: FakeProgram) -> None:
        assert uninstall("--yes", "--delete-data").exit_code == 0
        assert devcluster.arguments == [("down", "--state-dir", str(project.state / "cluster"), "--delete-data")]
        assert not (project.state / "cluster-admin-password").exists()
        assert not (project.state / "cluster-helm-values.yaml").exists()
        assert (project.state / "admin-password-abcdef12").exists(), "the one of another cluster"

    def test_where_there_is_none_it_is_no_error(self, project: Project, programs: Path) -> None:
        result = uninstall("--yes")
        assert result.exit_code == 0, result.output
        assert "there is none" in result.output

    def test_a_cluster_that_does_not_stop_keeps_its_kubeconfig(self, project: Project, devcluster: FakeProgram) -> None:
        devcluster.answer("down", stdout="the node's mounts are busy\n", code=1)
        result = uninstall("--yes", "--delete-data")
        assert result.exit_code == 1
        assert "the node's mounts are busy" in result.output
        assert project.kubeconfig.exists()
        assert (project.state / "cluster-admin-password").exists()

    def test_another_configured_cluster_is_left_alone(
        self, project: Project, programs: Path, devcluster: FakeProgram, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (programs / "theirs.yaml").write_text("{}")
        monkeypatch.setenv("KUBECONFIG", str(programs / "theirs.yaml"))
        kubectl = FakeKubectl(programs / "kubectl")
        assert uninstall("--yes", "--embedded").exit_code == 0
        assert [call[0] for call in devcluster.arguments] == ["down"]
        assert kubectl.calls == []

    def test_builds_are_kept_unless_they_are_named(
        self, tmp_path: Path, devcluster: FakeProgram, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache = tmp_path / "cache"
        cache.mkdir()
        monkeypatch.setenv("DEVWORKSPACE_CACHE", str(cache))
        assert uninstall("--yes", "--delete-data").exit_code == 0
        assert cache.exists()
        assert uninstall("--yes", "--delete-cache").exit_code == 0
        assert not cache.exists()


def role_of(release: str, namespace: str) -> dict[str, Any]:
    """A ClusterRole that Helm looks after."""
    marks = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {"kind": "ClusterRole", "metadata": {"annotations": marks}}


def deleted(kubectl: FakeKubectl) -> set[tuple[str, str]]:
    """Kind and name of what was deleted; `ours` is everything with our label in all namespaces."""
    found = set()
    for call in kubectl.writes:
        verb, kind, name, *_ = call.arguments
        assert verb == "delete", call
        found.add((kind, "ours" if name == "--all-namespaces" else name))
    return found
