"""The repository of an environment, from the request to what its pod says of it, in views, stream and "Open"."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from devworkspace.api.instance import Repository
from devworkspace.server import repositories
from devworkspace.server.repositories import STATE_PATH, Repositories
from tests.server.support import ADMIN, Browser, Harness, Pod, make_instance, make_pod, send
from tests.server.test_api import CREATE, MAY_CREATE
from tests.server.test_stream import listening

URL = "https://git.example.com/team/shop.git"
GIT = Repository(URL, ref="main")
DEMO = "uid-team-demo"
UNKNOWN = {
    "repository": URL,
    "ref": "main",
    "directory": "shop",
    "state": None,
    "reason": None,
    "message": "",
    "branch": None,
    "changedFiles": None,
    "unpushedCommits": None,
    "asOf": None,
}


def say(state: str = "cloned", *, at: int = 1795705200, **members: Any) -> bytes:
    return json.dumps({"state": state, "asOf": at, **members}).encode()


CLONED = say(branch="main", changedFiles=2, unpushedCommits=1)
SEEN = {
    **UNKNOWN,
    "state": "cloned",
    "branch": "main",
    "changedFiles": 2,
    "unpushedCommits": 1,
    "asOf": "2026-11-26T15:00:00Z",
}


async def view(server: Harness, browser: Browser, name: str = "demo") -> Any:
    answer = await browser.get(f"{server.origin}{CREATE}/{name}")
    assert answer.status == 200
    return answer.json()["git"]


async def ask(server: Harness, browser: Browser, name: str = "demo") -> Any:
    return (await browser.get(f"{server.origin}{CREATE}/{name}/git")).json()


class TestCreating:
    @pytest.fixture(autouse=True)
    def template(self, server: Harness) -> None:
        server.rbac.rights.add(MAY_CREATE)
        server.catalogue.add("python", git={"allowedHosts": ["git.example.com", "*.corp.example"]})

    @pytest.mark.parametrize(
        "git", [{"repository": URL}, {"repository": "https://a.corp.example/x", "ref": "v1", "directory": "y"}]
    )
    async def test_it_becomes_a_part_of_the_instance(
        self, server: Harness, signed_in: Browser, git: dict[str, str]
    ) -> None:
        answer = await send(server, signed_in, "POST", CREATE, body={"name": "demo", "template": "python", "git": git})
        assert answer.status == 201, answer.text
        assert answer.json()["git"]["repository"] == git["repository"]
        ((made, _),) = server.api.created
        assert made["spec"]["git"] == git

    @pytest.mark.parametrize("query", ["", "?dryRun=true"])
    async def test_a_host_that_the_template_does_not_allow_is_refused_by_field(
        self, server: Harness, signed_in: Browser, query: str
    ) -> None:
        body = {"name": "demo", "template": "python", "git": {"repository": "https://evil.example/x"}}
        answer = await send(server, signed_in, "POST", CREATE + query, body=body)
        assert (answer.status, answer.json()["reason"]) == (422, "OverrideNotAllowed")
        assert [error["field"] for error in answer.json()["errors"]] == ["spec.git.repository"]
        assert "git.example.com, *.corp.example" in answer.json()["detail"]
        assert server.api.created == []

    @pytest.mark.parametrize(
        "git", [{}, {"repository": ""}, {"repository": "x" * 513}, {"repository": URL, "user": "a"}]
    )
    async def test_what_is_no_repository(self, server: Harness, signed_in: Browser, git: dict[str, str]) -> None:
        body = {"name": "demo", "template": "python", "git": git}
        assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 422
        assert server.api.created == []

    async def test_templates_tell_their_hosts(self, server: Harness, signed_in: Browser) -> None:
        server.catalogue.add("any")
        for name, hosts in (("python", ["git.example.com", "*.corp.example"]), ("any", None)):
            answer = await signed_in.get(f"{server.origin}/api/v1/templates/{name}")
            assert answer.json()["gitHosts"] == hosts


class TestViews:
    async def test_without_a_repository_there_is_nothing_to_tell(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        assert await view(server, signed_in) is None
        assert (await signed_in.get(f"{server.origin}{CREATE}/demo/git")).status == 404
        assert server.reports.fetched == []

    async def test_what_its_pod_says_is_told_from_then_on(self, server: Harness, signed_in: Browser, pod: Pod) -> None:
        server.add(pod.port, git=GIT)
        assert await view(server, signed_in) == UNKNOWN
        server.reports.files[DEMO] = CLONED
        assert await ask(server, signed_in) == SEEN
        assert server.reports.fetched == [(DEMO, STATE_PATH)]
        assert await view(server, signed_in) == SEEN

    async def test_a_pod_that_says_nothing_more_is_remembered(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, git=GIT)
        server.reports.files[DEMO] = CLONED
        await ask(server, signed_in)
        for nonsense in (None, b"nonsense"):
            server.reports.files[DEMO] = nonsense  # type: ignore[assignment]
            assert await ask(server, signed_in) == SEEN

    async def test_foreign_environments_look_absent(self, server: Harness, signed_in: Browser, pod: Pod) -> None:
        server.add(pod.port, git=GIT, owner="li.wei")
        assert (await signed_in.get(f"{server.origin}{CREATE}/demo/git")).status == 404
        assert server.reports.fetched == []

    async def test_news_is_streamed_and_a_new_time_alone_is_none(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, git=GIT)
        async with listening(server, signed_in) as listener:
            for said, branch in (
                (CLONED, "main"),
                (say(at=1795705260, branch="main", changedFiles=2, unpushedCommits=1), None),
                (say(at=1795705320, branch="other", changedFiles=2, unpushedCommits=1), "other"),
            ):
                server.reports.files[DEMO] = said
                await ask(server, signed_in)
                if branch is not None:
                    event = await listener.next()
                    assert (event.name, event.data["git"]["branch"]) == ("environment", branch)


class TestOpening:
    async def where(self, server: Harness, browser: Browser) -> str:
        answer = await browser.navigate(f"{server.origin}/-/open?env=demo--team")
        assert answer.status == 302
        return answer.headers["Location"].removeprefix(server.environment_origin())

    @pytest.mark.parametrize(
        ("said", "where"),
        [
            (CLONED, "/?folder=/home/dev/shop"),
            (say(), "/"),
            (say("cloning"), "/"),
            (say("failed", reason="not-found"), "/"),
        ],
        ids=["cloned", "the folder is gone", "not yet", "failed"],
    )
    async def test_it_leads_into_the_folder_once_that_is_there(
        self, server: Harness, signed_in: Browser, pod: Pod, said: bytes, where: str
    ) -> None:
        server.add(pod.port, git=GIT)
        assert await self.where(server, signed_in) == "/", "nobody knows yet"
        server.reports.files[DEMO] = said
        await ask(server, signed_in)
        assert await self.where(server, signed_in) == where

    async def test_the_editor_gets_the_folder_through_all_redirects(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, git=GIT)
        server.reports.files[DEMO] = CLONED
        await ask(server, signed_in)
        pod.seen.clear()
        opened = await signed_in.navigate(f"{server.origin}/-/open?env=demo--team", allow_redirects=True)
        assert opened.status == 200
        assert [target for _, target, _ in pod.seen] == ["/?folder=/home/dev/shop"]


async def test_what_a_stopped_environment_said_last_is_kept_until_its_next_pod(
    server: Harness, signed_in: Browser, pod: Pod
) -> None:
    running = server.add(pod.port, git=GIT)
    server.reports.files[DEMO] = CLONED
    await ask(server, signed_in)
    stopped = make_instance(phase="Stopped", git=GIT)
    server.table.on_instance(running, stopped)
    server.table.on_pod(make_pod(running, pod.port), None)
    assert await ask(server, signed_in) == SEEN
    again = make_instance(git=GIT)
    server.table.on_pod(None, make_pod(again, pod.port, uid="pod-2"))
    server.table.on_instance(stopped, again)
    assert await view(server, signed_in) == UNKNOWN
    server.table.on_instance(again, None)
    server.table.on_instance(None, again)
    assert await view(server, signed_in) == UNKNOWN


async def test_a_clone_that_a_stop_has_ended_is_not_told_as_if_it_went_on(
    server: Harness, signed_in: Browser, pod: Pod
) -> None:
    running = server.add(pod.port, git=GIT)
    server.reports.files[DEMO] = say("cloning")
    assert (await ask(server, signed_in))["state"] == "cloning"
    server.table.on_instance(running, make_instance(phase="Stopping", git=GIT))
    assert (await view(server, signed_in))["state"] is None


async def test_an_answer_of_the_pod_before_counts_for_nothing(server: Harness, signed_in: Browser, pod: Pod) -> None:
    running = server.add(pod.port, git=GIT)
    environment = server.table.find("demo--team")
    assert environment is not None
    server.table.on_pod(make_pod(running, pod.port), make_pod(running, pod.port, uid="pod-2"))
    server.reports.files[DEMO] = CLONED
    assert await server.rooms.repositories.ask(environment) is None
    assert await view(server, signed_in) == UNKNOWN


class TestRounds:
    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, seconds in (("LOOK_SECONDS", 0.01), ("HASTY_SECONDS", 0.02), ("CALM_SECONDS", 3600.0)):
            monkeypatch.setattr(repositories, name, seconds)

    async def run(self, asked: Repositories, *, until: Callable[[], bool]) -> None:
        rounds = asyncio.create_task(asked.run())
        try:
            async with asyncio.timeout(20):
                while not until():
                    await asyncio.sleep(0.01)
        finally:
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)

    def count(self, server: Harness, name: str) -> int:
        return [uid for uid, _ in server.reports.fetched].count(f"uid-team-{name}")

    async def test_all_are_asked_until_their_clone_has_ended_and_then_seldom(self, server: Harness, pod: Pod) -> None:
        for name in ("done", "open", "silent"):
            server.add(pod.port, name=name, git=GIT)
        server.add(pod.port, name="without")
        stopped = make_instance("stopped", phase="Stopped", git=GIT)
        server.table.on_instance(None, stopped)
        server.reports.files |= {"uid-team-done": CLONED, "uid-team-open": say("cloning")}
        await self.run(
            server.rooms.repositories,
            until=lambda: self.count(server, "open") >= 5 and self.count(server, "silent") >= 5,
        )
        assert [self.count(server, name) for name in ("done", "without", "stopped")] == [1, 0, 0]
        assert server.rooms.repositories.folder("uid-team-done") == "/home/dev/shop"

    async def test_haste_has_an_end(self, server: Harness, pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(repositories, "HASTE", 3)
        server.add(pod.port, name="silent", git=GIT)
        server.add(pod.port, name="open", git=GIT)
        await self.run(server.rooms.repositories, until=lambda: self.count(server, "silent") == 3)
        server.add(pod.port, name="later", git=GIT)
        server.reports.files["uid-team-later"] = CLONED
        await self.run(server.rooms.repositories, until=lambda: self.count(server, "later") == 1)
        assert self.count(server, "silent") == 3

    async def test_one_that_cannot_be_asked_ends_nothing(self, server: Harness, pod: Pod) -> None:
        fetch = server.reports.fetch

        async def fail(environment: Any, path: str, *, most: int) -> bytes | None:
            if environment.key.name == "bad":
                raise RuntimeError("a bug")
            return await fetch(environment, path, most=most)

        server.reports.fetch = fail  # type: ignore[method-assign]
        server.add(pod.port, name="bad", git=GIT)
        server.add(pod.port, name="good", git=GIT, owner=ADMIN)
        await self.run(server.rooms.repositories, until=lambda: self.count(server, "good") >= 3)
