"""Reading a mounted Secret, which the kubelet replaces while processes run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

# The kubelet puts all files of one version into a folder and turns this link to it.
_VERSION: Final = "..data"


def read_files(directory: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The contents of those files that exist, all of one version. Raises OSError."""
    version = directory / _VERSION
    folder = version.resolve(strict=True) if version.is_symlink() else directory
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
