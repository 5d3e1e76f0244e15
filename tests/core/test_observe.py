from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.children import Service
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.core.address import Gateway
from devworkspace.core.conditions import find_condition
from devworkspace.core.observe import MAX_MESSAGE, SLOW_STEP, observe
from devworkspace.core.plan import make_plan
from devworkspace.core.resolve import Refusal, resolve
from devworkspace.core.timestamps import format_timestamp
from devworkspace.core.world import World
from tests.support.builders import (
    CHILD,
    INSTALLATION,
    NOW,
    applied,
    make_instance,
    make_pod,
    make_template,
    make_volume,
    make_world,
    running_status,
    waiting_status,
    with_object,
)


def status_of(world: World) -> InstanceStatus:
    assert world.instance is not None
    settings = resolve(world.instance, world.template, namespace_labels=world.namespace_labels)
    return observe(world, world.instance, settings)


def running_world(**parts: Any) -> World:
    service = with_object(applied(make_world(), "Service"), Service)
    defaults = {"pod": make_pod(**running_status()), "volumes": (make_volume(),), "service": service}
    return make_world(**{**defaults, **parts})


def conditions_of(status: InstanceStatus) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in status.conditions}


def test_a_new_instance_is_being_prepared_and_names_what_will_be_made() -> None:
    status = status_of(make_world())
    assert (status.phase, status.message) == ("Provisioning", "The disk and the editor are being prepared.")
    assert (status.pod_name, status.pvc_name, status.service_name) == (CHILD, CHILD, CHILD)
    assert status.url == "http://demo--team.localhost:8080/"
    assert status.started_at == "2026-11-24T12:00:00Z"
    assert status.template is not None
    assert status.template.name == "python"
    assert conditions_of(status) == {
        "TemplateResolved": ("True", reasons.RESOLVED),
        "VolumeReady": ("False", reasons.WAITING),
        "PodScheduled": ("False", reasons.WAITING),
        "ImagePulled": ("False", reasons.WAITING),
        "Ready": ("False", reasons.STARTING),
        "TemplateOutdated": ("False", reasons.UP_TO_DATE),
        "Degraded": ("False", reasons.STARTING),
    }


def test_without_a_gateway_the_address_is_the_service_s() -> None:
    status = status_of(make_world(installation=replace(INSTALLATION, gateway=None)))
    assert status.url == f"http://{CHILD}.team.svc:8080/"


def test_in_path_mode_the_address_is_a_path() -> None:
    gateway = Gateway("http://localhost:8080", "path")
    status = status_of(make_world(installation=replace(INSTALLATION, gateway=gateway)))
    assert status.url == "http://localhost:8080/w/team/demo/"


def test_an_answering_editor_is_running() -> None:
    status = status_of(running_world())
    assert (status.phase, status.ready_at, status.node_name) == ("Running", "2026-11-24T11:59:58Z", "node-1")
    assert conditions_of(status) == {
        "TemplateResolved": ("True", reasons.RESOLVED),
        "VolumeReady": ("True", reasons.BOUND),
        "PodScheduled": ("True", reasons.SCHEDULED),
        "ImagePulled": ("True", reasons.PULLED),
        "Ready": ("True", reasons.ANSWERING),
        "TemplateOutdated": ("False", reasons.UP_TO_DATE),
        "Degraded": ("False", reasons.ANSWERING),
    }


def test_a_running_pod_whose_editor_never_answered_is_not_running() -> None:
    assert status_of(running_world(pod=make_pod(**running_status(ready=False)))).phase == "Provisioning"


def test_an_editor_that_stopped_answering_stays_running_and_is_not_ready() -> None:
    instance = make_instance(status=InstanceStatus(phase="Running", ready_at="2026-11-24T11:59:58Z"))
    status = status_of(running_world(instance=instance, pod=make_pod(**running_status(ready=False))))
    assert (status.phase, conditions_of(status)["Ready"]) == ("Running", ("False", reasons.EDITOR_NOT_ANSWERING))


def test_an_editor_that_was_killed_and_answers_again_is_degraded() -> None:
    pod = make_pod(**running_status(restarts=2, lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}))
    status = status_of(running_world(pod=pod))
    assert (status.phase, status.restarts) == ("Running", 2)
    assert conditions_of(status)["Degraded"] == ("True", reasons.OUT_OF_MEMORY)


def test_a_changed_template_is_told_and_nothing_else_happens() -> None:
    changed = make_template(environment={"image": "localhost/devworkspace/python:0.2.0"})
    status = status_of(running_world(template=changed))
    assert status.phase == "Running"
    assert conditions_of(status)["TemplateOutdated"] == ("True", reasons.TEMPLATE_CHANGED)


def test_a_deleted_template_does_not_disturb_a_running_environment() -> None:
    status = status_of(running_world(template=None))
    assert status.phase == "Running"
    assert status.url == "http://demo--team.localhost:8080/"


def test_a_refused_start_waits_and_says_why() -> None:
    status = status_of(make_world(template=None))
    assert status.phase == "Pending"
    assert status.message is not None
    assert "Template 'python' does not exist" in status.message
    assert conditions_of(status)["TemplateResolved"] == ("False", reasons.TEMPLATE_MISSING)
    assert (status.pod_name, status.pvc_name, status.service_name) == (None, None, None)


def test_a_refused_write_is_told_until_it_succeeds() -> None:
    refusal = Refusal(reasons.QUOTA_EXCEEDED, "The project's quota is used up.")
    status = status_of(make_world(write_refusal=refusal))
    assert (status.phase, status.message) == ("Pending", refusal.message)
    assert conditions_of(status)["Ready"] == ("False", reasons.QUOTA_EXCEEDED)
    assert status_of(running_world(write_refusal=refusal)).phase == "Running"


def test_stopping_and_stopped() -> None:
    wants_stop = make_instance(running=False)
    stopping = status_of(running_world(instance=wants_stop))
    assert (stopping.phase, stopping.stop_reason, stopping.pod_name) == ("Stopping", "User", CHILD)
    stopped = status_of(running_world(instance=wants_stop, pod=None))
    assert (stopped.phase, stopped.stop_reason, stopped.stopped_at) == ("Stopped", "User", "2026-11-24T12:00:00Z")
    assert (stopped.pod_name, stopped.pvc_name, stopped.service_name) == (None, CHILD, CHILD)


def test_the_time_of_a_stop_does_not_move() -> None:
    stopped = InstanceStatus(phase="Stopped", stopped_at="2026-11-24T08:00:00Z", stop_reason="Idle")
    status = status_of(make_world(instance=make_instance(running=False, status=stopped)))
    assert (status.stopped_at, status.stop_reason) == ("2026-11-24T08:00:00Z", "Idle")


@pytest.mark.parametrize(
    ("status", "age", "phase", "words"),
    [
        pytest.param({"phase": "Pending"}, 5, "Provisioning", "being prepared", id="young"),
        pytest.param({"phase": "Pending"}, 60, "Provisioning", "now at: finding a node", id="slow at the scheduler"),
        pytest.param(
            waiting_status("ContainerCreating"), 60, "Provisioning", "attaching the disk", id="slow at the image"
        ),
        pytest.param(
            running_status(ready=False), 60, "Provisioning", "the editor's first answer", id="slow at the editor"
        ),
        pytest.param(
            running_status(ready=False),
            301,
            "Failed",
            "It did not start within 5m; it hangs at: waiting for the editor's first answer.",
            id="hangs at the editor",
        ),
        pytest.param(
            waiting_status("ErrImagePull", "dial tcp: i/o timeout"),
            20,
            "Pending",
            "Kubernetes keeps trying",
            id="a registry out of reach",
        ),
        pytest.param(
            waiting_status("ErrImagePull", "dial tcp: i/o timeout"),
            301,
            "Failed",
            "It has been tried for 5m.",
            id="a registry out of reach for too long",
        ),
    ],
)
def test_a_start_that_takes_its_time(status: dict[str, Any], age: int, phase: str, words: str) -> None:
    result = status_of(make_world(pod=make_pod(age=age, **status), volumes=(make_volume(),)))
    assert result.phase == phase
    assert result.message is not None
    assert words in result.message


def test_a_start_whose_template_has_gone_has_a_limit_too() -> None:
    pod = make_pod(age=301, **running_status(ready=False))
    status = status_of(make_world(pod=pod, template=None, volumes=(make_volume(),)))
    assert (status.phase, conditions_of(status)["Ready"]) == ("Failed", ("False", reasons.START_TIMEOUT))
    young = make_world(pod=make_pod(age=250, **running_status(ready=False)), template=None, volumes=(make_volume(),))
    assert make_plan(young).requeue_after == timedelta(seconds=51)


def test_the_registry_s_words_survive_the_back_off() -> None:
    first = status_of(make_world(pod=make_pod(**waiting_status("ErrImagePull", "manifest unknown: r/i:1"))))
    instance = make_instance(status=first)
    later = status_of(make_world(instance=instance, pod=make_pod(**waiting_status("ImagePullBackOff", "Back-off"))))
    assert later.message == first.message
    assert conditions_of(later)["ImagePulled"] == ("False", reasons.IMAGE_NOT_FOUND)


def test_a_pull_that_keeps_failing_is_told_once() -> None:
    words = 'failed to resolve reference "r/i:1": 403 Forbidden'
    first = status_of(make_world(pod=make_pod(**waiting_status("ErrImagePull", words))))
    back_off = waiting_status("ImagePullBackOff", f'Back-off pulling image "r/i:1": ErrImagePull: {words}')
    assert status_of(make_world(instance=make_instance(status=first), pod=make_pod(**back_off))) == first


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    first = status_of(make_world())
    world = running_world(instance=make_instance(status=first), now=NOW + timedelta(seconds=9))
    second = status_of(world)
    resolved, ready = (find_condition(second.conditions, type_) for type_ in ("TemplateResolved", "Ready"))
    assert resolved is not None
    assert ready is not None
    assert resolved.last_transition_time == "2026-11-24T12:00:00Z"
    assert ready.last_transition_time == "2026-11-24T12:00:09Z"


def test_observing_an_observed_world_changes_nothing() -> None:
    world = running_world()
    instance: WorkspaceInstance = make_instance(status=status_of(world))
    assert status_of(replace(world, instance=instance)) == instance.status


def test_an_endless_message_is_cut_to_what_the_crd_accepts() -> None:
    status = status_of(make_world(write_refusal=Refusal(reasons.ADMISSION_REFUSED, "x" * 9999)))
    assert status.message is not None
    assert len(status.message) == MAX_MESSAGE


def test_a_slow_step_is_told_before_the_start_fails() -> None:
    assert timedelta(0) < SLOW_STEP < timedelta(minutes=5)


def test_the_activity_that_the_server_wrote_is_kept() -> None:
    instance = make_instance(status=InstanceStatus(last_activity="2026-11-24T11:00:00Z"))
    assert status_of(running_world(instance=instance)).last_activity == "2026-11-24T11:00:00Z"


def test_the_pod_s_own_revision_is_reported_not_the_template_s() -> None:
    changed = make_template(environment={"image": "other"})
    pod = make_pod(**running_status())
    status = status_of(running_world(pod=pod, template=changed))
    assert status.template is not None
    assert status.template.revision == pod.metadata.annotations[names.ANNOTATION_TEMPLATE_REVISION]


def test_a_running_environment_outlives_its_template_and_says_so() -> None:
    instance = make_instance()
    world = make_world(pod=make_pod(**running_status()), template=None)
    status = observe(world, instance, resolve(instance, None, namespace_labels={}))
    resolved = find_condition(status.conditions, "TemplateResolved")
    assert resolved is not None
    assert (status.phase, resolved.status, resolved.reason) == ("Running", "False", reasons.TEMPLATE_MISSING)
    assert "ask an admin to publish it" in resolved.message


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("server_now", [NOW + HOUR, NOW - HOUR, None], ids=["ours is slow", "ours is fast", "unknown"])
def test_a_stop_is_noted_by_the_later_of_two_clocks_so_that_nothing_comes_early(server_now: datetime | None) -> None:
    status = status_of(make_world(instance=make_instance(running=False), server_now=server_now))
    assert status.phase == "Stopped"
    assert status.stopped_at == format_timestamp(max(NOW, server_now or NOW))


def test_a_start_before_its_pod_is_there_is_noted_by_the_later_clock_too() -> None:
    assert status_of(make_world(server_now=NOW + HOUR)).started_at == format_timestamp(NOW + HOUR)
    assert status_of(make_world(server_now=NOW - HOUR)).started_at == format_timestamp(NOW)


def test_a_start_takes_too_long_only_if_both_clocks_say_so() -> None:
    waiting = make_pod(age=10, **waiting_status("ContainerCreating"))
    assert status_of(running_world(pod=waiting, now=NOW + HOUR, server_now=NOW)).phase == "Provisioning"
    late = status_of(running_world(pod=waiting, now=NOW + HOUR, server_now=NOW + HOUR))
    assert conditions_of(late)["Ready"] == ("False", reasons.START_TIMEOUT)
