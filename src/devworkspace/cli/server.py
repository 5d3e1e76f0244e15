"""`devworkspace server`: runs sign-in, pages and gateway in this process."""

import asyncio
from pathlib import Path

import click
import uvloop

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli.addressing import address_mode_option
from devworkspace.cli.kubesphere import kubesphere_options
from devworkspace.cli.limits import limit_options
from devworkspace.cli.logs import LogFormat, configure_logging, logging_options
from devworkspace.cli.oidc import oidc_options
from devworkspace.cli.prices import price_options
from devworkspace.core.address import AddressMode
from devworkspace.core.prices import Prices
from devworkspace.server import app
from devworkspace.server.config import ConfigurationError, KubeSphereConfig, OidcConfig, ServerConfig
from devworkspace.server.limits import Allowance
from devworkspace.server.starters import DEFAULT_IMAGE_PREFIX


@click.command("server")
@click.option("--public-url", required=True, help="What people type; see also --address-mode.")
@address_mode_option
@click.option(
    "--master-key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="File with at least 32 random bytes; the operator needs the same.",
)
@click.option(
    "--admin-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory with `username` and `password-hash` (argon2) of the administrator. Without it: no local account.",
)
@click.option("--no-local-account", is_flag=True, help="Leave the local account out, also with --admin-dir.")
@oidc_options
@kubesphere_options
@click.option("--listen-host", default="0.0.0.0", show_default=True)  # noqa: S104
@click.option("--listen-port", default=8080, show_default=True)
@click.option("--internal-port", default=9090, show_default=True, help="Port of /metrics and the probes.")
@click.option("--kubeconfig", type=click.Path(path_type=Path, exists=True), help="Default: KUBECONFIG, then the pod.")
@click.option(
    "--namespace",
    envvar="POD_NAMESPACE",
    default=SYSTEM_NAMESPACE,
    show_default=True,
    show_envvar=True,
    help="Namespace of the object that tells all replicas whose sessions have ended.",
)
@click.option(
    "--api-audience",
    default="devworkspace",
    show_default=True,
    help="What the tokens of programs must be made for; empty: the API server's own tokens.",
)
@click.option(
    "--trusted-proxies",
    default="",
    help="Networks, separated by commas, whose X-Forwarded-For is believed, as 10.0.0.0/8. Default: nobody's.",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many servers share the work; each grants its share of the limits.",
)
@limit_options
@price_options
@click.option(
    "--image-prefix",
    default=DEFAULT_IMAGE_PREFIX,
    show_default=True,
    help="What stands before /<name>:<version> of the images of the starter templates.",
)
@click.option(
    "--safe-start/--no-safe-start",
    default=True,
    show_default=True,
    help="Whether a safe start is offered; the operator's --safe-image says of which image.",
)
@logging_options
def command(
    public_url: str,
    address_mode: AddressMode,
    master_key_file: Path,
    admin_dir: Path | None,
    no_local_account: bool,
    oidc: OidcConfig | None,
    kubesphere: KubeSphereConfig | None,
    listen_host: str,
    listen_port: int,
    internal_port: int,
    kubeconfig: Path | None,
    namespace: str,
    api_audience: str,
    trusted_proxies: str,
    replicas: int,
    api_allowance: Allowance,
    change_allowance: Allowance,
    sockets_per_person: int,
    prices: Prices | None,
    image_prefix: str,
    safe_start: bool,
    log_format: LogFormat,
    verbose: bool,
) -> None:
    """Serve the sign-in page, the list of environments, and the way to every editor."""
    configure_logging(log_format=log_format, verbose=verbose)
    config = ServerConfig(
        public_url=public_url,
        address_mode=address_mode,
        master_key_file=master_key_file,
        admin_dir=None if no_local_account else admin_dir,
        oidc=oidc,
        kubesphere=kubesphere,
        listen_host=listen_host,
        listen_port=listen_port,
        internal_port=internal_port,
        kubeconfig=kubeconfig,
        namespace=namespace,
        api_audience=api_audience,
        trusted_proxies=tuple(trusted_proxies.split(",")) if trusted_proxies else (),
        replicas=replicas,
        api_allowance=api_allowance,
        change_allowance=change_allowance,
        sockets_per_person=sockets_per_person,
        prices=prices,
        image_prefix=image_prefix,
        safe_start=safe_start,
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(app.run(config))
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
