"""Templates on a real API server: their counts follow, and one in use is not deleted."""

import asyncio
import contextlib
import time

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.conditions import find_condition
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.kube.errors import Forbidden, NotFound
from devworkspace.kube.resource import NETWORK_POLICIES, SERVICES, Resource
from tests.support.live import TEMPLATES, Anything, Live

pytestmark = pytest.mark.cluster


async def template_of(live: Live) -> WorkspaceTemplate:
    return await live.client.get(TEMPLATES, Key("", f"{live.namespace}-small"), WorkspaceTemplate)


async def wait_counts(live: Live, *wanted: int, seconds: float = 60) -> None:
    """Waits until instances, running and outdated are these."""
    deadline = time.monotonic() + seconds
    while True:
        status = (await template_of(live)).status
        counts = (status.instances, status.running, status.outdated)
        if counts == wanted:
            return
        assert time.monotonic() < deadline, f"{counts} and not {wanted} after {seconds} s"
        await asyncio.sleep(0.1)


async def make_template(live: Live) -> str:
    await live.create_template("small", storage={"size": "1Gi"})
    return f"{live.namespace}-small"


async def delete(live: Live) -> None:
    template = await template_of(live)
    await live.client.delete(TEMPLATES, template.metadata.key, uid=template.metadata.uid)


async def delete_and_see_again(live: Live, resource: Resource, name: str) -> None:
    before = (await live.client.get(resource, live.key(name), Anything)).metadata
    await live.client.delete(resource, before.key, uid=before.uid)
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(NotFound):
                if (await live.client.get(resource, live.key(name), Anything)).metadata.uid != before.uid:
                    return
            await asyncio.sleep(0.1)


async def test_the_counts_follow_what_is_made_started_and_deleted(live: Live) -> None:
    name = await make_template(live)
    await live.create("stopped", template=name, running=False)
    await live.create("running", template=name)
    await live.wait_phase("Running", "running")
    await wait_counts(live, 2, 1, 0)
    await live.create_template("small", storage={"size": "1Gi"}, environment={
        "image": live.surroundings.base_image, "env": [{"name": "NEW", "value": "yes"}]
    })  # fmt: skip
    await wait_counts(live, 2, 1, 1)
    status = (await template_of(live)).status
    assert status.observed_generation == (await template_of(live)).metadata.generation
    accepted = find_condition(status.conditions, "Accepted")
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("True", reasons.ACCEPTED)
    await live.delete("stopped")
    await live.delete("running")
    await wait_counts(live, 0, 0, 0)


async def test_a_template_in_use_is_not_deleted_and_one_that_is_not_in_use_is(live: Live) -> None:
    name = await make_template(live)
    await live.create(template=name, running=False)
    await wait_counts(live, 1, 0, 0)
    with pytest.raises(Forbidden) as refused:
        await delete(live)
    assert f"template {name} is used by 1 environment, which could not be started again" in refused.value.message
    assert f"kubectl annotate wst {name} {names.ANNOTATION_FORCE_DELETE}=true" in refused.value.message
    await live.create("second", template=name, running=False)
    await wait_counts(live, 2, 0, 0)
    with pytest.raises(Forbidden, match="is used by 2 environments"):
        await delete(live)
    for instance in ("demo", "second"):
        await live.delete(instance)
    await wait_counts(live, 0, 0, 0)
    await delete(live)


async def test_deleting_many_at_once_does_not_get_around_it(live: Live) -> None:
    name = await make_template(live)
    await live.create_template("unused")
    for template in (name, f"{live.namespace}-unused"):
        labels = {"metadata": {"labels": {"test": live.namespace}}}
        await live.client.merge_patch(TEMPLATES, Key("", template), labels, Anything)
    await live.create(template=name, running=False)
    await wait_counts(live, 1, 0, 0)
    selected = {"labelSelector": f"test={live.namespace}"}
    with pytest.raises(Forbidden, match="is used by 1 environment"):
        await live.client.raw("DELETE", TEMPLATES.path(), resource=TEMPLATES.plural, params=selected)
    assert (await template_of(live)).metadata.deletion_timestamp is None
    await live.delete()
    await wait_counts(live, 0, 0, 0)
    await live.client.raw("DELETE", TEMPLATES.path(), resource=TEMPLATES.plural, params=selected)
    left = await live.client.list(TEMPLATES, Anything, label_selector=selected["labelSelector"])
    assert left.items == ()


async def test_a_deletion_that_is_forced_leaves_the_environment_running(live: Live) -> None:
    name = await make_template(live)
    await live.create(template=name)
    await live.wait_phase("Running")
    await wait_counts(live, 1, 1, 0)
    key = Key("", name)
    for value in ("false", "yes"):
        wrong = {"metadata": {"annotations": {names.ANNOTATION_FORCE_DELETE: value}}}
        await live.client.merge_patch(TEMPLATES, key, wrong, Anything)
        with pytest.raises(Forbidden):
            await delete(live)
    forced = {"metadata": {"annotations": {names.ANNOTATION_FORCE_DELETE: "true"}}}
    await live.client.merge_patch(TEMPLATES, key, forced, Anything)
    await delete(live)
    deadline = time.monotonic() + 10
    while True:
        status = (await live.get()).status
        resolved = find_condition(status.conditions, "TemplateResolved")
        assert resolved is not None
        if resolved.reason == reasons.TEMPLATE_MISSING:
            break
        assert time.monotonic() < deadline, resolved
        await asyncio.sleep(0.1)
    assert (status.phase, resolved.status) == ("Running", "False")
    assert status.service_name is not None
    await delete_and_see_again(live, SERVICES, status.service_name)
    for policy in POLICY_NAMES:
        await delete_and_see_again(live, NETWORK_POLICIES, policy)
