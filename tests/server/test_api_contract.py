"""What a page is told about an environment, so that it need not look at pods; and how answers are kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devworkspace.api import names
from devworkspace.server.api.usual import measure_starts
from devworkspace.server.environments import make_environment
from tests.server.cluster import API, DEMO, Wired, put, put_template, wired
from tests.server.support import make_instance, read

STARTED: dict[str, Any] = {"startedAt": "2026-11-24T12:00:00Z", "readyAt": "2026-11-24T12:00:09Z"}


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        put_template(made, overrides={"env": True})
        yield made


async def shown(wired: Wired) -> Any:
    return await read(wired.server, wired.browser, DEMO)


def put_disk(wired: Wired, uid: str, *, made_at: str, capacity: str | None = "10Gi") -> None:
    wired.server.volumes.add(
        {
            "metadata": {
                "name": "disk",
                "namespace": "team",
                "creationTimestamp": made_at,
                "labels": {names.LABEL_INSTANCE_UID: uid},
            },
            "spec": {"resources": {"requests": {"storage": "20Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": capacity}} if capacity else {"phase": "Pending"},
        }
    )


class TestPorts:
    async def test_without_a_pod_they_are_those_of_the_next(self, all_wired: Wired) -> None:
        put_template(all_wired, ports=[{"name": "web", "containerPort": 3000}])
        put(all_wired, pod=False, phase="Stopped", podName=None)
        found = await shown(all_wired)
        origin = all_wired.server.origin.removeprefix("http://")
        assert found["ports"] == [{"name": "web", "port": 3000, "url": f"http://3000--demo--team.{origin}/"}]

    async def test_any_other_port_has_an_address_to_fill_in(self, all_wired: Wired) -> None:
        put(all_wired)
        origin = all_wired.server.origin.removeprefix("http://")
        assert (await shown(all_wired))["portAddress"] == f"http://{{port}}--demo--team.{origin}/"


class TestStartup:
    async def test_a_new_start_does_not_begin_with_the_times_of_the_one_before(self, all_wired: Wired) -> None:
        times = {"startedAt": "2026-11-24T12:00:00Z", "stoppedAt": "2026-11-24T13:00:00Z"}
        put(all_wired, pod=False, phase="Pending", podName=None, **times)
        assert (await shown(all_wired))["startup"] is None

    async def test_each_step_has_its_times(self, all_wired: Wired) -> None:
        instance = put(all_wired, **STARTED)
        put_disk(all_wired, instance.metadata.uid, made_at="2026-11-20T08:00:00Z")
        startup = (await shown(all_wired))["startup"]
        assert startup["requestedAt"] == "2026-11-24T12:00:00Z"
        at = "2026-11-24T12:00:0{}Z".format
        assert [
            (stage["id"], stage["state"], stage["startedAt"], stage["finishedAt"]) for stage in startup["stages"]
        ] == [
            ("queued", "done", at(0), at(1)),
            ("disk", "done", at(0), at(0)),
            ("scheduling", "done", at(1), at(2)),
            ("image", "done", at(3), at(7)),
            ("container", "done", at(7), at(7)),
            ("editor", "done", at(7), at(9)),
        ]

    async def test_before_there_is_a_pod(self, all_wired: Wired) -> None:
        put(all_wired, pod=False, phase="Pending", podName=None, startedAt=STARTED["startedAt"])
        stages = {stage["id"]: stage["state"] for stage in (await shown(all_wired))["startup"]["stages"]}
        assert (stages["queued"], stages["disk"], stages["editor"]) == ("running", "waiting", "waiting")

    async def test_one_that_does_not_start_has_none(self, all_wired: Wired) -> None:
        put(all_wired, pod=False, phase="Stopped", podName=None, **STARTED)
        assert (await shown(all_wired))["startup"] is None

    async def test_the_usual_time_is_that_of_others_from_the_same_template(self, all_wired: Wired) -> None:
        put(all_wired, **STARTED)
        for number, seconds in enumerate((10, 20, 30)):
            ready = f"2026-11-24T12:00:{seconds}Z"
            put(all_wired, name=f"other-{number}", startedAt=STARTED["startedAt"], readyAt=ready)
        usual = (await shown(all_wired))["startup"]["usual"]
        assert usual == {"median": 20.0, "p95": 30.0, "samples": 4}

    @pytest.mark.parametrize(("count", "known"), [(2, False), (3, True)])
    def test_it_takes_three_to_be_usual(self, count: int, known: bool) -> None:
        made = make_instance()
        status = msgspec.structs.replace(made.status, started_at=STARTED["startedAt"], ready_at=STARTED["readyAt"])
        one = make_environment(msgspec.structs.replace(made, status=status), None)
        assert ("python" in measure_starts([one] * count)) is known

    def test_a_start_that_has_not_ended_does_not_count(self) -> None:
        made = make_instance()
        status = msgspec.structs.replace(made.status, started_at="2026-11-24T13:00:00Z", ready_at=STARTED["readyAt"])
        one = make_environment(msgspec.structs.replace(made, status=status), None)
        assert measure_starts([one] * 5) == {}

    def test_a_start_in_safe_mode_tells_nothing_of_the_template(self) -> None:
        made = make_instance()
        status = msgspec.structs.replace(made.status, started_at=STARTED["startedAt"], ready_at=STARTED["readyAt"])
        usual, safe = (
            make_environment(
                msgspec.structs.replace(made, status=msgspec.structs.replace(status, safe_mode=safe)), None
            )
            for safe in (None, True)
        )
        assert "python" in measure_starts([usual] * 3)
        assert measure_starts([safe] * 3) == {}


class TestFacts:
    async def test_size_disk_and_conditions(self, all_wired: Wired) -> None:
        condition = {"type": "Ready", "status": "True", "reason": "Answering", "lastTransitionTime": "x", "message": ""}
        instance = put(all_wired, conditions=[condition], template={"name": "python", "revision": "abc"})
        put_disk(all_wired, instance.metadata.uid, made_at="2026-11-24T12:00:00Z")
        found = await shown(all_wired)
        assert (found["cpu"], found["memory"], found["image"]) == ("2", "2Gi", "python:1")
        assert found["disk"] == {"size": 10 * 2**30, "wanted": 20 * 2**30, "used": None}
        assert found["conditions"] == [condition]
        assert (found["templateRevision"], found["paused"], found["pending"]) == ("abc", False, [])

    @pytest.mark.parametrize(
        ("spec", "pending"),
        [
            ({"environment": {"image": "python:2"}}, ["image"]),
            ({"environment": {"image": "python:1"}, "resources": {"limits": {"cpu": "4"}}}, ["size"]),
            ({"environment": {"image": "python:3", "env": [{"name": "A", "value": "1"}]}}, ["image", "variables"]),
            ({"environment": {"image": "python:1", "workingDir": "/srv"}}, ["template"]),
        ],
    )
    async def test_what_waits_for_a_restart(self, all_wired: Wired, spec: dict[str, Any], pending: list[str]) -> None:
        bounds = {"requests": {"cpu": "0.5", "memory": "1Gi"}, "limits": {"cpu": "2000m", "memory": "2Gi"}}
        put_template(all_wired, resources=bounds)
        outdated = {"type": "TemplateOutdated", "status": "True", "reason": "TemplateChanged"}
        put(all_wired, conditions=[outdated])
        merged = {
            **spec,
            "resources": {**bounds, "limits": {**bounds["limits"], **spec.get("resources", {}).get("limits", {})}},
        }
        put_template(all_wired, **merged)
        assert (await shown(all_wired))["pending"] == pending

    async def test_without_the_operator_s_word_nothing_waits(self, all_wired: Wired) -> None:
        put(all_wired)
        put_template(all_wired, environment={"image": "python:9"})
        assert (await shown(all_wired))["pending"] == []


class TestKeeping:
    async def test_who_has_the_answer_gets_304(self, all_wired: Wired) -> None:
        put(all_wired)
        for path in (DEMO, f"{API}/environments", f"{API}/templates", f"{API}/openapi.json", f"{API}/me"):
            url = all_wired.server.origin + path
            first = await all_wired.browser.get(url)
            assert first.headers["Cache-Control"] == "no-cache, private"
            assert "Cookie" in first.headers["Vary"]
            again = await all_wired.browser.get(url, headers={"If-None-Match": f'"x", W/{first.headers["ETag"]}'})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])

    async def test_a_change_of_anything_shown_is_another_version(self, all_wired: Wired) -> None:
        """Rights, pods and disks change what is shown without a write to the instance."""
        instance = put(all_wired)
        url = all_wired.server.origin + DEMO
        before = (await all_wired.browser.get(url)).headers["ETag"]
        put_disk(all_wired, instance.metadata.uid, made_at="2026-11-24T12:00:00Z")
        after = await all_wired.browser.get(url, headers={"If-None-Match": before})
        assert (after.status, after.headers["ETag"] != before) == (200, True)

    async def test_problems_are_not_kept(self, all_wired: Wired) -> None:
        answer = await all_wired.browser.get(all_wired.server.origin + DEMO)
        assert (answer.status, answer.headers["Cache-Control"], "ETag" in answer.headers) == (404, "no-store", False)

    @pytest.mark.parametrize("path", [DEMO, f"{API}/environments", f"{API}/me", f"{API}/environments/stream"])
    async def test_head_is_get_without_the_body(self, all_wired: Wired, path: str) -> None:
        put(all_wired)
        answer = await all_wired.browser.request("HEAD", all_wired.server.origin + path)
        assert (answer.status, answer.body) == (200, b"")
        assert ("ETag" in answer.headers) is not path.endswith("stream")

    async def test_other_sites_are_told_nothing_about_what_they_may(self, all_wired: Wired) -> None:
        headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
        url = f"{all_wired.server.origin}{API}/me"
        answers = [
            await all_wired.browser.request("OPTIONS", url, headers=headers),
            await all_wired.browser.get(url, headers=headers),
        ]
        assert [answer.status for answer in answers] == [405, 200]
        assert [
            name for answer in answers for name in answer.headers if name.lower().startswith("access-control")
        ] == []
