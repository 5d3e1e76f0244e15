"""As whom Git commits: what is taken for a person, and how it gets into a pod."""

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.gituser import GitUser, git_settings, parse_git_user
from devworkspace.core.plan import make_plan
from tests.core.test_claim import told, warm_world, with_volume
from tests.support.builders import applied, make_instance, make_world

NASTY = (
    "Li Wei",
    "李伟",
    'O"Brien \\ Sons',
    "semi; colon # hash",
    "trailing\\",
    "[core] editor = sh",
    "  blanks  ",
)


def read_by_git(path: Path, name: str) -> str:
    command = ["git", "config", f"--file={path}", "--get", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.removesuffix("\n")


@pytest.mark.parametrize("name", NASTY)
def test_git_reads_exactly_what_was_meant(tmp_path: Path, name: str) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(git_settings(GitUser(name, "a@example.com")), encoding="utf-8")
    assert read_by_git(settings, "user.name") == name
    assert read_by_git(settings, "user.email") == "a@example.com"


def test_what_is_written_is_read_again() -> None:
    user = GitUser("Li Wei", "li.wei@example.com")
    assert parse_git_user(str(user)) == user


@pytest.mark.parametrize(
    "text",
    ["", "Li Wei", "<a@example.com>", "Li <a b@example.com>", "Li <a@x>\n[core]", "Li\n[core] <a@x>", "Li <<a@x>>"],
)
def test_nothing_else_is_taken_for_a_person(text: str) -> None:
    assert parse_git_user(text) is None


def committing_as(text: str) -> WorkspaceInstance:
    made = make_instance()
    return replace(made, metadata=replace(made.metadata, annotations={names.ANNOTATION_GIT_USER: text}))


def test_a_new_pod_has_it_in_git_s_words() -> None:
    pod = applied(make_world(instance=committing_as("Li Wei <li.wei@example.com>")), "Pod")
    told_to_git = pod["metadata"]["annotations"][names.ANNOTATION_GIT_SETTINGS]
    assert told_to_git == '[user]\n\tname = "Li Wei"\n\temail = "li.wei@example.com"\n'


@pytest.mark.parametrize("text", ["", "nobody"])
def test_without_a_person_git_is_told_nothing(text: str) -> None:
    pod = applied(make_world(instance=committing_as(text)), "Pod")
    assert names.ANNOTATION_GIT_SETTINGS not in pod["metadata"]["annotations"]


def test_a_pod_that_was_made_in_advance_hears_of_it_when_it_is_taken() -> None:
    world = with_volume(told(warm_world(instance=committing_as("Li Wei <li.wei@example.com>"))))
    claim = make_plan(world).claim
    assert claim is not None
    assert "li.wei@example.com" in claim.pod["metadata"]["annotations"][names.ANNOTATION_GIT_SETTINGS]
