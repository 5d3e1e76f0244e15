"""The embedded cluster is a program with arguments; here it is one that notes them."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from devworkspace.cli.embedded import EmbeddedCluster
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.shell import CommandError
from tests.cli.conftest import ROOT
from tests.cli.programs import FakeProgram


@pytest.fixture
def devcluster(project: Project) -> FakeProgram:
    return FakeProgram(project.state / "bin" / "devcluster")


@pytest.fixture
def cluster(project: Project) -> EmbeddedCluster:
    made = EmbeddedCluster(project)
    made.state.mkdir(parents=True)
    return made


def test_the_default_cluster_lives_in_the_checkout(project: Project) -> None:
    cluster = EmbeddedCluster(project)
    assert (cluster.name, cluster.state) == ("default", project.state / "cluster")
    assert cluster.kubeconfig == project.kubeconfig


def test_another_one_has_its_own_folder_and_kubeconfig(project: Project) -> None:
    cluster = EmbeddedCluster(project, name="test", state=Path("elsewhere"))
    assert cluster.state == project.root / "elsewhere"
    assert cluster.kubeconfig == project.root / "elsewhere" / "kubeconfig"


def test_before_the_first_build_one_is_told_how_to_build(cluster: EmbeddedCluster, progress: Progress) -> None:
    with pytest.raises(click.ClickException, match=r"not built yet; run ./install.sh or `make cluster` first"):
        cluster.up(progress, publish=[])


@pytest.mark.parametrize(("audit", "options"), [(False, ()), (True, ("--audit",))], ids=["plain", "audited"])
def test_up_names_the_cluster_and_its_ports(
    project: Project,
    devcluster: FakeProgram,
    cluster: EmbeddedCluster,
    progress: Progress,
    audit: bool,
    options: tuple[str, ...],
) -> None:
    cluster.up(progress, publish=["127.0.0.1:8080:30080", "127.0.0.1:9000:30090"], audit=audit)
    assert devcluster.arguments == [
        (
            "up",
            "--state-dir",
            str(project.state / "cluster"),
            "--name",
            "default",
            "--bin-dir",
            str(project.state / "bin"),
            "--kubeconfig",
            str(project.kubeconfig),
            "--publish",
            "127.0.0.1:8080:30080",
            "--publish",
            "127.0.0.1:9000:30090",
            *options,
        )
    ]


def test_a_failed_start_shows_the_program_s_own_words(
    devcluster: FakeProgram, cluster: EmbeddedCluster, progress: Progress
) -> None:
    devcluster.answer("up", stdout="etcd is not ready\n", code=1)
    with pytest.raises(CommandError, match="etcd is not ready"):
        cluster.up(progress, publish=[])
    assert "etcd is not ready" in progress.log_path.read_text()


@pytest.mark.parametrize(("delete", "options"), [(False, ()), (True, ("--delete-data",))], ids=["kept", "deleted"])
def test_down_lets_data_be(
    devcluster: FakeProgram, cluster: EmbeddedCluster, progress: Progress, delete: bool, options: tuple[str, ...]
) -> None:
    cluster.down(progress, delete_data=delete)
    assert devcluster.arguments == [("down", "--state-dir", str(cluster.state), *options)]


def test_the_build_uses_the_compiler_that_was_found_and_no_other(
    project: Project, programs: Path, cluster: EmbeddedCluster, progress: Progress
) -> None:
    go = FakeProgram(programs / "go")
    go.answer("version", stdout="go version go1.26.8 linux/amd64\n")
    build = FakeProgram(project.root / "cluster" / "build.sh")
    cluster.build(progress)
    (call,) = build.calls
    assert call.arguments == (str(project.state / "bin"),)
    assert (call.environment["GO"], call.environment["GOTOOLCHAIN"]) == (str(go.path), "local")


class TestImages:
    def test_what_was_loaded_is_remembered_by_its_hash(
        self, tmp_path: Path, devcluster: FakeProgram, cluster: EmbeddedCluster, progress: Progress
    ) -> None:
        archives = {"base": tmp_path / "base-1.tar", "python": tmp_path / "python-1.tar"}
        assert cluster.unloaded(archives) == ("base", "python")
        cluster.load_images(tmp_path / "bundle.tar", archives, progress)
        assert devcluster.arguments == [("load-image", "--state-dir", str(cluster.state), str(tmp_path / "bundle.tar"))]
        assert cluster.unloaded(archives) == ()
        assert cluster.unloaded({**archives, "python": tmp_path / "python-2.tar"}) == ("python",)

    def test_a_later_one_is_remembered_beside_the_earlier_ones(
        self, tmp_path: Path, devcluster: FakeProgram, cluster: EmbeddedCluster, progress: Progress
    ) -> None:
        one, two = tmp_path / "base-1.tar", tmp_path / "python-1.tar"
        cluster.load_images(one, {"base": one}, progress)
        cluster.load_images(two, {"python": two}, progress)
        assert cluster.unloaded({"base": one, "python": two, "go": tmp_path / "go-1.tar"}) == ("go",)

    def test_one_that_could_not_be_loaded_is_not_remembered(
        self, tmp_path: Path, devcluster: FakeProgram, cluster: EmbeddedCluster, progress: Progress
    ) -> None:
        archive = tmp_path / "base-1.tar"
        devcluster.answer("load-image", stderr="no space left on device", code=1)
        with pytest.raises(CommandError, match="no space left"):
            cluster.load_images(archive, {"base": archive}, progress)
        assert cluster.unloaded({"base": archive}) == ("base",)

    def test_another_cluster_has_its_own_memory(
        self, project: Project, tmp_path: Path, devcluster: FakeProgram, cluster: EmbeddedCluster, progress: Progress
    ) -> None:
        archive = tmp_path / "base-1.tar"
        other = EmbeddedCluster(project, name="other", state=tmp_path / "other")
        cluster.load_images(archive, {"base": archive}, progress)
        assert cluster.unloaded({"base": archive}) == ()
        assert other.unloaded({"base": archive}) == ("base",)


def call_cluster(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`devworkspace cluster ...` in a process of its own, which the program behind it replaces."""
    return subprocess.run(
        [sys.executable, "-c", "from devworkspace.cli.main import main; main()", "cluster", *arguments],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


class TestCommand:
    def test_words_and_exit_code_of_the_program_are_the_person_s(
        self, project: Project, devcluster: FakeProgram
    ) -> None:
        devcluster.answer("status", stdout="etcd: running\n", stderr="a word\n", code=4)
        result = call_cluster(project, "status", "--json")
        assert (result.returncode, result.stdout, result.stderr) == (4, "etcd: running\n", "a word\n")
        assert devcluster.arguments == [("status", "--state-dir", str(project.state / "cluster"), "--json")]

    def test_options_of_the_program_are_passed_on(self, project: Project, devcluster: FakeProgram) -> None:
        assert call_cluster(project, "--name", "two", "--state-dir", "two", "up", "--help", "-x").returncode == 0
        state = str(project.root / "two")
        assert devcluster.arguments == [
            (
                "up",
                "--state-dir",
                state,
                "--name",
                "two",
                "--bin-dir",
                str(project.state / "bin"),
                "--kubeconfig",
                f"{state}/kubeconfig",
                "--help",
                "-x",
            )
        ]

    def test_what_is_not_built_is_told_without_a_traceback(self, project: Project) -> None:
        result = call_cluster(project, "status")
        assert result.returncode == 1
        assert result.stderr.startswith("Error: the embedded cluster is not built yet")
