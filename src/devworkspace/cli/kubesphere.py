"""The options of `devworkspace server` about KubeSphere."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from devworkspace.cli.groups import add_options
from devworkspace.server.config import KubeSphereConfig

_OPTIONS = (
    click.option(
        "--kubesphere-url",
        help="Where ks-apiserver answers, such as http://ks-apiserver.kubesphere-system.svc. None: no KubeSphere.",
    ),
    click.option(
        "--kubesphere-host",
        default=KubeSphereConfig.host,
        show_default=True,
        help="Host of the upstream in the ReverseProxy, by which ks-apiserver calls.",
    ),
    click.option(
        "--kubesphere-ca-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Certificates that ks-apiserver is trusted by. Default: those of the system.",
    ),
)


def kubesphere_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as one value `kubesphere`."""

    @functools.wraps(function)
    def command(
        *, kubesphere_url: str | None, kubesphere_host: str, kubesphere_ca_file: Path | None, **values: Any
    ) -> Any:
        config = None
        if kubesphere_url is not None:
            config = KubeSphereConfig(url=kubesphere_url, host=kubesphere_host.lower(), ca_file=kubesphere_ca_file)
        return function(kubesphere=config, **values)

    return add_options(command, _OPTIONS)
