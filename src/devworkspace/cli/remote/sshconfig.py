"""Our part of somebody's ssh configuration: `config-ssh`. Nothing else in the file is ever changed."""

import contextlib
import difflib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from devworkspace.cli.environments.connection import namespace_option
from devworkspace.cli.remote.commands import START, USER
from devworkspace.cli.remote.openssh import ensure_key, key_folder, proxy_command, ssh_options
from devworkspace.cli.remote.place import SUFFIX, Access, access_options
from devworkspace.cli.remote.words import tell
from devworkspace.kube.config import detect
from devworkspace.kube.errors import ConfigError

BEGIN: Final = (
    "# devworkspace config-ssh: begin (written anew by each `devworkspace config-ssh`, removed by its --remove)"
)
END: Final = "# devworkspace config-ssh: end"
_BEGINS_WITH: Final = "# devworkspace config-ssh: begin"
# The name goes to a shell in quotes, which ssh before 9.6 does not see to: a name with a quote must not be ours.
_PATTERN: Final = f"""Host *{SUFFIX} "!*'*" """.rstrip()


class BrokenPartError(Exception):
    """Only one of the two marks is there, in this line (from 1)."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


def make_part(options: Mapping[str, str]) -> str:
    """Ends with what applies to all hosts, so that the lines behind it mean what they meant."""
    return "\n".join([BEGIN, _PATTERN, *(f"  {name} {value}" for name, value in options.items()), "Host *", END, ""])


def put_part(text: str, part: str) -> str:
    """The text with our part: in its place if it is there, else before everything, as ssh takes what it finds first."""
    lines = text.splitlines(keepends=True)
    place = _find_part(lines) or slice(0, 0)
    lines[place] = [part]
    return "".join(lines)


def remove_part(text: str) -> str:
    lines = text.splitlines(keepends=True)
    del lines[_find_part(lines) or slice(0, 0)]
    return "".join(lines)


def _find_part(lines: Sequence[str]) -> slice | None:
    begins = [number for number, line in enumerate(lines) if line.startswith(_BEGINS_WITH)]
    ends = [number for number, line in enumerate(lines) if line.rstrip("\r\n") == END]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise BrokenPartError(min([*begins, *ends]) + 1)
    return slice(begins[0], ends[0] + 1)


@click.command("config-ssh")
@namespace_option
@access_options
@USER
@START
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("~/.ssh/config"),
    show_default=True,
    help="The configuration of the OpenSSH client.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--remove", is_flag=True, help="Take our part out again.")
def command(
    namespace: str | None, access: Access, user: str, start: bool, file: Path, dry_run: bool, remove: bool
) -> None:
    """Let every program that uses ssh reach environments as NAME.NAMESPACE.devworkspace."""
    # A link to a file that is kept elsewhere stays one.
    file = file.expanduser().resolve()
    # Other people's bytes come back as they were.
    before = file.read_bytes().decode("utf-8", "surrogateescape") if file.exists() else ""
    namespace = namespace or _own_namespace()
    try:
        after = remove_part(before) if remove else put_part(before, _make(namespace, access, user=user, start=start))
    except BrokenPartError as error:
        raise click.ClickException(tell("broken", file=file, line=error.line)) from error
    if dry_run:
        _show(file, before, after)
    elif after == before:
        click.echo(tell("unchanged", file=file))
    else:
        _replace(file, after.encode("utf-8", "surrogateescape"))
        said = "removed" if remove else "configured" if namespace else "configured.anywhere"
        click.echo(tell(said, file=file, namespace=namespace))


def _own_namespace() -> str | None:
    with contextlib.suppress(ConfigError):
        return detect().namespace
    return None


def _make(namespace: str | None, access: Access, *, user: str, start: bool) -> str:
    # In quotes: the shell must see a name, whatever it is.
    proxy = proxy_command("'%n'", access, namespace=namespace, start=start)
    return make_part(ssh_options(proxy=proxy, user=user, key=ensure_key(key_folder())))


def _show(file: Path, before: str, after: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(file), str(file), lineterm="")
    for line in lines:
        click.echo(line.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _replace(file: Path, content: bytes) -> None:
    """As a whole or not at all; ssh refuses a file that others may write."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    made = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            output.write(content)
        made.chmod(mode)
        made.replace(file)
    finally:
        made.unlink(missing_ok=True)
