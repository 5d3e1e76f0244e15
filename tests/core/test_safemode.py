"""A safe start: what the pod is made from, and what begins and ends it."""

from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.core.claim import find_member
from devworkspace.core.conditions import find_condition
from devworkspace.core.plan import Delete, make_plan
from devworkspace.core.render.pod import template_revision
from devworkspace.core.resolve import Refusal, resolve
from devworkspace.core.safemode import RUNS_SAFELY, find_ended, find_safe_start, safe_start_annotations
from devworkspace.core.world import World
from tests.core.test_pool import make_member, pooled
from tests.support.builders import (
    CHILD,
    INSTALLATION,
    applied,
    make_instance,
    make_settings,
    make_template,
    make_volume,
    make_world,
    running_status,
    waiting_status,
    with_object,
)

IMAGE = "localhost/devworkspace/base:0.1.0"
OFFERED = replace(INSTALLATION, safe_image=IMAGE)
ONE, TWO = (safe_start_annotations(f"2026-11-24T12:00:0{second}Z") for second in (1, 2))
RESTART = {**ONE, names.ANNOTATION_RESTARTED_AT: "2026-11-24T13:00:00Z"}
BROKEN = make_template(
    environment={
        "image": "localhost/team/own:1",
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "registry"}],
        "ide": "custom",
        "command": ["sh", "-c", "exit 1"],
        "args": ["x"],
        "env": [{"name": "LD_PRELOAD", "value": "/broken.so"}],
        "workingDir": "/srv",
        "port": 9000,
        "healthPath": "/up",
        "homePath": "/home/team",
        "runAsUser": 4000,
        "runAsGroup": 4000,
    },
    resources={"limits": {"cpu": "3", "memory": "3Gi"}},
    ports=[{"name": "app", "containerPort": 3000}],
    scheduling={"nodeSelector": {"pool": "dev"}, "runtimeClassName": "gvisor"},
    overrides={"env": True, "images": ["localhost/team/own:2"]},
)


def asking(annotations: dict[str, str], **more: Any) -> WorkspaceInstance:
    return make_instance(metadata={"annotations": annotations}, **more)


def world_of(instance: WorkspaceInstance, **parts: Any) -> World:
    """The environment with its volume, in an installation that offers safe starts."""
    return make_world(
        **{"instance": instance, "template": BROKEN, "installation": OFFERED, "volumes": (make_volume(),), **parts}
    )


def told(world: World) -> World:
    """The world with the status that it deserves."""
    assert world.instance is not None
    return replace(world, instance=replace(world.instance, status=status_of(world)))


def status_of(world: World) -> InstanceStatus:
    assert world.instance is not None
    return make_plan(world).status or world.instance.status


def running(world: World, **status: Any) -> World:
    """The world with the pod that it asks for."""
    pod = with_object({**applied(world, "Pod"), "status": status or running_status()}, Pod)
    return replace(world, pod=pod)


@pytest.mark.parametrize(
    ("annotations", "ended", "asks"),
    [
        pytest.param(ONE, None, True, id="both annotations have one value"),
        pytest.param({}, None, False, id="nothing is asked for"),
        pytest.param({names.ANNOTATION_RESTARTED_AT: "x"}, None, False, id="a plain restart"),
        pytest.param({names.ANNOTATION_SAFE_START: "x"}, None, False, id="no restart goes with it"),
        pytest.param(RESTART, None, False, id="restarted since"),
        pytest.param(ONE, ONE[names.ANNOTATION_SAFE_START], False, id="stopped since"),
        pytest.param(TWO, ONE[names.ANNOTATION_SAFE_START], True, id="asked again after a stop"),
        pytest.param(dict.fromkeys(ONE, ""), None, False, id="empty"),
        pytest.param(dict.fromkeys(ONE, "x" * 64), None, True, id="as long as may be"),
        pytest.param(dict.fromkeys(ONE, "x" * 65), None, False, id="too long for the status"),
    ],
)
def test_what_asks_for_a_safe_start(annotations: dict[str, str], ended: str | None, asks: bool) -> None:
    instance = asking(annotations, status=InstanceStatus(ended_safe_start=ended))
    assert (find_safe_start(instance) is not None) is asks


def test_a_stop_ends_it_and_the_status_remembers_as_long_as_the_annotation_stands() -> None:
    value = ONE[names.ANNOTATION_SAFE_START]
    assert find_ended(asking(ONE)) is None
    assert find_ended(asking(ONE, running=False)) == value
    assert find_ended(asking(ONE, status=InstanceStatus(ended_safe_start=value))) == value
    assert find_ended(asking(TWO, status=InstanceStatus(ended_safe_start=value))) is None
    assert find_ended(asking({}, status=InstanceStatus(ended_safe_start=value))) is None
    assert find_ended(asking(dict.fromkeys(ONE, "x" * 65), running=False)) is None


def test_the_pod_has_the_installation_s_editor_and_the_template_s_bounds() -> None:
    instance = asking(ONE, overrides={"env": [{"name": "MINE", "value": "1"}], "image": "localhost/team/own:2"})
    safe, usual = (applied(world_of(instance, installation=offer), "Pod") for offer in (OFFERED, INSTALLATION))
    (container,), (before,) = safe["spec"]["containers"], usual["spec"]["containers"]
    assert (before["image"], before["command"]) == ("localhost/team/own:2", ["sh", "-c", "exit 1"]), "the control"
    assert container["image"] == IMAGE
    assert "devworkspace-start" in container["command"][2]
    assert (container["args"][0], container["args"][-1]) == ("--bind-addr=0.0.0.0:9000", "/home/team")
    assert [variable["name"] for variable in container["env"]] == ["HOME", "HASHED_PASSWORD", "VSCODE_PROXY_URI"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert {"imagePullPolicy", "workingDir"} & container.keys() == set()
    for kept in ("resources", "securityContext", "ports"):
        assert container[kept] == before[kept], kept
    for kept in ("securityContext", "nodeSelector", "runtimeClassName", "imagePullSecrets"):
        assert safe["spec"][kept] == usual["spec"][kept], kept
    assert safe["spec"]["volumes"][0] == usual["spec"]["volumes"][0], "the same disk"


def test_no_repository_is_cloned() -> None:
    instance = asking(ONE, git={"repository": "https://git.example.com/team/app"})
    safe, usual = (
        applied(world_of(instance, template=make_template(), installation=offer), "Pod")
        for offer in (OFFERED, INSTALLATION)
    )
    assert names.ANNOTATION_REPOSITORY in usual["metadata"]["annotations"], "the control"
    assert names.ANNOTATION_REPOSITORY not in safe["metadata"]["annotations"]


def test_a_failed_pod_is_replaced_once() -> None:
    failed = running(world_of(make_instance()), **waiting_status("CrashLoopBackOff", restarts=4))
    assert make_plan(failed).delete == ()
    asked = replace(failed, instance=asking(ONE))
    assert make_plan(asked).delete == (Delete("Pod", CHILD, "uid-Pod"),)
    assert make_plan(running(replace(asked, pod=None))).delete == ()


def test_safe_mode_stands_in_the_status_and_in_the_message() -> None:
    starting = told(world_of(asking(ONE)))
    assert starting.instance is not None
    assert (starting.instance.status.phase, starting.instance.status.safe_mode) == ("Provisioning", True)
    status = status_of(running(starting))
    assert (status.phase, status.safe_mode, status.message) == ("Running", True, RUNS_SAFELY)


def test_without_it_a_status_and_a_pod_are_what_they_were() -> None:
    world = world_of(make_instance())
    assert applied(world, "Pod") == applied(replace(world, installation=INSTALLATION), "Pod")
    status = status_of(running(world))
    assert (status.safe_mode, status.ended_safe_start) == (None, None)


def test_the_revision_is_the_template_s_so_that_a_repaired_one_shows() -> None:
    safe = running(told(world_of(asking(ONE))))
    status = status_of(safe)
    assert status.template is not None
    assert status.template.revision == template_revision(make_settings(asking(ONE), BROKEN))
    assert outdated(status) == "False"
    repaired = replace(BROKEN.spec, environment=replace(BROKEN.spec.environment, command=("sh", "-c", "serve")))
    assert outdated(status_of(replace(safe, template=replace(BROKEN, spec=repaired)))) == "True"


def outdated(status: InstanceStatus) -> str:
    condition = find_condition(status.conditions, "TemplateOutdated")
    assert condition is not None
    return condition.status


def test_a_plain_restart_leaves_it() -> None:
    safe = running(told(world_of(asking(ONE))))
    restarted = replace(safe, instance=asking(RESTART, status=status_of(safe)))
    assert make_plan(restarted).delete == (Delete("Pod", CHILD, "uid-Pod"),)
    gone = replace(restarted, pod=None)
    assert applied(gone, "Pod")["spec"]["containers"][0]["image"] == "localhost/team/own:1"
    assert status_of(gone).safe_mode is None


def test_a_stop_and_a_start_leave_it_however_often_the_pod_is_tried() -> None:
    safe = running(told(world_of(asking(ONE))))
    stopping = told(replace(safe, instance=asking(ONE, running=False, status=status_of(safe))))
    assert stopping.instance is not None and stopping.instance.status.safe_mode is True, "the pod is still there"
    stopped = told(replace(stopping, pod=None))
    assert stopped.instance is not None and stopped.instance.status.safe_mode is None
    again = replace(stopped, instance=asking(ONE, status=stopped.instance.status))
    for _ in range(2):
        assert applied(again, "Pod")["spec"]["containers"][0]["image"] == "localhost/team/own:1"
        # The status is written first, and the pod may be refused.
        again = told(again)
    assert again.instance is not None and again.instance.status.safe_mode is None


def test_it_is_kept_when_the_pod_is_lost() -> None:
    safe = told(running(told(world_of(asking(ONE)))))
    lost = replace(safe, pod=None)
    assert applied(lost, "Pod")["spec"]["containers"][0]["image"] == IMAGE


def test_where_none_is_offered_it_is_a_plain_restart() -> None:
    world = world_of(asking(ONE), installation=INSTALLATION)
    pod = applied(world, "Pod")
    assert pod["spec"]["containers"][0]["image"] == "localhost/team/own:1"
    assert names.ANNOTATION_SAFE_START not in pod["metadata"]["annotations"]
    assert status_of(world).safe_mode is None


def test_what_was_made_in_advance_is_not_taken() -> None:
    world = make_world(template=pooled(), pool=(make_member(0, age=3600),), installation=OFFERED)
    for instance, takes in ((make_instance(), True), (asking(ONE), False)):
        settings = resolve(instance, world.template, namespace_labels={})
        assert not isinstance(settings, Refusal)
        assert (find_member(replace(world, instance=instance), instance, settings) is not None) is takes
