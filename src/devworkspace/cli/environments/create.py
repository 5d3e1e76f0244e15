"""`create`: a new environment from a template."""

import contextlib
import re
from typing import Any, Final, NamedTuple

import click
import msgspec

from devworkspace.api import names
from devworkspace.api.children import Namespace
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.cli.environments.completion import complete_template, complete_volume
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import printable
from devworkspace.cli.environments.told import told_reason
from devworkspace.cli.environments.waiting import tell_running, waiting_options
from devworkspace.cli.environments.words import say
from devworkspace.cli.language import phrase
from devworkspace.core.resolve import Refusal, resolve
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.errors import Forbidden, NotFound
from devworkspace.kube.resource import NAMESPACES

_WHO_AM_I: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class Wish(NamedTuple):
    """What the command line asked for."""

    name: str
    template: str
    cpu: str | None = None
    memory: str | None = None
    storage: str | None = None
    image: str | None = None
    variables: tuple[tuple[str, str], ...] = ()
    display_name: str | None = None
    adopt: str | None = None
    stopped: bool = False
    git: str | None = None
    git_ref: str | None = None


class _UserInfo(msgspec.Struct):
    username: str


class _Status(msgspec.Struct, rename="camel"):
    user_info: _UserInfo


class _Review(msgspec.Struct):
    status: _Status


class NewName(click.ParamType[str]):
    """What a new environment may be called; the API server would refuse the rest in words for programs."""

    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(names.INSTANCE_NAME, value) is None:
            said = phrase(
                "an environment cannot be called {value!r}: at most 63 lower-case letters, digits and hyphens, a "
                "letter first and no hyphen last, because the name becomes part of an address",
                value=value,
            )
            self.fail(said, param, ctx)
        return str(value)


class _Variable(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, separator, content = str(value).partition("=")
        if not name or not separator:
            self.fail(phrase("{value!r} is not NAME=VALUE", value=value), param, ctx)
        return name, content


@click.command("create")
@click.argument("name", type=NewName())
@click.option("--template", "-t", required=True, shell_complete=complete_template, help="See `devworkspace templates`.")
@namespace_option
@click.option("--cpu", help="CPU limit, e.g. 2 or 500m; within what the template allows, like the next ones.")
@click.option("--memory", help="Memory limit, e.g. 4Gi.")
@click.option("--storage", help="Size of the disk, e.g. 20Gi.")
@click.option("--image", help="Another image.")
@click.option("--env", "variables", type=_Variable(), multiple=True, help="Environment variable; repeatable.")
@click.option("--display-name", help="A name for people.")
@click.option("--owner", help="User name of the owner. Default: you.")
@click.option(
    "--adopt", metavar="DISK", shell_complete=complete_volume, help="Take over a kept disk, see `devworkspace volumes`."
)
@click.option(
    "--git", metavar="URL", help="Git repository to clone into the home, e.g. https://git.example.com/team/demo.git."
)
@click.option("--git-ref", metavar="REF", help="Branch or tag of it to begin with.")
@click.option("--stopped", is_flag=True, help="Do not start it.")
@click.option("--dry-run", is_flag=True, help="Only let the cluster check it.")
@waiting_options
def command(namespace: str | None, owner: str | None, dry_run: bool, wait: bool, timeout: float, **wish: Any) -> None:
    """Create an environment and wait until it can be opened."""
    wanted = Wish(**wish)
    if wanted.git_ref is not None and wanted.git is None:
        raise click.UsageError(say("ref-without-git"))

    async def work(connection: Connection) -> None:
        body = instance_body(wanted, namespace=connection.namespace, owner=owner or await _who_am_i(connection))
        await make(connection, body, dry_run=dry_run, seconds=timeout if wait and not wanted.stopped else None)

    run(work, namespace=namespace)


async def make(connection: Connection, body: dict[str, Any], *, dry_run: bool, seconds: float | None) -> None:
    """Creates the instance; `seconds` is how long to wait until it runs, None does not wait."""
    await _check_template(connection, body)
    made = await connection.client.create(INSTANCES, body, WorkspaceInstance, dry_run=dry_run)
    click.echo(say("would-create" if dry_run else "created", name=made.metadata.key))
    if seconds is not None and not dry_run:
        await tell_running(connection, made, seconds=seconds)


def instance_body(wish: Wish, *, namespace: str, owner: str | None) -> dict[str, Any]:
    """The instance as it is sent; what was not asked for is left to the template."""
    limits = {name: value for name, value in (("cpu", wish.cpu), ("memory", wish.memory)) if value is not None}
    overrides = {
        "resources": {"limits": limits} if limits else None,
        "storage": {"size": wish.storage} if wish.storage is not None else None,
        "image": wish.image,
        "env": [{"name": name, "value": value} for name, value in wish.variables] or None,
    }
    spec = {
        "templateRef": wish.template,
        "owner": owner,
        "displayName": wish.display_name,
        "running": False if wish.stopped else None,
        "overrides": _given(overrides) or None,
        "git": _given({"repository": wish.git, "ref": wish.git_ref}) or None,
    }
    annotations = {names.ANNOTATION_ADOPT_VOLUME: wish.adopt} if wish.adopt is not None else {}
    return {
        "metadata": {"name": wish.name, "namespace": namespace, "annotations": annotations},
        "spec": _given(spec),
    }


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


async def _check_template(connection: Connection, body: dict[str, Any]) -> None:
    """Refuses what the operator would leave `Pending`, in its words. Who may not read what it needs finds out later."""
    instance = msgspec.convert(body, WorkspaceInstance)
    template: WorkspaceTemplate | None = None
    try:
        namespace = await connection.client.get(NAMESPACES, Key("", connection.namespace), Namespace)
        with contextlib.suppress(NotFound):
            template = await connection.client.get(TEMPLATES, Key("", instance.spec.template_ref), WorkspaceTemplate)
        settings = resolve(instance, template, namespace_labels=namespace.metadata.labels)
    except (Forbidden, NotFound, ValueError):
        # ValueError: a quantity that is none; the API server's rule says what is wrong with it.
        return
    if isinstance(settings, Refusal):
        raise click.ClickException(printable(told_reason(settings.reason, settings.message)))


async def _who_am_i(connection: Connection) -> str:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await connection.client.raw("POST", _WHO_AM_I, resource="selfsubjectreviews", body=body, idempotent=True)
    return msgspec.json.decode(answer, type=_Review).status.user_info.username
