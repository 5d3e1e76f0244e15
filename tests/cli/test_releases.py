"""DevWorkspace as Helm releases: whose they are, and what the installer does about each state of theirs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from devworkspace.cli.deployment import Deployment
from devworkspace.cli.helm import Helm
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.releases import ByHelm, Release, check_release, differences, find_release
from tests.cli.programs import FakeKubectl, FakeProgram

SYSTEM = "devworkspace-system"
OURS = Release("devworkspace", SYSTEM)
ROLE = "clusterrole/devworkspace-operator"


def owned(kind: str, release: Release | None) -> dict[str, Any]:
    marks = {}
    if release is not None:
        marks = {
            "annotations": {
                "meta.helm.sh/release-name": release.name,
                "meta.helm.sh/release-namespace": release.namespace,
            }
        }
    return {"kind": kind, "metadata": marks}


class TestFinding:
    def test_nothing_is_there(self, kubectl: Kubectl) -> None:
        assert find_release(kubectl) is None

    @pytest.mark.parametrize("release", [OURS, Release("devworkspace-agent", "extension-devworkspace")])
    def test_the_role_tells_whose_all_is(self, kubectl: Kubectl, program: FakeKubectl, release: Release) -> None:
        items = [owned("ClusterRole", release), owned("CustomResourceDefinition", Release("devworkspace-crds", SYSTEM))]
        program.answer("get", ROLE, stdout={"items": items})
        assert find_release(kubectl) == release

    def test_one_object_is_no_list(self, kubectl: Kubectl, program: FakeKubectl) -> None:
        program.answer("get", ROLE, stdout=owned("ClusterRole", OURS))
        assert find_release(kubectl) == OURS

    def test_what_kubectl_applied_belongs_to_none(self, kubectl: Kubectl, program: FakeKubectl) -> None:
        items = [owned("ClusterRole", None), owned("CustomResourceDefinition", None)]
        program.answer("get", ROLE, stdout={"items": items})
        assert find_release(kubectl) is None

    def test_definitions_outlive_their_release(self, kubectl: Kubectl, program: FakeKubectl) -> None:
        definitions = Release("devworkspace-crds", "ide")
        program.answer("get", ROLE, stdout={"items": [owned("CustomResourceDefinition", definitions)]})
        assert find_release(kubectl) is None
        history = "secret/sh.helm.release.v1.devworkspace-crds.v1\n"
        program.answer("get", "secrets", "--namespace=ide", stdout=history)
        assert find_release(kubectl) == definitions
        selector = "--selector=owner=helm,name=devworkspace-crds,status!=uninstalled"
        assert selector in program.arguments[-1]


class TestChecking:
    def test_ours_is_gone_on_with_by_helm(self) -> None:
        check_release(None, helm=False, program="helm")
        check_release(None, helm=True, program="helm")
        check_release(OURS, helm=True, program="helm")
        check_release(Release("devworkspace-crds", SYSTEM), helm=True, program="helm")

    def test_ours_is_not_changed_by_kubectl(self) -> None:
        with pytest.raises(click.ClickException) as caught:
            check_release(OURS, helm=False, program="KUBECONFIG=/k .local/bin/helm")
        assert "Go on with Helm by --helm" in caught.value.message
        # In this order, and both: definitions that a release still holds are not kubectl's to change.
        both = "devworkspace devworkspace-crds --ignore-not-found --namespace devworkspace-system"
        assert caught.value.message.endswith(f": KUBECONFIG=/k .local/bin/helm uninstall {both}")

    @pytest.mark.parametrize("helm", [True, False])
    @pytest.mark.parametrize("release", [Release("devworkspace", "ide"), Release("devworkspace-agent", SYSTEM)])
    def test_another_s_is_left_alone(self, release: Release, helm: bool) -> None:
        with pytest.raises(click.ClickException) as caught:
            check_release(release, helm=helm, program="helm")
        assert "is not this installer's; nothing was changed" in caught.value.message
        assert caught.value.message.endswith(f": helm uninstall {release.name} --namespace {release.namespace}")


def applied(document: dict[str, Any], *managers: str, operation: str = "Apply") -> dict[str, Any]:
    """A live object with those who applied it."""
    fields = [{"manager": manager, "operation": operation} for manager in managers]
    return {**document, "metadata": {**document["metadata"], "managedFields": fields}}


class TestInstalling:
    @pytest.fixture
    def helm(self, programs: Path) -> FakeProgram:
        return FakeProgram(programs / "helm")

    @pytest.fixture
    def way(
        self, project: Project, kubectl: Kubectl, helm: FakeProgram, progress: Progress, tmp_path: Path
    ) -> Iterator[ByHelm]:
        yield ByHelm(
            helm=Helm(program=helm.path, version=(4, 3), kubeconfig=None),
            kubectl=kubectl,
            deployment=Deployment(project=project, public_url="https://dev.example.com"),
            progress=progress,
            values_file=tmp_path / "new" / "values.yaml",
        )

    @pytest.mark.parametrize(
        ("status", "remedy"),
        [
            ("pending-install", "uninstall"),
            ("pending-upgrade", "rollback"),
            ("pending-rollback", "rollback"),
            ("uninstalling", "uninstall"),
        ],
    )
    @pytest.mark.parametrize("name", ["devworkspace", "devworkspace-crds"])
    def test_a_release_in_the_middle_of_something_is_told(
        self, way: ByHelm, helm: FakeProgram, name: str, status: str, remedy: str
    ) -> None:
        helm.answer("list", stdout=[{"name": name, "status": status}])
        with pytest.raises(click.ClickException) as caught:
            way.check_states()
        assert caught.value.message.startswith(f"the Helm release {name} is {status}: ")
        assert caught.value.message.endswith(f": helm {remedy} {name} --namespace devworkspace-system")

    def test_a_failed_one_is_told_and_gone_on_with(
        self, way: ByHelm, helm: FakeProgram, capsys: pytest.CaptureFixture[str]
    ) -> None:
        listed = [{"name": "devworkspace-crds", "status": "deployed"}, {"name": "devworkspace", "status": "failed"}]
        helm.answer("list", stdout=[*listed, {"name": "another", "status": "pending-install"}])
        way.check_states()
        said = capsys.readouterr().out
        assert said.strip() == "the Helm release devworkspace failed the last time; going on with it"

    def test_the_definitions_come_after_the_namespace(
        self, project: Project, way: ByHelm, helm: FakeProgram, program: FakeKubectl
    ) -> None:
        way.install_api()
        (namespace,) = yaml.safe_load_all(program.writes[0].stdin)
        assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", SYSTEM)
        (upgrade,) = helm.arguments
        assert upgrade[:3] == ("upgrade", "devworkspace-crds", str(project.root / "charts" / "devworkspace-crds"))
        assert "wait" in [call.arguments[0] for call in program.calls]

    def test_the_values_are_kept_for_the_person(self, way: ByHelm, helm: FakeProgram) -> None:
        way.start_parts()
        assert yaml.safe_load(way.values_file.read_text()) == way.deployment.helm_values()
        assert f"--values={way.values_file}" in helm.arguments[-1]

    def test_what_the_installer_changes_about_a_release_is_told(
        self, way: ByHelm, helm: FakeProgram, capsys: pytest.CaptureFixture[str]
    ) -> None:
        helm.answer("list", stdout=[{"name": "devworkspace", "status": "deployed"}])
        before = {**way.deployment.helm_values(), "publicUrl": "https://old.example.com", "ingress": {"enabled": True}}
        helm.answer("get", "values", stdout=before)
        way.start_parts()
        said = capsys.readouterr().out
        assert said.strip() == (
            "publicUrl of the release was https://old.example.com, and is now https://dev.example.com"
        )

    def test_a_failure_tells_how_to_go_on(self, way: ByHelm, helm: FakeProgram) -> None:
        helm.answer("upgrade", stdout="Error: resource not ready", code=1)
        with pytest.raises(click.ClickException) as caught:
            way.start_parts()
        assert "Error: resource not ready\nEnvironments run on." in caught.value.message
        assert caught.value.message.endswith(": helm history devworkspace --namespace devworkspace-system")

    def test_kubectl_lets_go_of_what_helm_has_applied(self, way: ByHelm, program: FakeKubectl) -> None:
        by_kind = {part["kind"]: part for part in [*way.deployment.base(), *way.deployment.workloads()]}
        role, server, service, budget = (
            by_kind[kind] for kind in ("ClusterRole", "Deployment", "Service", "PodDisruptionBudget")
        )
        both = ("devworkspace-install", "helm")
        found = [
            applied(role, *both),
            applied(server, *both, "somebody"),
            # Nobody but kubectl owns these fields: without it they would go.
            applied(service, "devworkspace-install"),
            applied(budget, *both, operation="Update"),
        ]
        program.answer("get", "--filename=-", stdout={"items": found})
        way.start_parts()
        (apply,) = program.writes
        assert "--field-manager=devworkspace-install" in apply.arguments
        assert [*yaml.safe_load_all(apply.stdin)] == [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": role["metadata"]["name"]},
            },
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "devworkspace-server", "namespace": SYSTEM},
            },
        ]

    def test_the_namespace_stays_kubectl_s(self, way: ByHelm, program: FakeKubectl) -> None:
        way.start_parts()
        (asked,) = [call for call in program.calls if "--filename=-" in call.arguments]
        kinds = {document["kind"] for document in yaml.safe_load_all(asked.stdin)}
        assert {"ClusterRole", "Deployment", "ValidatingAdmissionPolicy"} <= kinds
        assert "Namespace" not in kinds

    def test_a_kubernetes_without_policies_is_not_asked_about_them(self, way: ByHelm, program: FakeKubectl) -> None:
        program.serves()
        way.start_parts()
        (asked,) = [call for call in program.calls if "--filename=-" in call.arguments]
        assert "ValidatingAdmissionPolicy" not in asked.stdin

    def test_helm_3_owns_no_field_that_could_be_in_conflict(
        self, project: Project, way: ByHelm, helm: FakeProgram, program: FakeKubectl
    ) -> None:
        old = ByHelm(
            helm=Helm(program=helm.path, version=(3, 17), kubeconfig=None),
            kubectl=way.kubectl,
            deployment=way.deployment,
            progress=way.progress,
            values_file=way.values_file,
        )
        old.install_api()
        old.start_parts()
        assert [call for call in program.calls if "--show-managed-fields" in call.arguments] == []

    def test_only_templates_that_are_missing_are_published(self, way: ByHelm, program: FakeKubectl) -> None:
        group = "ideworkspacetemplate.devworkspace.kubesphere.io"
        program.answer("get", "ideworkspacetemplates", "--output=name", stdout=f"{group}/base\n{group}/java\n")
        way.publish_templates()
        made = [yaml.safe_load(call.stdin)["metadata"]["name"] for call in program.writes]
        assert made == ["go", "nodejs", "python"]
        assert {call.arguments[0] for call in program.writes} == {"create"}


def test_differences_are_of_values_that_were_said_before() -> None:
    before = {"a": 1, "b": {"c": [1], "d": 2, "podAnnotations": {"build": "1"}}, "e": 3}
    now = {"a": 1, "b": {"c": [2], "d": 3, "podAnnotations": {"build": "2"}}, "f": 4}
    assert [*differences(before, now)] == [("b.c", [1], [2]), ("b.d", 2, 3)]
