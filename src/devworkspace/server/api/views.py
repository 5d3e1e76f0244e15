"""Instances and templates as the API shows them."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.actions import Action, Obstacle, Rights, find_obstacle
from devworkspace.core.conditions import find_condition
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import Environment, ShownPhase, open_path, shown_phase

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


class View(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what is sent: camelCase, every field always there."""


class ProgressView(View, frozen=True):
    """Steps of a start that are behind it."""

    made: bool
    placed: bool
    started: bool


class AllowedAction(View, frozen=True):
    """Whether the person may do it now; if not, whether the phase is against it or a missing right."""

    allowed: bool
    obstacle: Obstacle | None


class PortView(View, frozen=True):
    """A port that the template announces; any other can be opened at the same address with its number."""

    name: str
    port: int
    url: str


class EnvironmentView(View, frozen=True):
    """One environment. Times are RFC 3339; `resourceVersion` is the version that `If-Match` takes."""

    uid: str
    id: str
    namespace: str
    name: str
    display_name: str
    description: str
    owner: str
    template: str
    phase: ShownPhase
    reason: str
    message: str
    running: bool
    url: str
    open_path: str
    ports: tuple[PortView, ...]
    node: str
    volume: str
    storage: str
    data_policy: Literal["Retain", "Delete"]
    created_at: str
    started_at: str | None
    ready_at: str | None
    stopped_at: str | None
    stop_reason: str | None
    last_activity: str | None
    restarts: int
    template_outdated: bool
    progress: ProgressView
    allowed: Mapping[str, AllowedAction]
    resource_version: str


class TemplateView(View, frozen=True):
    """One entry of the catalogue, and whether it can be used in the namespace that was asked about."""

    name: str
    display_name: str
    description: str
    icon: str
    tags: tuple[str, ...]
    state: Literal["Active", "Deprecated", "Hidden"]
    state_message: str
    image: str
    cpu: str
    memory: str
    storage: str
    max_cpu: str | None
    max_memory: str | None
    max_storage: str | None
    images: tuple[str, ...]
    own_variables: bool
    usable: bool


def make_environment_view(environment: Environment, *, rights: Rights, public: PublicAddress) -> EnvironmentView:
    instance = environment.instance
    meta, spec, status = instance.metadata, instance.spec, instance.status
    phase = shown_phase(environment)
    outdated = find_condition(status.conditions, "TemplateOutdated")
    return EnvironmentView(
        uid=environment.uid,
        id=environment.id,
        namespace=meta.namespace,
        name=meta.name,
        display_name=environment.display_name,
        description=spec.description or "",
        owner=environment.owner or "",
        template=environment.template,
        phase=phase,
        reason=environment.reason,
        message=environment.message,
        running=spec.running,
        url=public.environment_url(environment.key),
        open_path=open_path(environment.id),
        ports=tuple(
            PortView(
                name=port.name,
                port=port.container_port,
                url=public.environment_url(environment.key, port.container_port),
            )
            for port in environment.ports
        ),
        node=status.node_name or "",
        volume=status.pvc_name or "",
        storage=str(spec.overrides.storage.size or ""),
        data_policy=spec.data_policy,
        created_at=meta.creation_timestamp or "",
        started_at=status.started_at,
        ready_at=status.ready_at,
        stopped_at=status.stopped_at,
        stop_reason=status.stop_reason,
        last_activity=status.last_activity,
        restarts=status.restarts or 0,
        template_outdated=outdated is not None and outdated.status == "True",
        progress=ProgressView(
            made=environment.progress.made, placed=environment.progress.placed, started=environment.progress.started
        ),
        allowed={action: _allowed(action, phase=phase, rights=rights) for action in ACTIONS},
        resource_version=meta.resource_version,
    )


def _allowed(action: Action, *, phase: str, rights: Rights) -> AllowedAction:
    obstacle = find_obstacle(action, phase=phase, rights=rights)
    return AllowedAction(allowed=obstacle is None, obstacle=obstacle)


def make_template_view(template: WorkspaceTemplate, *, usable: bool) -> TemplateView:
    spec = template.spec
    most = spec.overrides.max_resources or {}
    return TemplateView(
        name=template.metadata.name,
        display_name=spec.display_name,
        description=spec.description,
        icon=spec.icon or "",
        tags=spec.tags,
        state=spec.state,
        state_message=spec.state_message or "",
        image=spec.environment.image,
        cpu=str(spec.resources.limits.get("cpu", "")),
        memory=str(spec.resources.limits.get("memory", "")),
        storage=str(spec.storage.size),
        max_cpu=str(most["cpu"]) if "cpu" in most else None,
        max_memory=str(most["memory"]) if "memory" in most else None,
        max_storage=str(spec.overrides.max_storage) if spec.overrides.max_storage is not None else None,
        images=spec.overrides.images,
        own_variables=spec.overrides.env,
        usable=usable,
    )
