"""The operator as the program that is shipped, watched over as the kubelet does it."""

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import aiohttp
import yaml

from tests.support.ports import free_port

PROGRAM: Final = Path(sys.executable).with_name("devworkspace")
# The same program with another clock: off from this machine's by as many seconds as the file says now.
_WITH_CLOCK: Final = """
import sys
from datetime import timedelta
from pathlib import Path
from devworkspace.kube import clock
file, honest = Path(sys.argv.pop(1)), clock.now
clock.now = lambda: honest() + timedelta(seconds=float(file.read_text()))
from devworkspace.cli.main import main
main()
"""
# As deploy/operator.yaml has it.
PROBE_PERIOD: Final = 10.0
PROBE_FAILURES: Final = 3


@dataclass(frozen=True, kw_only=True)
class OperatorSetup:
    """How one operator is started. `token` is the right that it has, `authority` the PEM that it trusts.

    `clock_file`: see `WorldClock`; without it the operator has the machine's clock.
    """

    folder: Path
    server: str
    authority: bytes
    token: str
    master_key: bytes
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    clock_file: Path | None = None

    @property
    def program(self) -> tuple[str | Path, ...]:
        return (PROGRAM,) if self.clock_file is None else (sys.executable, "-c", _WITH_CLOCK, self.clock_file)


class OperatorProcess:
    """An async context manager. A killed or ended operator is started again at once; `kill` is the crash."""

    def __init__(self, setup: OperatorSetup) -> None:
        self.starts = 0
        self.unhealthy = 0
        self.unexpected: list[str] = []
        self._setup = setup
        self._process: asyncio.subprocess.Process | None = None
        self._expected = False
        self._probe_port = 0
        self._keeper: asyncio.Task[None]
        self._log = setup.folder / "operator.log"

    async def __aenter__(self) -> Self:
        self._write_files()
        await self._start()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self._expected = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def pause(self) -> None:
        """Stops it in the middle of whatever it does, as a machine that is frozen does."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def log(self) -> str:
        """What all operators of this run have written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    async def _start(self) -> None:
        self._expected = False
        self._probe_port = free_port()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._setup.program,
                "operator",
                f"--kubeconfig={self._setup.folder / 'kubeconfig'}",
                f"--master-key-file={self._setup.folder / 'master-key'}",
                "--gateway-url=http://localhost:8080",
                "--probe-host=127.0.0.1",
                f"--probe-port={self._probe_port}",
                "--log-format=json",
                *self._setup.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._setup.environment},
                # A run that is interrupted by Ctrl-C stops its operators itself.
                start_new_session=True,
            )
        self.starts += 1

    async def _keep(self) -> None:
        while True:
            process = self._process
            assert process is not None
            probing = asyncio.create_task(self._probe(process))
            try:
                code = await process.wait()
            finally:
                probing.cancel()
            if not self._expected:
                self.unexpected.append(f"the operator ended by itself with code {code}")
                # The kubelet, too, lets a program that ends at once wait before the next try.
                await asyncio.sleep(1)
            await self._start()

    async def _probe(self, process: asyncio.subprocess.Process) -> None:
        """Ends an operator that says three times in a row that it does not see the cluster."""
        failures = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while failures < PROBE_FAILURES:
                await asyncio.sleep(PROBE_PERIOD)
                failures = 0 if await self._is_healthy(session) else failures + 1
        self._expected = True
        self.unhealthy += 1
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                await process.wait()
                return
        process.kill()

    async def _is_healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{self._probe_port}/healthz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _write_files(self) -> None:
        setup = self._setup
        setup.folder.mkdir(parents=True, exist_ok=True)
        (setup.folder / "ca.crt").write_bytes(setup.authority)
        for name, content in (("master-key", setup.master_key), ("kubeconfig", self._kubeconfig().encode())):
            file = setup.folder / name
            file.touch(mode=0o600)
            file.write_bytes(content)
        self._log.touch()

    def _kubeconfig(self) -> str:
        cluster = {"server": self._setup.server, "certificate-authority": str(self._setup.folder / "ca.crt")}
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "proxy", "cluster": cluster}],
                "users": [{"name": "operator", "user": {"token": self._setup.token}}],
                "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "operator"}}],
                "current-context": "proxy",
            }
        )
