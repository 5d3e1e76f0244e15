"""What the waiting page offers beside its steps: a start that is cancelled, and the container's last lines."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from devworkspace.api import names
from devworkspace.api.instance import Phase, Repository
from devworkspace.api.meta import Key
from devworkspace.core.render.common import child_name
from devworkspace.core.repository import FailureReason, RepositoryState
from devworkspace.kube.client import Client
from devworkspace.server.logtail import BYTES, LINES, LogTail
from devworkspace.server.pages.repository import Clone, clone_lines
from devworkspace.server.pages.texts import LANGUAGES, Language, text
from tests.server.cluster import Wired, put, wired
from tests.server.support import ADMIN, TYPED, Answer, Browser, Harness, Pod, make_instance
from tests.support.fake_store import Refusal

STOP = (Key("team", "demo"), {"metadata": {"uid": "uid-team-demo"}, "spec": {"running": False}})


async def waits(
    server: Harness, browser: Browser, pod: Pod, *, phase: Phase = "Provisioning", owner: str = ADMIN
) -> str:
    """An environment of a phase, in which the person has been before; returns its origin."""
    instance = server.add(pod.port, owner=owner)
    await browser.enter()
    server.table.on_instance(instance, make_instance(phase=phase, owner=owner))
    return server.environment_origin()


async def cancel(browser: Browser, origin: str, **headers: str) -> Answer:
    sent = {"Origin": origin, "Sec-Fetch-Site": "same-origin", **headers}
    return await browser.post(f"{origin}/-/cancel", headers=sent)


async def state(browser: Browser, origin: str) -> Any:
    return (await browser.get(f"{origin}/-/state")).json()


class TestCancel:
    @pytest.mark.parametrize("phase", ["Pending", "Provisioning"])
    async def test_a_start_under_way_is_stopped(
        self, server: Harness, browser: Browser, pod: Pod, phase: Phase
    ) -> None:
        origin = await waits(server, browser, pod, phase=phase)
        assert (await state(browser, origin))["cancel"] is True
        assert (await cancel(browser, origin)).status == 204
        assert server.api.patches == [STOP]

    async def test_a_start_that_was_asked_for_a_moment_ago_is_one(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        origin = await waits(server, browser, pod, phase="Stopped")
        await browser.navigate(f"{origin}/", headers=TYPED)
        assert (await cancel(browser, origin)).status == 204
        assert server.api.patches[-1] == STOP

    @pytest.mark.parametrize("phase", ["Running", "Stopped", "Failed", "Stopping"])
    async def test_nothing_else_is_stopped_by_it(
        self, server: Harness, browser: Browser, pod: Pod, phase: Phase
    ) -> None:
        """A script in a running editor has this address, too."""
        origin = await waits(server, browser, pod, phase=phase)
        assert (await state(browser, origin))["cancel"] is False
        assert (await cancel(browser, origin)).status == 409
        assert server.api.patches == []

    @pytest.mark.parametrize("headers", [{"Origin": "http://evil.localhost"}, {"Sec-Fetch-Site": "cross-site"}])
    async def test_another_site_cancels_nothing(
        self, server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
    ) -> None:
        origin = await waits(server, browser, pod)
        assert (await cancel(browser, origin, **headers)).status == 403
        assert server.api.patches == []
        assert (await cancel(browser, origin)).status == 204, "positive control"

    async def test_who_may_only_open_it_cancels_nothing(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.rbac.grants.add((ADMIN, "team", "demo"))
        origin = await waits(server, browser, pod, owner="li.wei")
        assert (await state(browser, origin))["cancel"] is False
        assert (await cancel(browser, origin)).status == 403
        assert server.api.patches == []
        server.rbac.rights.add((ADMIN, "update", "", "team", "demo"))
        assert (await cancel(browser, origin)).status == 204, "positive control"

    async def test_a_cluster_that_does_not_answer_is_told(self, server: Harness, browser: Browser, pod: Pod) -> None:
        origin = await waits(server, browser, pod)
        server.api.broken = True
        assert (await cancel(browser, origin)).status == 503


class Container:
    """What a pod's container has printed."""

    def __init__(self) -> None:
        self.asked: list[tuple[Key, dict[str, str]]] = []
        self.refusal: Refusal | None = None

    def log(self, pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        self.asked.append((pod, dict(query)))
        if self.refusal is not None:
            raise self.refusal
        return self._lines()

    async def _lines(self) -> AsyncIterator[bytes]:
        yield b"first\n"
        yield "zweite – 二 <b>\n".encode()


class TestOutput:
    @pytest.fixture
    async def all_wired(self, tmp_path: Path) -> AsyncIterator[Wired]:
        async with wired(tmp_path) as made:
            yield made

    @pytest.fixture
    def container(self, all_wired: Wired) -> Container:
        made = Container()
        all_wired.api.log = made.log
        return made

    async def test_it_is_the_last_lines_of_the_container(self, all_wired: Wired, container: Container) -> None:
        instance = put(all_wired, phase="Provisioning")
        await all_wired.browser.open()
        origin = all_wired.server.environment_origin()
        assert (await state(all_wired.browser, origin))["log"] is True
        answer = await all_wired.browser.get(f"{origin}/-/log")
        assert (answer.status, answer.json()) == (200, {"log": "first\nzweite – 二 <b>\n"})
        expected = {"container": names.CONTAINER_NAME, "tailLines": str(LINES), "limitBytes": str(BYTES)}
        assert container.asked == [(Key("team", child_name(instance)), expected)]

    @pytest.mark.parametrize("status", [400, 404])
    async def test_before_the_container_has_started_there_is_none(
        self, all_wired: Wired, container: Container, status: int
    ) -> None:
        put(all_wired, phase="Provisioning")
        await all_wired.browser.open()
        container.refusal = Refusal(status, "BadRequest", "waiting to start")
        answer = await all_wired.browser.get(f"{all_wired.server.environment_origin()}/-/log")
        assert (answer.status, answer.json()) == (200, {"log": ""})

    async def test_many_who_look_cost_one_question(self, all_wired: Wired, container: Container) -> None:
        put(all_wired, phase="Provisioning")
        environment = all_wired.server.table.find("demo--team")
        assert environment is not None
        async with Client(all_wired.api.endpoint, field_manager="test") as client:
            tail = LogTail(client)
            texts = await asyncio.gather(*(tail.read(environment) for _ in range(5)))
            assert len(container.asked) == 1
            assert set(texts) == {"first\nzweite – 二 <b>\n"}
            await tail.read(environment)
        assert len(container.asked) == 2, "what was printed since is read anew"

    async def test_who_may_not_open_it_reads_nothing(self, all_wired: Wired, container: Container) -> None:
        all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
        put(all_wired, owner="li.wei", phase="Provisioning")
        await all_wired.browser.open()
        address = f"{all_wired.server.environment_origin()}/-/log"
        assert (await all_wired.browser.get(address)).status == 200, "positive control"
        all_wired.server.rbac.grants.clear()
        assert (await all_wired.browser.get(address)).status == 404
        assert len(container.asked) == 1


class TestClone:
    """The repository of an environment on the page at its address."""

    GIT = Repository("https://git.example.com/team/<demo>.git", ref="v9", directory="demo")

    def test_before_the_pod_has_said_anything_it_says_that_nothing_waits_for_it(self) -> None:
        html = clone_lines(Clone(self.GIT, None), "en")
        assert 'data-clone="waiting"' in html
        assert "does not hold it back" in html
        assert "&lt;demo&gt;" in html, "an address is text"

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("reason", get_args(FailureReason))
    def test_a_failure_says_why_and_what_to_do(self, reason: str, language: Language) -> None:
        known = RepositoryState("failed", "2026-11-26T14:02:00Z", reason=reason)  # type: ignore[arg-type]
        html = clone_lines(Clone(self.GIT, known), language)
        assert 'data-clone="failed"' in html
        assert escape(text(f"clone.reason.{reason}", language)) in html
        assert html.count("<p ") == 2

    @pytest.mark.parametrize(("state", "is_open"), [(None, True), ("cloning", True), ("cloned", False)])
    async def test_the_page_goes_on_asking_until_it_is_known_how_it_ended(
        self, server: Harness, browser: Browser, pod: Pod, state: str | None, is_open: bool
    ) -> None:
        instance = server.add(pod.port, git=self.GIT)
        if state is not None:
            body = msgspec.json.encode({"state": state, "asOf": 1_800_000_000})
            server.reports.files[instance.metadata.uid] = body
        await browser.enter()
        environment = server.table.find("demo--team")
        assert environment is not None
        await server.rooms.repositories.ask(environment)
        told = (await browser.get(f"{server.environment_origin()}/-/state")).json()
        assert told["more"] is is_open
        assert f'data-clone="{state or "waiting"}"' in told["main"]
        assert told["open"] is True
