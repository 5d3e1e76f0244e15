"""The embedded cluster as seen from here: a program that is built when its sources change, and called."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from devworkspace.cli import shell
from devworkspace.cli.language import phrase
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.cli.toolchain import build_programs

NODE_PORT: Final = 30080


class EmbeddedCluster:
    """One embedded cluster of a checkout; `name` tells several on one machine apart."""

    def __init__(self, project: Project, *, name: str = "default", state: Path | None = None) -> None:
        self._project = project
        self.name = name
        self._default = state is None
        self.state = state.resolve() if state is not None else project.state / "cluster"
        self._programs = project.state / "bin"

    @property
    def kubeconfig(self) -> Path:
        """Where the cluster's kubeconfig is written: `.local/kubeconfig` for the default cluster."""
        return self._project.kubeconfig if self._default else self.state / "kubeconfig"

    @property
    def _program(self) -> Path:
        return self._programs / "devcluster"

    def local_file(self, name: str) -> Path:
        """A file of this installation that outlives `down`: beside the cluster's data, not in it."""
        return self.state.parent / f"{self.state.name}-{name}"

    def build(self, progress: Progress) -> None:
        """Builds what is missing or changed; minutes the first time, a second afterwards."""
        build_programs(self._project, progress)

    def command(self, *arguments: str | Path) -> list[str | Path]:
        """The argument list of a call of the program for this cluster."""
        if not self._program.exists():
            raise click.ClickException(
                phrase("the embedded cluster is not built yet; run ./install.sh or `make cluster` first")
            )
        verb, *rest = arguments
        return [self._program, verb, "--state-dir", self.state, *rest]

    def up(self, progress: Progress, *, publish: Sequence[str], audit: bool = False) -> None:
        """Starts the cluster or finds it running; raises CommandError with the program's own explanation."""
        published = [part for address in publish for part in ("--publish", address)]
        options = ["--audit"] if audit else []
        shell.run(
            self.command(
                "up",
                "--name",
                self.name,
                "--bin-dir",
                self._programs,
                "--kubeconfig",
                self.kubeconfig,
                *published,
                *options,
            ),
            log=progress.log,
            on_line=progress.detail,
        )

    def down(self, progress: Progress, *, delete_data: bool) -> None:
        """Stops the cluster and removes every trace of it but its data, and that too if told so."""
        data = ["--delete-data"] if delete_data else []
        shell.run(self.command("down", *data), log=progress.log, on_line=progress.detail)

    def publishes(self, port: int) -> bool:
        """Whether this cluster runs and it is the one that listens on this port of the machine."""
        if not self._program.exists():
            return False
        # 1 is unhealthy and 3 is stopped, with the same report; 1 is also an unreadable state, without a report.
        report = shell.output(self.command("status", "--json"), timeout=30, accept=(0, 1, 3))
        status: dict[str, Any] = json.loads(report or "{}")
        # A stopped cluster remembers its ports, but it is somebody else who listens there.
        runs = status.get("state") != "stopped"
        return runs and any(published.split(":")[-2] == str(port) for published in status.get("publish") or ())

    def unloaded(self, archives: Mapping[str, Path]) -> tuple[str, ...]:
        """Images that this cluster does not hold yet; the name of an archive carries the hash of its inputs."""
        loaded = self._loaded()
        return tuple(name for name, archive in archives.items() if archive.name not in loaded)

    def load_images(self, bundle: Path, archives: Mapping[str, Path], progress: Progress) -> None:
        """Imports one archive that holds the images of `archives`, and remembers those."""
        shell.run(self.command("load-image", bundle), log=progress.log, on_line=progress.detail)
        loaded = [*self._loaded(), *(archive.name for archive in archives.values())]
        self._loaded_record.write_text(json.dumps(loaded), encoding="utf-8")

    @property
    def _loaded_record(self) -> Path:
        return self.state / "loaded-images.json"

    def _loaded(self) -> list[str]:
        if not self._loaded_record.exists():
            return []
        loaded: list[str] = json.loads(self._loaded_record.read_text(encoding="utf-8"))
        return loaded

    def exec(self, *arguments: str | Path) -> None:
        """Replaces this process by the program: its messages and its exit code are the user's."""
        argv = [str(part) for part in self.command(*arguments)]
        os.execv(argv[0], argv)  # noqa: S606 - no shell is involved
