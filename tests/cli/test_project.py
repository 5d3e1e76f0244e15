"""The checkout is found from anywhere inside it."""

from pathlib import Path

import click
import pytest

from devworkspace.cli import project as module
from devworkspace.cli.project import Project, cache_folder, find_project
from tests.cli.conftest import ROOT


def test_it_is_found_from_its_folder_and_from_a_subfolder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_project() == project
    deep = project.root / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert find_project() == project


def test_outside_of_any_it_is_the_one_around_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_project() == Project(ROOT)


def test_an_installed_program_outside_of_any_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "site-packages" / "project.py"))
    with pytest.raises(click.ClickException, match="no checkout of DevWorkspace found") as caught:
        find_project()
    assert f"from {tmp_path} upwards" in caught.value.message
    assert "install.sh" in caught.value.message


def test_all_state_is_below_one_folder() -> None:
    project = Project(Path("/checkout"))
    assert project.state == Path("/checkout/.local")
    assert {project.kubeconfig.parent, project.logs.parent} == {project.state}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"DEVWORKSPACE_CACHE": "/chosen", "XDG_CACHE_HOME": "/xdg"}, "/chosen"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/devworkspace"),
        ({"XDG_CACHE_HOME": ""}, "/home/li/.cache/devworkspace"),
        ({}, "/home/li/.cache/devworkspace"),
    ],
    ids=["named", "by convention", "empty", "default"],
)
def test_the_cache_is_where_the_build_scripts_put_it(
    programs: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: str
) -> None:
    for name, value in {"HOME": "/home/li", **environment}.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)
