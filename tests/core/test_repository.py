"""The repository of an environment: where it may come from, what the pod is told, what is believed of what it says."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.instance import InstanceStatus, Repository, TemplateUse, WorkspaceInstance
from devworkspace.core.claim import find_member
from devworkspace.core.plan import make_plan
from devworkspace.core.render.pod import template_revision
from devworkspace.core.repository import directory_of, is_host_allowed, parse_repository_state
from devworkspace.core.resolve import Refusal, Settings, resolve
from tests.core.test_claim import MEMBER, told, warm_world, with_volume
from tests.support.builders import applied, make_instance, make_settings, make_template, make_world

URL = "https://git.example.com/team/demo.git"


def cloning(repository: str = URL, **git: Any) -> WorkspaceInstance:
    return make_instance(git={"repository": repository, **git})


@pytest.mark.parametrize(
    ("repository", "directory"),
    [
        (URL, "demo"),
        ("https://git.example.com/team/demo", "demo"),
        ("https://git.example.com/team/demo/", "demo"),
        ("https://git.example.com/team/demo.git/", "demo"),
        ("https://git.example.com/~ada/my%20demo", "my-20demo"),
        ("https://git.example.com/.config", "config"),
        ("https://git.example.com/..", "repository"),
        ("https://git.example.com/.git", "repository"),
        ("https://git.example.com/-x", "x"),
        ("https://git.example.com/" + "a" * 100, "a" * 64),
    ],
)
def test_the_folder_is_the_last_part_of_the_address(repository: str, directory: str) -> None:
    assert directory_of(Repository(repository)) == directory


def test_the_folder_is_as_wished() -> None:
    assert directory_of(Repository(URL, directory="shop")) == "shop"


@pytest.mark.parametrize(
    ("repository", "allowed"),
    [
        (URL, ()),
        (URL, ("git.example.com",)),
        (URL, ("other.example", "*.example.com")),
        ("https://GIT.example.com/demo", ("git.example.com",)),
        ("https://git.example.com:8443/demo", ("git.example.com",)),
        ("https://a.b.example.com/demo", ("*.example.com",)),
        ("http://10.1.2.3/demo", ("10.1.2.3",)),
    ],
)
def test_hosts_that_are_allowed(repository: str, allowed: tuple[str, ...]) -> None:
    assert is_host_allowed(repository, allowed)


@pytest.mark.parametrize(
    ("repository", "allowed"),
    [
        (URL, ("example.com",)),
        (URL, ("*.git.example.com",)),
        ("https://example.com/demo", ("*.example.com",)),
        ("https://evilexample.com/demo", ("*.example.com", "example.com")),
        ("https://git.example.com.evil.example/demo", ("git.example.com", "*.example.com")),
        ("https://evil.example/git.example.com/demo", ("git.example.com", "*.example.com")),
        ("https://evil.example/@git.example.com/demo", ("git.example.com",)),
    ],
)
def test_hosts_that_are_not(repository: str, allowed: tuple[str, ...]) -> None:
    assert not is_host_allowed(repository, allowed)


NARROW = make_template(git={"allowedHosts": ["git.example.com"]})


def test_another_host_than_the_template_allows_is_refused_like_an_override() -> None:
    assert isinstance(resolve(cloning(), NARROW, namespace_labels={}), Settings)
    refused = resolve(cloning("https://evil.example/demo"), NARROW, namespace_labels={})
    assert refused == Refusal(
        reasons.OVERRIDE_NOT_ALLOWED,
        "Template 'python' allows no repository of 'evil.example'; allowed are: git.example.com.",
    )
    plan = make_plan(make_world(instance=cloning("https://evil.example/demo"), template=NARROW))
    assert plan.status is not None
    assert plan.status.phase == "Pending"
    assert [action for group in plan.apply for action in group if action.kind == "Pod"] == []


def test_a_template_that_is_narrowed_later_locks_nobody_out() -> None:
    began = replace(cloning("https://old.example/demo"), status=InstanceStatus(template=TemplateUse("python")))
    assert isinstance(resolve(began, NARROW, namespace_labels={}), Settings)


def test_an_editor_of_the_template_s_own_clones_nothing() -> None:
    custom = make_template(environment={"image": "own:1", "ide": "custom"})
    assert isinstance(resolve(make_instance(), custom, namespace_labels={}), Settings)
    refused = resolve(cloning(), custom, namespace_labels={})
    assert isinstance(refused, Refusal)
    assert refused.reason == reasons.OVERRIDE_NOT_ALLOWED
    assert "clones no repository" in refused.message


def test_a_new_pod_is_told_what_to_clone_on_one_line_without_escapes() -> None:
    pod = applied(make_world(instance=cloning(ref="feature/登录")), "Pod")
    text = pod["metadata"]["annotations"][names.ANNOTATION_REPOSITORY]
    assert json.loads(text) == {"repository": URL, "ref": "feature/登录", "directory": "demo"}
    assert "\\" not in text
    assert "\n" not in text
    (clock,) = [volume for volume in pod["spec"]["volumes"] if volume["name"] == names.CLOCK_VOLUME]
    paths = {item["path"]: item["fieldRef"]["fieldPath"] for item in clock["downwardAPI"]["items"]}
    assert paths["repository"] == f"metadata.annotations['{names.ANNOTATION_REPOSITORY}']"


def test_without_a_repository_the_pod_is_told_nothing() -> None:
    assert names.ANNOTATION_REPOSITORY not in applied(make_world(), "Pod")["metadata"]["annotations"]


def test_it_is_no_part_of_the_revision_so_that_nothing_that_runs_is_outdated_by_it() -> None:
    assert template_revision(make_settings(cloning())) == template_revision(make_settings())


def test_a_pod_that_was_made_in_advance_hears_of_it_when_it_is_taken() -> None:
    claim = make_plan(with_volume(told(warm_world(instance=cloning())))).claim
    assert claim is not None
    assert json.loads(claim.pod["metadata"]["annotations"][names.ANNOTATION_REPOSITORY])["directory"] == "demo"


def test_a_pod_of_an_older_operator_cannot_be_told_and_is_left_to_others() -> None:
    assert MEMBER.pod is not None
    older = {
        name: text for name, text in MEMBER.pod.metadata.annotations.items() if name != names.ANNOTATION_REPOSITORY
    }
    pod = replace(MEMBER.pod, metadata=replace(MEMBER.pod.metadata, annotations=older))
    settings = make_settings(template=warm_world().template)
    for instance, member, found in (
        (cloning(), MEMBER, True),
        (make_instance(), replace(MEMBER, pod=pod), True),
        (cloning(), replace(MEMBER, pod=pod), False),
    ):
        assert (find_member(warm_world(member, instance=instance), instance, settings) is not None) is found


def say(**members: Any) -> bytes:
    return json.dumps({"state": "cloned", "asOf": 1795705200, **members}).encode()


def test_what_a_pod_says_is_read() -> None:
    state = parse_repository_state(say(branch="main", changedFiles=2, unpushedCommits=1))
    assert state is not None
    assert (state.state, state.branch, state.changed_files, state.unpushed_commits) == ("cloned", "main", 2, 1)
    assert state.as_of == "2026-11-26T15:00:00Z"


def test_a_failure_has_a_reason_and_nothing_else_has() -> None:
    failed = parse_repository_state(say(state="failed", reason="not-found", message="repository 'x' not found"))
    assert failed is not None
    assert (failed.reason, failed.message) == ("not-found", "repository 'x' not found")
    unsaid = parse_repository_state(say(state="failed"))
    assert unsaid is not None
    assert unsaid.reason == "other"
    cloned = parse_repository_state(say(reason="not-found"))
    assert cloned is not None
    assert cloned.reason is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"state":"cloned"}',
        b"\xff\xfe",
        say(state="done"),
        say(asOf=-1),
        say(asOf="now"),
        say(asOf=10**12),
        say(reason="because", state="failed"),
        say(message="x" * 501),
        say(branch="x" * 251),
        say(branch=7),
        say(changedFiles=1001),
        say(changedFiles=-1),
        say(unpushedCommits=1.5),
    ],
)
def test_nothing_else_is_believed(body: bytes) -> None:
    assert parse_repository_state(body) is None
