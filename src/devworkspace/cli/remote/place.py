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
from devworkspace.cli.remote.words import tell
from devworkspace.core.access import Secret
from devworkspace.kube.bearer import bearer
from devworkspace.kube.errors import ConfigError

SUFFIX: Final = ".devworkspace"
TOKEN_VARIABLE: Final = "DEVWORKSPACE_TOKEN"  # noqa: S105 - its name
_LABEL: Final = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?P<name>{_LABEL})(?:\.(?P<namespace>{_LABEL}))?{re.escape(SUFFIX)}")


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
        help="Address of the DevWorkspace server, as you sign in there. Default: DEVWORKSPACE_URL.",
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
    # Not needed, and not loaded, where ssh calls us with all that we have to know.
    from devworkspace.kube.config import detect

    try:
        return detect().namespace
    except ConfigError as error:
        raise click.ClickException(tell("namespace", name=name)) from error


def find_place(key: Key, access: Access) -> Place:
    """Raises ClickException for what nobody has said, and ConfigError.

    The server is never one that an object of the cluster names: a token would go to whoever may write that object.
    """
    if not access.server:
        raise click.ClickException(tell("server"))
    return Place(key, check_server(access.server), Secret(_read_token(access.token_file) or _own_token()))


def check_server(url: str) -> str:
    """The origin of an address; raises ClickException for one over which a token must not go."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = parts.hostname or ""
    origin = f"{parts.scheme}://{parts.netloc}"
    local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise click.ClickException(tell("plain", server=origin))
    return origin


def _read_token(file: Path | None) -> str | None:
    """The header for the token that somebody has given us."""
    if file is not None:
        return bearer(file.read_text(encoding="utf-8"), origin=str(file))
    token = os.environ.get(TOKEN_VARIABLE)
    return bearer(token, origin=TOKEN_VARIABLE) if token else None


def _own_token() -> str:
    """The same for that of the kubeconfig."""
    import asyncio

    from devworkspace.kube.config import detect

    try:
        header = asyncio.run(detect().credential.header())
    except ConfigError as error:
        raise click.ClickException(tell("no-token")) from error
    if header is None or not header.startswith("Bearer "):
        raise click.ClickException(tell("no-token"))
    return header
