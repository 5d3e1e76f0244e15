"""World -> status: the phase, one sentence for a person, and the conditions.

The verdict is the first that fits, from the strongest fact to the weakest: what the owner wants (stopped), what forbids
a start (refusals), what the pod says about itself, and at last how far a healthy start has come.

A start that goes well is written down twice only, at its beginning and when the editor answers. The steps between
follow within a second or two, and a write for each would double the load of a Monday morning; a step that takes longer
than `SLOW_STEP` is told, because then somebody is waiting for it.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import Pod
from devworkspace.api.instance import InstanceStatus, Phase, TemplateUse, WorkspaceInstance
from devworkspace.api.meta import Condition, ConditionStatus, Struct
from devworkspace.core.address import environment_url
from devworkspace.core.adoption import wanted_volume
from devworkspace.core.conditions import find_condition, merge_conditions
from devworkspace.core.deletion import has_consent
from devworkspace.core.duration import format_duration
from devworkspace.core.hindrances import (
    Facts,
    as_first_told,
    find_hindrance,
    find_lost_node,
    is_being_set_up,
    recall,
    tried_for,
)
from devworkspace.core.idleness import find_stop_reason
from devworkspace.core.limits import is_queued, starts_anew
from devworkspace.core.member import Member
from devworkspace.core.podstate import Finding, began_at, container_status, is_ready, pod_condition
from devworkspace.core.render.common import child_name
from devworkspace.core.render.pod import template_revision
from devworkspace.core.resolve import Refusal, Settings, start_limit
from devworkspace.core.safemode import RUNS_SAFELY, find_ended, find_safe_start, is_safe
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from devworkspace.core.usage import account
from devworkspace.core.volumestate import volume_state
from devworkspace.core.world import World, own_volume

# It is being made, if it is not there: of a pod from a pool when it runs already.
_WITH_SERVICE: Final = ("Provisioning", "Running")
SLOW_STEP: Final = timedelta(seconds=45)
# The CRD's bound on status.message; a longer text would make the whole status write fail.
MAX_MESSAGE: Final = 2048
_STOPPED_BECAUSE: Final = {
    "Idle": "nobody used it",
    "MaxRunDuration": "it has run for as long as it may",
    "Schedule": "its hours are over",
}


class Verdict(Struct, frozen=True):
    """Where an environment stands, before it becomes a status."""

    phase: Phase
    reason: str
    message: str
    finding: Finding | None = None


def observe(
    world: World, instance: WorkspaceInstance, settings: Settings | Refusal, *, claimed: Member | None = None
) -> InstanceStatus:
    """The status that this world deserves; `claimed` is what the instance takes from the pool, and the status names."""
    verdict = judge(world, instance, settings)
    timestamp = format_timestamp(world.latest)
    old, pod = instance.status, world.pod
    conditions = _conditions(world, instance, settings, verdict)
    in_use = isinstance(settings, Settings) and (pod is not None or instance.spec.running)
    return replace(
        old,
        phase=verdict.phase,
        message=_cut(verdict.message),
        url=_url(world, instance, settings),
        pod_name=_pod_name(instance, pod, claimed) if pod or (in_use and verdict.phase == "Provisioning") else None,
        pvc_name=_volume_name(world, instance, verdict, claimed),
        service_name=child_name(instance) if world.service or verdict.phase in _WITH_SERVICE else None,
        node_name=pod.spec.node_name if pod is not None else None,
        started_at=_started_at(world, instance, verdict),
        ready_at=_ready_at(world, verdict, old),
        stopped_at=(old.stopped_at or timestamp) if verdict.phase == "Stopped" else None,
        stop_reason=_stop_reason(instance) if verdict.phase in ("Stopping", "Stopped") else None,
        restarts=_restarts(pod),
        safe_mode=_is_safe(world, instance, verdict) or None,
        ended_safe_start=find_ended(instance),
        template=_template_use(world, instance, settings, verdict),
        usage=account(old.usage, pod=pod, volume=own_volume(world, instance), now=world.now),
        # What was agreed on before the deletion holds; nothing said later may cost the volume.
        data_policy=old.data_policy if instance.metadata.deletion_timestamp else instance.spec.data_policy,
        conditions=merge_conditions(old.conditions, conditions, timestamp=timestamp),
        observed_generation=instance.metadata.generation,
    )


def judge(world: World, instance: WorkspaceInstance, settings: Settings | Refusal) -> Verdict:
    """Phase, reason and sentence; the first rule that fits."""
    pod = world.pod
    if instance.metadata.deletion_timestamp is not None:
        return _judge_deletion(world, instance)
    if not instance.spec.running:
        return _judge_stopping(world, instance, pod)
    if pod is None:
        return _judge_absent(world, settings)
    facts = _facts(world, instance, pod)
    if pod.metadata.deletion_timestamp is not None:
        return _judge_replacement(facts)
    finding = find_hindrance(facts)
    if finding is None or finding.reason == reasons.VOLUME_PENDING:
        finding = recall(instance.status, facts) or finding
    if finding is not None:
        return _judge_problem(world, settings, pod, finding)
    if is_ready(pod):
        message = RUNS_SAFELY if is_safe(pod) else "The editor answers; it is ready to be opened."
        return Verdict("Running", reasons.ANSWERING, message)
    if _has_answered(instance, pod):
        message = "The editor does not answer at the moment; the container runs. If this stays, restart it."
        return Verdict("Running", reasons.EDITOR_NOT_ANSWERING, message)
    return _judge_start(world, settings, facts)


def _facts(world: World, instance: WorkspaceInstance, pod: Pod) -> Facts:
    volume = own_volume(world, instance)
    return Facts(pod=pod, now=world.now, volume=volume, node=world.node, warnings=world.warnings)


def _judge_deletion(world: World, instance: WorkspaceInstance) -> Verdict:
    if not has_consent(instance):
        return Verdict("Stopping", reasons.DELETING, "The environment is being deleted; its disk is kept.")
    users = world.deletion.users if world.deletion is not None else ()
    if users:
        message = f"The disk is still used by pod {users[0].name!r}; it is deleted when that pod has ended."
        return Verdict("Stopping", reasons.DELETING, message)
    return Verdict("Stopping", reasons.DELETING, "The environment is being deleted together with its disk.")


def _judge_stopping(world: World, instance: WorkspaceInstance, pod: Pod | None) -> Verdict:
    if pod is not None and (lost := find_lost_node(Facts(pod=pod, now=world.now, node=world.node))) is not None:
        message = f"The editor cannot be stopped. {lost.message}"
        return Verdict("Stopping", lost.reason, message)
    if pod is not None:
        return Verdict("Stopping", reasons.STOPPING, "The editor is being stopped; the disk is kept.")
    again = "the disk is kept. Set spec.running to true to start it again."
    why = _STOPPED_BECAUSE.get(_stop_reason(instance))
    return Verdict("Stopped", reasons.STOPPED, f"Stopped because {why}; {again}" if why else f"Stopped; {again}")


def _stop_reason(instance: WorkspaceInstance) -> str:
    return instance.status.stop_reason or find_stop_reason(instance)


def _judge_replacement(facts: Facts) -> Verdict:
    if (lost := find_lost_node(facts)) is not None:
        return Verdict(lost.phase, lost.reason, lost.message, lost)
    return Verdict("Provisioning", reasons.STARTING, "The previous pod is being removed, then it starts again.")


def _judge_absent(world: World, settings: Settings | Refusal) -> Verdict:
    refusal = settings if isinstance(settings, Refusal) else world.write_refusal
    if world.hold is not None and not isinstance(settings, Refusal):
        return Verdict("Pending", world.hold.reason, world.hold.message)
    if refusal is None or refusal.reason == reasons.VOLUME_RESIZE_REFUSED:
        return Verdict("Provisioning", reasons.STARTING, "The disk and the editor are being prepared.")
    condition = "TemplateResolved" if isinstance(settings, Refusal) else "Ready"
    if refusal.reason == reasons.VOLUME_NOT_ADOPTABLE:
        condition = "VolumeReady"
    return Verdict(
        "Pending", refusal.reason, refusal.message, Finding("Pending", refusal.reason, refusal.message, condition)
    )


def _judge_problem(world: World, settings: Settings | Refusal, pod: Pod, finding: Finding) -> Verdict:
    finding = _with_first_cause(world, finding)
    if finding.phase == "Pending" and (limit := _overdue(world, settings, pod)) is not None:
        finding = tried_for(finding, format_duration(limit))
    return Verdict(finding.phase, finding.reason, finding.message, finding)


def _with_first_cause(world: World, finding: Finding) -> Finding:
    """Back-off hides the registry's words; the cause that was seen before it stays."""
    if finding.reason != reasons.IMAGE_PULL_FAILED or world.instance is None:
        return finding
    known = find_condition(world.instance.status.conditions, "ImagePulled")
    causes = (reasons.IMAGE_NOT_FOUND, reasons.IMAGE_PULL_DENIED, reasons.IMAGE_PULL_NETWORK)
    if known is None or known.status != "False" or known.reason not in causes:
        return finding
    phase: Phase = "Pending" if known.reason == reasons.IMAGE_PULL_NETWORK else "Failed"
    return replace(finding, phase=phase, reason=known.reason, message=as_first_told(known.message))


def _judge_start(world: World, settings: Settings | Refusal, facts: Facts) -> Verdict:
    pod, step = facts.pod, start_step(facts)
    if (limit := _overdue(world, settings, pod)) is not None:
        message = (
            f"It did not start within {format_duration(limit)}; it hangs at: {step}. "
            "Look at the pod's log and events, or raise the template's startTimeout."
        )
        return Verdict("Failed", reasons.START_TIMEOUT, message)
    waited = world.earliest - _created_at(pod)
    if waited >= SLOW_STEP:
        message = f"Still starting, now at: {step}. This takes longer than usual."
        return Verdict("Provisioning", reasons.STARTING, message)
    return Verdict("Provisioning", reasons.STARTING, "The disk and the editor are being prepared.")


def start_step(facts: Facts) -> str:
    """How far a start has come, in words."""
    pod, volume = facts.pod, facts.volume
    scheduled = pod_condition(pod, "PodScheduled")
    container = container_status(pod)
    if scheduled is None or scheduled.status != "True":
        waits = volume is not None and volume.status.phase == "Pending"
        return "making the disk and finding a node" if waits else "finding a node"
    if container is not None and container.state.running is not None:
        return "waiting for the editor's first answer"
    if is_being_set_up(pod):
        return "attaching the disk and setting up the pod's network"
    if pod.status.init_container_statuses and not all(init.ready for init in pod.status.init_container_statuses):
        return "running the containers that prepare the start"
    return "pulling the image"


def _overdue(world: World, settings: Settings | Refusal, pod: Pod) -> timedelta | None:
    limit = start_limit(settings)
    return limit if world.earliest - _created_at(pod) >= limit else None


def _created_at(pod: Pod) -> datetime:
    return parse_timestamp(began_at(pod) or "1970-01-01T00:00:00Z")


def _has_answered(instance: WorkspaceInstance, pod: Pod) -> bool:
    ready_at = instance.status.ready_at
    return ready_at is not None and parse_timestamp(ready_at) >= _created_at(pod)


def _conditions(
    world: World, instance: WorkspaceInstance, settings: Settings | Refusal, verdict: Verdict
) -> tuple[Condition, ...]:
    """Every condition of the API, in its order; the one that a finding breaks carries the finding's words."""
    generation = instance.metadata.generation

    def condition(type_: str, status: ConditionStatus, reason: str, message: str = "") -> Condition:
        finding = verdict.finding
        if finding is not None and finding.condition == type_:
            status, reason, message = "False", finding.reason, finding.message
        return Condition(type=type_, status=status, reason=reason, message=message, observed_generation=generation)

    pod, started = world.pod, verdict.phase == "Running"
    volume = own_volume(world, instance)
    scheduled = pod_condition(pod, "PodScheduled") if pod is not None else None
    placed = scheduled is not None and scheduled.status == "True"
    pulled = (
        pod is not None and (container := container_status(pod)) is not None and container.state.running is not None
    )
    ready = started and verdict.reason == reasons.ANSWERING
    outdated = _outdated(world, settings)
    degraded = ready and pod is not None and (_restarts(pod) or 0) > 0
    return (
        condition("TemplateResolved", *_template_state(settings)),
        condition("VolumeReady", *volume_state(volume, world.write_refusal, warnings=world.warnings)),
        condition("PodScheduled", *_state(placed, reasons.SCHEDULED)),
        condition("ImagePulled", *_state(pulled, reasons.PULLED)),
        condition("Ready", "True" if ready else "False", verdict.reason, "" if ready else _cut(verdict.message)),
        condition(
            "TemplateOutdated",
            "True" if outdated else "False",
            reasons.TEMPLATE_CHANGED if outdated else reasons.UP_TO_DATE,
            "The template changed since this pod was started; restart to apply it." if outdated else "",
        ),
        condition(
            "Degraded",
            "True" if degraded else "False",
            _degradation(pod) if degraded and pod is not None else verdict.reason,
            f"The container was restarted {_restarts(pod)} times since it was created." if degraded else "",
        ),
    )


def _template_state(settings: Settings | Refusal) -> tuple[ConditionStatus, str, str]:
    """A running environment outlives its template, and says that the next start will not."""
    if isinstance(settings, Refusal) and settings.reason != reasons.VOLUME_NOT_ADOPTABLE:
        return "False", settings.reason, settings.message
    return "True", reasons.RESOLVED, ""


def _state(reached: bool, reason: str) -> tuple[ConditionStatus, str]:
    return ("True", reason) if reached else ("False", reasons.WAITING)


def _degradation(pod: Pod) -> str:
    container = container_status(pod)
    ended = container.last_state.terminated if container is not None else None
    return reasons.OUT_OF_MEMORY if ended is not None and ended.reason == "OOMKilled" else reasons.CRASH_LOOP


def _outdated(world: World, settings: Settings | Refusal) -> bool:
    if world.pod is None or isinstance(settings, Refusal):
        return False
    built_from = world.pod.metadata.annotations.get(names.ANNOTATION_TEMPLATE_REVISION)
    return built_from is not None and built_from != template_revision(settings)


def _url(world: World, instance: WorkspaceInstance, settings: Settings | Refusal) -> str:
    if world.installation.gateway is not None:
        return environment_url(instance.metadata.key, world.installation.gateway)
    port = settings.environment.port if isinstance(settings, Settings) else 8080
    return f"http://{child_name(instance)}.{instance.metadata.namespace}.svc:{port}/"


def _pod_name(instance: WorkspaceInstance, pod: Pod | None, claimed: Member | None) -> str:
    if pod is not None:
        return pod.metadata.name
    return claimed.name if claimed is not None else child_name(instance)


def _volume_name(world: World, instance: WorkspaceInstance, verdict: Verdict, claimed: Member | None) -> str | None:
    if (volume := own_volume(world, instance)) is not None:
        return volume.metadata.name
    if claimed is not None:
        return claimed.name
    return (wanted_volume(instance) or child_name(instance)) if verdict.phase == "Provisioning" else None


def _started_at(world: World, instance: WorkspaceInstance, verdict: Verdict) -> str | None:
    old = instance.status
    if world.pod is not None:
        return began_at(world.pod)
    if verdict.phase == "Provisioning":
        goes_on = old.phase == "Provisioning" and not starts_anew(instance)
        return old.started_at if goes_on else format_timestamp(world.latest)
    if verdict.reason == reasons.START_QUEUED:
        return old.started_at if is_queued(old) else format_timestamp(world.latest)
    return old.started_at


def _ready_at(world: World, verdict: Verdict, old: InstanceStatus) -> str | None:
    if verdict.phase == "Provisioning":
        return None
    ready = pod_condition(world.pod, "Ready") if world.pod is not None else None
    if verdict.reason == reasons.ANSWERING and ready is not None and old.ready_at is None:
        answered = ready.last_transition_time or format_timestamp(world.latest)
        # What was made in advance answered before it was anybody's.
        return max(answered, (world.pod and began_at(world.pod)) or answered)
    return old.ready_at


def _is_safe(world: World, instance: WorkspaceInstance, verdict: Verdict) -> bool:
    """By the pod; where there is none yet, by what the next one is made from."""
    if world.pod is not None:
        return is_safe(world.pod)
    asked = world.installation.safe_image is not None and find_safe_start(instance) is not None
    return asked and verdict.phase == "Provisioning"


def _restarts(pod: Pod | None) -> int | None:
    container = container_status(pod) if pod is not None else None
    return container.restart_count if container is not None else None


def _template_use(
    world: World, instance: WorkspaceInstance, settings: Settings | Refusal, verdict: Verdict
) -> TemplateUse | None:
    annotations = world.pod.metadata.annotations if world.pod is not None else {}
    revision = annotations.get(names.ANNOTATION_TEMPLATE_REVISION)
    if revision is not None:
        return TemplateUse(
            name=annotations.get(names.ANNOTATION_TEMPLATE, instance.spec.template_ref), revision=revision
        )
    if verdict.phase == "Provisioning" and isinstance(settings, Settings):
        return TemplateUse(name=settings.template, revision=template_revision(settings))
    return instance.status.template


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
