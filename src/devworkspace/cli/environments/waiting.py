"""Waiting for an environment, with what it says of itself while it starts."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import click

from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.cli.environments.connection import Connection
from devworkspace.cli.environments.told import told
from devworkspace.cli.environments.words import say

START_SECONDS: Final = 300
_POLL_SECONDS: Final = 0.3


async def wait_running(
    connection: Connection, instance: WorkspaceInstance, *, seconds: float, anew: bool = False
) -> WorkspaceInstance:
    """The instance once it runs as it is wanted now; raises ClickException when it has failed or after `seconds`.

    With `anew` the start that it tells of in `instance` does not count: the mark of a restart changes no generation.
    """
    name, generation = instance.metadata.key, instance.metadata.generation
    deadline, last = time.monotonic() + seconds, ""
    while True:
        current = await connection.find(instance.metadata.name)
        status = current.status
        seen = (status.observed_generation or 0) >= generation
        if anew and status.started_at == instance.status.started_at:
            seen = False
        if seen and status.phase == "Running":
            return current
        if seen and status.phase == "Failed":
            raise click.ClickException(say("failed", name=name, message=told(status)))
        phase, message = _progress(status, seen=seen)
        if message != last:
            last = message
            print(f"{phase}: {message}", file=sys.stderr, flush=True)
        if time.monotonic() > deadline:
            raise click.ClickException(
                say("not-running", name=name, seconds=f"{seconds:g}", phase=phase, message=message)
            )
        await asyncio.sleep(_POLL_SECONDS)


def _progress(status: InstanceStatus, *, seen: bool) -> tuple[str, str]:
    return status.phase or "Pending", (told(status) if seen else None) or say("unseen")


async def tell_running(
    connection: Connection, instance: WorkspaceInstance, *, seconds: float, anew: bool = False
) -> WorkspaceInstance:
    """Waits and says where the environment is."""
    running = await wait_running(connection, instance, seconds=seconds, anew=anew)
    sentence = "running.safe" if running.status.safe_mode else "running"
    click.echo(say(sentence, name=running.metadata.key, url=running.status.url or "-"))
    return running


def waiting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--wait/--no-wait` and `--timeout`."""
    function = click.option("--wait/--no-wait", default=True, help="Wait until the editor answers (default).")(function)
    return click.option(
        "--timeout", type=click.FloatRange(min=1), default=START_SECONDS, show_default=True, help="Seconds to wait."
    )(function)
