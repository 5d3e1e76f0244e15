"""`start`, `stop`, `restart`, `open`."""

import webbrowser
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from devworkspace.api import names
from devworkspace.cli.environments.completion import complete_environment
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import printable
from devworkspace.cli.environments.told import told_reason
from devworkspace.cli.environments.waiting import tell_running, wait_running, waiting_options
from devworkspace.cli.environments.words import say
from devworkspace.core.actions import find_bar
from devworkspace.core.safemode import safe_start_annotations
from devworkspace.core.timestamps import format_timestamp


def _names_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    argument = click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_environment)
    return argument(function)


@click.command("start")
@_names_argument
@namespace_option
@click.option(
    "--safe", is_flag=True, help="In safe mode: the installation's own editor, without the template's settings."
)
@waiting_options
def start_command(names: tuple[str, ...], namespace: str | None, safe: bool, wait: bool, timeout: float) -> None:
    """Start environments and wait until they can be opened.

    With --safe also those that run or have failed, once, on the same disk; `restart` leaves safe mode.
    """
    patch, told = (safe_patch(), "started.safe") if safe else ({"spec": {"running": True}}, "started")
    _change(names, patch, told=told, namespace=namespace, seconds=timeout if wait else None)


@click.command("stop")
@_names_argument
@namespace_option
def stop_command(names: tuple[str, ...], namespace: str | None) -> None:
    """Stop environments; their disks are kept."""
    _change(names, {"spec": {"running": False}}, told="stopped", namespace=namespace, seconds=None)


@click.command("restart")
@_names_argument
@namespace_option
@waiting_options
def restart_command(names: tuple[str, ...], namespace: str | None, wait: bool, timeout: float) -> None:
    """Start environments anew, with their template as it is now."""
    _change(names, restart_patch(), told="restarted", namespace=namespace, seconds=timeout if wait else None)


def restart_patch() -> dict[str, Any]:
    now = format_timestamp(datetime.now(UTC))
    return {"metadata": {"annotations": {names.ANNOTATION_RESTARTED_AT: now}}, "spec": {"running": True}}


def safe_patch() -> dict[str, Any]:
    now = format_timestamp(datetime.now(UTC))
    return {"metadata": {"annotations": safe_start_annotations(now)}, "spec": {"running": True}}


def _change(
    wanted: Sequence[str], patch: dict[str, Any], *, told: str, namespace: str | None, seconds: float | None
) -> None:
    """`seconds` is how long to wait until they run; None does not wait."""

    anew = told in ("restarted", "started.safe")

    async def work(connection: Connection) -> None:
        changed = []
        for name in wanted:
            instance = await connection.find(name)
            if anew and (bar := find_bar(instance)) is not None:
                message = printable(told_reason(bar.reason, bar.message))
                raise click.ClickException(say("no-second-start", name=instance.metadata.key, message=message))
            changed.append(await connection.patch(instance, patch))
            click.echo(say(told, name=connection.key(name)))
        for instance in changed if seconds is not None else ():
            running = await tell_running(connection, instance, seconds=seconds or 0, anew=anew)
            if told == "started.safe" and not running.status.safe_mode:
                raise click.ClickException(say("no-safe-start", name=instance.metadata.key))

    run(work, namespace=namespace)


@click.command("open")
@click.argument("name", shell_complete=complete_environment)
@namespace_option
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--timeout", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds to wait.")
def open_command(name: str, namespace: str | None, no_browser: bool, timeout: float) -> None:
    """Open an environment in the browser; one that is stopped is started."""

    async def work(connection: Connection) -> str | None:
        instance = await connection.find(name)
        if not instance.spec.running:
            instance = await connection.patch(instance, {"spec": {"running": True}})
            click.echo(say("started", name=instance.metadata.key), err=True)
        return (await wait_running(connection, instance, seconds=timeout)).status.url

    url = run(work, namespace=namespace)
    if url is None:
        raise click.ClickException(say("no-url", name=name))
    if not url.startswith(("https://", "http://")):
        # What a browser is given must not be a file of this machine, or an option.
        raise click.ClickException(say("bad-url", name=name, url=printable(url)))
    if no_browser or not webbrowser.open(url):
        click.echo(url)
    else:
        click.echo(say("opening", url=url))
