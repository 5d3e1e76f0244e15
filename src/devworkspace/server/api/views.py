"""Instances and templates as the API shows them."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from devworkspace.api.template import PoolStatus, PrePullStatus, Resources, ScheduleRule, WorkspaceTemplate
from devworkspace.core.actions import Obstacle
from devworkspace.core.due import StopReason
from devworkspace.core.limits import Shortage
from devworkspace.core.repository import FailureReason, State
from devworkspace.core.resolve import effective_resources
from devworkspace.core.startup import StageId, StageState
from devworkspace.core.succession import Successor
from devworkspace.server.environments import ShownPhase


class View(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what is sent: camelCase, every field always there."""


class ProgressView(View, frozen=True):
    """Steps of a start that are behind it."""

    made: bool
    placed: bool
    started: bool


class AllowedAction(View, frozen=True):
    """Whether the person may do it now; if not, whether a missing right is against it, the phase, or its template.

    `template`: it runs and could not start again, because its template has gone or allows less than it asks for.
    """

    allowed: bool
    obstacle: Obstacle | None


class PortView(View, frozen=True):
    """A port that the template announces."""

    name: str
    port: int
    url: str


class ConditionView(View, frozen=True):
    """`metav1.Condition`; docs/CRD_SPEC.md has the types and reasons."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: str


class StageView(View, frozen=True):
    """A step of a start; times in whole seconds, null while unknown."""

    id: StageId
    state: StageState
    started_at: str | None
    finished_at: str | None


class UsualStart(View, frozen=True):
    """Seconds from asking to the editor's answer, of the `samples` latest good starts from the same template."""

    median: float
    p95: float
    samples: int


class StartupView(View, frozen=True):
    """The present or last start. `usual` is null where fewer than three environments have shown it."""

    requested_at: str
    stages: tuple[StageView, ...]
    usual: UsualStart | None


class DiskView(View, frozen=True):
    """`size` is what the volume has, `wanted` what it is to have, in bytes; `used` is null: only the node knows."""

    size: float | None
    wanted: float | None
    used: float | None


class VariableView(View, frozen=True):
    name: str
    value: str


class OwnSettings(View, frozen=True):
    """What this environment has set for itself; null and empty: as the template says. What PATCH takes."""

    cpu: str | None
    memory: str | None
    storage: str | None
    image: str | None
    variables: tuple[VariableView, ...]
    idle_timeout: str | None
    max_run_duration: str | None
    schedule: tuple[ScheduleRule, ...]


class StopNoteView(View, frozen=True):
    """Who stopped it and why, in that person's words."""

    by: str
    reason: str
    at: str


class QueueView(View, frozen=True):
    """Its place among those that wait for their turn to start, as it was last told: each time that it has halved."""

    position: int
    total: int


class GitView(View, frozen=True):
    """A repository that is cloned into the home, into the folder `directory`, and what the pod says of it.

    `state` is null while nobody knows. `message` is in Git's own words. The counts end at 1000, which means as many or
    more; `unpushedCommits` are those of all local branches that no remote has. `asOf` is when the pod looked, at most
    once a minute and after work only.
    """

    repository: str
    ref: str | None
    directory: str
    state: State | None
    reason: FailureReason | None
    message: str
    branch: str | None
    changed_files: int | None
    unpushed_commits: int | None
    as_of: str | None


Pending = Literal["image", "size", "variables", "template"]


class EnvironmentView(View, frozen=True):
    """One environment. Times are RFC 3339; `resourceVersion` is the version that `If-Match` takes.

    `cpu`, `memory` and `image` are what it has, or gets at its next start; the requests are what the cluster keeps free
    for it. `pending` names what waits for a restart.
    `stopsAt`, `startsAt` and `deletesAt` are what the clock does next, one of them or none, unless somebody works in it
    or changes it. A stop can be put off until `extendableUntil`; null: it cannot. `portAddress` is the address of any
    port, with `{port}` in place of its number. `shortages` are the numbers of the limits that hold it back, of its
    owner (`OwnerLimitReached`) or its namespace (`QuotaExceeded`). `trial`: it tries a template that is not published,
    and is deleted with its disk an hour after it was created. `safeMode`: it has the installation's own editor, and
    nothing of its template's image and settings, until it is next started or restarted. `workspace` is the one of
    KubeSphere that its project belongs to.
    """

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
    port_address: str
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
    cpu: str
    memory: str
    image: str
    own: OwnSettings
    disk: DiskView
    paused: bool
    pending: tuple[Pending, ...]
    conditions: tuple[ConditionView, ...]
    template_revision: str | None
    startup: StartupView | None
    cpu_request: str
    memory_request: str
    stop_note: StopNoteView | None
    stops_at: str | None
    stops_why: StopReason | None
    extendable_until: str | None
    starts_at: str | None
    deletes_at: str | None
    queue: QueueView | None
    shortages: tuple[Shortage, ...]
    trial: bool
    safe_mode: bool
    workspace: str
    git: GitView | None


class TemplateUse(View, frozen=True):
    """How many environments were made from it, by how many `people`; `outdated` run on an older revision."""

    instances: int
    people: int
    running: int
    outdated: int


class PrePullView(View, frozen=True):
    """On how many nodes the image is, and on how many it is to be; `wanted` 0: that is not known yet.

    `message` says what keeps it from the others.
    """

    ready: int
    wanted: int
    message: str


class WarmPoolView(View, frozen=True):
    """Environments made in advance in one namespace; `message` tells why there are fewer than the template says."""

    namespace: str
    wanted: int
    ready: int
    starting: int
    message: str


class TranslationView(View, frozen=True):
    """What is null is not translated."""

    display_name: str | None
    description: str | None


class SuccessorView(View, frozen=True):
    """The template to use instead; where it was replaced itself, the one at the end.

    With a `problem` nobody can use it: there is none of that `name`, it is hidden, or it leads back to one before it.
    """

    name: str
    display_name: str
    translations: dict[str, TranslationView]
    usable: bool
    problem: Literal["Missing", "Hidden", "Circular"] | None


class TemplateView(View, frozen=True):
    """One entry of the catalogue, and whether it can be used in the namespace that was asked about.

    `changedAt` is when it was last written, `use` and `prePull` are null and `pools` empty for those who may not change
    templates; `prePull` also where the image is not put on the nodes in advance. `readyAtOnce`: in that namespace one
    of its environments has been made in advance and is nobody's yet. `gitHosts` are the hosts that a repository may
    come from, `*.example.com` for all below one; null: any. `translations` are by the tag of their language.
    `replacedBy` is the name that the template says, `successor` whom that leads to.
    """

    name: str
    display_name: str
    description: str
    translations: dict[str, TranslationView]
    icon: str
    tags: tuple[str, ...]
    state: Literal["Active", "Deprecated", "Hidden"]
    state_message: str
    replaced_by: str | None
    successor: SuccessorView | None
    image: str
    cpu: str
    memory: str
    storage: str
    max_cpu: str | None
    max_memory: str | None
    max_storage: str | None
    images: tuple[str, ...]
    own_variables: bool
    git_hosts: tuple[str, ...] | None
    usable: bool
    ready_at_once: bool
    uid: str
    resource_version: str
    created_at: str
    changed_at: str
    changed_by: str | None
    idle_timeout: str | None
    max_run_duration: str | None
    usual_start: UsualStart | None
    use: TemplateUse | None
    cpu_request: str
    memory_request: str
    pre_pull: PrePullView | None
    pools: tuple[WarmPoolView, ...]


def make_template_view(
    template: WorkspaceTemplate,
    *,
    usable: bool,
    use: TemplateUse | None,
    successor: SuccessorView | None,
    usual: UsualStart | None = None,
    namespace: str | None = None,
) -> TemplateView:
    spec, most = template.spec, template.spec.overrides.max_resources or {}
    requests, _ = effective_resources(spec.resources, Resources())
    return TemplateView(
        name=template.metadata.name,
        display_name=spec.display_name,
        description=spec.description,
        translations=_translation_views(template),
        icon=spec.icon or "",
        tags=spec.tags,
        state=spec.state,
        state_message=spec.state_message or "",
        replaced_by=spec.replaced_by,
        successor=successor,
        image=spec.environment.image,
        cpu=str(spec.resources.limits.get("cpu", "")),
        memory=str(spec.resources.limits.get("memory", "")),
        storage=str(spec.storage.size),
        max_cpu=str(most["cpu"]) if "cpu" in most else None,
        max_memory=str(most["memory"]) if "memory" in most else None,
        max_storage=str(spec.overrides.max_storage) if spec.overrides.max_storage is not None else None,
        images=spec.overrides.images,
        own_variables=spec.overrides.env,
        git_hosts=spec.git.allowed_hosts or None,
        usable=usable,
        ready_at_once=any(pool.namespace == namespace and pool.ready > 0 for pool in template.status.pools),
        uid=template.metadata.uid,
        resource_version=template.metadata.resource_version,
        created_at=template.metadata.creation_timestamp or "",
        changed_at=template.metadata.changed_at or "",
        changed_by=template.metadata.changed_by,
        idle_timeout=spec.lifecycle.idle_timeout,
        max_run_duration=spec.lifecycle.max_run_duration,
        usual_start=usual,
        use=use,
        cpu_request=str(requests["cpu"]),
        memory_request=str(requests["memory"]),
        pre_pull=_pre_pull(template.status.pre_pull) if use is not None else None,
        pools=tuple(map(_pool_view, template.status.pools)) if use is not None else (),
    )


def make_successor_view(successor: Successor, template: WorkspaceTemplate | None, *, usable: bool) -> SuccessorView:
    """`template` is the one that the successor names, None if there is none of that name."""
    return SuccessorView(
        name=successor.name,
        display_name=template.spec.display_name if template is not None else successor.name,
        translations=_translation_views(template) if template is not None else {},
        usable=usable and successor.problem is None,
        problem=successor.problem,
    )


def _translation_views(template: WorkspaceTemplate) -> dict[str, TranslationView]:
    translations = template.spec.translations
    return {tag: TranslationView(texts.display_name, texts.description) for tag, texts in translations.items()}


def _pre_pull(status: PrePullStatus | None) -> PrePullView | None:
    return PrePullView(status.ready, status.wanted, status.message) if status is not None else None


def _pool_view(pool: PoolStatus) -> WarmPoolView:
    return WarmPoolView(pool.namespace, pool.wanted, pool.ready, pool.starting, pool.message)
