"""The way into an editor that was started before it was anybody's."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from devworkspace.api import names
from devworkspace.core.credential import environment_credential, make_lock
from devworkspace.server.environments import DoorPodSpec, EnvName
from tests.server.support import MASTER_KEY, Browser, Harness, Pod, make_instance, make_pod, running_server

OTHER_KEY = b"another installation's master key"
ADDRESSES = {
    "subdomain": ("proxyUri", "http://{{port}}--demo--team.localhost:%d/"),
    "path": ("basePath", "/w/team/demo"),
}


@pytest.fixture(params=sorted(ADDRESSES))
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with running_server(tmp_path, address_mode=request.param) as harness:
        yield harness


def put_taken(server: Harness, pod: Pod, *, key: bytes = MASTER_KEY, pod_name: str | None = None) -> Any:
    """An environment in a pod from a pool."""
    instance = make_instance()
    lock = make_lock(key, f"team/{pod_name or instance.status.pod_name}", "nonce")
    server.table.on_instance(None, instance)
    made = make_pod(instance, pod.port, code_server=False)
    (container,) = made.spec.containers
    closed = replace(container, env=(EnvName(names.CLAIM_VARIABLE), EnvName(names.LOCK_VARIABLE, lock)))
    server.table.on_pod(None, replace(made, spec=DoorPodSpec(containers=(closed,))))
    return instance, lock


async def ask(server: Harness, browser: Browser, **headers: str) -> None:
    """As a person does, who is signed in afterwards."""
    assert (await browser.sign_in()).status == 303
    base = server.origin + "/w/team/demo" if server.config.address_mode == "path" else server.environment_origin()
    assert (await browser.navigate(f"{base}/", allow_redirects=True)).status == 200
    assert (await browser.get(f"{base}/page", headers=headers)).status == 200


async def test_the_editor_gets_the_word_that_opens_it_and_its_address(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    instance, lock = put_taken(server, pod)
    await ask(server, browser, **{names.OPENING_HEADER: "a forged one"})
    name, address = ADDRESSES[server.config.address_mode]
    for _, _, headers in pod.seen:
        (told,) = map(json.loads, headers.getall(names.OPENING_HEADER))
        assert hashlib.sha256(told["opening"].encode()).hexdigest() == lock.rpartition(".")[2]
        assert told[name] == (address % server.port if "%d" in address else address)
        assert environment_credential(MASTER_KEY, instance.metadata.uid) in headers["Cookie"]


@pytest.mark.parametrize("server", ["subdomain"], indirect=True)
async def test_nobody_elses_lock_is_opened(server: Harness, browser: Browser, pod: Pod) -> None:
    """Who may write pods shows the gateway a lock that it has seen elsewhere."""
    _, lock = put_taken(server, pod, pod_name="another")
    await ask(server, browser)
    told = json.loads(pod.seen[-1][2][names.OPENING_HEADER])
    assert hashlib.sha256(told["opening"].encode()).hexdigest() != lock.rpartition(".")[2]


@pytest.mark.parametrize("server", ["subdomain"], indirect=True)
async def test_a_lock_of_a_key_that_is_gone_and_one_that_is_none_get_no_word(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    put_taken(server, pod, key=OTHER_KEY)
    await ask(server, browser)
    assert names.OPENING_HEADER not in pod.seen[-1][2]


@pytest.mark.parametrize("server", ["subdomain"], indirect=True)
async def test_an_editor_that_was_started_for_its_owner_gets_no_word(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    server.add(pod.port)
    await ask(server, browser, **{names.OPENING_HEADER: "a forged one"})
    assert names.OPENING_HEADER not in pod.seen[-1][2]
