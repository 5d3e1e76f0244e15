"""The list of environments, as page and as JSON."""

import html
import string
import typing
from datetime import timedelta

import pytest

from devworkspace.api import reasons
from devworkspace.api.instance import Phase
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kube.clock import now
from devworkspace.server.pages.texts import TEXTS, status_sentence, text
from tests.server.support import ADMIN, NAVIGATION, Browser, Harness, Pod, make_instance


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
    page = await browser.navigate(server.origin + "/")
    assert "foreign" not in page.text
    assert "nobodys" not in page.text
    server.rbac.broken = True
    assert [item["name"] for item in await fetch(server, browser)] == ["mine"]


@pytest.mark.parametrize(
    ("minutes", "english", "chinese"),
    [
        (None, "not known", "未知"),
        (-3, "just now", "刚刚"),
        (5, "just now", "刚刚"),
        (6, "6 min ago", "6 分钟前"),
        (59, "59 min ago", "59 分钟前"),
        (60, "1 h ago", "1 小时前"),
        (60 * 24, "1 d ago", "1 天前"),
        (60 * 24 * 400, "400 d ago", "400 天前"),
    ],
)
async def test_the_page_says_when_each_was_last_used(
    server: Harness, browser: Browser, pod: Pod, minutes: int | None, english: str, chinese: str
) -> None:
    # Half a minute beside the border.
    last = None if minutes is None else now() - timedelta(minutes=minutes, seconds=30)
    server.add(pod.port, last_activity=None if last is None else format_timestamp(last))
    await browser.sign_in()
    for language, words in (("en", english), ("zh", chinese)):
        page = await browser.navigate(f"{server.origin}/?lang={language}")
        assert f"<td>{words}</td>" in page.text


async def test_who_may_open_everything_is_asked_about_once(server: Harness, browser: Browser, pod: Pod) -> None:
    for number in range(20):
        server.add(pod.port, name=f"e{number}", owner="li.wei")
    await browser.sign_in()
    assert await fetch(server, browser) == []
    assert len(server.rbac.asked) == 21
    server.rbac.grants.add((ADMIN, "", ""))
    server.rbac.rights |= {(ADMIN, verb, "", "", "") for verb in ("update", "delete")}
    server.rbac.asked.clear()
    assert len(await fetch(server, browser)) == 20
    assert {(question["verb"], question["place"]) for question in server.rbac.asked} == {
        ("create", "/"),
        ("update", "/"),
        ("delete", "/"),
    }


async def test_the_page_links_what_can_be_opened(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port, name="up")
    server.table.on_instance(None, make_instance("down", phase="Stopped"))
    server.table.on_instance(None, make_instance("lost"))
    await browser.sign_in()
    page = (await browser.navigate(server.origin + "/")).text
    start = '<a class="button" target="_blank" rel="noopener" href="/-/open?env='
    assert f'{start}up--team">Open' in page
    assert f'{start}down--team">Start and open' in page
    assert page.count("<a class=") == 3, "two environments and the language switch"
    assert 'data-phase="Unreachable"' in page


async def test_failures_are_told_in_both_languages(server: Harness, browser: Browser) -> None:
    failed = make_instance(phase="Failed", reason="ImageNotFound", message="The registry has no x:1.")
    server.table.on_instance(None, failed)
    await browser.sign_in()
    english = (await browser.navigate(server.origin + "/")).text
    assert "Image not found — The registry has no x:1." in english
    headers = {**NAVIGATION, "Accept-Language": "zh-CN"}
    chinese = (await browser.navigate(server.origin + "/", headers=headers)).text
    assert "镜像不存在 — The registry has no x:1." in chinese
    assert "失败" in chinese


async def test_the_empty_list_says_how_to_begin(server: Harness, browser: Browser) -> None:
    await browser.sign_in()
    page = (await browser.navigate(server.origin + "/")).text
    assert "kubectl apply -f crds/examples/workspace-instance.yaml" in page
    assert "<table" not in page


EVIL = "<img src=x onerror=alert(1)>'\""


async def test_everything_that_comes_from_the_cluster_is_escaped(server: Harness, browser: Browser, pod: Pod) -> None:
    evil = make_instance(phase="Failed", reason=EVIL, message=EVIL, display_name=EVIL, uid=EVIL)
    server.table.on_instance(None, evil)
    server.add(pod.port, name="link", url="javascript:alert(1)")
    await browser.sign_in()
    page = (await browser.navigate(server.origin + "/")).text
    assert "<img" not in page
    assert page.count(html.escape(EVIL)) >= 4
    assert "javascript:" not in page
    assert "<script src=" in page
    assert page.count("<script") == 1


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
    assert text("signed-in-as", "zh", name="x") == "当前用户：x"


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
    }
    everything = {value for name, value in vars(reasons).items() if name.isupper()}
    assert {f"reason.{reason}" for reason in everything - fine} <= set(TEXTS)


def test_a_chinese_page_has_no_english_sentence_where_nothing_is_wrong() -> None:
    for reason in (reasons.ANSWERING, reasons.STARTING, reasons.STOPPING, reasons.STOPPED):
        assert status_sentence(reason, "What the operator wrote.", "en") == "What the operator wrote."
        assert not status_sentence(reason, "What the operator wrote.", "zh").isascii()
    assert status_sentence(reasons.UNSCHEDULABLE, "3 Insufficient cpu.", "zh") == "3 Insufficient cpu."
