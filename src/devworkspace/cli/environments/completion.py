"""Names for the shell's completion, and the script that asks for them."""

import asyncio
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.client import Client
from devworkspace.kube.config import detect
from devworkspace.kube.errors import KubeError
from devworkspace.kube.resource import Resource

_PATIENCE_SECONDS: Final = 2.0


class _Named(Struct, frozen=True):
    metadata: ObjectMeta


def complete_environment(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Environments of the namespace that was given, or of the kubeconfig's."""
    return _complete(INSTANCES, incomplete, namespace=ctx.params.get("namespace"))


def complete_template(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    return _complete(TEMPLATES, incomplete, namespace=None)


def _complete(resource: Resource, incomplete: str, *, namespace: str | None) -> list[CompletionItem]:
    async def names() -> list[str]:
        endpoint = detect()
        async with asyncio.timeout(_PATIENCE_SECONDS), Client(endpoint, field_manager="devworkspace-cli") as client:
            where = (namespace or endpoint.namespace) if resource.namespaced else None
            listed = await client.list(resource, _Named, namespace=where, metadata_only=True)
            return [item.metadata.name for item in listed.items]

    try:
        found = asyncio.run(names())
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
