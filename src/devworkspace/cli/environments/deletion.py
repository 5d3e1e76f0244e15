"""`delete`, `volumes`, `purge`: ends, and what outlives them."""

import asyncio
import time
from typing import Any, Final

import click

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.cli.environments.completion import KEPT, complete_environment, complete_volume
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import Output, age, output_option, show
from devworkspace.cli.environments.words import say
from devworkspace.kinds import INSTANCES
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import PVCS

# The operator notes it in a fraction of a second, unless it is away.
CONSENT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1


@click.command("delete")
@click.argument("name", shell_complete=complete_environment)
@namespace_option
@click.option("--data", type=click.Choice(["keep", "delete"]), default="keep", show_default=True,
              help="What becomes of the disk.")  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def delete_command(name: str, namespace: str | None, data: str, yes: bool) -> None:
    """Delete an environment; its disk is kept unless --data=delete."""

    async def work(connection: Connection) -> None:
        instance = await connection.find(name)
        volume = instance.status.pvc_name or say("none")
        if not yes:
            question = "delete.data" if data == "delete" else "delete.keep"
            click.confirm(say(question, name=instance.metadata.key, volume=volume), abort=True)
        policy = "Delete" if data == "delete" else "Retain"
        if instance.spec.data_policy != policy:
            instance = await connection.patch(instance, {"spec": {"dataPolicy": policy}})
        await _wait_for_consent(connection, instance, policy)
        await connection.client.delete(INSTANCES, instance.metadata.key, uid=instance.metadata.uid)
        click.echo(say("deleted", name=instance.metadata.key))

    run(work, namespace=namespace)


async def _wait_for_consent(connection: Connection, instance: WorkspaceInstance, policy: str) -> None:
    """The operator deletes a disk only if it had noted the wish before the deletion; it also takes a wish back."""
    deadline = time.monotonic() + CONSENT_SECONDS
    while instance.status.data_policy != policy:
        if policy == "Retain" and instance.status.data_policy is None:
            return
        if time.monotonic() > deadline:
            raise click.ClickException(say("no-consent", seconds=f"{CONSENT_SECONDS:g}"))
        await asyncio.sleep(_POLL_SECONDS)
        instance = await connection.find(instance.metadata.name)


@click.command("volumes")
@namespace_option
@click.option("--all-namespaces", "-A", is_flag=True, help="Disks of every namespace that you may read.")
@output_option
def volumes_command(namespace: str | None, all_namespaces: bool, output: Output) -> None:
    """List the disks that deleted environments have left."""

    async def work(connection: Connection) -> tuple[PersistentVolumeClaim, ...]:
        where = None if all_namespaces else connection.namespace
        return (await connection.client.list(PVCS, PersistentVolumeClaim, namespace=where, label_selector=KEPT)).items

    found = sorted(run(work, namespace=namespace), key=lambda volume: volume.metadata.key)
    show(
        [_volume_record(volume) for volume in found],
        output=output,
        columns=[*(["namespace"] if all_namespaces else []), "name", "environment", "owner", "size", "kept"],
        wide=["template", "keptSince"],
    )


def _volume_record(volume: PersistentVolumeClaim) -> dict[str, Any]:
    notes = volume.metadata.annotations
    since = notes.get(names.ANNOTATION_RETAINED_AT)
    return {
        "namespace": volume.metadata.namespace,
        "name": volume.metadata.name,
        "environment": notes.get(names.ANNOTATION_INSTANCE),
        "owner": notes.get(names.ANNOTATION_OWNER),
        "template": notes.get(names.ANNOTATION_TEMPLATE),
        "size": volume.status.capacity.get("storage") or volume.spec.resources.requests.get("storage"),
        "kept": age(since),
        "keptSince": since,
    }


@click.command("purge")
@click.argument("volume", metavar="DISK", shell_complete=complete_volume)
@namespace_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def purge_command(volume: str, namespace: str | None, yes: bool) -> None:
    """Delete a disk that a deleted environment has left, with all files on it."""

    async def work(connection: Connection) -> None:
        claim = await find_kept(connection, volume)
        owner = claim.metadata.annotations.get(names.ANNOTATION_OWNER) or say("nobody")
        if not yes:
            click.confirm(say("purge", volume=claim.metadata.key, owner=owner), abort=True)
        await connection.client.delete(PVCS, claim.metadata.key, uid=claim.metadata.uid)
        click.echo(say("purged", volume=claim.metadata.key))

    run(work, namespace=namespace)


async def find_kept(connection: Connection, name: str) -> PersistentVolumeClaim:
    """A disk that no environment uses; the label alone can be set by hand."""
    try:
        claim = await connection.client.get(PVCS, connection.key(name), PersistentVolumeClaim)
    except NotFound as error:
        raise click.ClickException(say("absent.volume", name=name)) from error
    labels = claim.metadata.labels
    if labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY or labels.get(names.LABEL_RETAINED) != "true":
        raise click.ClickException(say("absent.volume", name=name))
    listed = await connection.client.list(INSTANCES, WorkspaceInstance, namespace=connection.namespace)
    if labels.get(names.LABEL_INSTANCE_UID) in {instance.metadata.uid for instance in listed.items}:
        raise click.ClickException(say("volume.in-use", name=name))
    return claim
