"""Events of a real API server: a problem, its end, and nothing in between however often it is tried."""

import asyncio
import time
from typing import Any

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.kube.resource import EVENTS
from tests.support.live import Live

pytestmark = pytest.mark.cluster

WATCHED_SECONDS = 30


class Told(Struct, frozen=True):
    """An Event of core/v1."""

    metadata: ObjectMeta
    involved_object: dict[str, Any] = {}
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0


async def make_quick_template(live: Live) -> str:
    """A template whose server answers at once, so that a busy machine adds no problem of its own."""
    program = "require('http').createServer((q, r) => r.end('ok')).listen(8080)"
    environment = {"image": live.surroundings.base_image, "ide": "custom", "command": ["node", "-e", program]}
    await live.create_template("quick", environment=environment, storage={"size": "1Gi"})
    return f"{live.namespace}-quick"


async def told_about(live: Live, name: str = "demo") -> dict[str, Told]:
    """The Events about an environment, by reason."""
    uid = (await live.get(name)).metadata.uid
    listed = await live.client.list(EVENTS, Told, namespace=live.namespace, field_selector=f"involvedObject.uid={uid}")
    found = {event.reason: event for event in listed.items}
    assert len(found) == len(listed.items), "one Event for each reason"
    return found


async def wait_told(live: Live, reason: str, *, seconds: float = 60) -> Told:
    deadline = time.monotonic() + seconds
    while (event := (await told_about(live)).get(reason)) is None:
        assert time.monotonic() < deadline, f"{reason} is not told after {seconds} s: {await told_about(live)}"
        await asyncio.sleep(0.1)
    return event


def writes(events: dict[str, Told]) -> dict[str, str]:
    """Changes with each write."""
    return {reason: event.metadata.resource_version for reason, event in events.items()}


async def test_a_problem_and_its_end_are_told_once_each_however_often_it_is_tried(live: Live) -> None:
    live.surroundings.run_kubectl("create", "quota", "small", f"--namespace={live.namespace}", "--hard=limits.cpu=1")
    await live.create(template=await make_quick_template(live))
    instance = await live.wait_phase("Pending")
    warning = await wait_told(live, reasons.QUOTA_EXCEEDED)
    assert (warning.type, warning.count, warning.message) == ("Warning", 1, instance.status.message)
    assert warning.involved_object["apiVersion"] == names.API_VERSION
    assert (warning.involved_object["kind"], warning.involved_object["name"]) == (names.INSTANCE_KIND, "demo")
    before = writes(await told_about(live))
    await asyncio.sleep(WATCHED_SECONDS)
    assert writes(await told_about(live)) == before
    live.surroundings.run_kubectl("delete", "quota", "small", f"--namespace={live.namespace}")
    await live.wait_phase("Running")
    over = await wait_told(live, reasons.RECOVERED)
    assert (over.type, over.message) == ("Normal", "The editor answers; QuotaExceeded is over.")
    assert set(await told_about(live)) == {reasons.QUOTA_EXCEEDED, reasons.RECOVERED}
    described = live.surroundings.run_kubectl("describe", "wsi", "demo", f"--namespace={live.namespace}")
    assert "QuotaExceeded" in described.partition("Events:")[2]


async def test_a_container_that_crashes_again_and_again_costs_one_event(live: Live) -> None:
    """The status follows each crash with its number and last words; the Events do not."""
    crashing = {
        "image": live.surroundings.base_image,
        "ide": "custom",
        "command": ["sh", "-c", "echo unlucky at $(date +%s%N) >&2; exit 3"],
    }
    await live.create_template("crash", environment=crashing)
    await live.create(template=f"{live.namespace}-crash")
    await live.wait_phase("Failed", seconds=60)
    await wait_told(live, reasons.CRASH_LOOP)
    before, first = writes(await told_about(live)), (await live.get()).status
    await asyncio.sleep(WATCHED_SECONDS)
    last = (await live.get()).status
    assert (last.restarts or 0) > (first.restarts or 0), "it did crash meanwhile"
    assert writes(await told_about(live)) == before


async def test_a_life_without_problems_tells_nothing(live: Live) -> None:
    await live.create(template=await make_quick_template(live))
    await live.wait_phase("Running")
    await live.patch(running=False)
    await live.wait_phase("Stopped")
    await live.patch(running=True)
    await live.wait_phase("Running")
    assert await told_about(live) == {}
