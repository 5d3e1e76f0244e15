"""`devworkspace cluster`: the embedded Kubernetes. A thin launcher; the program behind it explains itself."""

from pathlib import Path
from typing import Any

import click

from devworkspace.cli.embedded import EmbeddedCluster
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import find_project

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


@click.group("cluster")
@click.option("--name", default="default", show_default=True, help="Several clusters can run side by side.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Default: .local/cluster in the checkout.")
@click.pass_context
def command(context: click.Context, name: str, state_dir: Path | None) -> None:
    """Start, stop and inspect the embedded Kubernetes (for evaluation and tests; needs root)."""
    context.obj = EmbeddedCluster(find_project(), name=name, state=state_dir)


@command.command("build")
@click.pass_obj
def build(cluster: EmbeddedCluster) -> None:
    """Build the programs of the embedded cluster where their sources changed."""
    progress = Progress(total=1, log_folder=find_project().logs, name="cluster-build")
    with progress.step("Building the embedded Kubernetes (about 6 minutes the first time)"):
        cluster.build(progress)


def _pass_on(verb: str, text: str) -> None:
    @command.command(verb, context_settings=_PASS_ON, help=text, add_help_option=False)
    @click.pass_context
    def call(context: click.Context, /, **_: Any) -> None:
        cluster: EmbeddedCluster = context.obj
        arguments: list[str | Path] = list(context.args)
        if verb == "up":
            programs = find_project().state / "bin"
            arguments = ["--name", cluster.name, "--bin-dir", programs, "--kubeconfig", cluster.kubeconfig, *arguments]
        cluster.exec(verb, *arguments)


_pass_on("up", "Start the cluster; see `up --help` for ports and paths.")
_pass_on("down", "Stop it and leave no trace; data stays unless --delete-data.")
_pass_on("status", "Show its parts and whether they are well.")
_pass_on("kubeconfig", "Print the kubeconfig.")
_pass_on("load-image", "Load image archives (docker-archive or OCI) into the node.")
_pass_on("kubectl", "Run the built-in kubectl against the cluster.")
