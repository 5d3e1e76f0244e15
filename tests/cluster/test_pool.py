"""Environments made in advance, on a real cluster: nobody gets in before one is taken; nothing is left for who does."""

import asyncio
import base64
import hashlib
import json
import os
import time
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.cli.account import USERNAME
from devworkspace.core.credential import environment_credential
from devworkspace.kube.resource import PODS
from tests.cluster.deployed import find_password
from tests.cluster.test_access import pod_ip, start_visitor, status_code
from tests.server.support import NAVIGATION, Browser, browsing, environment_origin
from tests.support.environment import Surroundings
from tests.support.live import Live

pytestmark = pytest.mark.cluster

# What the running editor writes for itself, whoever has it.
_OF_THE_EDITOR = ("/.local/share/code-server/", "/.cache/")
PLAIN = {**NAVIGATION, "Accept-Encoding": "identity"}
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}


async def make_pool(live: Live, replicas: int) -> str:
    pool = {"perNamespace": [{"namespace": live.namespace, "replicas": replicas}]}
    await live.create_template("pool", resources=SMALL, storage={"size": "1Gi"}, warmPool=pool)
    return f"{live.namespace}-pool"


async def members(live: Live, ready: int, *, seconds: float = 180) -> list[Pod]:
    """The pods that are nobody's, once so many of them answer."""
    deadline = time.monotonic() + seconds
    while True:
        listed = await live.client.list(PODS, Pod, namespace=live.namespace, label_selector=names.LABEL_POOL)
        found = [
            pod for pod in listed.items if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
        ]
        if len(found) == ready:
            # The operator has heard of it, too.
            await asyncio.sleep(1.0)
            return found
        assert time.monotonic() < deadline, f"{len(found)} of {ready} members are ready after {seconds} s"
        await asyncio.sleep(0.2)


async def files(live: Live, pod: str) -> set[str]:
    listed = await live.execute(pod, "sh", "-c", "cd ~ && find . -type f -o -type l")
    return {line for line in listed.split() if not any(part in line for part in _OF_THE_EDITOR)}


async def open_page(browser: Browser, surroundings: Surroundings, live: Live, name: str) -> bytes:
    """The editor as a person's browser gets it."""
    origin = environment_origin(surroundings.url, name, live.namespace)
    async with asyncio.timeout(60):
        while True:
            answer = await browser.navigate(f"{origin}/", allow_redirects=True, headers=PLAIN)
            if answer.status == 200 and b"vscode-workbench-web-configuration" in answer.body:
                return answer.body
            await asyncio.sleep(0.05)


async def test_nobody_gets_in_before_it_is_taken_and_nothing_is_left_for_who_takes_it(
    live: Live, surroundings: Surroundings
) -> None:
    template = await make_pool(live, 1)
    (member,) = await members(live, 1)
    pod = member.metadata.name
    page = "http://localhost:8080/"
    assert await status_code(live, pod, f"{page}healthz") == "200"
    for path in ("", "login", "?folder=/home/dev", "vscode-remote-resource?path=/etc/passwd", "proxy/3000/"):
        assert await status_code(live, pod, page + path) == "401", path
    # Who presents something is kept waiting for a moment, as the claim might be on its way.
    assert await status_code(live, pod, page, "--max-time", "9", "--cookie", "code-server-session=guess") == "401"
    await start_visitor(live)
    address = await pod_ip(live, pod)
    assert await status_code(live, "visitor", f"http://{address}:8080/healthz") == "000", "isolated in the pool, too"
    secrets_of_pool = await live.execute(pod, "sh", "-c", "tr '\\0' '\\n' < /proc/1/environ")
    assert names.CREDENTIAL_VARIABLE not in secrets_of_pool
    before, processes = await files(live, pod), await live.execute(pod, "sh", "-c", "ls -d /proc/[0-9]* | wc -l")

    await live.create("demo", template=template, owner=USERNAME)
    status = (await live.wait_phase("Running")).status
    assert status.pod_name == pod, "it was taken, and not started cold"
    credential = await credential_of(live)
    assert await status_code(live, pod, page, "--location", "--cookie", f"code-server-session={credential}") == "200"
    claim = json.loads(await live.execute(pod, "cat", "/etc/devworkspace/claim"))
    assert claim["credential"] == hashlib.sha256(credential.encode()).hexdigest()
    digest = f"code-server-session={claim['credential']}"
    assert await status_code(live, pod, page, "--cookie", digest) == "401", "what stands in the open opens nothing"

    await live.create("cold", template=template, owner=USERNAME, overrides={"resources": {"limits": {"cpu": "1"}}})
    cold = (await live.wait_phase("Running", "cold")).status.pod_name or ""
    assert await files(live, pod) == before
    assert before < await files(live, cold), "as at any first start, without the password that code-server makes up"
    assert abs(int(processes) - int(await live.execute(cold, "sh", "-c", "ls -d /proc/[0-9]* | wc -l"))) <= 3
    password = find_password(surroundings, os.environ.get("DEVWORKSPACE_PASSWORD_FILE"))
    async with browsing(surroundings.url) as browser:
        assert (await browser.sign_in(username=USERNAME, password=password)).status == 303
        shown = await open_page(browser, surroundings, live, "demo")
    assert f"demo--{live.namespace}".encode() in shown, "the links to its ports are its own"


async def credential_of(live: Live) -> str:
    """What the gateway presents, made from the installation's key as the gateway makes it."""
    raw = live.surroundings.run_kubectl(
        "get",
        "secret",
        "devworkspace-keys",
        f"--namespace={names.SYSTEM_NAMESPACE}",
        "--output=jsonpath={.data.master}",
    )
    return environment_credential(base64.b64decode(raw), (await live.get()).metadata.uid)


async def test_of_people_who_come_at_once_everybody_gets_one_and_nobody_the_same(live: Live) -> None:
    template = await make_pool(live, 3)
    ready = {pod.metadata.name for pod in await members(live, 3)}
    await asyncio.gather(*(live.create(f"person-{number}", template=template) for number in range(4)))
    taken = [(await live.wait_phase("Running", f"person-{number}", seconds=180)).status for number in range(4)]
    pods: list[Any] = [status.pod_name for status in taken]
    assert len(set(pods)) == 4
    assert ready < set(pods), "the fourth started cold, or took one that was made meanwhile"
