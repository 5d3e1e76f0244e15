"""Histories that once ended badly, cut down to what mattered; `settle` holds the end against `truth`."""

from collections.abc import Iterator

import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import resource as kinds
from tests.operator.histories.history import History
from tests.operator.histories.world import FAILURES, KEYS, key_of
from tests.support.fake_objects import Object

ADA, BOB, RED = KEYS


@pytest.fixture
def history() -> Iterator[History]:
    """Ada's environment runs, on a volume that stays."""
    with History() as history:
        history.world.create(ADA, template="python", owner="ada")
        history.settle()
        yield history


def only(history: History, resource: kinds.Resource) -> Object:
    (found,) = history.world.objects(resource)
    return found


def test_a_copied_service_is_not_taken_for_ones_own(history: History) -> None:
    history.world.copy_marks(ADA, kinds.SERVICES, annotated=False)
    history.settle()


def test_a_copied_manifest_of_a_volume_is_not_taken_for_ones_own(history: History) -> None:
    history.world.copy_marks(ADA, kinds.PVCS, annotated=True)
    copy = history.world.pick(kinds.PVCS, 0)
    history.world.remove(kinds.PVCS, key_of(only(history, kinds.PODS)))
    history.world.edit(ADA, running=False)
    history.settle()
    history.world.edit(ADA, running=True)
    history.settle()
    assert copy is not None
    after = history.server.find(kinds.PVCS, key_of(copy))
    assert after is not None
    assert after["metadata"] == {
        **copy["metadata"],
        "resourceVersion": after["metadata"]["resourceVersion"],
        "finalizers": after["metadata"]["finalizers"],
    }


@pytest.mark.parametrize("resource", [kinds.SERVICES, kinds.NETWORK_POLICIES])
def test_what_was_deleted_by_hand_comes_back_while_the_pod_runs(history: History, resource: kinds.Resource) -> None:
    pod = only(history, kinds.PODS)
    before = {key_of(found) for found in history.world.objects(resource)}
    for key in before:
        history.world.remove(resource, key)
    history.settle()
    assert {key_of(found) for found in history.world.objects(resource)} == before
    assert only(history, kinds.PODS)["metadata"]["uid"] == pod["metadata"]["uid"]


def test_a_forged_field_of_the_status_is_taken_out(history: History) -> None:
    history.world.edit(ADA, running=False)
    history.settle()
    history.world.forge_status(ADA, {"podName": "forged", "phase": "Running"})
    history.settle()


def test_the_policy_goes_when_the_last_environment_went_while_the_operator_was_away(history: History) -> None:
    history.world.remove(kinds.PVCS, key_of(only(history, kinds.PVCS)))
    history.world.edit(ADA, running=False)
    history.settle()
    history.crash(commits=lambda _: False)
    history.world.remove(INSTANCES, ADA)
    history.world.collect_garbage()
    history.settle()
    assert history.world.objects(kinds.NETWORK_POLICIES) == []


def test_a_refused_child_does_not_hold_up_marks_and_finalizers(history: History) -> None:
    volume = key_of(only(history, kinds.PVCS))
    history.world.edit(ADA, dataPolicy="Delete", running=False)
    history.settle()
    history.world.squat(ADA, kinds.PODS, labelled=False, owned=False)
    history.world.edit(ADA, dataPolicy="Retain", running=True)
    history.settle()
    history.world.remove(INSTANCES, ADA)
    history.world.collect_garbage()
    history.world.create(ADA, template="python", owner="ada")
    history.world.exhausted.add(ADA.namespace)
    for _ in range(3):
        history.deliver_all()
        history.answer_all()
    assert names.LABEL_RETAINED in history.server.store.get(kinds.PVCS, volume)["metadata"]["labels"]


def test_an_environment_whose_owner_changed_their_mind_is_not_taken_for_gone(history: History) -> None:
    history.world.edit(ADA, dataPolicy="Delete")
    history.settle()
    history.world.edit(ADA, dataPolicy="Retain")
    assert history.leader is not None
    history.leader.deliver(INSTANCES)
    history.answer_all()
    assert history.leader.cluster.instances.get(ADA) is not None
    history.settle()
    assert names.LABEL_RETAINED not in only(history, kinds.PVCS)["metadata"]["labels"]


def test_a_new_leader_that_has_not_heard_of_an_environment_does_not_mark_its_volume(history: History) -> None:
    history.stand_by()
    history.world.create(BOB, template="python", owner="bob")
    assert history.leader is not None
    history.leader.deliver(INSTANCES)
    history.answer_all()
    history.crash(commits=lambda _: False)
    history.start()
    history.leader.deliver(kinds.PVCS)
    history.answer_all()
    assert len(history.world.objects(kinds.PVCS)) == 2
    for volume in history.world.objects(kinds.PVCS):
        assert names.LABEL_RETAINED not in volume["metadata"]["labels"]


def test_a_pod_that_ended_goes_although_the_template_does_not_let_it_start_again(history: History) -> None:
    history.world.annotate(ADA, names.ANNOTATION_RESTARTED_AT, "now")
    for _ in range(3):
        history.deliver_all()
        history.answer_all()
        history.world.end_pods()
    history.world.remove(TEMPLATES, Key("", "python"))
    history.crash(commits=lambda _: False)
    history.start()
    history.world.pod_says(0, ADA.namespace, FAILURES["ended"])
    history.settle()
    assert history.world.objects(kinds.PODS) == []


def test_a_volume_is_taken_over_only_when_the_last_pod_has_let_go_of_it(history: History) -> None:
    volume = only(history, kinds.PVCS)["metadata"]["name"]
    history.world.remove(INSTANCES, ADA)
    history.world.create(BOB, template="python", owner="ada", adopt=volume)
    for _ in range(3):
        history.deliver_all()
        history.answer_all()
        history.world.collect_garbage()
    status = history.server.store.get(INSTANCES, BOB)["status"]
    assert status["phase"] == "Pending"
    assert f"still used by pod '{volume}'" in status["message"]
    history.settle()
    assert history.server.store.get(INSTANCES, BOB)["status"]["pvcName"] == volume


def test_an_environment_that_goes_during_its_first_good_round_is_no_failure(history: History) -> None:
    history.world.exhausted.add(BOB.namespace)
    history.world.create(BOB, template="python", owner="bob")
    for _ in range(3):
        history.deliver_all()
        history.answer_all()
    assert history.server.store.get(INSTANCES, BOB)["status"]["phase"] == "Pending"
    history.world.exhausted.clear()
    assert history.leader is not None
    history.leader.cluster.instance_changed(BOB)
    history.run()
    history.world.remove(INSTANCES, BOB)
    history.leader.deliver(INSTANCES)
    history.settle()


@pytest.mark.parametrize("resource", [kinds.NETWORK_POLICIES, kinds.SERVICES], ids=lambda resource: resource.plural)
def test_what_runs_without_its_template_is_kept_apart_and_reachable(history: History, resource: kinds.Resource) -> None:
    history.world.remove(TEMPLATES, Key("", "python"))
    history.settle()
    for child in history.world.objects(resource):
        history.world.remove(resource, key_of(child))
    history.settle()
    assert history.world.objects(kinds.PODS) != []
