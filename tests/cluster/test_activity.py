"""What the server's account may write into a status, by the API server's own judgement; and what the clock does."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.surroundings import Event
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube import config
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Conflict, Forbidden
from devworkspace.kube.resource import EVENTS
from tests.support.environment import Surroundings
from tests.support.live import INSTANCES, Live

pytestmark = pytest.mark.cluster

EARLIER, LATER = "2026-11-25T12:00:00Z", "2026-11-25T12:05:00Z"


@pytest.fixture
async def server(surroundings: Surroundings, tmp_path: Path) -> AsyncIterator[Client]:
    """A client with the account of the server and nothing of the administrator's, whose certificate would win."""
    token = surroundings.run_kubectl(
        "create", "token", "devworkspace-server", f"--namespace={names.SYSTEM_NAMESPACE}", "--duration=10m"
    )
    settings = json.loads(surroundings.run_kubectl("config", "view", "--raw", "--minify", "--output=json"))
    settings["users"] = [{"name": user["name"], "user": {"token": token.strip()}} for user in settings["users"]]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(settings), encoding="utf-8")
    async with Client(config.from_kubeconfig(kubeconfig), field_manager="devworkspace-server") as client:
        yield client


async def write(server: Client, live: Live, status: dict[str, Any] | None, **metadata: Any) -> WorkspaceInstance:
    return await server.merge_patch(
        INSTANCES,
        live.key("demo"),
        {"metadata": metadata, "status": status},
        WorkspaceInstance,
        subresource="status",
    )


async def test_the_server_writes_the_last_activity_and_nothing_else_of_a_status(live: Live, server: Client) -> None:
    # A stopped one: of a running one the installed server writes the activity meanwhile.
    await live.create(template="base", running=False)
    before = await live.wait_phase("Stopped")
    written = await write(server, live, {"lastActivity": EARLIER}, resourceVersion=before.metadata.resource_version)
    assert written.status.last_activity == EARLIER
    with pytest.raises(Conflict):
        await write(server, live, {"lastActivity": LATER}, resourceVersion=before.metadata.resource_version)
    assert (await write(server, live, {"lastActivity": LATER})).status.last_activity == LATER
    with pytest.raises(Forbidden, match="never goes back"):
        await write(server, live, {"lastActivity": EARLIER})
    refused: tuple[dict[str, Any] | None, ...] = (
        {"phase": "Failed"},
        {"podName": "somebody-elses"},
        {"url": "http://elsewhere.example/"},
        {"message": None},
        {"stopReason": "Idle"},
        {"conditions": []},
        {"lastActivity": LATER, "dataPolicy": "Delete"},
        None,
    )
    for status in refused:
        with pytest.raises(Forbidden, match="lastActivity of a status and nothing else"):
            await write(server, live, status)
    assert (await write(server, live, {"lastActivity": None})).status.last_activity is None
    after = await live.get()
    assert after.status == before.status
    assert after.spec == before.spec


async def test_the_policy_binds_the_server_alone(live: Live) -> None:
    """The control: an administrator may still change what the server may not."""
    await live.create(template="base", running=False)
    await live.wait_phase("Stopped")
    assert (await write(live.client, live, {"stopReason": "Idle"})).status.stop_reason == "Idle"


async def test_the_clock_stops_it_in_time_and_later_cleans_up_but_for_the_volume(live: Live) -> None:
    """The whole way with everything installed. That of the unused ones takes minutes: `python -m bench.idle_stop`."""
    await live.create_template("brief", lifecycle={"maxRunDuration": "20s", "deleteAfterStopped": "10s"})
    await live.create(template=f"{live.namespace}-brief", dataPolicy="Delete")
    await live.wait_phase("Running")
    stopped = await live.wait_until(lambda found: found.status.phase == "Stopped", "stopped", seconds=60)
    assert stopped.spec.running is False
    assert stopped.status.stop_reason == "MaxRunDuration"
    assert "as long as it may" in (stopped.status.message or "")
    began, ended = (parse_timestamp(time or "") for time in (stopped.status.started_at, stopped.status.stopped_at))
    assert timedelta(seconds=20) <= ended - began <= timedelta(seconds=60)

    volume = stopped.status.pvc_name or ""
    before = await live.volume(volume)
    await live.wait_gone(INSTANCES, "demo")
    await live.wait_retained(volume)
    assert (await live.volume(volume)).metadata.uid == before.metadata.uid
    told = {
        event.reason
        for event in (await live.client.list(EVENTS, Event, namespace=live.namespace)).items
        if event.involved_object.name == "demo"
    }
    assert {"StoppedMaxRunDuration", "DeletedAfterStopped"} <= told
