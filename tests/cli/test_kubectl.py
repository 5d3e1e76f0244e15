"""kubectl is told what to do by arguments and standard input only."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.progress import Progress
from devworkspace.cli.shell import CommandError
from tests.cli.programs import FakeProgram


@pytest.fixture
def program(programs: Path) -> FakeProgram:
    return FakeProgram(programs / "kubectl")


def test_apply_is_done_by_the_server_with_yaml_on_standard_input(program: FakeProgram, kubectl: Kubectl) -> None:
    documents: list[dict[str, Any]] = [{"kind": "A", "text": "Größe 文"}, {"kind": "B", "list": [1, 2]}]
    kubectl.apply(documents)
    (call,) = program.calls
    assert call.arguments == (
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=devworkspace-install",
        "--filename=-",
    )
    assert list(yaml.safe_load_all(call.stdin)) == documents


def test_create_never_changes_what_is_there(program: FakeProgram, kubectl: Kubectl) -> None:
    kubectl.create({"kind": "Secret"})
    (call,) = program.calls
    assert call.arguments == ("create", "--filename=-")
    assert json.loads(call.stdin) == {"kind": "Secret"}


def test_refusals_of_the_api_server_reach_the_person(program: FakeProgram, kubectl: Kubectl) -> None:
    program.answer("create", stderr='Error from server (AlreadyExists): secrets "x" already exists\n', code=1)
    with pytest.raises(CommandError, match='secrets "x" already exists'):
        kubectl.create({"kind": "Secret"})


def test_existence_is_asked_for_without_an_error(program: FakeProgram, kubectl: Kubectl) -> None:
    program.answer("secret", "known", stdout="secret/known\n")
    assert kubectl.exists("secret", "known", namespace="system")
    assert not kubectl.exists("secret", "unknown", namespace="system")
    assert not kubectl.exists("node", "unknown")
    common = ("--ignore-not-found", "--output=name")
    assert program.arguments == [
        ("get", "secret", "known", "--namespace", "system", *common),
        ("get", "secret", "unknown", "--namespace", "system", *common),
        ("get", "node", "unknown", *common),
    ]


def test_a_failed_question_is_not_taken_for_a_no(program: FakeProgram, kubectl: Kubectl) -> None:
    program.answer("get", stderr="Unable to connect to the server", code=1)
    with pytest.raises(CommandError, match="Unable to connect to the server"):
        kubectl.exists("secret", "known")


def test_answers_are_read_as_json(program: FakeProgram, kubectl: Kubectl) -> None:
    program.answer("get", stdout={"items": []})
    assert kubectl.json("get", "nodes") == {"items": []}
    assert program.arguments == [("get", "nodes", "--output=json")]


@pytest.mark.parametrize("configured", [None, "mine"], ids=["the person's", "a given one"])
def test_the_kubeconfig_is(program: FakeProgram, monkeypatch: pytest.MonkeyPatch, configured: str | None) -> None:
    monkeypatch.setenv("KUBECONFIG", "theirs")
    Kubectl([program.path, "kubectl"], kubeconfig=Path(configured) if configured else None).call("version")
    (call,) = program.calls
    assert call.arguments == ("kubectl", "version")
    assert call.environment["KUBECONFIG"] == (configured or "theirs")


def test_a_rollout_is_waited_for(program: FakeProgram, kubectl: Kubectl) -> None:
    kubectl.wait_rollout("server", namespace="system", seconds=30)
    assert program.arguments == [("rollout", "status", "deployment/server", "--namespace=system", "--timeout=30s")]
    program.answer("rollout", stderr="error: timed out waiting for the condition", code=1)
    with pytest.raises(CommandError, match="timed out waiting"):
        kubectl.wait_rollout("server", namespace="system", seconds=30)


def test_waiting_ends_when_the_environment_runs(program: FakeProgram, kubectl: Kubectl, progress: Progress) -> None:
    program.answer("get", stdout={"status": {"phase": "Running"}})
    program.answer("get", stdout={"metadata": {}}, times=1)
    kubectl.wait_phase("demo", namespace="team", seconds=30, progress=progress)
    assert program.arguments == [("get", "workspaceinstance", "demo", "--namespace=team", "--output=json")] * 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"phase": "Pending", "message": "no room"}, "It says: Pending: no room\n"),
        ({}, "It says: Pending: not seen by the operator yet\n"),
    ],
    ids=["with the operator's words", "without an operator"],
)
def test_waiting_too_long_tells_why_and_where_to_look(
    program: FakeProgram, kubectl: Kubectl, progress: Progress, status: dict[str, str], words: str
) -> None:
    program.answer("get", stdout={"status": status})
    with pytest.raises(click.ClickException) as caught:
        kubectl.wait_phase("demo", namespace="team", seconds=1, progress=progress)
    assert caught.value.message == (
        f"environment team/demo is not running after 1 s. {words}"
        "Look at: kubectl describe workspaceinstance demo --namespace team"
    )
