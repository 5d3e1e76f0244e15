"""A repository on its way into real pods, a cold one and one that was made in advance, and what is told of it."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from devworkspace.cli.account import USERNAME
from devworkspace.kube.resource import PODS
from devworkspace.server.repositories import STATE_PATH
from tests.cluster.deployed import find_password
from tests.cluster.test_access import pod_ip
from tests.cluster.test_pool import make_pool, members
from tests.server.support import Browser, browsing, environment_origin
from tests.support.environment import Surroundings
from tests.support.live import Anything, Live

pytestmark = pytest.mark.cluster

PORT = 9000
SERVER = Path(__file__).parents[2] / "images" / "base" / "git-server.js"
SERVE = """
printf %s "$SERVER" > /tmp/git-server.js && mkdir /tmp/served /tmp/shop && cd /tmp/shop && git init -q &&
echo hello > README.md && git add . && git -c user.name=a -c user.email=a@example.com commit -qm first &&
git clone -q --bare . /tmp/served/shop.git && exec node /tmp/git-server.js 9000 /tmp/served 0.0.0.0
"""


async def start_git_server(live: Live) -> str:
    """Somebody's pod in the project that serves a repository; returns the address of that."""
    container = {
        "name": "git",
        "image": live.surroundings.base_image,
        "command": ["sh", "-c", SERVE],
        "env": [{"name": "SERVER", "value": SERVER.read_text(encoding="utf-8")}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "readinessProbe": {
            "httpGet": {"path": "/open/shop.git/HEAD", "port": PORT},
            "periodSeconds": 1,
        },
    }
    body = {"metadata": {"name": "git", "namespace": live.namespace}, "spec": {"containers": [container]}}
    await live.client.create(PODS, body, Anything)
    wait = ("wait", "pod/git", f"--namespace={live.namespace}", "--for=condition=Ready", "--timeout=60s")
    await asyncio.to_thread(live.surroundings.run_kubectl, *wait)
    return f"http://{await pod_ip(live, 'git')}:{PORT}/open/shop.git"


async def told(browser: Browser, live: Live, name: str, *, until: str, seconds: float = 60) -> dict[str, Any]:
    """What the server's list says of the repository, once its state is the one that is waited for."""
    url = f"{browser.origin}/api/v1/namespaces/{live.namespace}/environments/{name}"
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = (await browser.get(url)).json()["git"]
        if found["state"] == until:
            return found
        assert time.monotonic() < deadline, f"{name} says {found} after {seconds} s"
        await asyncio.sleep(0.2)


async def test_it_is_cloned_into_a_new_pod_and_into_one_that_was_made_in_advance(
    live: Live, surroundings: Surroundings
) -> None:
    template = await make_pool(live, 1)
    address = await start_git_server(live)
    (member,) = await members(live, 1)
    await live.create("warm", template=template, owner=USERNAME, git={"repository": address})
    cold = {"resources": {"limits": {"cpu": "1"}}}
    lost = address.replace("shop", "absent")
    await live.create(
        "cold", template=template, owner=USERNAME, git={"repository": address, "ref": "main"}, overrides=cold
    )
    await live.create("lost", template=template, owner=USERNAME, git={"repository": lost}, overrides=cold)
    pods = {name: (await live.wait_phase("Running", name)).status.pod_name or "" for name in ("warm", "cold", "lost")}
    assert pods["warm"] == member.metadata.name, "it was taken, and not started cold"
    password = find_password(surroundings, os.environ.get("DEVWORKSPACE_PASSWORD_FILE"))
    async with browsing(surroundings.url) as browser:
        assert (await browser.sign_in(username=USERNAME, password=password)).status == 303
        for name in ("warm", "cold"):
            found = await told(browser, live, name, until="cloned")
            assert (found["branch"], found["changedFiles"], found["unpushedCommits"]) == ("main", 0, 0)
            assert await live.execute(pods[name], "cat", "/home/dev/shop/README.md") == "hello\n"
            opened = await browser.navigate(f"{browser.origin}/-/open?env={name}--{live.namespace}")
            origin = environment_origin(surroundings.url, name, live.namespace)
            assert opened.headers["Location"] == f"{origin}/?folder=/home/dev/shop"
        failed = await told(browser, live, "lost", until="failed")
        assert failed["reason"] == "not-found"
        assert "absent.git" in failed["message"]
        assert json.loads(await live.execute(pods["lost"], "cat", STATE_PATH))["state"] == "failed"
        assert (await live.get("lost")).status.phase == "Running", "a clone that fails hurts nothing else"
