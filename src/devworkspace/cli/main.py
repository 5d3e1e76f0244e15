"""`devworkspace`: one entry point, one module per group of verbs."""

import importlib
from typing import Any, Final

import click

from devworkspace import __version__
from devworkspace.cli.localized import teach_click, translated

# Loaded when called: `devworkspace cluster status` must not wait for Kopf, nor an operator for the installer.
_COMMANDS: Final = {
    "operator": "devworkspace.cli.operator",
    "server": "devworkspace.cli.server",
    "cluster": "devworkspace.cli.cluster",
    "install": "devworkspace.cli.install",
    "uninstall": "devworkspace.cli.uninstall",
    "hash-password": "devworkspace.cli.account:hash_command",
    "list": "devworkspace.cli.environments.listing:list_command",
    "describe": "devworkspace.cli.environments.listing:describe_command",
    "templates": "devworkspace.cli.environments.listing:templates_command",
    "create": "devworkspace.cli.environments.create",
    "open": "devworkspace.cli.environments.lifecycle:open_command",
    "start": "devworkspace.cli.environments.lifecycle:start_command",
    "stop": "devworkspace.cli.environments.lifecycle:stop_command",
    "restart": "devworkspace.cli.environments.lifecycle:restart_command",
    "events": "devworkspace.cli.environments.trouble:events_command",
    "logs": "devworkspace.cli.environments.logs:logs_command",
    "delete": "devworkspace.cli.environments.deletion:delete_command",
    "volumes": "devworkspace.cli.environments.deletion:volumes_command",
    "adopt": "devworkspace.cli.environments.adoption:adopt_command",
    "purge": "devworkspace.cli.environments.deletion:purge_command",
    "doctor": "devworkspace.cli.doctor.command",
    "ssh": "devworkspace.cli.remote.commands:ssh_command",
    "config-ssh": "devworkspace.cli.remote.sshconfig",
    "port-forward": "devworkspace.cli.remote.commands:port_forward_command",
    "completion": "devworkspace.cli.environments.completion:completion_command",
}


class LazyGroup(click.Group):
    """A group that imports `module:attribute` (default: `command`) only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute or "command")
        return translated(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests what is similar; Click itself looks among loaded commands only."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=_COMMANDS, ctx=ctx) from None

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Runs the command line in the person's language."""
        return click.Command.main(translated(self), *arguments, **options)


# Before the first option is made: some take their sentences then.
teach_click()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="devworkspace")
def main() -> None:
    """Development environments in the browser, on your own Kubernetes."""
