"""A safe start by the whole operator: one restart with another image, and silence."""

from pathlib import Path

from devworkspace.api import names
from devworkspace.core.safemode import safe_start_annotations
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    silence,
    status_of,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fixtures import eventually

IMAGE = "localhost/devworkspace/base:0.1.0"
USUAL = "localhost/devworkspace/python:0.1.0"


def images(server: FakeApiServer) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in pods_of(server)]


async def runs(server: FakeApiServer, image: str) -> None:
    await eventually(lambda: images(server) == [image])
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")


async def start_safely(server: FakeApiServer, value: str) -> None:
    server.patch(INSTANCES, DEMO, {"metadata": {"annotations": safe_start_annotations(value)}})
    await runs(server, IMAGE)
    await eventually(lambda: status_of(server).get("safeMode") is True)
    assert await silence(server) == []


async def test_a_safe_start_and_the_ways_out_of_it(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, safe_image=IMAGE):
        put_template(server)
        put_instance(server)
        await runs(server, USUAL)
        await start_safely(server, "one")
        server.patch(INSTANCES, DEMO, {"metadata": {"annotations": {names.ANNOTATION_RESTARTED_AT: "now"}}})
        await runs(server, USUAL)
        assert "safeMode" not in status_of(server)
        await start_safely(server, "two")
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        assert status_of(server)["endedSafeStart"] == "two-safe"
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await runs(server, USUAL)
        assert "safeMode" not in status_of(server)
        assert await silence(server) == []
