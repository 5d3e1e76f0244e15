"""`devworkspace`: one entry point, one module per group of verbs."""

import importlib
from typing import Final

import click

from devworkspace import __version__

# Loaded when called: `devworkspace cluster status` must not wait for Kopf, nor an operator for the installer.
_COMMANDS: Final = {
    "operator": "devworkspace.cli.operator",
    "server": "devworkspace.cli.server",
    "cluster": "devworkspace.cli.cluster",
    "install": "devworkspace.cli.install",
    "uninstall": "devworkspace.cli.uninstall",
}


class LazyGroup(click.Group):
    """A group that imports a command's module, and takes `command` from it, only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="devworkspace")
def main() -> None:
    """Development environments in the browser, on your own Kubernetes."""
