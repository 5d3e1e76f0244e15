"""`events`: what happened to an environment."""

from typing import Any

import click

from devworkspace.api.surroundings import Event
from devworkspace.cli.environments.completion import complete_environment
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import Output, age, output_option, show
from devworkspace.core.hindrances import last_seen
from devworkspace.core.render.common import child_name
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kube.resource import EVENTS


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
