"""Operators as processes of their own: a task can be neither killed nor paused, and has no exit code."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, web

from devworkspace.api.meta import Key
from devworkspace.kinds import TEMPLATES
from devworkspace.kube.lease import LeaseTiming
from devworkspace.kube.resource import EVENTS, LEASES
from tests.support.builders import MASTER_KEY
from tests.support.fake_apiserver import FakeApiServer
from tests.support.ports import free_port

LEASE = Key("devworkspace-system", "devworkspace-operator")
_LATE = (LEASES.plural, EVENTS.plural, TEMPLATES.plural)
# Long enough for a process that gets no processor for seconds, because the machine is busy with other tests.
QUICK = LeaseTiming(duration=8, renew_deadline=6.0, retry=0.2, look=0.1)
_LIMIT = 90.0

# The command as it is, but with the times of the Lease that it is given first.
_PROGRAM = """
import functools, json, sys
from devworkspace.cli import operator
from devworkspace.cli.main import main
from devworkspace.kube.lease import LeaseTiming
timing = LeaseTiming(**json.loads(sys.argv.pop(1)))
operator.OperatorConfig = functools.partial(operator.OperatorConfig, lease_timing=timing)
main()
"""


@dataclass(kw_only=True)
class WatchedApiServer(FakeApiServer):
    """Notes who writes: each process has a token of its own.

    Left out is what does not follow a change of an environment at once: renewals of the Lease, Events, and the counts
    in the status of templates.
    """

    written: list[tuple[str, str]] = field(default_factory=list)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET" and not any(f"/{plural}" in request.path for plural in _LATE):
            self.written.append((request.headers.get("Authorization", "").removeprefix("Bearer "), request.path))
        return await super()._serve(request)

    def count(self, name: str) -> int:
        return sum(token == name for token, _ in self.written)

    @property
    def lease(self) -> dict[str, Any]:
        lease = self.get(LEASES, LEASE)
        spec: dict[str, Any] = {} if lease is None else lease["spec"]
        return spec

    @property
    def holder(self) -> str:
        return str(self.lease.get("holderIdentity", ""))


class OperatorProcess:
    """`devworkspace operator`; `name` is the name of its pod."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Waits for its end and returns its exit code."""
        async with asyncio.timeout(_LIMIT):
            return await self._process.wait()

    async def become(self, role: str) -> None:
        """Waits until it says that it is `leading` or `standby`."""
        async with asyncio.timeout(_LIMIT), ClientSession() as session:
            while await self._ask(session) != f"ok: {role}\n":
                assert self._process.returncode is None, self.log
                await asyncio.sleep(0.02)

    async def _ask(self, session: ClientSession) -> str | None:
        try:
            async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                return await response.text()
        except ClientError:
            return None


def fake_kubeconfig(server: FakeApiServer, token: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url}}],
            "users": [{"name": "u", "user": {"token": token}}],
        }
    )


@contextlib.asynccontextmanager
async def operator_process(
    kubeconfig: str,
    folder: Path,
    name: str,
    *arguments: str,
    timing: LeaseTiming = QUICK,
    master_key: bytes = MASTER_KEY,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[OperatorProcess]:
    """A process that is still starting; killed at the end if it still runs."""
    key_file, config, log = (folder / f"{name}.{suffix}" for suffix in ("key", "kubeconfig", "log"))
    for file, content in ((key_file, master_key), (config, kubeconfig.encode())):
        file.touch(mode=0o600)
        file.write_bytes(content)
    port = free_port()
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, json.dumps(asdict(timing)),
            "operator", f"--master-key-file={key_file}", f"--kubeconfig={config}",
            "--probe-host=127.0.0.1", f"--probe-port={port}", "--log-format=json", *arguments,
            stderr=output, env={"POD_NAME": name, "POD_UID": "uid"} if environment is None else dict(environment),
        )  # fmt: skip
    try:
        yield OperatorProcess(name, process, port, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def operator_before(
    server: FakeApiServer, folder: Path, name: str, *arguments: str, **options: Any
) -> contextlib.AbstractAsyncContextManager[OperatorProcess]:
    """A process before the fake API server, with its name as token."""
    return operator_process(fake_kubeconfig(server, name), folder, name, *arguments, **options)
