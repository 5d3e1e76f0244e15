"""From an environment of the table to what a person is shown of it: with rights, disk, start and what waits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, get_args

from devworkspace.api import names
from devworkspace.api.children import ContainerPort, PersistentVolumeClaim
from devworkspace.api.instance import Repository, WorkspaceInstance
from devworkspace.api.template import DEFAULT_RESOURCES, Port, Resources, WorkspaceTemplate
from devworkspace.core.access import Identity
from devworkspace.core.actions import Action, Rights, find_obstacle
from devworkspace.core.conditions import find_condition
from devworkspace.core.due import due
from devworkspace.core.pacing import read_position
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.refusals import told_shortages
from devworkspace.core.repository import RepositoryState, directory_of
from devworkspace.core.resolve import Refusal, effective_resources, resolve
from devworkspace.core.startup import start_stages
from devworkspace.core.stopnote import find_note
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.trial import is_trial
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.usual import UsualStarts
from devworkspace.server.api.views import (
    AllowedAction,
    ConditionView,
    DiskView,
    EnvironmentView,
    GitView,
    OwnSettings,
    Pending,
    PortView,
    ProgressView,
    QueueView,
    StageView,
    StartupView,
    StopNoteView,
    UsualStart,
    VariableView,
)
from devworkspace.server.api.volumes import Volumes
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import Environment, ShownPhase, open_path, shown_phase

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
# About 3 KiB each; a person sees one view of each environment, and most people see few.
MAX_KEPT: Final = 20_000
_STARTED: Final = frozenset({"Pending", "Provisioning", "Running", "Unreachable", "Failed"})


class Viewer:
    """Makes the views. `repository_state` is what the environment with a UID says of its repository.

    Without `offers_safe_start` no environment says whether one may be done.
    """

    def __init__(
        self,
        *,
        public: PublicAddress,
        authorizer: Authorizer,
        catalogue: Catalogue,
        volumes: Volumes,
        usual: UsualStarts,
        repository_state: Callable[[str], RepositoryState | None],
        offers_safe_start: bool,
        now: Callable[[], datetime],
    ) -> None:
        self.offers_safe_start = offers_safe_start
        self._actions = tuple(action for action in ACTIONS if offers_safe_start or action != "safe-start")
        self._now = now
        self._public = public
        self._authorizer = authorizer
        self._catalogue = catalogue
        self._volumes = volumes
        self._usual = usual
        self._repository_state = repository_state
        self._made: dict[tuple[str, Rights], tuple[_Sources, EnvironmentView]] = {}

    async def view(self, identity: Identity, environment: Environment) -> EnvironmentView:
        rights = await self._authorizer.rights(identity, environment)
        return self.make(environment, rights=rights)

    async def views(self, identity: Identity, environments: Sequence[Environment]) -> tuple[EnvironmentView, ...]:
        rights = await self._authorizer.rights_of(identity, environments)
        return tuple(self.make(environment, rights=may) for environment, may in zip(environments, rights, strict=True))

    def make(self, environment: Environment, *, rights: Rights) -> EnvironmentView:
        """The view; the one made before if nothing that goes into it has been replaced since."""
        sources = self._sources(environment)
        known = self._made.get((environment.uid, rights))
        if known is not None and known[0].are(sources):
            return known[1]
        if len(self._made) >= MAX_KEPT:
            self._made.clear()
        view = self._make(sources, rights)
        self._made[environment.uid, rights] = (sources, view)
        return view

    def _make(self, sources: "_Sources", rights: Rights) -> EnvironmentView:
        environment, template, volume = sources.environment, sources.template, sources.volume
        instance = environment.instance
        meta, spec, status = instance.metadata, instance.spec, instance.status
        phase = shown_phase(environment)
        outdated = find_condition(status.conditions, "TemplateOutdated")
        is_outdated = outdated is not None and outdated.status == "True"
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
            url=self._public.environment_url(environment.key),
            open_path=open_path(environment.id),
            ports=self._ports(environment, template),
            port_address=self._public.environment_url(environment.key, "{port}"),
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
            template_outdated=is_outdated,
            progress=ProgressView(
                made=environment.progress.made, placed=environment.progress.placed, started=environment.progress.started
            ),
            allowed={
                action: _allowed(action, phase=phase, rights=rights, instance=instance) for action in self._actions
            },
            resource_version=meta.resource_version,
            cpu=_limit("cpu", environment, template),
            memory=_limit("memory", environment, template),
            image=_image(environment, template),
            own=_own(instance),
            disk=_disk(volume),
            paused=meta.annotations.get(names.ANNOTATION_PAUSED) == "true",
            pending=_pending(sources) if is_outdated else (),
            conditions=tuple(
                ConditionView(item.type, item.status, item.reason, item.message, item.last_transition_time)
                for item in status.conditions
            ),
            template_revision=status.template.revision if status.template is not None else None,
            startup=_startup(sources, phase=phase),
            cpu_request=_request("cpu", environment, template),
            memory_request=_request("memory", environment, template),
            stop_note=_stop_note(instance),
            queue=_queue(instance),
            trial=is_trial(meta),
            safe_mode=status.safe_mode is True,
            shortages=told_shortages(environment.reason, environment.message),
            workspace=(sources.namespace_labels or {}).get(names.LABEL_KUBESPHERE_WORKSPACE, ""),
            git=make_git_view(spec.git, sources.repository) if spec.git is not None else None,
            **_clock(sources, now=self._now()),
        )

    def startup(self, environment: Environment) -> StartupView | None:
        """The present or last start; None for one that is stopped."""
        return _startup(self._sources(environment), phase=shown_phase(environment))

    def _ports(self, environment: Environment, template: WorkspaceTemplate | None) -> tuple[PortView, ...]:
        """Those of the pod while there is one, else of the next."""
        announced: Iterable[ContainerPort | Port] = environment.ports
        if environment.container is None and template is not None:
            announced = template.spec.ports
        return tuple(
            PortView(
                name=port.name,
                port=port.container_port,
                url=self._public.environment_url(environment.key, port.container_port),
            )
            for port in announced
        )

    def _sources(self, environment: Environment) -> "_Sources":
        return _Sources(
            environment,
            self._catalogue.template(environment.template),
            self._volumes.of(environment.uid),
            self._catalogue.namespace_labels(environment.key.namespace),
            self._usual.of(environment.template),
            self._repository_state(environment.uid),
        )


class _Sources(NamedTuple):
    """Everything that a view is made from, besides rights; values that are replaced and never changed."""

    environment: Environment
    template: WorkspaceTemplate | None
    volume: PersistentVolumeClaim | None
    namespace_labels: Mapping[str, str] | None
    usual: UsualStart | None
    repository: RepositoryState | None

    def are(self, others: "_Sources") -> bool:
        return all(one is other for one, other in zip(self, others, strict=True))


def make_git_view(git: Repository, known: RepositoryState | None) -> GitView:
    """`known` is what the pod has said."""
    return GitView(
        repository=git.repository,
        ref=git.ref,
        directory=directory_of(git),
        state=known.state if known is not None else None,
        reason=known.reason if known is not None else None,
        message=known.message if known is not None else "",
        branch=known.branch if known is not None else None,
        changed_files=known.changed_files if known is not None else None,
        unpushed_commits=known.unpushed_commits if known is not None else None,
        as_of=known.as_of if known is not None else None,
    )


def _startup(sources: _Sources, *, phase: ShownPhase) -> StartupView | None:
    environment, volume = sources.environment, sources.volume
    status = environment.instance.status
    requested = status.started_at or environment.instance.metadata.creation_timestamp
    if phase not in _STARTED or requested is None:
        return None
    if environment.times.created is None and status.stopped_at is not None and requested <= status.stopped_at:
        # A new start that has no pod yet; the status still has the times of the one before.
        return None
    stages = start_stages(
        environment.times,
        requested_at=requested,
        volume_made_at=volume.metadata.creation_timestamp if volume is not None else None,
        volume_bound=volume is not None and volume.status.phase == "Bound",
    )
    return StartupView(
        requested_at=requested,
        stages=tuple(StageView(item.id, item.state, item.started_at, item.finished_at) for item in stages),
        usual=sources.usual,
    )


def _clock(sources: _Sources, *, now: datetime) -> dict[str, Any]:
    """The fields that tell what the clock does next."""
    found = due(sources.environment.instance, sources.template, now)
    at = {found.action: format_timestamp(found.at)} if found is not None else {}
    stops = found is not None and found.action == "stop"
    latest = found.latest if found is not None else None
    return {
        "stops_at": at.get("stop"),
        "stops_why": found.reason if found is not None and stops else None,
        "extendable_until": format_timestamp(latest) if latest is not None else None,
        "starts_at": at.get("start"),
        "deletes_at": at.get("delete"),
    }


def _pending(sources: _Sources) -> tuple[Pending, ...]:
    """What differs between the pod and what the next one would be; the operator has said that something does."""
    environment, container = sources.environment, sources.environment.container
    try:
        settings = resolve(environment.instance, sources.template, namespace_labels=sources.namespace_labels or {})
    except ValueError:
        return ("template",)
    if container is None or isinstance(settings, Refusal):
        return ("template",)
    now = {variable.name: variable.value for variable in container.env}
    found: list[Pending] = []
    if settings.environment.image != container.image:
        found.append("image")
    has = container.resources
    if not (_equal(settings.limits, has.limits) and _equal(settings.requests, has.requests)):
        found.append("size")
    if any(now.get(variable.name) != variable.value for variable in settings.environment.env):
        found.append("variables")
    return tuple(found) or ("template",)


def _allowed(action: Action, *, phase: str, rights: Rights, instance: WorkspaceInstance) -> AllowedAction:
    obstacle = find_obstacle(action, phase=phase, rights=rights, instance=instance)
    return AllowedAction(allowed=obstacle is None, obstacle=obstacle)


def _limit(resource: str, environment: Environment, template: WorkspaceTemplate | None) -> str:
    """Of the pod while there is one, else of the next."""
    if environment.container is not None and resource in environment.container.resources.limits:
        return environment.container.resources.limits[resource]
    own = environment.instance.spec.overrides.resources.limits
    base = template.spec.resources.limits if template is not None else {}
    return str(own.get(resource) or base.get(resource) or DEFAULT_RESOURCES.limits.get(resource, ""))


def _request(resource: str, environment: Environment, template: WorkspaceTemplate | None) -> str:
    """Of the pod while there is one, else of the next."""
    if environment.container is not None and resource in environment.container.resources.requests:
        return environment.container.resources.requests[resource]
    base = template.spec.resources if template is not None else Resources()
    try:
        requests, _ = effective_resources(base, environment.instance.spec.overrides.resources)
    except ValueError:
        return ""
    return str(requests.get(resource, ""))


def _stop_note(instance: WorkspaceInstance) -> StopNoteView | None:
    note = find_note(instance)
    return StopNoteView(note.by, note.reason, note.at) if note is not None else None


def _queue(instance: WorkspaceInstance) -> QueueView | None:
    told = read_position(instance.status)
    return QueueView(told.position, told.total) if told is not None else None


def _image(environment: Environment, template: WorkspaceTemplate | None) -> str:
    if environment.container is not None and environment.container.image:
        return environment.container.image
    base = template.spec.environment.image if template is not None else ""
    return environment.instance.spec.overrides.image or base


def _own(instance: WorkspaceInstance) -> OwnSettings:
    overrides, lifecycle = instance.spec.overrides, instance.spec.lifecycle
    return OwnSettings(
        cpu=_text(overrides.resources.limits.get("cpu")),
        memory=_text(overrides.resources.limits.get("memory")),
        storage=_text(overrides.storage.size),
        image=overrides.image,
        variables=tuple(VariableView(variable.name, variable.value) for variable in overrides.env),
        idle_timeout=lifecycle.idle_timeout,
        max_run_duration=lifecycle.max_run_duration,
        schedule=lifecycle.schedule,
    )


def _disk(volume: PersistentVolumeClaim | None) -> DiskView:
    if volume is None:
        return DiskView(size=None, wanted=None, used=None)
    return DiskView(
        size=_bytes(volume.status.capacity.get("storage")),
        wanted=_bytes(volume.spec.resources.requests.get("storage")),
        used=None,
    )


def _bytes(quantity: str | None) -> float | None:
    return float(parse_quantity(quantity)) if quantity is not None else None


def _text(quantity: str | int | None) -> str | None:
    return None if quantity is None else str(quantity)


def _equal(wanted: dict[str, str | int], has: dict[str, str]) -> bool:
    """Whether two sets of quantities are equal, however they are written."""
    return wanted.keys() == has.keys() and all(
        parse_quantity(value) == parse_quantity(has[name]) for name, value in wanted.items()
    )
