"""Images on the nodes of a real cluster: any image, whatever is in it, and a reason where one does not come."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.api.template import PrePullStatus, WorkspaceTemplate
from tests.support.live import TEMPLATES, Live

pytestmark = pytest.mark.cluster

IN_SYSTEM = f"--namespace={names.SYSTEM_NAMESPACE}"


async def wait_told(
    live: Live, name: str, holds: Callable[[PrePullStatus], bool], *, seconds: float = 60
) -> PrePullStatus:
    """What the template says of its image once something holds for it."""
    deadline = time.monotonic() + seconds
    while True:
        template = await live.client.get(TEMPLATES, Key("", f"{live.namespace}-{name}"), WorkspaceTemplate)
        status = template.status.pre_pull
        if status is not None and holds(status):
            return status
        assert time.monotonic() < deadline, f"{name} says {status} after {seconds} s"
        await asyncio.sleep(0.1)


def is_everywhere(status: PrePullStatus) -> bool:
    return 0 < status.wanted == status.ready


def own_sets(live: Live) -> list[dict[str, Any]]:
    """The DaemonSets whose images are this test's: they have a node selector that no other one has."""
    listed = live.surroundings.run_kubectl("get", "daemonsets", IN_SYSTEM, "--output=json")
    place = live.namespace
    return [found for found in json.loads(listed)["items"] if place in str(found["spec"]["template"]["spec"])]


def image_without_a_shell(live: Live) -> str:
    """The one that every node has: it holds the pods' namespaces, and there is one program in it."""
    listed = live.surroundings.run_kubectl("get", "nodes", "--output=jsonpath={.items[0].status.images[*].names[*]}")
    return next(name for name in listed.split() if "/pause:" in name)


async def delete_template(live: Live, name: str) -> None:
    key = Key("", f"{live.namespace}-{name}")
    template = await live.client.get(TEMPLATES, key, WorkspaceTemplate)
    await live.client.delete(TEMPLATES, key, uid=template.metadata.uid)


async def test_images_come_to_the_node_and_go_with_their_templates(live: Live) -> None:
    place = f"devworkspace-test-{live.namespace}"
    live.surroundings.run_kubectl("label", "nodes", "--all", f"{place}=here")
    try:
        await come_and_go(live, {"nodeSelector": {place: "here"}})
    finally:
        live.surroundings.run_kubectl("label", "nodes", "--all", f"{place}-")


async def come_and_go(live: Live, scheduling: dict[str, Any]) -> None:
    bad = "localhost:1/no/registry:1"
    await live.create_template("ours", prePull=True, scheduling=scheduling)
    for name, image in (("bare", image_without_a_shell(live)), ("bad", bad)):
        await live.create_template(name, prePull=True, scheduling=scheduling, environment={"image": image})
    # The bad one stands in the same pod and keeps nobody back.
    for name in ("ours", "bare"):
        status = await wait_told(live, name, is_everywhere)
        assert status.message == ""
    status = await wait_told(live, "bad", lambda status: bool(status.message))
    assert (status.ready, f"'{bad}'" in status.message) == (0, True), status
    (found,) = own_sets(live)
    pods = pods_of(live, found["metadata"]["name"])
    assert {pod["spec"]["automountServiceAccountToken"] for pod in pods} == {False}
    described = await asyncio.to_thread(live.surroundings.run_kubectl, "describe", "wst", f"{live.namespace}-bad")
    assert reasons.PRE_PULL_FAILED in described
    await delete_template(live, "bad")
    await wait_told(live, "ours", is_everywhere)
    for name in ("ours", "bare"):
        await delete_template(live, name)
    deadline = time.monotonic() + 30
    while own_sets(live) or pods_of(live, found["metadata"]["name"]):
        assert time.monotonic() < deadline, "the DaemonSet or a pod is still there"
        await asyncio.sleep(0.2)


def pods_of(live: Live, daemon_set: str) -> list[dict[str, Any]]:
    selector = f"--selector={names.LABEL_INSTANCE}={daemon_set}"
    listed = live.surroundings.run_kubectl("get", "pods", IN_SYSTEM, selector, "--output=json")
    return list(json.loads(listed)["items"])
