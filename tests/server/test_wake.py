"""Opening a stopped environment starts it: for a person who means it and may, and for nothing else."""

import asyncio
import re
import time
from typing import Any

import msgspec
import pytest

from devworkspace.api import names
from devworkspace.api.instance import Phase, WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.server.environments import DoorCondition, DoorPodStatus
from tests.server.support import (
    ADMIN,
    NAVIGATION,
    TYPED,
    Answer,
    Browser,
    Harness,
    Pod,
    make_instance,
    make_pod,
)

DEMO = Key("team", "demo")
START = (DEMO, {"metadata": {"uid": "uid-team-demo"}, "spec": {"running": True}})


async def stopped(server: Harness, browser: Browser, pod: Pod, *, owner: str = ADMIN) -> str:
    """A stopped environment in which the person has been before; returns its address."""
    instance = server.add(pod.port, owner=owner)
    await browser.enter()
    server.table.on_instance(instance, make_instance(phase="Stopped", owner=owner))
    return server.environment_origin() + "/"


def begun(instance: WorkspaceInstance) -> WorkspaceInstance:
    """With the moment from which its start counts."""
    status = msgspec.structs.replace(instance.status, started_at="2026-11-25T10:00:00Z")
    return msgspec.structs.replace(instance, status=status)


def with_headers(**changes: str | None) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in {**TYPED, **named}.items() if value is not None}


async def test_an_owner_who_types_the_address_starts_it(server: Harness, browser: Browser, pod: Pod) -> None:
    url = await stopped(server, browser, pod)
    page = await browser.navigate(url, headers=TYPED)
    assert server.api.patches == [START]
    assert page.status == 503
    assert "Starting" in page.text
    assert "<form" not in page.text, "nothing is left to press"
    again = await browser.navigate(url, headers=TYPED)
    assert "Starting" in again.text
    assert server.api.patches == [START], "one write until the watch tells more"


async def test_one_that_was_stopped_again_at_once_is_started_again_at_once(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    url = await stopped(server, browser, pod)
    await browser.navigate(url, headers=TYPED)
    before = make_instance(phase="Stopped")
    metadata = msgspec.structs.replace(before.metadata, generation=before.metadata.generation + 2)
    server.table.on_instance(before, msgspec.structs.replace(before, metadata=metadata))
    await browser.navigate(url, headers=TYPED)
    assert server.api.patches == [START, START]


DELIBERATE: dict[str, dict[str, str]] = {
    "typed or bookmarked": TYPED,
    "a link on its own host": with_headers(Sec_Fetch_Site="same-origin"),
    "a reload of a tab that another page opened": with_headers(Sec_Fetch_Site="cross-site", Cache_Control="max-age=0"),
    "a browser without fetch metadata": {"Accept": "text/html"},
}
NOT_DELIBERATE: dict[str, dict[str, str]] = {
    "a link on another site": with_headers(Sec_Fetch_Site="cross-site"),
    "a page of a sibling environment": with_headers(Sec_Fetch_Site="same-site"),
    "a page that reloads itself": with_headers(Sec_Fetch_Site="same-origin", Sec_Fetch_User=None),
    "a frame": with_headers(Sec_Fetch_Dest="iframe"),
    "a prefetch": with_headers(Sec_Purpose="prefetch"),
    "an older prefetch": with_headers(Purpose="prefetch"),
    "a script": {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"},
    "a program": {},
}


@pytest.mark.parametrize("headers", DELIBERATE.values(), ids=DELIBERATE.keys())
async def test_what_a_person_does_on_purpose_starts_it(
    server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
) -> None:
    url = await stopped(server, browser, pod)
    assert (await browser.navigate(url, headers=headers)).status == 503
    assert server.api.patches == [START]


@pytest.mark.parametrize("headers", NOT_DELIBERATE.values(), ids=NOT_DELIBERATE.keys())
async def test_nothing_else_starts_it(server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]) -> None:
    url = await stopped(server, browser, pod)
    assert (await browser.navigate(url, headers=headers)).status == 503
    assert server.api.patches == []
    assert (await browser.navigate(url, headers=TYPED)).status == 503
    assert server.api.patches == [START], "positive control"


async def test_a_socket_that_dials_again_starts_nothing(server: Harness, browser: Browser, pod: Pod) -> None:
    url = await stopped(server, browser, pod)
    origin = server.environment_origin()
    for _ in range(3):
        answer = await browser.get(
            url,
            headers={
                "Origin": origin,
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
        assert answer.status == 503
    assert server.api.patches == []


@pytest.mark.parametrize("phase", ["Pending", "Failed", "Stopping"])
async def test_other_phases_are_not_started_by_a_visit(server: Harness, browser: Browser, pod: Pod, phase: Any) -> None:
    url = await stopped(server, browser, pod)
    server.table.on_instance(make_instance(phase="Stopped"), make_instance(phase=phase))
    await browser.navigate(url, headers=TYPED)
    assert server.api.patches == []


class TestRights:
    async def test_who_may_only_open_it_does_not_start_it(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.rbac.grants.add((ADMIN, "team", "demo"))
        url = await stopped(server, browser, pod, owner="li.wei")
        page = await browser.navigate(url, headers=TYPED)
        assert "Its owner can start it" in page.text
        assert "<form" not in page.text
        assert (await press(server, browser, "/-/start")).status == 403
        assert server.api.patches == []

        server.rbac.rights.add((ADMIN, "update", "", "team", "demo"))
        await browser.navigate(url, headers=TYPED)
        assert server.api.patches == [START], "positive control"
        assert server.rbac.asked[-1]["verb"] == "update"

    async def test_a_stranger_starts_nothing(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, phase="Stopped")
        assert (await browser.navigate(server.environment_origin() + "/", headers=TYPED)).status == 302
        assert (await press(server, browser, "/-/start")).status == 401
        assert (await browser.get(server.environment_origin() + "/-/state")).status == 401
        assert server.api.patches == []

    async def test_who_lost_the_right_to_open_it_learns_nothing(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.rbac.grants.add((ADMIN, "team", "demo"))
        server.rbac.rights.add((ADMIN, "update", "", "team", "demo"))
        await stopped(server, browser, pod, owner="li.wei")
        assert (await browser.get(server.environment_origin() + "/-/state")).status == 200, "positive control"
        server.rbac.grants.clear()
        assert (await browser.get(server.environment_origin() + "/-/state")).status == 404
        assert (await press(server, browser, "/-/start")).status == 404
        assert server.api.patches == []


async def press(server: Harness, browser: Browser, path: str, **headers: str) -> Answer:
    origin = server.environment_origin()
    return await browser.post(origin + path, headers={"Origin": origin, "Sec-Fetch-Site": "same-origin", **headers})


class TestButtons:
    async def test_the_page_of_a_link_from_elsewhere_has_a_button(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        url = await stopped(server, browser, pod)
        page = await browser.navigate(url, headers=NAVIGATION)
        assert '<form method="post" action="/-/start">' in page.text
        answer = await press(server, browser, "/-/start")
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert server.api.patches == [START]

    async def test_a_failed_environment_is_restarted(self, server: Harness, browser: Browser, pod: Pod) -> None:
        url = await stopped(server, browser, pod)
        server.table.on_instance(make_instance(phase="Stopped"), make_instance(phase="Failed", reason="OutOfMemory"))
        page = await browser.navigate(url, headers=TYPED)
        assert '<form method="post" action="/-/restart">' in page.text
        assert (await press(server, browser, "/-/restart")).status == 303
        ((key, patch),) = server.api.patches
        assert (key, patch["spec"]) == (DEMO, {"running": True})
        assert patch["metadata"]["uid"] == "uid-team-demo"
        assert list(patch["metadata"]["annotations"]) == [names.ANNOTATION_RESTARTED_AT]

    @pytest.mark.parametrize("phase", ["Running", "Provisioning", "Stopping", "Stopped"])
    async def test_what_has_not_failed_is_not_restarted(
        self, server: Harness, browser: Browser, pod: Pod, phase: Phase
    ) -> None:
        """The editor's own pages have this address, too; the test above is the positive control."""
        await stopped(server, browser, pod)
        server.table.on_instance(make_instance(phase="Stopped"), make_instance(phase=phase))
        assert (await press(server, browser, "/-/restart")).status == 303
        assert server.api.patches == []

    @pytest.mark.parametrize("headers", [{"Origin": "http://evil.localhost"}, {"Sec-Fetch-Site": "cross-site"}])
    async def test_a_form_on_another_site_presses_nothing(
        self, server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
    ) -> None:
        await stopped(server, browser, pod)
        assert (await press(server, browser, "/-/start", **headers)).status == 403
        assert server.api.patches == []

    async def test_the_way_back_stays_on_this_host(self, server: Harness, browser: Browser, pod: Pod) -> None:
        await stopped(server, browser, pod)
        for wanted, location in (("/x?y=1", "/x?y=1"), ("//evil.example/", "/"), ("http://evil.example/", "/")):
            path = "/-/start?next=" + wanted.replace("?", "%3F")
            assert (await press(server, browser, path)).headers["Location"] == location


async def test_many_who_follow_one_link_cost_one_write(server: Harness, browser: Browser, pod: Pod) -> None:
    url = await stopped(server, browser, pod)
    server.api.gate.clear()
    visits = [asyncio.create_task(browser.navigate(url, headers=TYPED)) for _ in range(20)]
    await asyncio.sleep(0.2)
    server.api.gate.set()
    assert {(await visit).status for visit in visits} == {503}
    assert server.api.patches == [START]


async def test_a_cluster_that_does_not_answer_is_told_and_tried_again(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    url = await stopped(server, browser, pod)
    server.api.broken = True
    page = await browser.navigate(url, headers=TYPED)
    assert "the cluster does not answer" in page.text
    assert "<form" in page.text
    assert (await press(server, browser, "/-/start")).status == 503
    server.api.broken = False
    await browser.navigate(url, headers=TYPED)
    assert server.api.patches == [START]


class TestNews:
    """What the waiting page asks for again and again."""

    async def test_it_follows_the_start_and_goes_in(self, server: Harness, browser: Browser, pod: Pod) -> None:
        url = await stopped(server, browser, pod)
        await browser.navigate(url, headers=TYPED)

        async def news() -> Any:
            return (await browser.get(server.environment_origin() + "/-/state")).json()

        assert (await news())["open"] is False
        before, starting = make_instance(phase="Stopped"), begun(make_instance(phase="Provisioning"))
        server.table.on_instance(before, starting)
        made = make_pod(starting, pod.port)
        metadata = msgspec.structs.replace(made.metadata, creation_timestamp="2026-11-25T10:00:01Z")
        conditions = (DoorCondition("PodScheduled", "True", "2026-11-25T10:00:02Z"),)
        placed = msgspec.structs.replace(made, metadata=metadata, status=DoorPodStatus(conditions=conditions))
        server.table.on_pod(made, placed)
        told = await news()
        main = told["main"]
        assert abs(told["now"] / 1000 - time.time()) < 60
        assert re.findall(r'data-stage="(\w+)" data-state="(\w+)"', main) == [
            ("queued", "done"),
            ("disk", "waiting"),
            ("scheduling", "done"),
            ("image", "running"),
            ("container", "waiting"),
            ("editor", "waiting"),
        ]
        server.table.on_pod(placed, made)
        running: WorkspaceInstance = make_instance(phase="Running")
        server.table.on_instance(starting, running)
        assert (await news())["open"] is True
        assert (await browser.get(url)).status == 200


class TestFromTheList:
    async def test_its_link_starts_and_leads_on(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, phase="Stopped")
        await browser.sign_in()
        headers = with_headers(Sec_Fetch_Site="same-origin")
        answer = await browser.navigate(f"{server.origin}/-/open?env=demo--team", headers=headers)
        assert (answer.status, answer.headers["Location"]) == (302, server.environment_origin() + "/")
        assert server.api.patches == [START]

    async def test_the_same_link_on_another_site_only_leads_on(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, phase="Stopped")
        await browser.sign_in()
        headers = with_headers(Sec_Fetch_Site="cross-site")
        answer = await browser.navigate(f"{server.origin}/-/open?env=demo--team", headers=headers)
        assert answer.status == 302
        assert server.api.patches == []

    async def test_foreign_and_absent_are_the_same(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="foreign", owner="li.wei", phase="Stopped")
        await browser.sign_in()
        answers = [
            await browser.navigate(f"{server.origin}/-/open?env={name}--team", headers=TYPED)
            for name in ("foreign", "absent")
        ]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].body == answers[1].body
        assert server.api.patches == []

    async def test_a_stranger_signs_in_first(self, server: Harness, browser: Browser) -> None:
        answer = await browser.navigate(f"{server.origin}/-/open?env=demo--team", headers=TYPED)
        assert answer.headers["Location"] == "/signin?next=%2F-%2Fopen%3Fenv%3Ddemo--team"
