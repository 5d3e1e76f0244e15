"""The list of environments, and the texts of the pages that the server makes itself."""

import html
import string
import typing

import pytest

from devworkspace.api import reasons
from devworkspace.api.instance import Phase
from devworkspace.server.pages.texts import TEXTS, status_sentence, text
from tests.server.support import ADMIN, Browser, Harness, Pod, make_instance


async def fetch(server: Harness, browser: Browser) -> list[dict[str, object]]:
    answer = await browser.get(server.origin + "/api/v1/environments")
    assert answer.status == 200
    items: list[dict[str, object]] = answer.json()["items"]
    return items


async def test_strangers_get_401_as_json(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    answer = await browser.get(server.origin + "/api/v1/environments")
    assert answer.status == 401
    assert answer.content_type == "application/problem+json"
    assert "demo" not in answer.text


async def test_only_what_may_be_opened_is_there(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port, name="mine")
    server.add(pod.port, name="granted", owner="li.wei")
    server.add(pod.port, name="foreign", owner="li.wei")
    server.add(pod.port, name="nobodys", owner=None)
    server.rbac.grants.add((ADMIN, "team", "granted"))
    await browser.sign_in()
    assert [item["name"] for item in await fetch(server, browser)] == ["granted", "mine"]
    server.rbac.broken = True
    assert [item["name"] for item in await fetch(server, browser)] == ["mine"]


async def test_who_may_open_everything_is_asked_about_once(server: Harness, browser: Browser, pod: Pod) -> None:
    for number in range(20):
        server.add(pod.port, name=f"e{number}", owner="li.wei")
    await browser.sign_in()
    assert await fetch(server, browser) == []
    assert len(server.rbac.asked) == 22, "everything, the namespace, and each: no role is known here"
    server.rbac.grants.add((ADMIN, "", ""))
    server.rbac.rights |= {(ADMIN, verb, "", "", "") for verb in ("update", "delete")}
    server.rbac.asked.clear()
    assert len(await fetch(server, browser)) == 20
    assert {(question["verb"], question["place"]) for question in server.rbac.asked} == {
        ("create", "/"),
        ("update", "/"),
        ("delete", "/"),
    }


EVIL = "<img src=x onerror=alert(1)>'\""


async def test_the_waiting_page_escapes_too(server: Harness, browser: Browser, pod: Pod) -> None:
    instance = server.add(pod.port)
    await browser.enter()
    for phase in ("Pending", "Failed", "Stopped"):
        evil = make_instance(phase=phase, reason=EVIL, message=EVIL, display_name=EVIL)
        server.table.on_instance(instance, evil)
        page = await browser.navigate(server.environment_origin() + "/")
        assert page.status == 503
        assert "<img" not in page.text
        assert html.escape(EVIL) in page.text


@pytest.mark.parametrize("path", ["/absent", "/-/absent", "/api/v1/absent", "/%2e/", "//", "/signin/"])
async def test_other_paths_are_not_there(server: Harness, browser: Browser, path: str) -> None:
    await browser.sign_in()
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\nConnection: close\r\n\r\n"
    assert (await server.raw(request.encode())).startswith(b"HTTP/1.1 404 ")
    page = await browser.navigate(server.origin + "/absent")
    assert "There is no such page." in page.text


async def test_other_methods_are_not_there(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    for method in ("PUT", "DELETE", "POST"):
        answer = await browser.request(method, server.origin + "/", headers={"Origin": server.origin})
        assert answer.status == 404
    assert (await browser.request("HEAD", server.origin + "/")).status == 200


def test_every_text_exists_in_both_languages_with_the_same_values() -> None:
    for key, pair in TEXTS.items():
        assert all(pair), key
        fields = [{name for _, name, _, _ in string.Formatter().parse(value) if name} for value in pair]
        assert fields[0] == fields[1], key
    assert text("signin.throttled", "zh", seconds=3) == "尝试次数过多，请在 3 秒后重试。"


def test_every_phase_and_every_reason_of_a_failure_has_words() -> None:
    for phase in (*typing.get_args(Phase), "Deleting", "Unreachable"):
        assert f"phase.{phase}" in TEXTS
    fine = {
        reasons.RESOLVED,
        reasons.BOUND,
        reasons.SCHEDULED,
        reasons.PULLED,
        reasons.ANSWERING,
        reasons.WAITING,
        reasons.STARTING,
        reasons.STOPPING,
        reasons.STOPPED,
        reasons.UP_TO_DATE,
        reasons.TEMPLATE_CHANGED,
    }
    # No condition of an environment carries these, so no page shows them.
    fine |= {
        reasons.RECOVERED,
        reasons.POD_REPLACED,
        reasons.VOLUME_ADOPTED,
        reasons.VOLUME_DELETED,
        reasons.VOLUME_RESIZED,
        reasons.ACCEPTED,
        reasons.COUNTED,
        reasons.SUCCESSOR_FOUND,
        reasons.STOPPED_IDLE,
        reasons.STOPPED_MAX_RUN_DURATION,
        reasons.STOPPED_SCHEDULE,
        reasons.STARTED_SCHEDULE,
        reasons.DELETION_PLANNED,
        reasons.DELETED_AFTER_STOPPED,
        reasons.PRE_PULLED,
        reasons.PRE_PULL_FAILED,
    }
    everything = {value for name, value in vars(reasons).items() if name.isupper()}
    assert {f"reason.{reason}" for reason in everything - fine} <= set(TEXTS)


def test_a_chinese_page_has_no_english_sentence_where_nothing_is_wrong() -> None:
    for reason in (reasons.ANSWERING, reasons.STARTING, reasons.STOPPING, reasons.STOPPED):
        assert status_sentence(reason, "What the operator wrote.", "en") == "What the operator wrote."
        assert not status_sentence(reason, "What the operator wrote.", "zh").isascii()
    assert status_sentence(reasons.UNSCHEDULABLE, "3 Insufficient cpu.", "zh") == "3 Insufficient cpu."
