"""Which Helm is taken, and what it is asked to do."""

from pathlib import Path

import pytest

from devworkspace.cli.helm import Helm, find_helm, say_helm
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.shell import CommandError
from tests.cli.programs import FakeProgram


def put_helm(path: Path, version: str) -> FakeProgram:
    helm = FakeProgram(path)
    helm.answer("version", "--short", stdout=version)
    return helm


class TestFinding:
    """Helm of PATH or the one that is built."""

    @pytest.fixture
    def build(self, project: Project, programs: Path) -> FakeProgram:
        """cluster/build.sh, which has made Helm before, and the Go that it needs."""
        FakeProgram(programs / "go").answer("version", stdout="go version go1.26.8 linux/amd64\n")
        put_helm(project.state / "bin" / "helm", "v4.3.1")
        return FakeProgram(project.root / "cluster" / "build.sh")

    @pytest.mark.parametrize(
        ("said", "version"),
        [
            ("v4.3.1+g1234567\n", (4, 3)),
            ("v4.0.0\n", (4, 0)),
            ("v3.17.0+g301108e\n", (3, 17)),
            ("v3.100.1\n", (3, 100)),
        ],
    )
    def test_a_supported_one_of_the_person_s_own_is_taken(
        self,
        project: Project,
        programs: Path,
        progress: Progress,
        build: FakeProgram,
        said: str,
        version: tuple[int, int],
    ) -> None:
        put_helm(programs / "helm", said)
        found = find_helm(project, progress, kubeconfig=None)
        assert (found.program, found.version) == (programs / "helm", version)
        assert found.server_side == (version >= (4, 0))
        assert build.calls == []

    @pytest.mark.parametrize(
        ("said", "shown"),
        [("v3.16.4+g7877b45\n", "3.16"), ("v2.17.0", "2.17"), ("v5.0.0", "5.0"), ("main", "unknown")],
    )
    def test_one_that_is_not_is_named_and_another_is_built(
        self,
        project: Project,
        programs: Path,
        progress: Progress,
        build: FakeProgram,
        capsys: pytest.CaptureFixture[str],
        said: str,
        shown: str,
    ) -> None:
        put_helm(programs / "helm", said)
        found = find_helm(project, progress, kubeconfig=None)
        assert (found.program, found.version) == (project.state / "bin" / "helm", (4, 3))
        assert build.arguments == [(str(project.state / "bin"), "helm")]
        why = f"helm is not used: its version is {shown}, and 4, or 3.17 and newer, is needed"
        assert why in capsys.readouterr().out

    def test_one_that_does_not_run_is_passed_over(
        self, project: Project, programs: Path, progress: Progress, build: FakeProgram
    ) -> None:
        put_helm(programs / "helm", "").answer("version", stderr="cannot connect to Tiller", code=1)
        assert find_helm(project, progress, kubeconfig=None).program == project.state / "bin" / "helm"

    def test_where_there_is_none_it_is_built_with_the_compiler_that_was_found(
        self,
        project: Project,
        programs: Path,
        progress: Progress,
        build: FakeProgram,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert find_helm(project, progress, kubeconfig=None).program == project.state / "bin" / "helm"
        (call,) = build.calls
        assert (call.environment["GO"], call.environment["GOTOOLCHAIN"]) == (str(programs / "go"), "local")
        assert "not used" not in capsys.readouterr().out

    def test_a_build_that_fails_is_told(
        self, project: Project, programs: Path, progress: Progress, build: FakeProgram
    ) -> None:
        build.answer("helm", stdout="build.sh: helm did not build", code=1)
        with pytest.raises(CommandError, match="helm did not build"):
            find_helm(project, progress, kubeconfig=None)


def make_helm(program: FakeProgram, *, version: tuple[int, int] = (4, 3), kubeconfig: Path | None = None) -> Helm:
    return Helm(program=program.path, version=version, kubeconfig=kubeconfig)


@pytest.fixture
def program(programs: Path) -> FakeProgram:
    return put_helm(programs / "helm", "v4.3.1")


TAKE = ("--install", "--take-ownership", "--reset-then-reuse-values", "--wait", "--timeout=90s")


@pytest.mark.parametrize(
    ("version", "forced"), [((4, 0), ("--server-side=true", "--force-conflicts")), ((3, 17), ())], ids=["4", "3"]
)
def test_an_upgrade_takes_over_and_keeps_other_values(
    program: FakeProgram, progress: Progress, version: tuple[int, int], forced: tuple[str, ...]
) -> None:
    helm = make_helm(program, version=version)
    helm.upgrade("app", Path("/charts/app"), values=Path("/values.yaml"), seconds=90, progress=progress)
    place = "--namespace=devworkspace-system"
    assert program.arguments == [("upgrade", "app", "/charts/app", *TAKE, *forced, "--values=/values.yaml", place)]


def test_it_asks_the_cluster_that_kubectl_asks(
    program: FakeProgram, programs: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_KUBECONTEXT", "another")
    monkeypatch.setenv("HELM_KUBEAPISERVER", "https://elsewhere")
    monkeypatch.setenv("HELM_DRIVER", "configmap")
    make_helm(program, kubeconfig=programs / "ours").uninstall(["one", "two"], progress=progress)
    for call, name in zip(program.calls, ("one", "two"), strict=True):
        assert call.arguments[:2] == ("uninstall", name)
        assert {"--ignore-not-found", "--wait", "--namespace=devworkspace-system"} <= set(call.arguments)
        assert call.environment["KUBECONFIG"] == str(programs / "ours")
        assert call.environment["HELM_KUBECONTEXT"] == call.environment["HELM_KUBEAPISERVER"] == ""
        assert call.environment["HELM_DRIVER"] == "configmap", "where the person's Helm keeps its history"


def test_statuses_are_those_of_all_releases_that_are_not_history(program: FakeProgram) -> None:
    assert make_helm(program).statuses() == {}
    listed = [{"name": "one", "status": "deployed"}, {"name": "two", "status": "pending-upgrade"}]
    program.answer("list", stdout=listed)
    assert make_helm(program).statuses() == {"one": "deployed", "two": "pending-upgrade"}
    assert {"--deployed", "--failed", "--pending", "--uninstalling"} <= set(program.arguments[-1])


def test_values_are_what_was_said(program: FakeProgram) -> None:
    program.answer("get", "values", "one", stdout="null")
    program.answer("get", "values", "two", stdout={"ingress": {"enabled": True}})
    assert make_helm(program).values("one") == {}
    assert make_helm(program).values("two") == {"ingress": {"enabled": True}}


def test_a_person_can_repeat_a_command(program: FakeProgram, programs: Path) -> None:
    words = "rollback app --namespace devworkspace-system"
    assert make_helm(program).words("rollback", "app") == f"helm {words}"
    at = programs / "embedded"
    assert make_helm(program, kubeconfig=at).words("rollback", "app") == f"KUBECONFIG={at} helm {words}"
    (programs / "built").mkdir()
    built = put_helm(programs / "built" / "helm", "v4.3.1")
    assert make_helm(built).words("rollback", "app") == f"{built.path} {words}"


def test_a_person_without_helm_is_told_the_one_that_was_built(
    project: Project, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine's own directories may have one.
    monkeypatch.setenv("PATH", str(programs))
    assert say_helm(project, kubeconfig=None) == "helm", "there is none to name"
    built = put_helm(project.state / "bin" / "helm", "v4.3.1")
    assert say_helm(project, kubeconfig=Path("/at")) == f"KUBECONFIG=/at {built.path}"
    put_helm(programs / "helm", "v3.1.0")
    assert say_helm(project, kubeconfig=None) == "helm", "any can remove a release"
