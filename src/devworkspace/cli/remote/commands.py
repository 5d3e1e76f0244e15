"""`ssh` and `port-forward`."""

import re
from typing import Final, NamedTuple

import click

from devworkspace.api.meta import Key
from devworkspace.cli.environments.completion import complete_environment
from devworkspace.cli.environments.connection import explain, namespace_option
from devworkspace.cli.language import phrase
from devworkspace.cli.remote.openssh import (
    DEFAULT_USER,
    ensure_key,
    key_folder,
    proxy_command,
    read_public_key,
    run_ssh,
    ssh_options,
)
from devworkspace.cli.remote.place import Access, access_options, find_namespace, find_place, host_of, parse_host
from devworkspace.cli.remote.words import tell
from devworkspace.kube.errors import KubeError

USER = click.option("--user", default=DEFAULT_USER, show_default=True, help="User name in the image.")
START = click.option("--start", is_flag=True, help="Start the environment if it is stopped.")
_PORTS: Final = re.compile(r"(?:(?P<local>[1-9][0-9]{0,4}):)?(?P<remote>[1-9][0-9]{0,4})")
_MAX_PORT: Final = 65535


class Forward(NamedTuple):
    local: int
    remote: int


@click.command("ssh")
@click.argument("name", shell_complete=complete_environment)
@click.argument("remote_command", nargs=-1, metavar="[-- COMMAND...]")
@namespace_option
@access_options
@USER
@START
@click.option(
    "--stdio", is_flag=True, hidden=True, help="For ProxyCommand: NAME is a host, and only bytes are carried."
)
def ssh_command(
    name: str,
    remote_command: tuple[str, ...],
    namespace: str | None,
    access: Access,
    user: str,
    start: bool,
    stdio: bool,
) -> None:
    """Open a shell in an environment, or run a command there, by the OpenSSH client."""
    if stdio:
        _carry(parse_host(name, namespace=namespace), access, start=start)
        return
    host = _find_host(name, namespace)
    run_ssh(_options(host, access, user=user, start=start), ["--", host, *remote_command])


@click.command("port-forward")
@click.argument("name", shell_complete=complete_environment)
@click.argument("ports", nargs=-1, required=True, metavar="[LOCAL:]REMOTE...")
@namespace_option
@access_options
@USER
@START
def port_forward_command(
    name: str, ports: tuple[str, ...], namespace: str | None, access: Access, user: str, start: bool
) -> None:
    """Lead ports of this machine's loopback address to what listens in an environment, until it is interrupted."""
    host, forwards = _find_host(name, namespace), [_parse_ports(text) for text in ports]
    options = {
        **_options(host, access, user=user, start=start),
        "ExitOnForwardFailure": "yes",
        # Or it would only hand the ports over to a connection that is there, and end.
        "ControlPath": "none",
    }
    for local, remote in forwards:
        click.echo(tell("forwarding", local=local, name=name, remote=remote), err=True)
    # By its name: some programs listen on ::1 only.
    flags = [part for local, remote in forwards for part in ("-L", f"127.0.0.1:{local}:localhost:{remote}")]
    run_ssh(options, ["-N", *flags, "--", host])


def _parse_ports(text: str) -> Forward:
    match = _PORTS.fullmatch(text)
    if match is None or max(int(match["local"] or 1), int(match["remote"])) > _MAX_PORT:
        raise click.BadParameter(
            phrase("{text!r} is neither PORT nor LOCAL:REMOTE, e.g. 8080:3000", text=text), param_hint="PORTS"
        )
    return Forward(int(match["local"] or match["remote"]), int(match["remote"]))


def _find_host(name: str, namespace: str | None) -> str:
    """Checked as every host is: what ssh is given must not be taken for an option of it."""
    host = host_of(Key(find_namespace(namespace, name=name), name))
    parse_host(host, namespace=None)
    return host


def _options(host: str, access: Access, *, user: str, start: bool) -> dict[str, str]:
    return dict(ssh_options(proxy=proxy_command(host, access, start=start), user=user, key=ensure_key(key_folder())))


def _carry(key: Key, access: Access, *, start: bool) -> None:
    from devworkspace.cli.remote.tunnel import run_tunnel

    public_key = read_public_key(key_folder())
    try:
        place = find_place(key, access)
    except KubeError as error:
        raise click.ClickException(explain(error)) from error
    run_tunnel(place, public_key, start=start)
