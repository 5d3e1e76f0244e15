"""`devworkspace operator`: runs the operator in this process."""

import asyncio
import gc
from pathlib import Path

import click
import uvloop

from devworkspace.cli.logs import LogFormat, configure_logging, logging_options
from devworkspace.core.credential import MIN_MASTER_KEY_BYTES
from devworkspace.operator import app
from devworkspace.operator.config import OperatorConfig


@click.command("operator")
@click.option(
    "--master-key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="File with at least 32 random bytes; the server needs the same.",
)
@click.option("--gateway-url", help="Where people reach the gateway, e.g. http://localhost:8080. Default: no gateway.")
@click.option("--server-namespace", default="devworkspace-system", show_default=True, help="Namespace of the server.")
@click.option("--kubeconfig", type=click.Path(path_type=Path, exists=True), help="Default: KUBECONFIG, then the pod.")
@click.option("--probe-host", default="0.0.0.0", show_default=True, help="Address of /metrics, /healthz and /readyz.")  # noqa: S104
@click.option("--probe-port", default=8081, show_default=True, help="Port of /metrics, /healthz and /readyz.")
@click.option("--workers", default=32, show_default=True, help="Instances that are reconciled at the same time.")
@logging_options
def command(
    master_key_file: Path,
    gateway_url: str | None,
    server_namespace: str,
    kubeconfig: Path | None,
    probe_host: str,
    probe_port: int,
    workers: int,
    log_format: LogFormat,
    verbose: bool,
) -> None:
    """Turn WorkspaceInstances into pods, volumes and services, and keep their status true."""
    configure_logging(log_format=log_format, verbose=verbose)
    if master_key_file.stat().st_size < MIN_MASTER_KEY_BYTES:
        raise click.ClickException(f"{master_key_file} holds fewer than {MIN_MASTER_KEY_BYTES} bytes")
    # Stores of thousands of small objects make the default thresholds collect all the time.
    gc.set_threshold(100_000, 50, 1000)
    config = OperatorConfig(
        master_key_file=master_key_file,
        gateway_url=gateway_url,
        server_namespace=server_namespace,
        kubeconfig=kubeconfig,
        probe_host=probe_host,
        probe_port=probe_port,
        workers=workers,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.run(config))
