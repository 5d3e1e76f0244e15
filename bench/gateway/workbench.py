"""How long a person waits for the workbench in Chromium: through the gateway, and straight from the pod.

A real editor in a real pod of an installation (KUBECONFIG and DEVWORKSPACE_* as test.sh sets them), an empty browser
cache for each load, the two ways in turns. Straight from the pod the browser brings the credential that the gateway
would have added; the pod's address gets a name below `localhost`, or the browser would not count it as secure.

    .local/venv/bin/python -m bench.gateway.workbench [--rounds 7] [--url http://localhost:8080]
"""

import argparse
import asyncio
import base64
import dataclasses
import os
import secrets
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, StorageState, async_playwright, expect
from tests.e2e.steps import see_workbench
from tests.server.support import environment_origin
from tests.support.environment import find_surroundings
from tests.support.live import Live, live_namespace

from bench.figures import Figure, header, median, table
from devworkspace.api.meta import Key, Struct
from devworkspace.api.names import CREDENTIAL_VARIABLE
from devworkspace.core.credential import COOKIE_NAME
from devworkspace.kube import config
from devworkspace.kube.client import Client
from devworkspace.kube.resource import PODS, SECRETS

DIRECT_HOST: Final = "direct.localhost"
WAIT_MS: Final = 120_000


class _Secret(Struct, frozen=True):
    data: dict[str, str] = {}


async def main() -> int:
    """Returns 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--url", help="a server of this installation, if not the one of DEVWORKSPACE_URL")
    parser.add_argument("--password-file", default=os.environ.get("DEVWORKSPACE_PASSWORD_FILE"))
    options = parser.parse_args()
    found = find_surroundings()
    surroundings = dataclasses.replace(found, url=options.url or found.url)
    if options.password_file is None:
        parser.error("where is the administrator's password? --password-file or DEVWORKSPACE_PASSWORD_FILE")
    password = await asyncio.to_thread(Path(options.password_file).read_text)
    print(header(), flush=True)
    endpoint = config.from_kubeconfig(surroundings.kubeconfig)
    async with (
        Client(endpoint, field_manager="devworkspace-bench") as client,
        live_namespace(client, surroundings, f"bench-{secrets.token_hex(3)}") as live,
    ):
        await live.create(template="base", owner="admin")
        instance = await live.wait_phase("Running", seconds=300)
        pod = await _find_pod(live, instance.status.pod_name or "")
        through = environment_origin(surroundings.url, "demo", live.namespace) + "/"
        figures = await _measure(
            pod, url=surroundings.url, through=through, password=password.strip(), rounds=options.rounds
        )
    print(header())
    print(table(figures))
    return int(not all(figure.passed for figure in figures))


@dataclasses.dataclass(frozen=True)
class _Pod:
    address: str
    port: int
    credential: str


class _AnyPod(Struct, frozen=True):
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}


async def _find_pod(live: Live, name: str) -> _Pod:
    pod = await live.client.get(PODS, Key(live.namespace, name), _AnyPod)
    container = pod.spec["containers"][0]
    reference = next(item for item in container["env"] if item["name"] == CREDENTIAL_VARIABLE)["valueFrom"]
    where = reference["secretKeyRef"]
    secret = await live.client.get(SECRETS, Key(live.namespace, where["name"]), _Secret)
    credential = base64.b64decode(secret.data[where["key"]]).decode()
    return _Pod(pod.status["podIP"], container["ports"][0]["containerPort"], credential)


async def _measure(pod: _Pod, *, url: str, through: str, password: str, rounds: int) -> list[Figure]:
    program = shutil.which("chromium") or sys.exit("needs chromium: apt-get install chromium")
    direct = f"http://{DIRECT_HOST}:{pod.port}/"
    arguments = ["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {DIRECT_HOST} {pod.address}"]
    expect.set_options(timeout=WAIT_MS)
    times: dict[str, list[float]] = {"gateway": [], "direct": []}
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=arguments)
        credential = {"name": COOKIE_NAME, "value": pod.credential, "url": direct}
        states = {"gateway": await _signed_in(chromium, url, through, password), "direct": None}
        for number in range(rounds + 1):
            for name in ("gateway", "direct") if number % 2 else ("direct", "gateway"):
                address = through if name == "gateway" else direct
                seconds = await _load(chromium, address, state=states[name], cookie=credential)
                print(f"round {number}, {name}: {seconds:.2f} s", flush=True)
                # The first round warms the pod's own caches.
                if number:
                    times[name].append(seconds)
        await chromium.close()
    ratio = median(times["gateway"]) / median(times["direct"])
    return [
        Figure(name="workbench, direct, median", value=median(times["direct"]), unit="s"),
        Figure(name="workbench, gateway, median", value=median(times["gateway"]), unit="s"),
        Figure(name="workbench: gateway / direct", value=ratio, unit="×", bar=1.1, note=f"{rounds} loads each"),
    ]


async def _signed_in(chromium: Browser, url: str, through: str, password: str) -> StorageState:
    """The cookies of a person who has opened the environment before."""
    context = await chromium.new_context()
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    form: dict[str, str | float | bool] = {"username": "admin", "password": password, "next": "/"}
    answer = await page.request.post(f"{url}/signin", form=form, headers={"Origin": url}, max_redirects=0)
    assert answer.status == 303, f"signing in failed: {answer.status} {await answer.text()}"
    await page.goto(through)
    await see_workbench(page)
    state = await context.storage_state()
    await context.close()
    return state


async def _load(chromium: Browser, address: str, *, state: StorageState | None, cookie: Any) -> float:
    """Seconds from the address to a workbench with its explorer, in a new profile."""
    context = await chromium.new_context(storage_state=state, viewport={"width": 1280, "height": 800}, locale="en-US")
    context.set_default_timeout(WAIT_MS)
    await context.add_cookies([cookie])
    page = await context.new_page()
    start = time.perf_counter()
    await page.goto(address, wait_until="commit")
    await see_workbench(page)
    seconds = time.perf_counter() - start
    await context.close()
    return seconds


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
