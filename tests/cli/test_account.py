"""The generated password: in one private file and nowhere else; the cluster gets its hash."""

import base64
import re
from pathlib import Path

import argon2
import click
import pytest
import yaml
from click.testing import CliRunner

from devworkspace.cli.account import ensure_account
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.main import main
from devworkspace.cli.shell import CommandError
from tests.cli.programs import FakeKubectl


def stored_hash(program: FakeKubectl) -> str:
    """What the last apply wrote into the Secret."""
    secret = yaml.safe_load([call for call in program.calls if call.arguments[0] == "apply"][-1].stdin)
    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "devworkspace-admin")
    assert base64.b64decode(secret["data"]["username"]) == b"admin"
    return base64.b64decode(secret["data"]["password-hash"]).decode()


def test_a_new_password_is_in_a_private_file_and_its_hash_in_the_cluster(
    tmp_path: Path, program: FakeKubectl, kubectl: Kubectl
) -> None:
    file = tmp_path / "state" / "admin-password"
    password = ensure_account(kubectl, file, reset=False)
    assert password is not None
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", password), "120 bits"
    assert file.read_text() == password + "\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert stored_hash(program).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    argon2.PasswordHasher().verify(stored_hash(program), password)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(stored_hash(program), password[:-1])


@pytest.mark.usefixtures("cheap_hashes")
def test_kubectl_never_sees_the_password(tmp_path: Path, program: FakeKubectl, kubectl: Kubectl) -> None:
    password = ensure_account(kubectl, tmp_path / "password", reset=False)
    assert password
    encoded = base64.b64encode(password.encode()).decode().rstrip("=")
    for call in program.calls:
        seen = "\n".join([*call.arguments, call.stdin, *call.environment.values()])
        assert password not in seen
        assert encoded not in seen
    assert len(program.writes) == 1, "a server that starts later reads the hash then"


@pytest.mark.usefixtures("cheap_hashes")
def test_each_password_is_another(tmp_path: Path, kubectl: Kubectl) -> None:
    assert ensure_account(kubectl, tmp_path / "one", reset=False) != ensure_account(
        kubectl, tmp_path / "two", reset=False
    )


@pytest.mark.usefixtures("cheap_hashes")
def test_a_readable_file_of_an_earlier_time_becomes_private(tmp_path: Path, kubectl: Kubectl) -> None:
    file = tmp_path / "password"
    file.write_text("old\n")
    file.chmod(0o644)
    assert ensure_account(kubectl, file, reset=False) != "old"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("cheap_hashes")
def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path, kubectl: Kubectl) -> None:
    (tmp_path / "victim").write_text("untouched")
    (tmp_path / "password").symlink_to(tmp_path / "victim")
    ensure_account(kubectl, tmp_path / "password", reset=False)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert not (tmp_path / "password").is_symlink()


def test_an_account_that_exists_keeps_its_password(tmp_path: Path, program: FakeKubectl, kubectl: Kubectl) -> None:
    program.has("secret", "devworkspace-admin")
    file = tmp_path / "password"
    file.write_text("known\n")
    assert ensure_account(kubectl, file, reset=False) == "known"
    assert program.writes == []


def test_a_password_that_is_not_known_here_is_not_made_up(
    tmp_path: Path, program: FakeKubectl, kubectl: Kubectl
) -> None:
    program.has("secret", "devworkspace-admin")
    assert ensure_account(kubectl, tmp_path / "password", reset=False) is None
    assert program.writes == []
    assert not (tmp_path / "password").exists()


@pytest.mark.usefixtures("cheap_hashes")
def test_a_reset_makes_a_new_one_and_restarts_the_server(
    tmp_path: Path, program: FakeKubectl, kubectl: Kubectl
) -> None:
    program.has("secret", "devworkspace-admin")
    file = tmp_path / "password"
    file.write_text("known\n")
    password = ensure_account(kubectl, file, reset=True)
    assert password not in ("known", None)
    assert file.read_text() == f"{password}\n"
    argon2.PasswordHasher().verify(stored_hash(program), str(password))
    assert program.arguments[-1] == (
        "rollout",
        "restart",
        "deployment/devworkspace-server",
        "--namespace=devworkspace-system",
    )


def test_a_reset_that_fails_keeps_the_known_password(tmp_path: Path, program: FakeKubectl, kubectl: Kubectl) -> None:
    program.has("secret", "devworkspace-admin")
    program.answer("apply", stderr="Forbidden", code=1)
    (tmp_path / "password").write_text("known\n")
    with pytest.raises(CommandError, match="Forbidden"):
        ensure_account(kubectl, tmp_path / "password", reset=True)
    assert (tmp_path / "password").read_text() == "known\n"


def test_a_cluster_that_does_not_answer_changes_nothing(tmp_path: Path, program: FakeKubectl, kubectl: Kubectl) -> None:
    program.answer("get", "secret", stderr="Unable to connect to the server", code=1)
    with pytest.raises(CommandError, match="Unable to connect"):
        ensure_account(kubectl, tmp_path / "password", reset=True)
    assert not (tmp_path / "password").exists()


def test_a_password_becomes_a_hash_that_the_server_accepts() -> None:
    result = CliRunner().invoke(main, ["hash-password"], input="right\n")
    assert result.exit_code == 0
    printed = result.output.strip()
    assert printed.startswith("$argon2id$")
    argon2.PasswordHasher().verify(printed, "right")
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(printed, "right\n")


@pytest.mark.parametrize("line", ["", "\n"])
def test_an_empty_password_is_refused(line: str) -> None:
    result = CliRunner().invoke(main, ["hash-password"], input=line)
    assert result.exit_code == 1
    assert "the password is empty" in result.output


def test_a_password_of_a_helm_release_is_not_changed_behind_its_back(
    tmp_path: Path, program: FakeKubectl, kubectl: Kubectl
) -> None:
    program.has("secret", "devworkspace-admin")
    mark = r"--output=jsonpath={.metadata.annotations.meta\.helm\.sh/release-name}"
    program.answer("get", "secret", mark, stdout="devworkspace")
    assert ensure_account(kubectl, tmp_path / "password", reset=False) is None
    with pytest.raises(click.ClickException, match=r"admin\.passwordHash of the Helm release devworkspace"):
        ensure_account(kubectl, tmp_path / "password", reset=True)
    assert program.writes == []
