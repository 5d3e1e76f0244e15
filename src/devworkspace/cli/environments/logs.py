"""`logs`: what an environment's container has printed, and what it prints from now on.

A stream ends with its container, and may break before. So one that is followed asks for times with each line and goes
on behind the last one that was shown; a container that was started again, in the same pod or in a new one, is read from
its beginning. The API gives the output of whatever container is the newest, and says so in the pod's status a second or
two later: a container whose stream was closed by its kubelet is not asked for again until the status has moved on.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

import click

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.cli.environments.completion import complete_environment
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.words import say
from devworkspace.cli.language import phrase
from devworkspace.core.duration import parse_duration
from devworkspace.kube.errors import ApiError, NotFound, Unreachable
from devworkspace.kube.resource import PODS

PAUSE_SECONDS: Final = 1.0
# For the status of a container whose stream was closed. If it is still said to run then, something else closed it.
LAG_SECONDS: Final = 30.0
# The container is between two lives, or the pod has just gone.
_PASSING: Final = frozenset({400, 404})
_INTERRUPTED: Final = 130


class Span(NamedTuple):
    """Which part of the output is wanted, as parameters of the API, and whether each line has its time."""

    begin: Mapping[str, str]
    times: bool = False


@dataclass(frozen=True)
class Life:
    """One run of the container: the pod, how often it was started there before, and whether it is said to go on."""

    pod: str
    uid: str
    restarts: int
    runs: bool = field(compare=False)


class _Duration(click.ParamType[timedelta]):
    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return parse_duration(str(value))
        except ValueError:
            said = phrase(
                "{value!r} is not a duration: expected hours, minutes and seconds, as in 1h30m or 90s", value=value
            )
            self.fail(said, param, ctx)


@click.command("logs")
@click.argument("name", shell_complete=complete_environment)
@namespace_option
@click.option("--follow", "-f", is_flag=True, help="Go on, also after the container was started again.")
@click.option("--previous", "-p", is_flag=True, help="Of the run before the last restart.")
@click.option("--tail", type=click.IntRange(min=0, max=100_000), default=1000, show_default=True, help="Last lines.")
@click.option("--since", type=_Duration(), help="Only what is newer, e.g. 10m or 1h30m.")
@click.option("--timestamps", is_flag=True, help="With the time of each line.")
def logs_command(
    name: str,
    namespace: str | None,
    follow: bool,
    previous: bool,
    tail: int,
    since: timedelta | None,
    timestamps: bool,
) -> None:
    """Print what the editor's container has printed."""
    if follow and previous:
        raise click.UsageError(phrase("--follow and --previous exclude each other: the previous run prints no more"))
    # The API refuses zero seconds.
    age = {} if since is None else {"sinceSeconds": str(max(1, int(since.total_seconds())))}
    span = Span({"tailLines": str(tail), **age}, timestamps)

    async def work(connection: Connection) -> None:
        if follow:
            await Follower(connection, name, span).follow()
        else:
            await _print_once(connection, name, span, previous=previous)

    try:
        run(work, namespace=namespace)
    except KeyboardInterrupt:
        # The usual end of a command that has none of its own.
        raise SystemExit(_INTERRUPTED) from None


async def _print_once(connection: Connection, name: str, span: Span, *, previous: bool) -> None:
    instance = await connection.find(name)
    if instance.status.pod_name is None:
        raise _no_pod(instance)
    params = {
        "container": names.CONTAINER_NAME,
        "previous": str(previous).lower(),
        "timestamps": str(span.times).lower(),
        **span.begin,
    }
    path = PODS.object_path(Key(connection.namespace, instance.status.pod_name), "log")
    output = await connection.client.raw("GET", path, resource="pods/log", params=params, idempotent=True)
    click.echo(output.decode(errors="replace"), nl=False)


class Follower:
    """Shows one life of the container after the other, until the environment is stopped."""

    def __init__(self, connection: Connection, name: str, span: Span) -> None:
        self._connection = connection
        self._name = name
        self._span = span
        self._life: Life | None = None
        # By `time.monotonic`: until when the life that was read last counts as over, although it is said to run.
        self._over_until: float | None = None
        # Of the last line that was shown; kubelets write nine digits of each second, so that texts compare.
        self._shown = ""
        self._begin = span.begin

    async def follow(self) -> None:
        while (life := await self._wait_for_life()) is not None:
            if self._life not in (None, life):
                click.echo(say("logs.again", name=self._connection.key(self._name)), err=True)
                self._shown, self._begin = "", {}
            self._life = life
            closed = await self._read(life)
            self._over_until = time.monotonic() + LAG_SECONDS if closed else None
            await asyncio.sleep(PAUSE_SECONDS)
        click.echo(say("logs.end", name=self._connection.key(self._name)), err=True)

    async def _wait_for_life(self) -> Life | None:
        """The container that runs, or ran last and was not read to its end; None when the environment is stopped."""
        told = False
        while True:
            instance = await self._connection.find(self._name)
            life = await self._find_life(instance)
            if life is not None and not self._is_over(life):
                return life
            if not instance.spec.running:
                if self._life is None:
                    raise _no_pod(instance)
                return None
            if life is None and not told:
                told = True
                click.echo(say("logs.waiting", name=instance.metadata.key), err=True)
            await asyncio.sleep(PAUSE_SECONDS)

    def _is_over(self, life: Life) -> bool:
        if life != self._life or self._over_until is None:
            return False
        return not life.runs or time.monotonic() < self._over_until

    async def _find_life(self, instance: WorkspaceInstance) -> Life | None:
        if instance.status.pod_name is None:
            return None
        try:
            pod = await self._connection.client.get(PODS, self._connection.key(instance.status.pod_name), Pod)
        except NotFound:
            return None
        found = (status for status in pod.status.container_statuses if status.name == names.CONTAINER_NAME)
        status = next(found, None)
        if status is None or (status.state.running is None and not _has_ended(status.state, status.last_state)):
            return None
        runs = status.state.running is not None
        return Life(pod.metadata.name, pod.metadata.uid, status.restart_count, runs)

    async def _read(self, life: Life) -> bool:
        """Shows what this life prints until its stream ends; returns whether it was closed, and did not break."""
        params = {"container": names.CONTAINER_NAME, "follow": "true", "timestamps": "true", **self._resume()}
        behind = self._shown
        try:
            async with self._connection.client.log(self._connection.key(life.pod), params=params) as chunks:
                async for line in _lines(chunks):
                    self._show(line, behind=behind)
        except Unreachable:
            return False
        except ApiError as error:
            if error.status not in _PASSING:
                raise
            return False
        return True

    def _resume(self) -> Mapping[str, str]:
        """The API takes whole seconds; lines of that second that were shown are left out afterwards."""
        return {"sinceTime": f"{self._shown[:19]}Z"} if self._shown else self._begin

    def _show(self, line: bytes, *, behind: str) -> None:
        stamp, _, text = line.decode(errors="replace").partition(" ")
        if stamp <= behind:
            return
        self._shown = stamp
        click.echo(f"{stamp} {text}" if self._span.times else text)


def _has_ended(*states: Any) -> bool:
    return any(state.terminated is not None for state in states)


def _no_pod(instance: WorkspaceInstance) -> click.ClickException:
    return click.ClickException(say("no-pod", name=instance.metadata.key, phase=instance.status.phase or "Pending"))


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends; the last one may have none."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest
