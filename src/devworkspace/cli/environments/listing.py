"""`list`, `describe` and `templates`: what there is."""

from collections.abc import Mapping
from typing import Any, Final

import click
import msgspec

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.template import Translation, WorkspaceTemplate
from devworkspace.cli.environments.completion import complete_environment
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import Output, age, output_option, show, show_one
from devworkspace.cli.environments.told import told
from devworkspace.cli.environments.words import say
from devworkspace.cli.language import Language, language
from devworkspace.core.succession import find_successor
from devworkspace.kinds import INSTANCES, TEMPLATES

# As the dashboard's pages look for texts.
_TAGS: Final[dict[Language, tuple[str, ...]]] = {"en": ("en",), "zh": ("zh-CN", "zh")}


@click.command("list")
@namespace_option
@click.option("--all-namespaces", "-A", is_flag=True, help="Environments of every namespace that you may read.")
@output_option
def list_command(namespace: str | None, all_namespaces: bool, output: Output) -> None:
    """List environments with what each of them says of itself."""

    async def work(connection: Connection) -> tuple[WorkspaceInstance, ...]:
        where = None if all_namespaces else connection.namespace
        return (await connection.client.list(INSTANCES, WorkspaceInstance, namespace=where)).items

    found = sorted(run(work, namespace=namespace), key=lambda instance: instance.metadata.key)
    programs = output in ("json", "yaml")
    show(
        [
            environment_record(instance)
            if programs
            else environment_record(instance) | {"message": told(instance.status)}
            for instance in found
        ],
        output=output,
        columns=[*(["namespace"] if all_namespaces else []), "name", "template", "phase", "age", "message"],
        wide=["owner", "url", "lastActivity", "node"],
    )


def environment_record(instance: WorkspaceInstance) -> dict[str, Any]:
    """What programs get of an environment as well."""
    metadata, spec, status = instance.metadata, instance.spec, instance.status
    return {
        "namespace": metadata.namespace,
        "name": metadata.name,
        "template": spec.template_ref,
        "owner": spec.owner,
        "running": spec.running,
        "phase": "Deleting" if metadata.deletion_timestamp else status.phase,
        "message": status.message,
        "url": status.url,
        "age": age(metadata.creation_timestamp),
        "createdAt": metadata.creation_timestamp,
        "startedAt": status.started_at,
        "lastActivity": status.last_activity,
        "node": status.node_name,
        "volume": status.pvc_name,
    }


@click.command("describe")
@click.argument("name", shell_complete=complete_environment)
@namespace_option
@output_option
def describe_command(name: str, namespace: str | None, output: Output) -> None:
    """Show everything that one environment says of itself."""

    async def work(connection: Connection) -> WorkspaceInstance:
        return await connection.find(name)

    show_one(_details(run(work, namespace=namespace)), output=output)


def _details(instance: WorkspaceInstance) -> dict[str, Any]:
    spec, status = instance.spec, instance.status
    return {
        **environment_record(instance),
        "displayName": spec.display_name,
        "description": spec.description,
        "overrides": msgspec.to_builtins(spec.overrides),
        "git": msgspec.to_builtins(spec.git) if spec.git is not None else None,
        "idleTimeout": spec.lifecycle.idle_timeout,
        "dataPolicy": spec.data_policy,
        "stopReason": status.stop_reason,
        "stoppedAt": status.stopped_at,
        "restarts": status.restarts,
        "pod": status.pod_name,
        "conditions": [
            {"type": found.type, "status": found.status, "reason": found.reason, "message": found.message}
            for found in status.conditions
        ],
    }


@click.command("templates")
@output_option
def templates_command(output: Output) -> None:
    """List the templates that environments can be made from."""

    async def work(connection: Connection) -> tuple[WorkspaceTemplate, ...]:
        return (await connection.client.list(TEMPLATES, WorkspaceTemplate)).items

    found = sorted(run(work, namespace=None), key=lambda template: template.metadata.name)
    known = {template.metadata.name: template for template in found}
    shown = [template for template in found if template.spec.state != "Hidden"]
    programs = output in ("json", "yaml")
    show(
        [
            _template_record(template)
            | ({} if programs else _texts(template) | {"replacedBy": _successor(template, known)})
            for template in shown
        ],
        output=output,
        columns=["name", "displayName", "cpu", "memory", "storage", "state", "replacedBy", "description"],
        wide=["image", "environments"],
    )


def _texts(template: WorkspaceTemplate) -> dict[str, Any]:
    """Name and description in the person's language, as far as the template has them."""
    spec = template.spec
    translated = [spec.translations.get(tag, Translation()) for tag in _TAGS[language()]]
    return {
        "displayName": next(filter(None, (texts.display_name for texts in translated)), spec.display_name),
        "description": next(filter(None, (texts.description for texts in translated)), spec.description),
    }


def _successor(template: WorkspaceTemplate, known: Mapping[str, WorkspaceTemplate]) -> str | None:
    successor = find_successor(template, known.get)
    if successor is None or successor.problem is None:
        return successor and successor.name
    return say(f"successor.{successor.problem}", name=successor.name)


def _template_record(template: WorkspaceTemplate) -> dict[str, Any]:
    spec = template.spec
    return {
        "name": template.metadata.name,
        "displayName": spec.display_name,
        "description": spec.description,
        "translations": msgspec.to_builtins(spec.translations),
        "state": spec.state,
        "stateMessage": spec.state_message,
        "replacedBy": spec.replaced_by,
        "image": spec.environment.image,
        "cpu": spec.resources.limits.get("cpu"),
        "memory": spec.resources.limits.get("memory"),
        "storage": spec.storage.size,
        "environments": template.status.instances,
    }
