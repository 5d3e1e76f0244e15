"""`events` and `logs`: what happened to an environment."""

from typing import Any

import click

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.api.surroundings import Event
from devworkspace.cli.environments.completion import complete_environment
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import Output, age, output_option, show
from devworkspace.cli.environments.words import say
from devworkspace.core.hindrances import last_seen
from devworkspace.core.render.common import child_name
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kube.resource import EVENTS, PODS


@click.command("events")
@click.argument("name", shell_complete=complete_environment)
@namespace_option
@output_option
def events_command(name: str, namespace: str | None, output: Output) -> None:
    """Show what the cluster told about an environment, its pod and its disk; the newest last."""

    async def work(connection: Connection) -> list[Event]:
        instance = await connection.find(name)
        own = {name, child_name(instance), instance.status.pod_name, instance.status.pvc_name}
        listed = await connection.client.list(EVENTS, Event, namespace=connection.namespace)
        return [event for event in listed.items if event.involved_object.name in own]

    found = sorted(run(work, namespace=namespace), key=last_seen)
    show(
        [_event_record(event) for event in found], output=output, columns=["age", "type", "reason", "object", "message"]
    )


def _event_record(event: Event) -> dict[str, Any]:
    seen = format_timestamp(last_seen(event))
    return {
        "age": age(seen),
        "time": seen,
        "type": event.type,
        "reason": event.reason,
        "object": f"{event.involved_object.kind}/{event.involved_object.name}",
        "message": event.message,
    }


@click.command("logs")
@click.argument("name", shell_complete=complete_environment)
@namespace_option
@click.option("--previous", "-p", is_flag=True, help="Of the run before the last restart.")
@click.option("--tail", type=click.IntRange(min=0, max=100_000), default=1000, show_default=True, help="Last lines.")
def logs_command(name: str, namespace: str | None, previous: bool, tail: int) -> None:
    """Print what the editor's container has printed."""

    async def work(connection: Connection) -> bytes:
        instance = await connection.find(name)
        if instance.status.pod_name is None:
            phase = instance.status.phase or "Pending"
            raise click.ClickException(say("no-pod", name=instance.metadata.key, phase=phase))
        params = {"container": names.CONTAINER_NAME, "tailLines": str(tail), "previous": str(previous).lower()}
        path = PODS.object_path(Key(connection.namespace, instance.status.pod_name), "log")
        return await connection.client.raw("GET", path, resource="pods/log", params=params, idempotent=True)

    click.echo(run(work, namespace=namespace).decode(errors="replace"), nl=False)
