"""`devworkspace operator`: runs the operator in this process."""

import asyncio
import gc
import logging
import os
from pathlib import Path

import click
import uvloop

from devworkspace.api.names import LINK_LOCAL_NETWORKS, SYSTEM_NAMESPACE
from devworkspace.cli.addressing import address_mode_option
from devworkspace.cli.language import phrase
from devworkspace.cli.logs import LogFormat, configure_logging, logging_options
from devworkspace.cli.networks import network_option
from devworkspace.core.address import AddressMode, Gateway
from devworkspace.core.credential import MIN_MASTER_KEY_BYTES
from devworkspace.kube.errors import NotLeading
from devworkspace.kube.lease import make_identity
from devworkspace.operator import app
from devworkspace.operator.config import OperatorConfig

logger = logging.getLogger(__name__)


@click.command("operator")
@click.option(
    "--master-key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="File with at least 32 random bytes; the server needs the same.",
)
@click.option("--gateway-url", help="Where people reach the gateway, e.g. http://localhost:8080. Default: no gateway.")
@address_mode_option
@click.option("--server-namespace", default="devworkspace-system", show_default=True, help="Namespace of the server.")
@network_option(
    default=LINK_LOCAL_NETWORKS,
    help_text="Environments do not reach this network (CIDR); may be repeated. Default: link-local.",
)
@click.option(
    "--safe-image",
    help="Image with an editor that is known to work, for a safe start. Default, or empty: none is offered.",
)
@click.option("--kubeconfig", type=click.Path(path_type=Path, exists=True), help="Default: KUBECONFIG, then the pod.")
@click.option("--probe-host", default="0.0.0.0", show_default=True, help="Address of /metrics, /healthz and /readyz.")  # noqa: S104
@click.option("--probe-port", default=8081, show_default=True, help="Port of /metrics, /healthz and /readyz.")
@click.option("--workers", default=32, show_default=True, help="Instances that are reconciled at the same time.")
@click.option(
    "--kube-api-qps",
    type=click.FloatRange(min=0),
    default=500.0,
    show_default=True,
    help="Requests a second to the API server on average, 0: no limit. Watches and the Lease are not counted.",
)
@click.option(
    "--kube-api-burst",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Requests that may go at once after a pause.",
)
@click.option(
    "--resync-seconds",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="How often every environment is looked at again, even if nothing happened.",
)
@click.option(
    "--lease-namespace",
    envvar="POD_NAMESPACE",
    default=SYSTEM_NAMESPACE,
    show_default=True,
    show_envvar=True,
    help="Namespace of the Lease that decides which operator works.",
)
@click.option("--lease-name", default="devworkspace-operator", show_default=True, help="Name of that Lease.")
@click.option(
    "--identity",
    help="Name of this process in the Lease. Default: POD_NAME and POD_UID, outside a pod one for each start.",
)
@logging_options
def command(
    master_key_file: Path,
    gateway_url: str | None,
    address_mode: AddressMode,
    server_namespace: str,
    blocked_networks: tuple[str, ...],
    safe_image: str | None,
    kubeconfig: Path | None,
    probe_host: str,
    probe_port: int,
    workers: int,
    kube_api_qps: float,
    kube_api_burst: int,
    resync_seconds: float,
    lease_namespace: str,
    lease_name: str,
    identity: str | None,
    log_format: LogFormat,
    verbose: bool,
) -> None:
    """Turn WorkspaceInstances into pods, volumes and services, and keep their status true."""
    configure_logging(log_format=log_format, verbose=verbose)
    if master_key_file.stat().st_size < MIN_MASTER_KEY_BYTES:
        raise click.ClickException(
            phrase("{file} holds fewer than {least} bytes", file=master_key_file, least=MIN_MASTER_KEY_BYTES)
        )
    # Stores of thousands of small objects make the default thresholds collect all the time.
    gc.set_threshold(100_000, 50, 1000)
    config = OperatorConfig(
        master_key_file=master_key_file,
        gateway=None if gateway_url is None else Gateway(gateway_url, address_mode),
        server_namespace=server_namespace,
        blocked_networks=blocked_networks,
        safe_image=safe_image or None,
        kubeconfig=kubeconfig,
        probe_host=probe_host,
        probe_port=probe_port,
        workers=workers,
        kube_api_qps=kube_api_qps,
        kube_api_burst=kube_api_burst,
        resync_seconds=resync_seconds,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
        identity=identity or make_identity(os.environ.get("POD_NAME"), os.environ.get("POD_UID")),
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(app.run(config))
        except NotLeading as error:
            logger.error("stopped, another process may lead now: %s", error)
            raise SystemExit(1) from error
