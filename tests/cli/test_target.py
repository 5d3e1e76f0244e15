"""A cluster that is not ours is only taken if a person configured it and it answers."""

import os
from pathlib import Path

import click
import pytest

from devworkspace.cli.embedded import EmbeddedCluster
from devworkspace.cli.project import Project
from devworkspace.cli.target import embedded_target, find_foreign
from tests.cli.programs import FakeKubectl, FakeProgram


@pytest.fixture
def kubectl(programs: Path) -> FakeKubectl:
    return FakeKubectl(programs / "kubectl")


@pytest.fixture
def theirs(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's kubeconfig, named by KUBECONFIG."""
    file = tmp_path / "theirs.yaml"
    file.write_text("{}")
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def put_home_config() -> Path:
    file = Path(os.environ["HOME"]) / ".kube" / "config"
    file.parent.mkdir()
    file.write_text("{}")
    return file


def test_without_a_kubeconfig_there_is_none(project: Project, kubectl: FakeKubectl) -> None:
    assert find_foreign(project) is None
    assert kubectl.calls == []


def test_the_one_of_kubeconfig_is_described(project: Project, kubectl: FakeKubectl, theirs: Path) -> None:
    target = find_foreign(project)
    assert target is not None
    assert target.description == "context 'production': Kubernetes v1.30.1, 2 node(s)"
    assert target.embedded is None
    assert {call.environment["KUBECONFIG"] for call in kubectl.calls} == {str(theirs)}
    assert kubectl.writes == []
    asked = [call for call in kubectl.arguments if call[0] in ("version", "get")]
    assert all("--request-timeout=10s" in call for call in asked), "a dead cluster must not stop the installer"


def test_a_mistyped_kubeconfig_is_told_and_not_replaced_by_the_embedded_cluster(
    project: Project, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/absent/typo.yaml")
    with pytest.raises(click.ClickException, match=r"KUBECONFIG=/absent/typo.yaml names no file; correct it"):
        find_foreign(project)


def test_our_own_kubeconfig_after_a_removal_means_the_embedded_cluster(
    project: Project, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(project.kubeconfig))
    assert not project.kubeconfig.exists()
    assert find_foreign(project) is None


def test_the_one_of_the_home_folder_is_found_too(project: Project, kubectl: FakeKubectl) -> None:
    put_home_config()
    assert find_foreign(project) is not None


def test_one_file_of_several_is_enough(
    project: Project, kubectl: FakeKubectl, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/absent:{theirs}")
    assert find_foreign(project) is not None


@pytest.mark.parametrize("others", ["", "/absent"], ids=["alone", "beside others"])
def test_our_own_embedded_cluster_is_not_foreign(
    project: Project, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    project.state.mkdir()
    project.kubeconfig.write_text("{}")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([others, str(project.kubeconfig)]))
    assert find_foreign(project) is None
    assert kubectl.calls == []


def test_a_link_to_our_own_is_not_foreign(
    project: Project, tmp_path: Path, kubectl: FakeKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.state.mkdir()
    project.kubeconfig.write_text("{}")
    (tmp_path / "link").symlink_to(project.kubeconfig)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "link"))
    assert find_foreign(project) is None


def test_a_named_cluster_that_does_not_answer_is_an_error(project: Project, kubectl: FakeKubectl, theirs: Path) -> None:
    kubectl.answer("version", stderr="dial tcp 10.0.0.1:6443: connection refused", code=1)
    with pytest.raises(click.ClickException) as caught:
        find_foreign(project)
    message = caught.value.message
    assert message.startswith(f"the cluster of KUBECONFIG={theirs} does not answer: ")
    assert "connection refused" in message
    assert message.endswith("Correct it, or unset KUBECONFIG (or pass --embedded) to use the embedded cluster")


def test_a_client_without_a_server_is_an_error(project: Project, kubectl: FakeKubectl, theirs: Path) -> None:
    kubectl.answer("version", stdout={"clientVersion": {}})
    with pytest.raises(click.ClickException, match="does not answer"):
        find_foreign(project)


def test_a_forgotten_cluster_of_the_home_folder_is_passed_over(project: Project, kubectl: FakeKubectl) -> None:
    put_home_config()
    kubectl.answer("version", stderr="connection refused", code=1)
    assert find_foreign(project) is None


def test_a_configured_cluster_without_kubectl_is_an_error(project: Project, theirs: Path) -> None:
    with pytest.raises(click.ClickException) as caught:
        find_foreign(project)
    assert caught.value.message.startswith(
        f"{theirs} names a cluster, but there is no kubectl in PATH; install kubectl"
    )


def test_the_embedded_one_has_its_own_kubectl_and_kubeconfig(project: Project, theirs: Path) -> None:
    program = FakeProgram(project.state / "bin" / "kubernetes")
    cluster = EmbeddedCluster(project)
    target = embedded_target(project, cluster)
    assert target.embedded is cluster
    target.kubectl.call("version")
    (call,) = program.calls
    assert call.arguments == ("kubectl", "version")
    assert call.environment["KUBECONFIG"] == str(project.kubeconfig)
