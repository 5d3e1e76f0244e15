"""A new master key under open editors: two processes, one Secret, nobody signs in again."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.credential import COOKIE_NAME, environment_credential, key_id
from devworkspace.kube.resource import PODS
from tests.server.process import Process, put_environment
from tests.server.replicas import Replicas, closing, is_signed_in, open_socket, running_replicas
from tests.server.support import ADMIN, MASTER_KEY, Browser, Pod, running_pod
from tests.support.fake_apiserver import INSTANCES, FakeApiServer

NEW_KEY = b"n" * 32


def protected(credential: Callable[[], str]) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """An editor that lets only its own credential in, as code-server does."""

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        if request.cookies.get(COOKIE_NAME) != credential():
            return web.Response(status=401, text="not with this credential")
        if "Upgrade" not in request.headers:
            return web.Response(text="editor")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"echo {message.data}")
        return socket

    return serve


class Editors:
    """The pods of the environments `mine` and `new`, and the keys that they were made with."""

    def __init__(self) -> None:
        self.credentials = {"mine": "", "new": ""}


@pytest.fixture
async def editors() -> Editors:
    return Editors()


@pytest.fixture
async def pod(editors: Editors) -> AsyncIterator[Pod]:
    async with running_pod(protected(lambda: editors.credentials["mine"])) as running:
        yield running


@pytest.fixture
async def new_pod(editors: Editors) -> AsyncIterator[Pod]:
    async with running_pod(protected(lambda: editors.credentials["new"])) as running:
        yield running


@pytest.fixture
async def replicas(tmp_path: Path, pod: Pod) -> AsyncIterator[Replicas]:
    async with running_replicas(tmp_path, pod) as running:
        yield running


def made_with(api: FakeApiServer, editors: Editors, name: str, key: bytes) -> None:
    """What the operator leaves: the pod's annotation, and a container with a credential."""
    made = api.get(INSTANCES, Key("team", name))
    pod = api.get(PODS, Key("team", f"{name}-pod"))
    assert made is not None
    assert pod is not None
    editors.credentials[name] = environment_credential(key, made["metadata"]["uid"])
    container = {**pod["spec"]["containers"][0], "env": [{"name": names.CREDENTIAL_VARIABLE}]}
    annotations = {names.ANNOTATION_CREDENTIAL_KEY: key_id(key)}
    patch = {"metadata": {"annotations": annotations}, "spec": {"containers": [container]}}
    api.patch(PODS, Key("team", f"{name}-pod"), patch)


async def accepts(process: Process, *keys: bytes) -> None:
    """Waits until the process says that it uses these keys, the first one for what is new."""
    wanted = [key_id(key) for key in keys]
    async with asyncio.timeout(10):
        while True:
            lines = [json.loads(line) for line in process.log_file.read_text().splitlines() if line.startswith("{")]
            told = [line["accepted"] for line in lines if line["event"] == "the keys have changed"]
            if told and told[-1] == wanted:
                return
            await asyncio.sleep(0.05)


async def until_open(browser: Browser, name: str) -> None:
    async with asyncio.timeout(30):
        while (await browser.open(name)).status != 200:
            await asyncio.sleep(0.05)


async def test_a_rotation_disturbs_nobody_and_ends_with_what_the_old_key_sealed(
    replicas: Replicas, editors: Editors, new_pod: Pod, tmp_path: Path
) -> None:
    both = (replicas.first, replicas.second)
    made_with(replicas.api, editors, "mine", MASTER_KEY)
    async with replicas.browser(replicas.first) as home, replicas.browser(replicas.second, like=home) as away:
        await home.sign_in()
        await until_open(home, "mine")
        async with open_socket(home) as here, open_socket(away) as there:
            (tmp_path / "next").write_bytes(NEW_KEY)
            for process in both:
                await accepts(process, MASTER_KEY, NEW_KEY)
            (tmp_path / "previous").write_bytes(MASTER_KEY)
            (tmp_path / "key").write_bytes(NEW_KEY)
            (tmp_path / "next").unlink()
            for process in both:
                await accepts(process, NEW_KEY, MASTER_KEY)
            for socket in (here, there):
                await socket.send_str("still here")
                assert await socket.receive_str(timeout=5) == "echo still here"
            assert await is_signed_in(home), "sealed with the key before"
            assert (await away.open("mine")).text == "editor", "the old pod gets its own credential"
            put_environment(replicas.api, "new", owner=ADMIN, port=new_pod.port)
            made_with(replicas.api, editors, "new", NEW_KEY)
            await until_open(away, "new")
            async with replicas.browser(replicas.second) as late:
                await late.sign_in()
                async with replicas.browser(replicas.first, like=late) as elsewhere:
                    assert await is_signed_in(elsewhere), "the other replica has the new key, too"
                    (tmp_path / "previous").unlink()
                    for process in both:
                        await accepts(process, NEW_KEY)
                    assert [await closing(here), await closing(there)] == [1012, 1012]
                    assert not await is_signed_in(home)
                    assert not await is_signed_in(away)
                    assert await is_signed_in(late)
                    assert await is_signed_in(elsewhere)
                    await until_open(elsewhere, "new")
                    refused = await elsewhere.open("mine")
                    assert refused.status == 502, "never with a credential that is not the pod's"


async def test_a_key_that_is_too_short_changes_nothing(replicas: Replicas, tmp_path: Path) -> None:
    async with replicas.browser(replicas.first) as browser:
        await browser.sign_in()
        (tmp_path / "key").write_bytes(b"short")
        async with asyncio.timeout(10):
            while "the keys cannot be read" not in replicas.first.log_file.read_text():
                await asyncio.sleep(0.05)
        assert await is_signed_in(browser)
        async with replicas.browser(replicas.first) as another:
            assert (await another.sign_in()).status == 303
