"""The options of `devworkspace server` about an OpenID Connect provider."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from devworkspace.cli.groups import add_options
from devworkspace.cli.language import phrase
from devworkspace.server.config import OidcConfig

_OPTIONS = (
    click.option("--oidc-issuer", help="Address of an OpenID Connect provider, as it calls itself. None: no provider."),
    click.option(
        "--oidc-client-dir",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Directory with `client-id` and `client-secret`, a mounted Secret; needed with --oidc-issuer.",
    ),
    click.option("--oidc-name", default="single sign-on", show_default=True, help="What the button calls it."),
    click.option(
        "--oidc-scopes",
        default="openid profile email",
        show_default=True,
        help="What it is asked for, separated by blanks.",
    ),
    click.option(
        "--oidc-username-claim",
        default="",
        help="Claim that is the user name. Default: preferred_username, or sub where there is none.",
    ),
    click.option("--oidc-groups-claim", default="groups", show_default=True, help="Claim with the groups."),
    click.option(
        "--oidc-prefix",
        default="oidc:",
        show_default=True,
        help="Stands before names and groups, so that nobody at the provider can be somebody else here.",
    ),
    click.option(
        "--oidc-ca-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Certificates that the provider is trusted by. Default: those of the system.",
    ),
    click.option(
        "--oidc-allow-http",
        is_flag=True,
        help="Accept a provider without TLS. Codes and tokens can be read on the way.",
    ),
    click.option(
        "--oidc-single-use-refresh",
        is_flag=True,
        help="It takes each refresh token once (Dex, Okta, Auth0): replicas share the newest one, encrypted.",
    ),
)


def oidc_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as one value `oidc`."""

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        given = {name.removeprefix("oidc_"): values.pop(name) for name in tuple(values) if name.startswith("oidc_")}
        return function(oidc=_make_config(given), **values)

    return add_options(command, _OPTIONS)


def _make_config(given: dict[str, Any]) -> OidcConfig | None:
    if given["issuer"] is None:
        return None
    if given["client_dir"] is None:
        raise click.UsageError(phrase("--oidc-issuer needs --oidc-client-dir, with the client's id and secret."))
    return OidcConfig(**{**given, "scopes": tuple(given["scopes"].split())})
