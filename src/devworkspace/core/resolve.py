"""Template + instance -> the settings that an environment runs with, or the reason why it may not.

Every override is checked against what the template allows at each evaluation, so that an admin who lowers a limit is
obeyed at the next start. An environment that was started before keeps its right to a template that was hidden or
withdrawn from its namespace since: work in progress outlives the catalogue.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import ContainerPort
from devworkspace.api.instance import Overrides, WorkspaceInstance
from devworkspace.api.meta import Struct
from devworkspace.api.template import (
    DEFAULT_RESOURCES,
    Environment,
    EnvVar,
    LabelSelector,
    Lifecycle,
    Port,
    Quantities,
    Resources,
    Scheduling,
    SelectorRequirement,
    Storage,
    WorkspaceTemplate,
)
from devworkspace.core.duration import parse_duration
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.repository import host_of, is_host_allowed


class Settings(Struct, frozen=True):
    """What one environment effectively runs with."""

    template: str
    environment: Environment
    requests: Quantities
    limits: Quantities
    storage: Storage
    ports: tuple[Port, ...]
    scheduling: Scheduling
    start_timeout: timedelta

    @property
    def container_ports(self) -> tuple[ContainerPort, ...]:
        """The editor's port first, then the others that the template names."""
        editor = ContainerPort(self.environment.port, names.PORT_NAME)
        others = (ContainerPort(port.container_port, port.name, port.protocol) for port in self.ports)
        return (editor, *(port for port in others if port.container_port != editor.container_port))


class Refusal(Struct, frozen=True):
    """Why an environment may not start: a reason of the API and a sentence for its owner."""

    reason: str
    message: str


def start_limit(settings: Settings | Refusal) -> timedelta:
    """How long a start may take; the default for one whose template has gone meanwhile."""
    return settings.start_timeout if isinstance(settings, Settings) else parse_duration(Lifecycle().start_timeout)


def resolve(
    instance: WorkspaceInstance, template: WorkspaceTemplate | None, *, namespace_labels: Mapping[str, str]
) -> Settings | Refusal:
    """The effective settings of an instance, or the first reason against it."""
    if template is None:
        return Refusal(
            reasons.TEMPLATE_MISSING,
            f"Template {instance.spec.template_ref!r} does not exist; ask an admin to publish it, "
            "or create the environment from another template.",
        )
    refusal = (
        _check_catalogue(instance, template, namespace_labels)
        or _check_overrides(instance.spec.overrides, template)
        or _check_repository(instance, template)
    )
    return refusal or _combine(instance, template)


def is_offered(template: WorkspaceTemplate, namespace_labels: Mapping[str, str]) -> bool:
    """Whether a new environment may be made from the template in a namespace with these labels."""
    selector = template.spec.access.namespace_selector
    return template.spec.state != "Hidden" and (selector is None or matches(selector, namespace_labels))


def _check_catalogue(
    instance: WorkspaceInstance, template: WorkspaceTemplate, namespace_labels: Mapping[str, str]
) -> Refusal | None:
    if instance.status.template is not None:
        return None
    name = template.metadata.name
    if template.spec.state == "Hidden":
        return Refusal(
            reasons.TEMPLATE_HIDDEN,
            f"Template {name!r} is hidden and takes no new environments; choose another template.",
        )
    selector = template.spec.access.namespace_selector
    if selector is not None and not matches(selector, namespace_labels):
        return Refusal(
            reasons.TEMPLATE_NOT_ALLOWED,
            f"Template {name!r} may not be used in namespace {instance.metadata.namespace!r}; "
            "choose another template or ask an admin.",
        )
    return None


class OverrideProblem(Struct, frozen=True):
    """An override or a repository beyond the template's bounds; `field` is its path in the instance."""

    field: str
    message: str


def _check_overrides(overrides: Overrides, template: WorkspaceTemplate) -> Refusal | None:
    problems = find_override_problems(overrides, template)
    return Refusal(reasons.OVERRIDE_NOT_ALLOWED, problems[0].message) if problems else None


def find_override_problems(overrides: Overrides, template: WorkspaceTemplate) -> tuple[OverrideProblem, ...]:
    """Everything in `overrides` that the template does not allow. Raises ValueError for what is no quantity."""
    allowed, name = template.spec.overrides, template.metadata.name
    resources = "spec.overrides.resources"
    problems = [
        *_excess(overrides.resources.requests, allowed.max_resources, template=name, field=f"{resources}.requests"),
        *_excess(overrides.resources.limits, allowed.max_resources, template=name, field=f"{resources}.limits"),
    ]
    if overrides.storage.size is not None:
        ceiling = None if allowed.max_storage is None else {"storage": allowed.max_storage}
        found = _excess({"storage": overrides.storage.size}, ceiling, template=name, field="")
        problems += [OverrideProblem("spec.overrides.storage.size", problem.message) for problem in found]
    if overrides.image is not None and overrides.image not in allowed.images:
        choice = f"allowed are: {', '.join(allowed.images)}" if allowed.images else "it allows no other image"
        message = f"Image {overrides.image!r} is not allowed by template {name!r}; {choice}."
        problems.append(OverrideProblem("spec.overrides.image", message))
    if overrides.env and not allowed.env:
        message = f"Template {name!r} does not allow own environment variables; remove overrides.env."
        problems.append(OverrideProblem("spec.overrides.env", message))
    return tuple(problems)


def _check_repository(instance: WorkspaceInstance, template: WorkspaceTemplate) -> Refusal | None:
    # What was cloned is on the disk: a template that is narrowed later must not lock anybody out of it.
    if instance.status.template is not None:
        return None
    problems = find_repository_problems(instance, template)
    return Refusal(reasons.OVERRIDE_NOT_ALLOWED, problems[0].message) if problems else None


def find_repository_problems(instance: WorkspaceInstance, template: WorkspaceTemplate) -> tuple[OverrideProblem, ...]:
    """Why the instance's repository may not be cloned in an environment of the template."""
    wanted, name, allowed = instance.spec.git, template.metadata.name, template.spec.git.allowed_hosts
    if wanted is None:
        return ()
    if template.spec.environment.ide != "code-server":
        message = (
            f"Template {name!r} brings an editor of its own, which clones no repository; "
            "leave the repository out, or choose another template."
        )
    elif not is_host_allowed(wanted.repository, allowed):
        message = (
            f"Template {name!r} allows no repository of {host_of(wanted.repository)!r}; "
            f"allowed are: {', '.join(allowed)}."
        )
    else:
        return ()
    return (OverrideProblem("spec.git.repository", message),)


def _excess(wanted: Quantities, ceiling: Quantities | None, *, template: str, field: str) -> Iterable[OverrideProblem]:
    if ceiling is None:
        return
    for resource, value in sorted(wanted.items()):
        if resource not in ceiling:
            message = f"Template {template!r} does not allow to change {resource}; remove the override."
        elif parse_quantity(value) > parse_quantity(ceiling[resource]):
            message = (
                f"Template {template!r} allows at most {ceiling[resource]} of {resource}, and this asks for {value}; "
                "lower the override."
            )
        else:
            continue
        yield OverrideProblem(f"{field}.{resource}", message)


def _combine(instance: WorkspaceInstance, template: WorkspaceTemplate) -> Settings:
    spec, overrides = template.spec, instance.spec.overrides
    requests, limits = effective_resources(spec.resources, overrides.resources)
    environment = replace(
        spec.environment,
        image=overrides.image or spec.environment.image,
        env=_merge_env(spec.environment.env, overrides.env),
    )
    return Settings(
        template=template.metadata.name,
        environment=environment,
        requests=requests,
        limits=limits,
        storage=replace(spec.storage, size=overrides.storage.size or spec.storage.size),
        ports=spec.ports,
        scheduling=spec.scheduling,
        start_timeout=parse_duration(spec.lifecycle.start_timeout),
    )


def effective_resources(base: Resources, overrides: Resources) -> tuple[Quantities, Quantities]:
    """Requests and limits, both sides stated for cpu and memory, no request above its limit.

    Where a person or the template gave only one side, the other follows it: Kubernetes refuses requests above limits,
    and a ResourceQuota refuses pods that leave a side out.
    """
    given_requests = {**base.requests, **overrides.requests}
    given_limits = {**base.limits, **overrides.limits}
    requests = {**DEFAULT_RESOURCES.requests, **given_requests}
    limits = {**DEFAULT_RESOURCES.limits, **given_limits}
    for name in requests.keys() & limits.keys():
        if parse_quantity(requests[name]) <= parse_quantity(limits[name]):
            continue
        limit_follows = name not in given_limits or (name in overrides.requests and name not in overrides.limits)
        if limit_follows:
            limits[name] = requests[name]
        else:
            requests[name] = limits[name]
    return requests, limits


def _merge_env(base: tuple[EnvVar, ...], overrides: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
    merged = {variable.name: variable for variable in (*base, *overrides)}
    return tuple(merged.values())


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels (`metav1.LabelSelector`: all parts must hold)."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: SelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
