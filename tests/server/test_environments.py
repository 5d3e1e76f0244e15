"""The table that routes requests, and which pods it believes."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from devworkspace.api import names, reasons
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.server.environments import (
    DoorPod,
    Environment,
    EnvironmentTable,
    Progress,
    Upstream,
    find_pod,
    find_progress,
    make_environment,
    shown_phase,
)
from tests.server.support import make_instance, make_pod

replace = msgspec.structs.replace


def with_meta(pod: DoorPod, **changes: object) -> DoorPod:
    return replace(pod, metadata=replace(pod.metadata, **changes))


def test_a_pod_is_found_whichever_comes_first() -> None:
    instance = make_instance()
    pod = make_pod(instance, 8080, host="10.0.0.7")
    expected = Upstream(pod_uid=pod.metadata.uid, host="10.0.0.7", port=8080)
    for pod_first in (True, False):
        table = EnvironmentTable()
        if pod_first:
            table.on_pod(None, pod)
        table.on_instance(None, instance)
        if not pod_first:
            table.on_pod(None, pod)
        found = table.find("demo--team")
        assert found is not None
        assert found.upstream == expected
        assert found.key == Key("team", "demo")


FORGERIES = {
    "another namespace": lambda pod: with_meta(pod, namespace="evil"),
    "another instance's uid": lambda pod: with_meta(pod, labels={names.LABEL_INSTANCE_UID: "other"}),
    "no uid": lambda pod: with_meta(pod, labels={}),
    "not the pod that the status names": lambda pod: with_meta(pod, name="intruder"),
    "on its way out": lambda pod: with_meta(pod, deletion_timestamp="2026-11-24T12:00:00Z"),
}
INCOMPLETE = {
    "no address yet": lambda pod: replace(pod, status=type(pod.status)()),
    "no editor port": lambda pod: replace(pod, spec=type(pod.spec)()),
    "the port of another container": lambda pod: replace(
        pod, spec=replace(pod.spec, containers=(replace(pod.spec.containers[0], name="sidecar"),))
    ),
}


def upstream_of(instance: WorkspaceInstance, *pods: DoorPod) -> Upstream | None:
    return make_environment(instance, find_pod(instance, pods)).upstream


@pytest.mark.parametrize("take_away", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_a_pod_without_an_editor_to_talk_to_is_waited_for(take_away: Callable[[DoorPod], DoorPod]) -> None:
    instance = make_instance()
    good = make_pod(instance, 8080)
    assert upstream_of(instance, take_away(good)) is None
    assert upstream_of(instance, good) is not None, "positive control"


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_no_other_pod_is_believed(forge: object) -> None:
    assert callable(forge)
    instance = make_instance()
    good = make_pod(instance, 8080)
    assert upstream_of(instance, forge(good)) is None
    assert upstream_of(instance, forge(good), good) is not None, "positive control"


def test_a_pod_decoded_from_the_api_has_its_port() -> None:
    body = {
        "metadata": {"name": "p", "namespace": "team", "uid": "u", "labels": {names.LABEL_INSTANCE_UID: "i"}},
        "spec": {
            "containers": [{"name": names.CONTAINER_NAME, "ports": [{"name": names.PORT_NAME, "containerPort": 8443}]}]
        },
        "status": {"podIP": "10.1.2.3", "phase": "Running"},
    }
    pod = msgspec.convert(body, DoorPod)
    instance = make_instance(uid="i")
    instance = replace(instance, status=replace(instance.status, pod_name="p"))
    assert upstream_of(instance, pod) == Upstream(pod_uid="u", host="10.1.2.3", port=8443)


def test_the_progress_of_a_start_is_read_from_the_pod() -> None:
    body: dict[str, Any] = {
        "metadata": {"name": "p"},
        "status": {
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T12:00:00Z"}],
            "containerStatuses": [{"name": "workspace", "state": {"waiting": {"reason": "ContainerCreating"}}}],
        },
    }
    assert find_progress(msgspec.convert({"metadata": {"name": "p"}}, DoorPod)) == Progress(made=True)
    assert find_progress(msgspec.convert(body, DoorPod)) == Progress(made=True, placed=True)
    body["status"]["containerStatuses"] = [{"state": {"running": {"startedAt": "2026-11-24T12:00:00Z"}}}]
    assert find_progress(msgspec.convert(body, DoorPod)) == Progress(made=True, placed=True, started=True)


def test_changes_and_ends_are_followed_and_announced() -> None:
    table = EnvironmentTable()
    changes: list[tuple[Environment | None, Environment | None]] = []
    table.on_change(lambda old, new: changes.append((old, new)))
    instance = make_instance(phase="Pending")
    table.on_instance(None, instance)
    running = make_instance(phase="Running")
    table.on_instance(instance, running)
    table.on_instance(running, running)
    pod = make_pod(running, 8080)
    table.on_pod(None, pod)
    table.on_pod(pod, None)
    table.on_instance(running, None)
    assert table.find("demo--team") is None
    assert len(table) == 0
    phases = [new.phase if new else None for _, new in changes]
    assert phases == ["Pending", "Running", "Running", "Running", None]


@pytest.mark.parametrize("late_end", [True, False])
def test_a_successor_of_the_same_name_is_not_dropped_with_its_predecessor(late_end: bool) -> None:
    table = EnvironmentTable()
    first, second = make_instance(uid="1"), make_instance(uid="2")
    table.on_instance(None, first)
    if late_end:
        table.on_instance(None, second)
        table.on_instance(first, None)
    else:
        table.on_instance(first, second)
    found = table.find("demo--team")
    assert found is not None
    assert found.uid == "2"
    table.on_pod(None, make_pod(first, 8080))
    found = table.find("demo--team")
    assert found is not None
    assert found.upstream is None


def test_shown_phase() -> None:
    table = EnvironmentTable()
    table.on_instance(None, make_instance("a"))
    table.on_instance(None, make_instance("b", deleting=True))
    table.on_instance(None, make_instance("c", phase=None))
    table.on_instance(None, make_instance("d", phase="Failed"))
    for instance in (make_instance("e", reason=reasons.EDITOR_NOT_ANSWERING), make_instance("f")):
        table.on_instance(None, instance)
        table.on_pod(None, make_pod(instance, 8080))
    assert [shown_phase(environment) for environment in sorted(table.values(), key=lambda e: e.key)] == [
        "Unreachable",
        "Deleting",
        "Pending",
        "Failed",
        "Unreachable",
        "Running",
    ]
