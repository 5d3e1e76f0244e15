"""Which environment is meant, where the server is that leads to it, and with which token."""

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import click

from devworkspace.api.meta import Key
from devworkspace.cli.environments.connection import USER_AGENT, Connection
from devworkspace.cli.remote.words import tell
from devworkspace.core.access import Secret
from devworkspace.core.address import address_id, path_base
from devworkspace.kube.client import Client
from devworkspace.kube.config import detect
from devworkspace.kube.credentials import bearer
from devworkspace.kube.errors import ConfigError

SUFFIX: Final = ".devworkspace"
TOKEN_VARIABLE: Final = "DEVWORKSPACE_TOKEN"  # noqa: S105 - its name
_LABEL: Final = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?P<name>{_LABEL})(?:\.(?P<namespace>{_LABEL}))?{re.escape(SUFFIX)}")
_TIMEOUT_SECONDS: Final = 10.0


class Access(NamedTuple):
    """How to get to the server, as far as options say it."""

    server: str | None
    token_file: Path | None


class Place(NamedTuple):
    """An environment, the origin of the server that leads to it, and the Authorization header for it."""

    key: Key
    server: str
    authorization: Secret


def access_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--server` and `--token-file`, as one argument `access`."""

    @functools.wraps(function)
    def packed(*arguments: Any, server: str | None, token_file: Path | None, **options: Any) -> Any:
        return function(*arguments, access=Access(server, token_file), **options)

    server = click.option(
        "--server",
        envvar="DEVWORKSPACE_URL",
        metavar="URL",
        help="Address of the DevWorkspace server. Default: DEVWORKSPACE_URL, else what the environment says.",
    )
    token_file = click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"File with the token to sign in with. Default: {TOKEN_VARIABLE}, else the kubeconfig's token.",
    )
    return server(token_file(packed))


def host_of(key: Key) -> str:
    """The name that ssh knows an environment by."""
    return f"{key.name}.{key.namespace}{SUFFIX}"


def parse_host(host: str, *, namespace: str | None) -> Key:
    """The environment of `NAME.devworkspace` or `NAME.NAMESPACE.devworkspace`; raises ClickException."""
    match = _HOST.fullmatch(host.lower())
    if match is None:
        raise click.ClickException(tell("host", host=host))
    return Key(match["namespace"] or find_namespace(namespace, name=match["name"]), match["name"])


def find_namespace(given: str | None, *, name: str) -> str:
    """The namespace that was given, else that of the kubeconfig; raises ClickException without either."""
    if given:
        return given
    try:
        return detect().namespace
    except ConfigError as error:
        raise click.ClickException(tell("namespace", name=name)) from error


async def find_place(key: Key, access: Access) -> Place:
    """Asks the cluster only for what nobody has said. Raises ClickException or KubeError."""
    server = check_server(access.server) if access.server else await _discover(key)
    return Place(key, server, Secret(_read_token(access.token_file) or await _own_token()))


def check_server(url: str) -> str:
    """The origin of an address; raises ClickException for one over which a token must not go."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = parts.hostname or ""
    origin = f"{parts.scheme}://{parts.netloc}"
    local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise click.ClickException(tell("plain", server=origin))
    return origin


def server_of(url: str, key: Key) -> str | None:
    """The public host behind the address of an environment, in either address mode."""
    parts = urlsplit(url)
    if parts.path.startswith(f"{path_base(key)}/"):
        return f"{parts.scheme}://{parts.netloc}"
    label, _, rest = parts.netloc.partition(".")
    return f"{parts.scheme}://{rest}" if rest and label == address_id(key) else None


async def _discover(key: Key) -> str:
    endpoint = detect()
    client = Client(endpoint, field_manager=USER_AGENT, user_agent=USER_AGENT, timeout=_TIMEOUT_SECONDS)
    async with client:
        instance = await Connection(client, key.namespace).find(key.name)
    server = server_of(instance.status.url or "", key)
    if server is None:
        raise click.ClickException(tell("server", name=key))
    return check_server(server)


def _read_token(file: Path | None) -> str | None:
    """The header for the token that somebody has given us."""
    if file is not None:
        return bearer(file.read_text(encoding="utf-8"), origin=str(file))
    token = os.environ.get(TOKEN_VARIABLE)
    return bearer(token, origin=TOKEN_VARIABLE) if token else None


async def _own_token() -> str:
    """The same for that of the kubeconfig."""
    try:
        header = await detect().credential.header()
    except ConfigError as error:
        raise click.ClickException(tell("no-token")) from error
    if header is None or not header.startswith("Bearer "):
        raise click.ClickException(tell("no-token"))
    return header
