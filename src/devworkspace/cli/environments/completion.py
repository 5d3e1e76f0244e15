"""Names for the shell's completion, and the script that asks for them."""

import sys
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from devworkspace.api import names
from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.errors import KubeError
from devworkspace.kube.resource import PVCS, Resource

# Disks that deleted environments have left.
KEPT: Final = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_RETAINED}=true"
_PATIENCE_SECONDS: Final = 2.0
# Cobra's word for: these and no file names.
_NO_FILES: Final = ":4"


class _Named(Struct, frozen=True):
    metadata: ObjectMeta


def complete_environment(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Environments of the namespace that was given, or of the kubeconfig's."""
    return _complete(INSTANCES, incomplete, namespace=ctx.params.get("namespace"))


def complete_template(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    return _complete(TEMPLATES, incomplete, namespace=None)


def complete_volume(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Disks that can be taken over."""
    return _complete(PVCS, incomplete, namespace=ctx.params.get("namespace"), selector=KEPT)


def _complete(
    resource: Resource, incomplete: str, *, namespace: str | None, selector: str | None = None
) -> list[CompletionItem]:
    # Only here: each connection of ssh would wait for it.
    import asyncio

    from devworkspace.kube.client import Client
    from devworkspace.kube.config import detect

    async def find_names() -> list[str]:
        endpoint = detect()
        async with asyncio.timeout(_PATIENCE_SECONDS), Client(endpoint, field_manager="devworkspace-cli") as client:
            where = (namespace or endpoint.namespace) if resource.namespaced else None
            listed = await client.list(resource, _Named, namespace=where, label_selector=selector, metadata_only=True)
            return [item.metadata.name for item in listed.items]

    try:
        found = asyncio.run(find_names())
    except (KubeError, TimeoutError):
        return []
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print a script for the shell, e.g. `source <(devworkspace completion bash)`."""
    root = ctx.find_root()
    name = root.info_name or "devworkspace"
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(root.command, {}, name, variable).source())


def complete_for_kubectl() -> None:
    """The program `kubectl_complete-devworkspace`, which kubectl asks for what could follow `kubectl devworkspace`."""
    from devworkspace.cli.localized import translated
    from devworkspace.cli.main import main

    *before, incomplete = sys.argv[1:] or [""]
    for item in ShellComplete(translated(main), {}, "devworkspace", "").get_completions(before, incomplete):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(_NO_FILES)
