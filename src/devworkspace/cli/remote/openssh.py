"""How the OpenSSH client reaches an environment: its options, and the key that it shows there.

Who may connect is decided by the server, before ssh says its first word. The key is told to the environment with each
connection and is good for this one; the private part opens nothing by itself. Nor does the host key prove anything: it
comes by the connection that is in question, whose other end is the server's, by TLS.
"""

import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import click

from devworkspace.cli.remote.place import Access
from devworkspace.cli.remote.words import tell

# The name of the user 1000 in our images.
DEFAULT_USER: Final = "dev"
_KEY: Final = "id_ed25519"


def key_folder() -> Path:
    """Where the person's key is."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "devworkspace" / "ssh"


def ensure_key(folder: Path) -> Path:
    """The file of the private key, which is made if there is none; the public one is beside it."""
    if not (folder / _KEY).is_file():
        _make_key(folder)
    return folder / _KEY


def read_public_key(folder: Path) -> str:
    """Type and key, without a comment."""
    text = ensure_key(folder).with_suffix(".pub").read_text(encoding="ascii")
    return " ".join(text.split()[:2])


def _make_key(folder: Path) -> None:
    # A tenth of a second, once.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    # Both files appear at once, and of several makers one succeeds.
    made = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    made.mkdir(mode=0o700, parents=True)
    (made / f"{_KEY}.pub").write_bytes(public + b" devworkspace\n")
    (made / _KEY).touch(mode=0o600)
    (made / _KEY).write_bytes(private)
    try:
        made.rename(folder)
    except OSError:
        shutil.rmtree(made)
        if not (folder / _KEY).is_file():
            raise


def proxy_command(host: str, access: Access, *, namespace: str | None = None, start: bool = False) -> str:
    """A line for the shell that ssh runs it with; `host` is put in as it is, so that it may be one of ssh's tokens."""
    argv = [sys.executable, "-P", "-m", "devworkspace", "ssh", "--stdio"]
    argv += [f"--namespace={namespace}"] if namespace else []
    argv += [f"--server={access.server}"] if access.server else []
    argv += [f"--token-file={access.token_file.absolute()}"] if access.token_file else []
    argv += ["--start"] if start else []
    return f"{shlex.join(argv).replace('%', '%%')} {host}"


def ssh_options(*, proxy: str, user: str, key: Path) -> Mapping[str, str]:
    """The options by their names in ssh_config(5)."""
    return {
        "User": user,
        "ProxyCommand": proxy,
        "IdentityFile": f'"{str(key).replace("%", "%%")}"',
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        # Or each connection would tell that it has learnt a host key.
        "LogLevel": "ERROR",
        "ServerAliveInterval": "30",
    }


def run_ssh(options: Mapping[str, str], arguments: Sequence[str]) -> NoReturn:
    """Becomes ssh; raises ClickException if there is none."""
    program = shutil.which("ssh")
    if program is None:
        raise click.ClickException(tell("no-client", program="ssh"))
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    sys.stderr.flush()
    os.execv(program, ["ssh", *flags, *arguments])  # noqa: S606 - no shell, and our own arguments
