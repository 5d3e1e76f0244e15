"""Which DaemonSets templates ask for, and what is told of how far they are."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.children import Pod
from devworkspace.api.template import PrePullStatus, WorkspaceTemplate
from devworkspace.api.workloads import DaemonSet, Deployment
from devworkspace.core.prepull import (
    Host,
    PulledImage,
    find_host,
    pull_progress,
    pull_set,
    pull_sets,
    pull_transition,
)
from devworkspace.core.transitions import Transition
from tests.support.builders import make_template

IMAGE = "localhost/devworkspace/python:0.1.0"
CONTAINER = PulledImage(IMAGE).container
UID = "uid-set"


def asking(name: str = "python", **spec: Any) -> WorkspaceTemplate:
    return make_template(name, **{"prePull": True, **spec})


def images(*templates: WorkspaceTemplate) -> list[set[str]]:
    """What each DaemonSet holds."""
    return [{found.image for found in made.images} for made in pull_sets(templates).values()]


def test_a_template_that_does_not_ask_gets_nothing() -> None:
    assert pull_sets([make_template()]) == {}


def test_one_that_is_being_deleted_gets_nothing() -> None:
    template = asking()
    leaving = replace(template, metadata=replace(template.metadata, deletion_timestamp="2026-11-24T12:00:00Z"))
    assert pull_sets([leaving]) == {}


def test_templates_for_the_same_nodes_share_one() -> None:
    assert images(asking(), asking("go", environment={"image": "go:1"})) == [{IMAGE, "go:1"}]
    assert images(asking(), asking("again")) == [{IMAGE}]


@pytest.mark.parametrize(
    "spec",
    [
        {"scheduling": {"nodeSelector": {"disk": "ssd"}}},
        {"scheduling": {"tolerations": [{"key": "dev", "operator": "Exists"}]}},
        {"environment": {"image": IMAGE, "imagePullSecrets": [{"name": "registry"}]}},
    ],
    ids=["other nodes", "more nodes", "another secret"],
)
def test_what_must_not_be_mixed_is_apart(spec: dict[str, Any]) -> None:
    assert images(asking(), asking("other", **spec)) == [{IMAGE}, {IMAGE}]


def test_what_makes_no_difference_to_the_nodes_makes_no_other_one() -> None:
    other = {"priorityClassName": "low", "topologySpread": True, "runtimeClassName": "sandboxed"}
    briefly = [{"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}]
    assert len(pull_sets([asking(), asking("other", scheduling={**other, "tolerations": briefly})])) == 1


def test_a_policy_is_kept_and_makes_another_container() -> None:
    always = {"image": IMAGE, "imagePullPolicy": "Always"}
    (made,) = pull_sets([asking(), asking("other", environment=always)]).values()
    assert made.images == {PulledImage(IMAGE), PulledImage(IMAGE, "Always")}
    assert len({found.container for found in made.images}) == 2


def test_an_image_leaves_with_its_last_template() -> None:
    go = asking("go", environment={"image": "go:1"})
    assert images(asking(), go) == [{IMAGE, "go:1"}]
    assert images(go) == [{"go:1"}]


def test_the_host_is_the_deployment_s_operator() -> None:
    containers = [{"name": "mesh", "image": "mesh:1"}, {"name": "operator", "image": "own:1"}]
    pod = {"containers": containers, "imagePullSecrets": [{"name": "own"}]}
    body = {"metadata": {"name": "o", "namespace": "n", "uid": "u"}, "spec": {"template": {"spec": pod}}}
    assert find_host(msgspec.convert(body, Deployment)) == Host("n", "o", "u", "own:1", ("own",))
    del containers[1]
    assert find_host(msgspec.convert(body, Deployment)) is None


# Progress.


def holding(node: str, *others: str, owner: str = UID) -> Pod:
    """A pod whose containers run."""
    return pod(node, *({"name": name, "state": {"running": {}}} for name in (CONTAINER, *others)), owner=owner)


def waiting(node: str, reason: str, message: str = "", **more: Any) -> Pod:
    state = {"waiting": {"reason": reason, "message": message}}
    return pod(node, {"name": CONTAINER, "image": IMAGE, "state": state, **more})


def pod(node: str, *containers: dict[str, Any], owner: str = UID, **status: Any) -> Pod:
    owners = [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": owner}]
    metadata = {"name": f"d-{node}", "namespace": "devworkspace-system", "ownerReferences": owners}
    spec = {"nodeName": node} if node else {}
    return msgspec.convert(
        {"metadata": metadata, "spec": spec, "status": {"containerStatuses": containers, **status}}, Pod
    )


def wanting(nodes: int, *, observed: int = 1) -> DaemonSet:
    status = {"desiredNumberScheduled": nodes, "observedGeneration": observed}
    return msgspec.convert({"metadata": {"name": "d", "uid": UID}, "status": status}, DaemonSet)


def progress(daemon_set: DaemonSet | None, *pods: Pod, before: PrePullStatus | None = None) -> PrePullStatus:
    template = asking()
    template = replace(template, status=replace(template.status, pre_pull=before))
    return pull_progress(template, daemon_set=daemon_set, pods=pods)


def message_of(*pods: Pod, **options: Any) -> str:
    return progress(wanting(9), *pods, **options).message


def test_nothing_is_known_before_kubernetes_has_looked_at_it() -> None:
    assert progress(None) == progress(wanting(0, observed=0)) == PrePullStatus()


def test_a_cluster_without_a_fitting_node_says_so() -> None:
    assert progress(wanting(0)).message.startswith("No node of the cluster fits the template's node selector")


def test_nodes_that_hold_the_image_are_counted() -> None:
    pods = (holding("n-1"), holding("n-2", "image-other"), pod("n-3"), waiting("n-4", "ContainerCreating"))
    assert progress(wanting(4), *pods) == PrePullStatus(ready=2, wanted=4)


def test_another_image_on_the_node_is_not_this_one() -> None:
    other = pod("n-1", {"name": "image-other", "state": {"running": {}}})
    assert progress(wanting(1), other) == PrePullStatus(ready=0, wanted=1)


def test_what_another_image_of_the_pod_lacks_is_nothing_to_this_one() -> None:
    bad = {
        "name": "image-other",
        "image": "no:1",
        "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
    }
    mine = {"name": CONTAINER, "state": {"waiting": {"reason": "ContainerCreating"}}}
    assert progress(wanting(1), pod("n-1", bad, mine)) == PrePullStatus(ready=0, wanted=1)


def test_pods_of_a_predecessor_of_the_same_name_do_not_count() -> None:
    assert progress(wanting(1), holding("n-1", owner="uid-old")) == PrePullStatus(ready=0, wanted=1)


def test_a_node_with_two_pods_while_they_are_renewed_counts_once() -> None:
    assert progress(wanting(2), holding("n-1"), holding("n-1")) == PrePullStatus(ready=1, wanted=2)


def test_nodes_that_are_no_longer_wanted_do_not_count() -> None:
    assert progress(wanting(1), holding("n-1"), holding("n-2")) == PrePullStatus(ready=1, wanted=1)


PROBLEMS = {
    "no such image": (
        waiting("n-1", "ErrImagePull", "manifest unknown"),
        f"Node n-1: Image '{IMAGE}' does not exist; check its name in the template. "
        "The registry says: manifest unknown.",
    ),
    "no right to the image": (
        waiting("n-1", "ImagePullBackOff", "401 unauthorized"),
        f"Node n-1: The registry refuses access to image '{IMAGE}'; an admin must add a pull secret. "
        "The registry says: 401 unauthorized. The pull secret must be in namespace devworkspace-system.",
    ),
    "never to be pulled": (
        waiting("n-1", "ErrImageNeverPull"),
        f"Node n-1: Image '{IMAGE}' is not on the node and may not be pulled; load it or change the policy.",
    ),
    "the operator's own image is not there": (
        pod(
            "n-1",
            initContainerStatuses=[
                {"name": "copy", "image": "own:1", "state": {"waiting": {"reason": "ErrImagePull", "message": "eof"}}}
            ],
        ),
        "Node n-1: The node cannot reach the registry of image 'own:1'; Kubernetes keeps trying. It says: eof.",
    ),
    "a full node": (
        pod(
            "",
            conditions=[
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Too many pods."}
            ],
        ),
        "A node has no room for the pod that pulls. The scheduler says: Too many pods.",
    ),
    "a full disk": (
        pod("n-1", phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage."),
        "Node n-1: It removed the pod that pulls (The node was low on resource: ephemeral-storage). "
        "Kubernetes makes another one; if this stays, ask an admin to look at the node.",
    ),
    "a container that cannot be made": (
        waiting("n-1", "CreateContainerError", "no such device"),
        f"Node n-1: A container with the image '{IMAGE}' does not start (no such device). "
        "The image may be there already; ask an admin to look at the node.",
    ),
    "a program that does not run": (
        waiting("n-1", "CrashLoopBackOff", lastState={"terminated": {"exitCode": 126, "reason": "StartError"}}),
        f"Node n-1: A container with the image '{IMAGE}' does not start (StartError). "
        "The image may be there already; ask an admin to look at the node.",
    ),
}


@pytest.mark.parametrize(("found", "message"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_keeps_the_image_from_a_node_is_told(found: Pod, message: str) -> None:
    assert message_of(holding("n-0"), found) == message


def test_of_many_nodes_one_is_told_and_the_number_of_them() -> None:
    pods = [waiting(f"n-{number}", "ErrImagePull", "eof") for number in (3, 1, 2)]
    assert message_of(*pods).startswith("Node n-1: ")
    assert message_of(*pods).endswith("It says: eof. Nodes with a problem: 3.")


def test_a_message_fits_the_definition() -> None:
    long = pod("n" * 253, phase="Failed", reason="Evicted", message="x" * 5000)
    other = waiting("n-1", "ErrImagePull", "y" * 5000, image="z" * 5000)
    assert 0 < len(message_of(long, other)) <= 1024


def test_a_cause_that_kubernetes_hides_every_other_time_is_told_in_the_same_words() -> None:
    told = progress(wanting(1), waiting("n-1", "ErrImagePull", "strange"))
    back_off = waiting("n-1", "ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
    assert progress(wanting(1), back_off, before=told) == told
    # The controls: there is nothing to keep without a cause from before, and not that of another image.
    vague = progress(wanting(1), back_off).message
    assert vague.endswith(f'It says: Back-off pulling image "{IMAGE}".')
    other = PrePullStatus(wanted=1, message="Node n-1: Image 'other:1' cannot be pulled.")
    assert progress(wanting(1), back_off, before=other).message == vague


def test_a_pod_that_makes_room_for_the_next_is_no_problem() -> None:
    ending = waiting("n-1", "CrashLoopBackOff", lastState={"terminated": {"exitCode": 137}})
    assert message_of(ending)
    told_to_go = replace(ending, metadata=replace(ending.metadata, deletion_timestamp="2026-11-24T12:00:00Z"))
    assert message_of(told_to_go) == ""


# Events.


HALF, ALL = PrePullStatus(ready=1, wanted=2), PrePullStatus(ready=2, wanted=2)
REFUSED = PrePullStatus(ready=1, wanted=2, message="Node n-2: refused.")
FAILED = Transition("Warning", reasons.PRE_PULL_FAILED, "Node n-2: refused.")
DONE = Transition("Normal", reasons.PRE_PULLED, "The image is on all nodes that it may run on: 2.")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, None, None),
        (None, PrePullStatus(), None),
        (None, HALF, None),
        (HALF, REFUSED, FAILED),
        (REFUSED, REFUSED, None),
        (REFUSED, HALF, None),
        (HALF, ALL, DONE),
        (REFUSED, ALL, DONE),
        (ALL, ALL, None),
        (ALL, None, None),
    ],
)
def test_a_problem_and_the_end_are_news(
    old: PrePullStatus | None, new: PrePullStatus | None, told: Transition | None
) -> None:
    assert pull_transition(old, new) == told


def test_nodes_that_had_it_at_the_first_look_are_news_once() -> None:
    assert pull_transition(PrePullStatus(), ALL) == DONE
    assert pull_transition(None, ALL) == DONE


def test_the_set_of_one_template_is_the_one_that_it_shares() -> None:
    assert set(pull_sets([asking(), asking("go", environment={"image": "go:1"})])) == {pull_set(asking()).name}
