"""Each failure of docs/CRD_SPEC.md that a cluster can be brought to, provoked for real.

Every test asserts phase, reason, message and that status told it within `MAX_DELAY` of the cluster's knowing; many
remove the cause afterwards and see the environment come up by itself.
"""

import time
from typing import Any

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.children import Pod
from devworkspace.api.meta import Key
from devworkspace.core.render.common import child_name
from devworkspace.core.safemode import RUNS_SAFELY, safe_start_annotations
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube.resource import NAMESPACES, SERVICES
from tests.cluster.failing import apply, run_registry, serving, start
from tests.support.admission import changed_pods, refused_pods
from tests.support.live import INSTANCES, Anything, Live
from tests.support.witness import (
    Witness,
    ended_with,
    not_ready_again,
    not_scheduled,
    pod_failed,
    waits_for,
)

pytestmark = pytest.mark.cluster


# The image.


async def test_an_image_name_that_is_none(live: Live, witness: Witness) -> None:
    await start(live, environment=serving(live, image="UPPER/case:1"))
    await witness.expect(
        reasons.IMAGE_NAME_INVALID,
        phase="Failed",
        words=("'UPPER/case:1' is not a valid image name; correct the template",),
        knew=waits_for("InvalidImageName", "ErrImagePull"),
        condition="ImagePulled",
    )


async def test_an_image_that_is_not_on_the_node_and_may_not_be_pulled(live: Live, witness: Witness) -> None:
    await start(live, environment=serving(live, image="localhost/no-such:1", imagePullPolicy="Never"))
    await witness.expect(
        reasons.IMAGE_NOT_FOUND,
        phase="Failed",
        words=("'localhost/no-such:1' is not on the node and may not be pulled",),
        knew=waits_for("ErrImageNeverPull"),
        condition="ImagePulled",
    )


async def test_a_registry_that_cannot_be_reached_keeps_its_words_through_the_back_off(
    live: Live, witness: Witness
) -> None:
    await start(live, environment=serving(live, image="registry.invalid/team/image:1"))
    first = await witness.expect(
        reasons.IMAGE_PULL_NETWORK,
        phase="Pending",
        words=("cannot reach the registry of image 'registry.invalid/team/image:1'", "It says: "),
        knew=waits_for("ErrImagePull"),
        condition="ImagePulled",
    )
    await witness.wait_for(waits_for("ImagePullBackOff"))
    later = await live.get()
    assert first.status.message is not None
    assert later.status.message is not None
    assert "registry.invalid" in later.status.message.partition("It says: ")[2]
    assert later.status.phase == "Pending"


@pytest.mark.parametrize(
    ("status", "code", "reason", "words"),
    [
        pytest.param(404, "MANIFEST_UNKNOWN", reasons.IMAGE_NOT_FOUND, "does not exist; check its name", id="unknown"),
        pytest.param(403, "DENIED", reasons.IMAGE_PULL_DENIED, "an admin must add a pull secret", id="denied"),
    ],
)
async def test_a_registry_that_says_no(
    live: Live, witness: Witness, *, status: int, code: str, reason: str, words: str
) -> None:
    # A port for each, since the registry of the test before may not have ended yet.
    port = 15000 + status
    node = await run_registry(live, port=port, status=status, code=code)
    image = f"localhost:{port}/team/image:1"
    await start(
        live,
        environment=serving(live, image=image),
        scheduling={"nodeSelector": {"kubernetes.io/hostname": node}},
    )
    first = await witness.expect(
        reason,
        phase="Failed",
        words=(f"'{image}'", words, "The registry says: "),
        knew=waits_for("ErrImagePull"),
        condition="ImagePulled",
    )
    backed_off = await witness.wait_for(waits_for("ImagePullBackOff"))
    await witness.wait_for(waits_for("ErrImagePull"), since=backed_off)
    # Not one more write: neither for the back-off nor for the next attempt.
    assert (await live.get()).status == first.status


# What the container needs.


async def test_a_missing_configuration_and_its_arrival(live: Live, witness: Witness) -> None:
    company = [{"configMapRef": {"name": "company"}}]
    async with changed_pods(live, {"/spec/containers/0/envFrom": company}):
        await start(live)
        await witness.expect(
            reasons.MISSING_CONFIGURATION,
            phase="Failed",
            words=('configmap "company" not found', "It starts by itself once that is there"),
            knew=waits_for("CreateContainerConfigError"),
        )
        live.surroundings.run_kubectl("create", "configmap", "company", f"--namespace={live.namespace}")
        await live.wait_phase("Running")


async def test_a_container_that_prepares_the_start_and_fails(live: Live, witness: Witness) -> None:
    prepare = {
        "name": "licence",
        "image": live.surroundings.base_image,
        "command": ["sh", "-c", "echo no licence left; exit 7"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    async with changed_pods(live, {"/spec/initContainers": [prepare]}):
        await start(live)
        await witness.expect(
            reasons.INIT_CONTAINER_FAILED,
            phase="Failed",
            words=("Container 'licence'", "exit code 7", "no licence left"),
            knew=ended_with(7),
        )


# The API server refuses.


async def test_a_quota_and_its_end(live: Live, witness: Witness) -> None:
    live.surroundings.run_kubectl("create", "quota", "small", f"--namespace={live.namespace}", "--hard=limits.cpu=1")
    where = ("quota/small", f"--namespace={live.namespace}", "--timeout=30s")
    live.surroundings.run_kubectl("wait", *where, "--for=jsonpath={.status.used}")
    began = time.monotonic()
    await start(live)
    await witness.expect(
        reasons.QUOTA_EXCEEDED,
        phase="Pending",
        words=("quota 'small' is used up", "needs limits.cpu=2", "used are limits.cpu=0 of limits.cpu=1"),
        knew=began,
    )
    live.surroundings.run_kubectl("delete", "quota", "small", f"--namespace={live.namespace}")
    await live.wait_phase("Running")


async def test_a_limit_range_and_its_end(live: Live, witness: Witness) -> None:
    limits = {"type": "Container", "max": {"cpu": "1"}}
    apply(live, "LimitRange", "l", spec={"limits": [limits]})
    began = time.monotonic()
    await start(live)
    await witness.expect(
        reasons.LIMIT_RANGE_EXCEEDED,
        phase="Pending",
        words=("maximum cpu usage per Container is 1, but limit is 2",),
        knew=began,
    )
    live.surroundings.run_kubectl("delete", "limitrange", "l", f"--namespace={live.namespace}")
    await live.wait_phase("Running")


async def test_pod_security(live: Live, witness: Witness) -> None:
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await live.client.merge_patch(NAMESPACES, Key("", live.namespace), level, Anything)
    async with changed_pods(live, {"/spec/hostNetwork": True}):
        began = time.monotonic()
        await start(live)
        await witness.expect(
            reasons.POD_SECURITY_REFUSED,
            phase="Pending",
            words=("Pod Security level 'restricted:latest'", "hostNetwork=true"),
            knew=began,
        )
    await live.wait_phase("Running")


async def test_an_admission_policy_and_its_end(live: Live, witness: Witness) -> None:
    async with refused_pods(live, "not on a Friday"):
        began = time.monotonic()
        await start(live)
        await witness.expect(
            reasons.ADMISSION_REFUSED,
            phase="Pending",
            words=(f"Policy '{live.namespace}'", "refuses the Pod", "not on a Friday"),
            knew=began,
        )
    await live.wait_phase("Running")


async def test_a_name_that_is_taken_and_comes_free(live: Live, witness: Witness) -> None:
    await live.create_template("t", environment=serving(live))
    instance = await live.create(template=f"{live.namespace}-t", running=False)
    await live.wait_phase("Stopped")
    name = child_name(instance)
    service = {"metadata": {"name": name, "namespace": live.namespace}, "spec": {"ports": [{"port": 1}]}}
    foreign = await live.client.create(SERVICES, service, Anything)
    began = time.monotonic()
    await live.patch(running=True)
    await witness.expect(
        reasons.NAME_CONFLICT,
        phase="Pending",
        words=(f"Service '{name}' exists and belongs to somebody else; it was not touched",),
        knew=began,
    )
    await live.client.delete(SERVICES, live.key(name), uid=foreign.metadata.uid)
    await live.wait_phase("Running")


# The template.


async def test_a_template_that_comes_later(live: Live, witness: Witness) -> None:
    began = time.monotonic()
    await live.create(template=f"{live.namespace}-t")
    await witness.expect(
        reasons.TEMPLATE_MISSING,
        phase="Pending",
        words=(f"Template '{live.namespace}-t' does not exist; ask an admin to publish it",),
        knew=began,
        condition="TemplateResolved",
    )
    await live.create_template("t", environment=serving(live))
    await live.wait_phase("Running")


@pytest.mark.parametrize(
    ("template", "overrides", "reason", "words"),
    [
        pytest.param({"state": "Hidden"}, {}, reasons.TEMPLATE_HIDDEN, "is hidden", id="hidden"),
        pytest.param(
            {"access": {"namespaceSelector": {"matchLabels": {"team": "other"}}}},
            {},
            reasons.TEMPLATE_NOT_ALLOWED,
            "may not be used in namespace",
            id="not for this namespace",
        ),
        pytest.param(
            {"overrides": {"maxResources": {"cpu": "2"}}},
            {"resources": {"limits": {"cpu": "64"}}},
            reasons.OVERRIDE_NOT_ALLOWED,
            "allows at most 2 of cpu, and this asks for 64; lower the override",
            id="beyond its bounds",
        ),
    ],
)
async def test_a_template_that_says_no(
    live: Live, witness: Witness, *, template: dict[str, Any], overrides: dict[str, Any], reason: str, words: str
) -> None:
    await live.create_template("t", environment=serving(live), **template)
    began = time.monotonic()
    await live.create(template=f"{live.namespace}-t", overrides=overrides)
    await witness.expect(reason, phase="Pending", words=(words,), knew=began, condition="TemplateResolved")


# The scheduler.


async def test_more_than_any_node_has(live: Live, witness: Witness) -> None:
    await start(live, resources={"requests": {"cpu": "4000"}, "limits": {"cpu": "4000"}})
    await witness.expect(
        reasons.UNSCHEDULABLE,
        phase="Pending",
        words=("too little cpu on", "(it asks for 4k)", "Stop another environment or ask for fewer resources"),
        knew=not_scheduled("Unschedulable"),
        condition="PodScheduled",
    )


async def test_no_node_of_the_wanted_kind_is_waited_for_and_then_fails(live: Live, witness: Witness) -> None:
    await start(live, scheduling={"nodeSelector": {"disk": "none-such"}}, lifecycle={"startTimeout": "5s"})
    await witness.expect(
        reasons.UNSCHEDULABLE,
        phase="Pending",
        words=("No node fits this environment", "node affinity/selector"),
        knew=not_scheduled("Unschedulable"),
        condition="PodScheduled",
    )
    instance = await live.wait_phase("Failed")
    assert instance.status.message is not None
    assert instance.status.message.endswith("It has been tried for 5s.")


async def test_a_scheduling_gate_and_its_opening(live: Live, witness: Witness) -> None:
    async with changed_pods(live, {"/spec/schedulingGates": [{"name": "test/queue"}]}):
        instance = await start(live)
        await witness.expect(
            reasons.SCHEDULING_GATED,
            phase="Pending",
            words=("holds this environment back",),
            knew=not_scheduled("SchedulingGated"),
            condition="PodScheduled",
        )
        open_gate = '[{"op": "remove", "path": "/spec/schedulingGates"}]'
        live.surroundings.run_kubectl(
            "patch", "pod", child_name(instance), f"--namespace={live.namespace}", "--type=json", f"--patch={open_gate}"
        )
        await live.wait_phase("Running")


# The pod's life.


async def test_a_container_that_uses_all_its_memory(live: Live, witness: Witness) -> None:
    small = {"requests": {"memory": "32Mi"}, "limits": {"memory": "32Mi", "cpu": "1"}}
    await start(live, environment=serving(live, command="tail /dev/zero"), resources=small)
    await witness.expect(
        reasons.OUT_OF_MEMORY,
        phase="Failed",
        words=("used all its memory of 32Mi and was killed, once", "overrides.resources.limits.memory"),
        knew=ended_with(137),
    )


async def test_a_crash_loop_with_its_last_words_and_a_safe_start(live: Live, witness: Witness) -> None:
    await start(live, environment=serving(live, command="echo kept > $HOME/work; echo out of luck >&2; exit 3"))
    await witness.expect(
        reasons.CRASH_LOOP,
        phase="Failed",
        words=("exit code 3", "its last lines: out of luck"),
        knew=ended_with(3),
    )
    await _annotate(live, safe_start_annotations("now"))
    safe = await live.wait_phase("Running")
    assert (safe.status.safe_mode, safe.status.message) == (True, RUNS_SAFELY)
    assert safe.status.pod_name is not None
    answers = "curl --fail --silent --output /dev/null localhost:8080/login"
    assert await live.execute(safe.status.pod_name, "sh", "-c", f"cat $HOME/work && {answers}") == "kept\n"
    await _annotate(live, {names.ANNOTATION_RESTARTED_AT: "later"})
    again = await live.wait_phase("Failed")
    assert "out of luck" in (again.status.message or "")
    assert again.status.safe_mode is None


async def _annotate(live: Live, annotations: dict[str, str]) -> None:
    await live.client.merge_patch(INSTANCES, live.key("demo"), {"metadata": {"annotations": annotations}}, Anything)


async def test_a_start_that_takes_too_long(live: Live, witness: Witness) -> None:
    await start(live, environment=serving(live, command="exec sleep 600"), lifecycle={"startTimeout": "10s"})
    pod = await witness.see(Pod)
    due = parse_timestamp(pod.metadata.creation_timestamp or "").timestamp() + 10 - time.time() + time.monotonic()
    await witness.expect(
        reasons.START_TIMEOUT,
        phase="Failed",
        words=("It did not start within 10s; it hangs at: waiting for the editor's first answer",),
        knew=due,
    )


async def test_an_eviction_and_the_next_pod(live: Live, witness: Witness) -> None:
    command = "test -e $HOME/once || { touch $HOME/once; head -c 60000000 /dev/zero > /tmp/full; sleep 600; }; "
    limits = {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "20Mi"}
    await start(
        live,
        environment=serving(live, command=command + "exec python3 -m http.server 8080"),
        resources={"limits": limits},
    )
    await witness.expect(
        reasons.EVICTED,
        phase="Failed",
        words=("removed the environment", "ephemeral", "it starts again by itself"),
        knew=pod_failed("Evicted"),
        seconds=120,
    )
    await live.wait_phase("Running")


async def test_an_editor_that_stops_answering_and_does_it_again(live: Live, witness: Witness) -> None:
    server = "python3 -m http.server 8080 & echo $! > /tmp/pid; wait"
    await start(live, environment=serving(live, command=f"while true; do test -e /tmp/off || {{ {server}; }}; done"))
    running = await live.wait_phase("Running")
    assert running.status.pod_name is not None
    off = time.monotonic()
    await live.execute(running.status.pod_name, "sh", "-c", "touch /tmp/off; kill $(cat /tmp/pid)")
    await witness.expect(
        reasons.EDITOR_NOT_ANSWERING,
        phase="Running",
        words=("does not answer at the moment; the container runs",),
        knew=not_ready_again,
        since=off,
    )
    await live.execute(running.status.pod_name, "rm", "/tmp/off")
    await live.wait_ready()
