"""Images on the nodes before anybody needs them: what the templates ask for, and how far it is.

Templates whose environments may run on the same nodes, and whose images are pulled with the same secrets, share one
DaemonSet: a node gives it one pod, however many templates there are. In that pod each image has a container of its own,
so that an image that cannot be pulled keeps no other one from its place (docs/decisions/0011-image-pre-pull.md).
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import ContainerStatus, Pod
from devworkspace.api.meta import Struct
from devworkspace.api.template import PrePullStatus, Toleration, WorkspaceTemplate
from devworkspace.api.workloads import DaemonSet, Deployment
from devworkspace.core.podstate import find_image_problem, pod_condition
from devworkspace.core.render.common import digest
from devworkspace.core.transitions import Transition
from devworkspace.core.wording import clause

# The length that the definition allows.
_MAX_MESSAGE = 1024
_NO_CAUSE = "It says: Back-off pulling image"
_NO_NODE = (
    "No node of the cluster fits the template's node selector and tolerations. Correct them, or label or add a node."
)


class PulledImage(Struct, frozen=True):
    """An image as a pod would ask for it."""

    image: str
    policy: str | None = None

    @property
    def container(self) -> str:
        return f"image-{digest(self.image, self.policy)}"


class PullSet(Struct, frozen=True):
    """Images for the same nodes, pulled with the same secrets."""

    name: str
    node_selector: dict[str, str]
    tolerations: tuple[Toleration, ...]
    pull_secrets: tuple[str, ...]
    images: frozenset[PulledImage]


class Host(Struct, frozen=True):
    """The operator's own Deployment: what its pods are made of, and what goes with it."""

    namespace: str
    name: str
    uid: str
    image: str
    pull_secrets: tuple[str, ...] = ()


def find_host(deployment: Deployment) -> Host | None:
    """None for a Deployment that does not run the operator."""
    metadata, pod = deployment.metadata, deployment.spec.template.spec
    image = next((found.image for found in pod.containers if found.name == names.OPERATOR_CONTAINER), None)
    if image is None:
        return None
    secrets = tuple(secret.name for secret in pod.image_pull_secrets)
    return Host(metadata.namespace, metadata.name, metadata.uid, image, secrets)


def pull_sets(templates: Iterable[WorkspaceTemplate]) -> dict[str, PullSet]:
    """What is to be on which nodes, by the name of the DaemonSet."""
    sets: dict[str, PullSet] = {}
    for template in templates:
        if not template.spec.pre_pull or template.metadata.deletion_timestamp is not None:
            continue
        asked = pull_set(template)
        known = sets.get(asked.name, asked)
        sets[asked.name] = replace(known, images=known.images | asked.images)
    return sets


def pull_set(template: WorkspaceTemplate) -> PullSet:
    """What one template asks for, as if it were alone."""
    environment, scheduling = template.spec.environment, template.spec.scheduling
    # A pod that tolerates a node for a minute would be evicted and made again, for ever.
    tolerations = tuple(found for found in scheduling.tolerations if found.toleration_seconds is None)
    secrets = tuple(sorted(secret.name for secret in environment.image_pull_secrets))
    return PullSet(
        name=f"{names.PREPULL_PREFIX}{digest(scheduling.node_selector, tolerations, secrets)}",
        node_selector=scheduling.node_selector,
        tolerations=tolerations,
        pull_secrets=secrets,
        images=frozenset((PulledImage(environment.image, environment.image_pull_policy),)),
    )


def pull_progress(template: WorkspaceTemplate, *, daemon_set: DaemonSet | None, pods: Iterable[Pod]) -> PrePullStatus:
    """How far the image of a template is; `pods` may hold some of another DaemonSet of the same name."""
    if daemon_set is None or daemon_set.status.observed_generation == 0:
        return PrePullStatus()
    wanted = daemon_set.status.desired_number_scheduled
    if wanted == 0:
        return PrePullStatus(message=_NO_NODE)
    (image,) = pull_set(template).images
    own = [pod for pod in pods if any(owner.uid == daemon_set.metadata.uid for owner in pod.metadata.owner_references)]
    holders = {pod.spec.node_name for pod in own if _holds(pod, image.container)}
    ready = min(len(holders), wanted)
    if ready == wanted:
        return PrePullStatus(ready=ready, wanted=wanted)
    waiting = sorted((pod for pod in own if pod.spec.node_name not in holders), key=_place)
    message = _tell(waiting, image, before=(template.status.pre_pull or PrePullStatus()).message)
    return PrePullStatus(ready=ready, wanted=wanted, message=message)


def pull_transition(old: PrePullStatus | None, new: PrePullStatus | None) -> Transition | None:
    """The Event that the step is worth: a problem that came up, or that every node has the image now."""
    before = old or PrePullStatus()
    if new is None:
        return None
    if new.message and not before.message:
        return Transition("Warning", reasons.PRE_PULL_FAILED, new.message)
    if _is_done(new) and not _is_done(before):
        return Transition("Normal", reasons.PRE_PULLED, f"The image is on all nodes that it may run on: {new.ready}.")
    return None


def _is_done(status: PrePullStatus) -> bool:
    return 0 < status.wanted == status.ready


def _place(pod: Pod) -> tuple[str, str]:
    return pod.spec.node_name or "", pod.metadata.name


def _holds(pod: Pod, container: str) -> bool:
    return any(found.name == container and found.state.running is not None for found in pod.status.container_statuses)


def _tell(pods: Sequence[Pod], image: PulledImage, *, before: str) -> str:
    """The first node's problem, in the same words as long as it is the same; empty while there is none."""
    found = [(pod, problem) for pod in pods if (problem := _find_problem(pod, image.container)) is not None]
    if not found:
        return ""
    pod, problem = found[0]
    where = f"Node {pod.spec.node_name}: " if pod.spec.node_name else ""
    if _NO_CAUSE in problem and before.startswith(where) and repr(image.image) in before:
        # Older Kubernetes hides the cause every other time; each turn would be a write.
        return before
    others = "" if len(found) == 1 else f" Nodes with a problem: {len(found)}."
    return f"{where}{problem}"[: _MAX_MESSAGE - len(others)] + others


def _find_problem(pod: Pod, container: str) -> str | None:
    """Why this pod does not hold the image; None while it is on its way."""
    if pod.metadata.deletion_timestamp is not None:
        return None
    if pod.status.phase == "Failed":
        return (
            f"It removed the pod that pulls ({clause(pod.status.message or pod.status.reason)}). "
            "Kubernetes makes another one; if this stays, ask an admin to look at the node."
        )
    scheduled = pod_condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.reason == "Unschedulable":
        return f"A node has no room for the pod that pulls. The scheduler says: {clause(scheduled.message)}."
    statuses = tuple(found for found in pod.status.container_statuses if found.name == container)
    finding = find_image_problem(replace(pod, status=replace(pod.status, container_statuses=statuses)))
    if finding is not None and finding.reason == reasons.IMAGE_PULL_DENIED:
        return f"{finding.message} The pull secret must be in namespace {pod.metadata.namespace}."
    if finding is not None:
        return finding.message
    return _find_failed_start((*pod.status.init_container_statuses, *statuses))


def _find_failed_start(statuses: Iterable[ContainerStatus]) -> str | None:
    for status in statuses:
        waiting, ended = status.state.waiting, status.state.terminated or status.last_state.terminated
        if ended is not None and ended.exit_code != 0 and status.state.running is None:
            detail = clause(ended.message or ended.reason or f"exit code {ended.exit_code}")
        elif waiting is not None and waiting.reason in ("CreateContainerError", "CreateContainerConfigError"):
            detail = clause(waiting.message or waiting.reason)
        else:
            continue
        return (
            f"A container with the image {status.image!r} does not start ({detail}). The image may be there already; "
            "ask an admin to look at the node."
        )
    return None
