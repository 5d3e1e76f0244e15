"""Where things are: the checkout that the installer works from, and its state."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from devworkspace.cli.language import phrase

_MARKER: Final = Path("crds/workspace_instance_crd.yaml")


@dataclass(frozen=True)
class Project:
    """A checkout. Everything that an installation writes is below `state`."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".local"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def crds(self) -> Path:
        return self.root / "crds"

    @property
    def deploy(self) -> Path:
        return self.root / "deploy"

    @property
    def charts(self) -> Path:
        return self.root / "charts"

    @property
    def logs(self) -> Path:
        return self.state / "log"


def find_project() -> Project:
    """The checkout around the current folder or around this file; raises ClickException where there is none."""
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / _MARKER).is_file():
                return Project(folder)
    raise click.ClickException(
        phrase(
            "no checkout of DevWorkspace found (looked for {marker} from {folder} upwards); "
            "run this from the folder that holds install.sh",
            marker=_MARKER,
            folder=Path.cwd(),
        )
    )


def cache_folder() -> Path:
    """Where builds are kept between checkouts, as cluster/build.sh and images/build.sh choose it."""
    if chosen := os.environ.get("DEVWORKSPACE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "devworkspace"
