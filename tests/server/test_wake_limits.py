"""Opening a stopped environment past a limit of its owner writes nothing; the page says why, in both languages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.api.surroundings import ConfigMap
from devworkspace.core.limits import STARTS_BY_ITSELF
from devworkspace.core.pacing import queue_hold
from devworkspace.server.environments import open_path
from devworkspace.server.ownerlimits import OwnerLimits
from devworkspace.server.pages.texts import status_sentence
from tests.server.support import ADMIN, TYPED, Browser, Harness, make_instance, running_server

DEMO = Key("team", "demo")
NUMBERS = "running environments: 1 of 1 are taken, and this needs 1"
CHINESE_NUMBERS = "运行中的环境数：上限 1，已用 1，本环境需要 1"


class Bounded:
    """`demo` is stopped, and one other environment of the same person runs."""

    def __init__(self, server: Harness, browser: Browser, limits: OwnerLimits) -> None:
        self.server = server
        self.browser = browser
        self._limits = limits

    def allow(self, running: str) -> None:
        metadata = ObjectMeta(name=names.LIMITS_CONFIG_MAP, namespace="devworkspace-system")
        self._limits.on_object(None, ConfigMap(metadata=metadata, data={"owner.running": running}))

    async def open(self, **headers: str) -> str:
        page = await self.browser.navigate(self.server.environment_origin() + "/", headers={**TYPED, **headers})
        assert page.status == 503
        return page.text

    @property
    def written(self) -> list[Key]:
        return [key for key, _ in self.server.api.patches]


@pytest.fixture
async def bounded(tmp_path: Path) -> AsyncIterator[Bounded]:
    limits = OwnerLimits()
    async with running_server(tmp_path, limits=limits) as server, server.browser() as browser:
        server.catalogue.add("python")
        running = make_instance(owner=ADMIN)
        server.table.on_instance(None, running)
        await browser.enter()
        server.table.on_instance(running, make_instance(owner=ADMIN, phase="Stopped", running=False))
        server.table.on_instance(None, make_instance("busy", owner=ADMIN))
        made = Bounded(server, browser, limits)
        made.allow(running="1")
        yield made


async def test_the_page_tells_the_numbers_and_what_to_do_and_nothing_starts(bounded: Bounded) -> None:
    page = await bounded.open()
    assert NUMBERS in page
    assert "Stop another one of yours" in page
    assert f'href="{bounded.server.origin}/envs?state=running"' in page
    assert '<form method="post" action="/-/start">' in page, "for another try"
    assert bounded.written == []
    bounded.allow(running="2")
    assert NUMBERS not in await bounded.open()
    assert bounded.written == [DEMO], "positive control"


async def test_the_same_in_chinese(bounded: Bounded) -> None:
    page = await bounded.open(**{"Accept-Language": "zh-CN"})
    assert f"已达您的个人上限（{CHINESE_NUMBERS}）。请停止其他环境，或联系管理员提高上限。" in page
    assert "limit" not in page


async def test_the_link_of_the_list_and_the_button_start_nothing_either(bounded: Bounded) -> None:
    server, browser = bounded.server, bounded.browser
    link = server.origin + open_path(f"{DEMO.name}--{DEMO.namespace}")
    button = server.environment_origin() + "/-/start"
    same_origin = {"Sec-Fetch-Site": "same-origin", "Origin": server.environment_origin()}
    assert (await browser.navigate(link, headers={**TYPED, "Sec-Fetch-Site": "same-origin"})).status == 302
    assert (await browser.post(button, headers=same_origin)).status == 303
    assert bounded.written == []
    bounded.allow(running="2")
    assert (await browser.navigate(link, headers={**TYPED, "Sec-Fetch-Site": "same-origin"})).status == 302
    assert bounded.written == [DEMO], "positive control"


async def test_the_page_that_waits_follows_the_room(bounded: Bounded) -> None:
    state = bounded.server.environment_origin() + "/-/state"
    assert NUMBERS in (await bounded.browser.get(state)).json()["main"]
    bounded.allow(running="2")
    assert NUMBERS not in (await bounded.browser.get(state)).json()["main"]


def test_what_is_held_says_its_numbers_in_chinese() -> None:
    def chinese(reason: str, message: str) -> str:
        return status_sentence(reason, message, "zh")

    own = f"The limit for one person is reached ({NUMBERS}). Stop another one of yours. {STARTS_BY_ITSELF}"
    assert chinese("OwnerLimitReached", own) == (
        f"已达您的个人上限（{CHINESE_NUMBERS}）。请停止其他环境，或联系管理员提高上限。有余量后，此环境会自动启动。"
    )
    disk = own.replace(NUMBERS, "storage of all disks: 20Gi of 25Gi are taken, and this needs 10Gi")
    assert "请删除不再需要的环境或保留的磁盘" in chinese("OwnerLimitReached", disk)
    quota = (
        "The project's quota 'small' is used up: this needs limits.cpu=2, used are limits.cpu=7 of limits.cpu=8. "
        "Stop another environment or ask for fewer resources."
    )
    assert "limits.cpu：上限 8，已用 7，本环境需要 2" in chinese("QuotaExceeded", quota)
    hold = queue_hold(make_instance().status, position=12, total=80)
    assert "第 12 位，共 80 位" in chinese(hold.reason, hold.message)
    assert not chinese("LimitsUnreadable", "owner.runing").isascii()
