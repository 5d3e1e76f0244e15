"""What the server's account may write into a status, by the API server's own judgement."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube import config
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Conflict, Forbidden
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


async def test_what_nobody_uses_is_stopped_and_what_computes_in_a_terminal_is_not(live: Live) -> None:
    """The whole way with everything installed, in real time: the shortest timeout, its slack, and a few minutes."""
    await live.create_template("brief", lifecycle={"idleTimeout": "5m"})
    template = f"{live.namespace}-brief"
    await live.create("unused", template=template)
    await live.create("busy", template=template)
    started = await live.wait_phase("Running", "unused", seconds=180)
    busy = await live.wait_phase("Running", "busy", seconds=180)
    # A quarter of a processor: the other tests need the rest.
    build = "script -qec 'while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.1; done' /dev/null"
    await live.execute(busy.status.pod_name or "", "sh", "-c", f"setsid nohup {build} >/dev/null 2>&1 &")

    stopped = await live.wait_phase("Stopped", "unused", seconds=15 * 60)
    assert stopped.spec.running is False
    assert stopped.status.stop_reason == "Idle"
    assert "nobody used it" in (stopped.status.message or "")
    ready, end = (parse_timestamp(time or "") for time in (started.status.ready_at, stopped.status.stopped_at))
    assert end - ready >= timedelta(minutes=5)
    still = await live.get("busy")
    assert (still.spec.running, still.status.phase) == (True, "Running")
    assert still.status.last_activity is not None
    assert parse_timestamp(still.status.last_activity) > ready + timedelta(minutes=1)

    await live.patch("unused", running=True)
    again = await live.wait_phase("Running", "unused", seconds=180)
    assert again.status.stop_reason is None
