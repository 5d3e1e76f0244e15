"""What accounting for activity costs: writes and processor time of servers with many environments that are all in use.

Whole server processes in front of the fake API server; every environment's pod is one small HTTP server that reports
work of this moment. Usage: python -m bench.activity [--environments N] [--servers N] [--minutes N] [--idle]
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from email.utils import formatdate
from pathlib import Path
from typing import Final

from aiohttp import web
from tests.server.process import put_environment, put_record, running_process
from tests.server.support import running_pod
from tests.support.fake_apiserver import FakeApiServer

PERIOD: Final = 60.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def writes_of(api: FakeApiServer) -> int:
    return sum(write.resource == "workspaceinstances/status" and write.status == 200 for write in api.writes)


async def measure(*, environments: int, servers: int, minutes: float, idle: bool) -> None:
    began = int(time.time())
    asked = 0

    async def report(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        now = int(time.time())
        return web.Response(
            text=f"1 {now} {began if idle else now} seen\n", headers={"Date": formatdate(now, usegmt=True)}
        )

    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(FakeApiServer(authorize=lambda _: True))
        pod = await stack.enter_async_context(running_pod(report))
        put_record(api)
        for number in range(environments):
            put_environment(api, f"demo{number}", owner="admin", port=pod.port, code_server=True)
        processes = []
        for number in range(servers):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"activity-{number}-")))
            process = await stack.enter_async_context(running_process(folder, api, activity_seconds=PERIOD))
            await process.ready(seconds=90)
            processes.append(process.process.pid)
        # The first round writes everything once: it is told apart.
        await asyncio.sleep(PERIOD + 5)
        first, before, cpu = writes_of(api), asked, [processor_seconds(pid) for pid in processes]
        await asyncio.sleep(minutes * 60)
        written = writes_of(api) - first
        spent = [processor_seconds(pid) - earlier for pid, earlier in zip(processes, cpu, strict=True)]
        seconds = minutes * 60
        print(f"{environments} environments, {'idle' if idle else 'in use'}, {servers} servers, {minutes:g} minutes")
        print(f"first round: {first} writes")
        print(f"then: {written} writes, {written / seconds:.2f}/s; {(asked - before) / seconds:.1f} reports/s")
        print(f"processor of each server: {', '.join(f'{100 * value / seconds:.2f} %' for value in spent)}")
        refused = sum(write.resource == "workspaceinstances/status" and write.status != 200 for write in api.writes)
        print(f"refused as conflicts: {refused}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--idle", action="store_true")
    options = parser.parse_args()
    asyncio.run(
        measure(environments=options.environments, servers=options.servers, minutes=options.minutes, idle=options.idle)
    )


if __name__ == "__main__":
    main()
