"""The server as its own process on uvloop, watching a Kubernetes API over HTTP, ended by a signal."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube.resource import CONFIG_MAPS, PODS, ROLE_BINDINGS, ROLES
from devworkspace.server import codes
from devworkspace.server.revocations import OBJECT_NAME
from tests.server.process import answer_as_reporter, put_environment, put_record, running_process
from tests.server.support import ADMIN, Browser, Pod, browsing, running_pod
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fixtures import eventually


@pytest.fixture
async def api() -> AsyncIterator[FakeApiServer]:
    def authorize(spec: Any) -> bool:
        attributes = spec["resourceAttributes"]
        return (attributes["verb"], attributes["subresource"], attributes["name"]) == ("create", "connect", "shared")

    async with FakeApiServer(authorize=authorize) as server:
        put_record(server)
        yield server


RBAC_KINDS = ("roles", "clusterroles", "rolebindings", "clusterrolebindings")


def share(api: FakeApiServer, name: str) -> None:
    """The role and binding that let the administrator open one environment."""
    rule = {
        "apiGroups": [names.GROUP],
        "resources": [f"{names.INSTANCE_PLURAL}/{names.CONNECT_SUBRESOURCE}"],
        "resourceNames": [name],
        "verbs": ["create"],
    }
    metadata = {"name": "share", "namespace": "team"}
    api.put(ROLES, {"metadata": metadata, "rules": [rule]})
    reference = {"kind": "Role", "name": "share"}
    api.put(
        ROLE_BINDINGS,
        {"metadata": metadata, "roleRef": reference, "subjects": [{"kind": "User", "name": ADMIN}]},
    )


async def names_in_list(browser: Browser, origin: str) -> list[str]:
    answer = await browser.get(origin + "/api/v1/environments")
    assert answer.status == 200
    return [item["name"] for item in answer.json()["items"]]


async def test_from_the_watch_to_the_editor_and_out_by_signal(tmp_path: Path, api: FakeApiServer, pod: Pod) -> None:
    put_environment(api, "mine", owner=ADMIN, port=pod.port)
    put_environment(api, "shared", owner="li.wei", port=pod.port)
    put_environment(api, "foreign", owner="li.wei", port=pod.port)
    share(api, "shared")
    async with running_process(tmp_path, api) as process:
        await process.ready()
        origin = process.config.public_url
        async with browsing(origin) as browser:
            assert (await browser.sign_in()).status == 303
            assert await names_in_list(browser, origin) == ["mine", "shared"]
            for name, status in (("mine", 200), ("shared", 200), ("foreign", 404)):
                assert (await browser.open(name)).status == status
            review = api.reviews[-1]
            assert review["user"] == ADMIN
            assert review["resourceAttributes"]["resource"] == names.INSTANCE_PLURAL

            api.set_status(INSTANCES, Key("team", "mine"), {"phase": "Stopped"})
            api.remove(PODS, Key("team", "mine-pod"))
            api.remove(INSTANCES, Key("team", "shared"))
            async with asyncio.timeout(30):
                while (await browser.open("mine")).status != 503:
                    await asyncio.sleep(0.02)
                while await names_in_list(browser, origin) != ["mine"]:
                    await asyncio.sleep(0.02)
        await eventually(lambda: any(request.resource == "leases" for request in api.requests), within=20)
        assert {(request.verb, request.resource) for request in api.requests} == {
            ("list", "workspaceinstances"),
            ("watch", "workspaceinstances"),
            ("list", "pods"),
            ("watch", "pods"),
            ("list", "ideworkspacetemplates"),
            ("watch", "ideworkspacetemplates"),
            ("list", "namespaces"),
            ("watch", "namespaces"),
            ("patch", "leases"),
            ("list", "configmaps"),
            ("watch", "configmaps"),
            ("get", "configmaps"),
            ("patch", "configmaps"),
            ("list", "persistentvolumeclaims"),
            ("watch", "persistentvolumeclaims"),
            *((verb, kind) for verb in ("list", "watch") for kind in RBAC_KINDS),
        }, "the rights that docs/SERVER.md asks for"
        assert [(write.verb, write.key) for write in api.writes] == [
            ("patch", Key(names.SYSTEM_NAMESPACE, codes.RECORD_NAME))
        ] * 2, "each environment that was opened"
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{process.config.internal_port}/metrics"
            async with session.get(url) as response:
                figures = await response.text()
        for line in (
            'devworkspace_server_access_reviews_total{result="asked"}',
            'devworkspace_server_access_reviews_total{result="cached"}',
            'devworkspace_server_api_requests_total{resource="pods",status="200",verb="list"} 1.0',
            'devworkspace_server_key{id="',
        ):
            assert line in figures
        assert await process.end() == 0


async def test_without_the_record_of_ended_sessions_it_is_not_ready(tmp_path: Path, api: FakeApiServer) -> None:
    api.remove(CONFIG_MAPS, Key(names.SYSTEM_NAMESPACE, OBJECT_NAME))
    async with running_process(tmp_path, api) as process:
        with pytest.raises(TimeoutError):
            await process.ready(seconds=3)
        put_record(api)
        await process.ready()


async def test_the_last_use_is_written_and_an_idle_environment_is_written_no_more(
    tmp_path: Path, api: FakeApiServer
) -> None:
    async with running_pod(answer_as_reporter) as pod:
        put_environment(api, "mine", owner=ADMIN, port=pod.port, code_server=True)
        async with running_process(tmp_path, api) as process:
            await process.ready()
            async with asyncio.timeout(20):
                while len(pod.seen) < 6:
                    await asyncio.sleep(0.05)
            url = f"http://127.0.0.1:{process.config.internal_port}/metrics"
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                figures = await response.text()
            assert await process.end() == 0
    status = (api.get(INSTANCES, Key("team", "mine")) or {})["status"]
    age = time.time() - parse_timestamp(status["lastActivity"]).timestamp()
    assert 895 < age < 960
    assert status["phase"] == "Running"
    assert [(write.verb, write.resource) for write in api.writes] == [("patch", "workspaceinstances/status")]
    assert 'devworkspace_server_activity_writes_total{result="written"} 1.0' in figures
    assert "devworkspace_server_activity_known 1.0" in figures


async def test_it_is_not_ready_before_the_first_list(tmp_path: Path, api: FakeApiServer) -> None:
    await api.stop()
    async with running_process(tmp_path, api) as process:
        url = f"http://127.0.0.1:{process.config.internal_port}/-/readyz"
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            status = 0
            while not status:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        status = response.status
                await asyncio.sleep(0.05)
        assert status == 503
        assert await process.end() == 0
