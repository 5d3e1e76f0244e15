"""Files of a mounted Secret, as the kubelet lays them out and replaces them."""

from pathlib import Path

import pytest

from devworkspace.kube.mounts import read_files


def mount(directory: Path, version: str, **files: bytes) -> None:
    """What the kubelet does: a folder for the version, links to it, and a link that is turned in one step."""
    folder = directory / f"..{version}"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")
    new = directory / "..data_tmp"
    new.symlink_to(folder.name)
    new.replace(directory / "..data")


def test_a_version_is_read_as_a_whole(tmp_path: Path) -> None:
    mount(tmp_path, "1", master=b"old", other=b"x")
    assert read_files(tmp_path, ["master", "previous"]) == {"master": b"old"}
    mount(tmp_path, "2", master=b"new", previous=b"old")
    assert read_files(tmp_path, ["master", "previous", "other"]) == {"master": b"new", "previous": b"old"}


def test_plain_files_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "master").write_bytes(b"key")
    assert read_files(tmp_path, ["master", "next"]) == {"master": b"key"}


def test_a_mount_that_is_broken_is_an_error_and_not_empty(tmp_path: Path) -> None:
    mount(tmp_path, "1", master=b"key")
    (tmp_path / "..1" / "master").unlink()
    (tmp_path / "..1").rmdir()
    with pytest.raises(OSError):
        read_files(tmp_path, ["master"])
