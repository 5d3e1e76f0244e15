"""`python -m bench.idle_stop`: how near an idle stop comes to the time that is shown, on a real installation.

Two environments with the shortest timeout, one unused and one that computes in a terminal; about seven minutes.
"""

import asyncio
import secrets
import time
from datetime import timedelta

from tests.support.environment import find_surroundings
from tests.support.live import TEMPLATES, Live, live_namespace

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.due import due
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube import clock, config
from devworkspace.kube.client import Client

LIMIT_SECONDS = 900.0
BUILD = "script -qec 'while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.1; done' /dev/null"


async def main() -> None:
    surroundings = find_surroundings()
    endpoint = config.from_kubeconfig(surroundings.kubeconfig)
    async with (
        Client(endpoint, field_manager="devworkspace-bench") as client,
        live_namespace(client, surroundings, f"bench-{secrets.token_hex(3)}") as live,
    ):
        template = await prepare(live)
        stopped = await watch(live, template)
        busy = await live.get("busy")
        end = parse_timestamp(stopped.status.stopped_at or "")
        unused = end - parse_timestamp(stopped.status.last_activity or "")
        print(f"stopped for {stopped.status.stop_reason}, {unused} after its last use")
        print(f"the one that computes is {busy.status.phase}")


async def prepare(live: Live) -> WorkspaceTemplate:
    await live.create_template("brief", lifecycle={"idleTimeout": "5m"})
    name = f"{live.namespace}-brief"
    for environment in ("unused", "busy"):
        await live.create(environment, template=name)
    await live.wait_phase("Running", "unused", seconds=180)
    busy = await live.wait_phase("Running", "busy", seconds=180)
    await live.execute(busy.status.pod_name or "", "sh", "-c", f"setsid nohup {BUILD} >/dev/null 2>&1 &")
    return await live.client.get(TEMPLATES, Key("", name), WorkspaceTemplate)


async def watch(live: Live, template: WorkspaceTemplate) -> WorkspaceInstance:
    """Until it is stopped; prints what is shown meanwhile, and how far off it was."""
    shown, deadline = None, time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        instance = await live.get("unused")
        found = due(instance, template, clock.now())
        if not instance.spec.running:
            off = clock.now() - shown if shown is not None else timedelta()
            print(f"the stop came {off.total_seconds():+.1f} s from the time that was shown")
            return await live.wait_phase("Stopped", "unused")
        if found is not None and found.at != shown:
            shown = found.at
            print(f"{clock.now():%H:%M:%S} shows {shown:%H:%M:%S}")
        await asyncio.sleep(0.5)
    raise SystemExit("it was not stopped")


if __name__ == "__main__":
    asyncio.run(main())
