"""The local administrator account: made by the installer, or its hash printed for whoever installs by other means."""

import os
import secrets
import sys
from pathlib import Path
from typing import Final

import argon2
import click

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli.deployment import admin_secret
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.language import phrase

USERNAME: Final = "admin"
_PASSWORD_BYTES: Final = 15
_NAME: Final = "devworkspace-admin"


def ensure_account(kubectl: Kubectl, password_file: Path, *, reset: bool) -> str | None:
    """The administrator's password; None if the account was made elsewhere and its password is not known here.

    The cluster holds only the hash. The password itself stays in `password_file`, readable by its owner only.
    """
    exists = kubectl.exists("secret", _NAME, namespace=SYSTEM_NAMESPACE)
    if exists and reset:
        _refuse_value(kubectl)
    if exists and not reset:
        return password_file.read_text(encoding="utf-8").strip() if password_file.exists() else None
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    # Under its own name only after the cluster took the hash: a failure must not cost the password that is known.
    new = password_file.with_name(password_file.name + ".new")
    _write_private(new, password + "\n")
    kubectl.apply([admin_secret(username=USERNAME, password_hash=argon2.PasswordHasher().hash(password))])
    new.replace(password_file)
    if exists:
        # The server reads the hash at each sign-in, but the kubelet brings a changed Secret within a minute or two.
        kubectl.call("rollout", "restart", "deployment/devworkspace-server", f"--namespace={SYSTEM_NAMESPACE}")
    return password


def _refuse_value(kubectl: Kubectl) -> None:
    """A password that is a value of a Helm release would come back with the next upgrade."""
    mark = r"--output=jsonpath={.metadata.annotations.meta\.helm\.sh/release-name}"
    release = kubectl.call("get", "secret", _NAME, f"--namespace={SYSTEM_NAMESPACE}", mark).strip()
    if release:
        raise click.ClickException(
            phrase(
                "the administrator's password is the value admin.passwordHash of the Helm release {release}; change it "
                "there (docs/HELM.md)",
                release=release,
            )
        )


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


@click.command("hash-password")
def hash_command() -> None:
    """Print what a cluster keeps of a password: its argon2 hash. Asks for it, or reads a line of standard input."""
    if sys.stdin.isatty():
        password = click.prompt(phrase("Password"), hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException(phrase("the password is empty; type one, or send it as a line to standard input"))
    click.echo(argon2.PasswordHasher().hash(password))
