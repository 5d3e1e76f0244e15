"""Wrong input ends in a refusal or a sentence that a person understands; nothing is lost, nothing is left behind."""

import pytest

from devworkspace.api import reasons
from devworkspace.core.conditions import find_condition
from devworkspace.kube.errors import AlreadyExists, Invalid
from devworkspace.kube.resource import PODS, PVCS, SERVICES
from tests.support.live import Anything, Live

pytestmark = pytest.mark.cluster


async def children(live: Live) -> list[str]:
    return [
        f"{resource.plural}/{item.metadata.name}"
        for resource in (PODS, PVCS, SERVICES)
        for item in (await live.client.list(resource, Anything, namespace=live.namespace)).items
    ]


async def test_an_unknown_template_waits_and_names_it(live: Live) -> None:
    await live.create(template="no-such")
    instance = await live.wait_phase("Pending")
    assert instance.status.message is not None
    assert "Template 'no-such' does not exist; ask an admin" in instance.status.message
    resolved = find_condition(instance.status.conditions, "TemplateResolved")
    assert resolved is not None
    assert (resolved.status, resolved.reason) == ("False", reasons.TEMPLATE_MISSING)
    assert await children(live) == []


async def test_a_bad_quantity_is_refused_at_once(live: Live) -> None:
    with pytest.raises(Invalid, match=r"overrides\.resources\.limits"):
        await live.create(overrides={"resources": {"limits": {"cpu": "lots"}}})


async def test_an_override_beyond_the_template_is_explained(live: Live) -> None:
    await live.create_template("small", overrides={"maxResources": {"cpu": "1", "memory": "1Gi"}})
    await live.create(template=f"{live.namespace}-small", overrides={"resources": {"limits": {"cpu": "64"}}})
    instance = await live.wait_phase("Pending")
    assert instance.status.message is not None
    assert "allows at most 1 of cpu, and this asks for 64; lower the override" in instance.status.message
    assert await children(live) == []


async def test_a_name_of_63_characters_works(live: Live) -> None:
    name = "n" * 63
    await live.create(name, template="base")
    instance = await live.wait_phase("Running", name)
    assert instance.status.pod_name is not None
    assert len(instance.status.pod_name) <= 63
    assert instance.status.url is not None
    assert len(instance.status.url.split("//")[1].split(".")[0]) <= 56


async def test_a_name_of_64_characters_is_refused(live: Live) -> None:
    with pytest.raises(Invalid, match="63"):
        await live.create("n" * 64)


async def test_a_second_instance_of_the_same_name_is_refused(live: Live) -> None:
    await live.create(running=False)
    with pytest.raises(AlreadyExists, match="already exists"):
        await live.create(template="nodejs")
    assert (await live.get()).spec.template_ref == "python"


async def test_a_missing_image_is_named_with_the_next_step(live: Live) -> None:
    missing = {"image": "localhost/devworkspace/no-such-image:1", "imagePullPolicy": "Never"}
    await live.create_template("missing", environment=missing)
    await live.create(template=f"{live.namespace}-missing")
    instance = await live.wait_phase("Failed", seconds=30)
    assert instance.status.message is not None
    assert "localhost/devworkspace/no-such-image:1" in instance.status.message
    pulled = find_condition(instance.status.conditions, "ImagePulled")
    assert pulled is not None
    assert (pulled.status, pulled.reason) == ("False", reasons.IMAGE_NOT_FOUND)


async def test_a_registry_that_cannot_be_reached_is_told(live: Live) -> None:
    environment = {"image": "registry.invalid/team/image:1"}
    await live.create_template("far", environment=environment)
    await live.create(template=f"{live.namespace}-far")
    instance = await live.wait_phase("Pending", seconds=60)
    assert instance.status.message is not None
    assert "registry.invalid/team/image:1" in instance.status.message


async def test_more_cpu_than_any_node_has_is_told(live: Live) -> None:
    resources = {"requests": {"cpu": "4000"}, "limits": {"cpu": "4000"}}
    await live.create_template("huge", resources=resources)
    await live.create(template=f"{live.namespace}-huge")
    instance = await live.wait_phase("Pending")
    assert instance.status.message is not None
    assert "Insufficient cpu" in instance.status.message


async def test_a_used_up_quota_is_told_with_its_numbers(live: Live) -> None:
    live.surroundings.run_kubectl("create", "quota", "small", f"--namespace={live.namespace}", "--hard=limits.cpu=1")
    await live.create(template="base")
    instance = await live.wait_phase("Pending")
    assert instance.status.message is not None
    assert "quota 'small' is used up" in instance.status.message
    live.surroundings.run_kubectl("delete", "quota", "small", f"--namespace={live.namespace}")
    await live.wait_phase("Running")


async def test_the_template_of_an_instance_cannot_be_switched(live: Live) -> None:
    await live.create(running=False)
    with pytest.raises(Invalid, match="templateRef"):
        await live.patch(templateRef="nodejs")


async def test_a_crashing_image_is_told_with_its_last_words(live: Live) -> None:
    environment = {
        "image": live.surroundings.base_image,
        "ide": "custom",
        "command": ["sh", "-c", "echo out of luck >&2; exit 3"],
    }
    await live.create_template("crash", environment=environment)
    await live.create(template=f"{live.namespace}-crash")
    instance = await live.wait_phase("Failed", seconds=60)
    assert instance.status.message is not None
    assert "exit code 3" in instance.status.message
    assert "out of luck" in instance.status.message
