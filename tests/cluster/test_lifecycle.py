"""What a developer does with an environment, on a real cluster with real pods."""

import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.client import Client
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, PVCS, SECRETS, SERVICES
from tests.support.live import INSTANCES, Anything, Live

pytestmark = pytest.mark.cluster


async def test_a_file_survives_stop_start_and_even_deletion(live: Live) -> None:
    await live.create()
    status = (await live.wait_phase("Running")).status
    assert status.pod_name is not None
    assert status.pvc_name is not None
    await live.execute(status.pod_name, "sh", "-c", "echo precious > $HOME/sentinel")
    volume = await live.volume(status.pvc_name)

    await live.patch(running=False)
    stopped = (await live.wait_phase("Stopped")).status
    assert (stopped.pod_name, stopped.pvc_name, stopped.stop_reason) == (None, status.pvc_name, "User")
    await live.wait_gone(PODS, status.pod_name)

    await live.patch(running=True)
    started = (await live.wait_phase("Running")).status
    assert started.pod_name is not None
    assert await live.execute(started.pod_name, "sh", "-c", "cat $HOME/sentinel") == "precious\n"

    await live.delete()
    for resource, name in ((PODS, started.pod_name), (SERVICES, started.service_name), (SECRETS, started.pod_name)):
        assert name is not None
        await live.wait_gone(resource, name)
    await live.wait_retained(status.pvc_name)
    kept = await live.volume(status.pvc_name)
    assert kept.metadata.uid == volume.metadata.uid
    assert kept.metadata.annotations[names.ANNOTATION_INSTANCE] == "demo"
    listed = await live.client.list(
        PVCS, Anything, namespace=live.namespace, label_selector=f"{names.LABEL_RETAINED}=true"
    )
    assert [item.metadata.name for item in listed.items] == [status.pvc_name]
    await live.wait_gone(NETWORK_POLICIES, "devworkspace-environments")


async def test_deletion_while_it_starts_leaves_only_the_volume(live: Live) -> None:
    instance = await live.create()
    await live.wait_phase("Provisioning")
    await live.delete()
    name = f"demo-{instance.metadata.uid[:8]}"
    for resource in (PODS, SERVICES, SECRETS):
        await live.wait_gone(resource, name)
    await live.wait_gone(INSTANCES, "demo")
    await live.wait_retained(name)


async def test_a_pod_deleted_by_hand_comes_back_with_its_data(live: Live) -> None:
    await live.create()
    status = (await live.wait_phase("Running")).status
    assert status.pod_name is not None
    await live.execute(status.pod_name, "sh", "-c", "echo precious > $HOME/sentinel")
    pod = await live.client.get(PODS, live.key(status.pod_name), Anything)
    await live.client.delete(PODS, live.key(status.pod_name), uid=pod.metadata.uid)
    await live.wait_phase("Provisioning")
    await live.wait_phase("Running")
    successor = await live.client.get(PODS, live.key(status.pod_name), Anything)
    assert successor.metadata.uid != pod.metadata.uid
    assert await live.execute(status.pod_name, "sh", "-c", "cat $HOME/sentinel") == "precious\n"


async def test_a_larger_disk_is_given_while_it_runs(live: Live) -> None:
    await live.create(overrides={"storage": {"size": "1Gi"}})
    status = (await live.wait_phase("Running")).status
    assert status.pvc_name is not None
    await live.patch(overrides={"storage": {"size": "2Gi"}})
    for _ in range(100):
        volume = await live.volume(status.pvc_name)
        if volume.spec.resources.requests["storage"] == "2Gi":
            break
        await live.wait_phase("Running")
    assert volume.spec.resources.requests["storage"] == "2Gi"


async def test_the_children_are_what_the_design_says(live: Live, client: Client) -> None:
    await live.create()
    status = (await live.wait_phase("Running")).status
    assert status.pod_name is not None
    pod = live.surroundings.run_kubectl(
        "get", "pod", status.pod_name, f"--namespace={live.namespace}",
        "--output=jsonpath={.spec.automountServiceAccountToken} {.spec.securityContext.runAsNonRoot} "
        "{.spec.containers[0].securityContext.capabilities.drop}",
    )  # fmt: skip
    assert pod == 'false true ["ALL"]'
    service = await client.get(SERVICES, Key(live.namespace, status.service_name or ""), Anything)
    assert service.metadata.owner_references[0].kind == names.INSTANCE_KIND
    assert (await live.volume(status.pvc_name or "")).metadata.owner_references == ()


@pytest.mark.parametrize(
    ("template", "program", "output"),
    [
        ("python", "python3 -c 'print(6*7)'", "42"),
        ("nodejs", "node -e 'console.log(6*7)'", "42"),
        ("go", "go version", "go version go1."),
        ("java", "java -version 2>&1", "openjdk version"),
        ("base", "git --version", "git version"),
    ],
)
async def test_every_example_template_opens_in_its_language(
    live: Live, template: str, program: str, output: str
) -> None:
    await live.create(template=template)
    status = (await live.wait_phase("Running", seconds=180)).status
    assert status.pod_name is not None
    assert output in await live.execute(status.pod_name, "bash", "-lc", program)
    assert (await live.execute(status.pod_name, "id", "-u")).strip() == "1000"


async def test_a_namespace_with_restricted_pod_security_runs_environments(live: Live) -> None:
    live.surroundings.run_kubectl("label", "namespace", live.namespace, "pod-security.kubernetes.io/enforce=restricted")
    await live.create(template="base")
    await live.wait_phase("Running")
