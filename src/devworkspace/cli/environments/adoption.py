"""`adopt`: an environment from the disk that an earlier one has left."""

from typing import Any

import click

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.cli.environments.completion import complete_template, complete_volume
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.create import NewName, Wish, instance_body, make
from devworkspace.cli.environments.deletion import find_kept
from devworkspace.cli.environments.waiting import waiting_options
from devworkspace.cli.environments.words import say


@click.command("adopt")
@click.argument("disk", shell_complete=complete_volume)
@click.argument("name", type=NewName(), required=False)
@namespace_option
@click.option("--template", "-t", shell_complete=complete_template, help="Default: the earlier environment's.")
@click.option("--display-name", help="A name for people.")
@click.option("--stopped", is_flag=True, help="Do not start it; a stopped one takes the disk over when it starts.")
@click.option("--dry-run", is_flag=True, help="Only let the cluster check it.")
@waiting_options
def adopt_command(
    disk: str,
    name: str | None,
    namespace: str | None,
    template: str | None,
    display_name: str | None,
    stopped: bool,
    dry_run: bool,
    wait: bool,
    timeout: float,
) -> None:
    """Make an environment from DISK, which a deleted one has left; NAME, template and owner are the earlier one's."""

    async def work(connection: Connection) -> None:
        volume = await find_kept(connection, disk)
        wish = Wish(
            name=name or _noted(volume, names.ANNOTATION_INSTANCE, otherwise="volume.no-name"),
            template=template or _noted(volume, names.ANNOTATION_TEMPLATE, otherwise="volume.no-template"),
            display_name=display_name,
            adopt=disk,
            stopped=stopped,
        )
        body = _body(wish, volume)
        await make(connection, body, dry_run=dry_run, seconds=timeout if wait and not stopped else None)

    run(work, namespace=namespace)


def _body(wish: Wish, volume: PersistentVolumeClaim) -> dict[str, Any]:
    """For the disk's owner, whoever asks: a disk goes to nobody else. Who may name another one, policies decide."""
    metadata = volume.metadata
    body = instance_body(wish, namespace=metadata.namespace, owner=metadata.annotations.get(names.ANNOTATION_OWNER))
    if subject := metadata.annotations.get(names.ANNOTATION_OWNER_SUBJECT):
        body["metadata"]["annotations"][names.ANNOTATION_OWNER_SUBJECT] = subject
    return body


def _noted(volume: PersistentVolumeClaim, annotation: str, *, otherwise: str) -> str:
    """What the disk says of its earlier environment; raises ClickException with the sentence `otherwise`."""
    value = volume.metadata.annotations.get(annotation)
    if not value:
        raise click.ClickException(say(otherwise, volume=volume.metadata.name))
    return value
