"""How far a start has come, and when it took each step: from what the cluster notes by itself, in whole seconds."""

from typing import Final, Literal, get_args

from devworkspace.api.meta import Struct

StageId = Literal["queued", "disk", "scheduling", "image", "container", "editor"]
StageState = Literal["waiting", "running", "done"]
STAGES: Final[tuple[StageId, ...]] = get_args(StageId)


class PodTimes(Struct, frozen=True):
    """When a pod took the steps of its start (RFC 3339); None for one that it has not taken.

    `prepared`: its network and volumes are there and its image is asked for.
    """

    created: str | None = None
    scheduled: str | None = None
    prepared: str | None = None
    started: str | None = None
    ready: str | None = None


class Stage(Struct, frozen=True, omit_defaults=False):
    """A step of a start. Steps overlap: a disk is made while a node is looked for."""

    id: StageId
    state: StageState
    started_at: str | None
    finished_at: str | None


def start_stages(
    pod: PodTimes, *, requested_at: str, volume_made_at: str | None, volume_bound: bool
) -> tuple[Stage, ...]:
    """The steps of the start that was asked for at `requested_at`."""
    pulling = pod.prepared or pod.scheduled
    return (
        _stage("queued", requested_at, pod.created),
        _disk(pod, requested_at=requested_at, made_at=volume_made_at, is_bound=volume_bound),
        _stage("scheduling", pod.created, pod.scheduled),
        _stage("image", pulling, pod.started),
        _stage("container", pod.started, pod.started),
        _stage("editor", pod.started, pod.ready),
    )


def _disk(pod: PodTimes, *, requested_at: str, made_at: str | None, is_bound: bool) -> Stage:
    """Nobody notes when a volume was bound; a pod gets its node only afterwards."""
    if made_at is None:
        return _stage("disk", None, None)
    began = max(made_at, requested_at)
    if made_at < requested_at and is_bound:
        return _stage("disk", began, began)
    return _stage("disk", began, max(began, pod.scheduled or began) if is_bound else None)


def _stage(name: StageId, started_at: str | None, finished_at: str | None) -> Stage:
    state: StageState = "waiting" if started_at is None else "running" if finished_at is None else "done"
    # Clocks of control plane and node differ, and none of them may show a step that ends before it began.
    if started_at is not None and finished_at is not None:
        finished_at = max(started_at, finished_at)
    return Stage(id=name, state=state, started_at=started_at, finished_at=finished_at)
