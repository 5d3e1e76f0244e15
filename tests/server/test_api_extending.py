"""Putting a stop off through the API: who may, until when, and what the API says of the next stop."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from structlog.testing import capture_logs

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.timestamps import format_timestamp, parse_timestamp
from tests.server.cluster import DEMO, Wired, put, put_template, wired
from tests.server.support import ADMIN, Answer, read, send
from tests.support.fake_apiserver import INSTANCES

HOUR = timedelta(hours=1)
# As the idle timeout below has it: the last work an hour ago, two hours and a minute.
LEFT = HOUR + timedelta(minutes=1)


def moment(length: timedelta) -> str:
    return format_timestamp(datetime.now(UTC) + length)


def run(wired: Wired, *, owner: str = ADMIN, **lifecycle: Any) -> None:
    """An environment that runs for three hours and was used an hour ago."""
    put_template(wired, lifecycle=lifecycle)
    began = moment(-3 * HOUR)
    put(wired, owner=owner, startedAt=began, readyAt=began, lastActivity=moment(-HOUR))


async def extend(wired: Wired, until: Any) -> Answer:
    return await send(wired.server, wired.browser, "POST", f"{DEMO}/extend", body={"until": until})


def wish(wired: Wired) -> str | None:
    found: str | None = (
        (wired.api.get(INSTANCES, Key("team", "demo")) or {})["spec"].get("lifecycle", {}).get("keepAwakeUntil")
    )
    return found


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


async def test_an_environment_says_when_it_is_stopped_and_why(all_wired: Wired) -> None:
    run(all_wired, idleTimeout="2h", maxKeepAwake="4h")
    shown = await read(all_wired.server, all_wired.browser, DEMO)
    stops = parse_timestamp(shown["stopsAt"])
    assert abs(stops - datetime.now(UTC) - LEFT) < timedelta(seconds=5)
    assert shown["stopsWhy"] == "Idle"
    assert parse_timestamp(shown["extendableUntil"]) == stops + 4 * HOUR
    assert (shown["startsAt"], shown["deletesAt"]) == (None, None)


async def test_without_a_rule_nothing_is_said(all_wired: Wired) -> None:
    run(all_wired)
    shown = await read(all_wired.server, all_wired.browser, DEMO)
    assert [shown[name] for name in ("stopsAt", "stopsWhy", "extendableUntil", "startsAt", "deletesAt")] == [None] * 5


async def test_a_stopped_one_says_when_it_starts_or_ends(all_wired: Wired) -> None:
    put_template(all_wired, lifecycle={"deleteAfterStopped": "48h"})
    stopped = moment(-HOUR)
    made = put(all_wired, pod=False, phase="Stopped", stoppedAt=stopped)
    all_wired.api.patch(INSTANCES, made.metadata.key, {"spec": {"running": False}})
    stored = all_wired.api.get(INSTANCES, made.metadata.key)
    all_wired.server.table.on_instance(made, convert(stored, WorkspaceInstance))
    shown = await read(all_wired.server, all_wired.browser, DEMO)
    assert shown["deletesAt"] == format_timestamp(parse_timestamp(stopped) + 48 * HOUR)
    assert shown["stopsAt"] is None


async def test_the_answer_has_the_new_time_and_the_audit_log_a_line(all_wired: Wired) -> None:
    run(all_wired, idleTimeout="2h")
    until = moment(3 * HOUR)
    with capture_logs() as lines:
        answer = await extend(all_wired, until)
    assert (answer.status, answer.json()["stopsAt"]) == (200, until), answer.text
    assert wish(all_wired) == until
    (line,) = [line for line in lines if line.get("action") == "extend"]
    assert (line["environment"], line["result"], line["until"]) == ("demo", "ok", until)


async def test_a_wish_is_taken_back(all_wired: Wired) -> None:
    run(all_wired, idleTimeout="2h")
    assert (await extend(all_wired, moment(3 * HOUR))).status == 200
    answer = await extend(all_wired, None)
    assert answer.status == 200
    assert parse_timestamp(answer.json()["stopsAt"]) < datetime.now(UTC) + 2 * HOUR
    assert wish(all_wired) is None


async def test_a_time_in_another_zone_is_written_in_utc(all_wired: Wired) -> None:
    run(all_wired, idleTimeout="2h")
    until = parse_timestamp(moment(3 * HOUR))
    shanghai = (until + 8 * HOUR).strftime("%Y-%m-%dT%H:%M:%S+08:00")
    assert (await extend(all_wired, shanghai)).status == 200
    assert wish(all_wired) == format_timestamp(until)


@pytest.mark.parametrize(
    ("until", "word"),
    [
        (moment(20 * HOUR), "at the latest"),
        (moment(-HOUR), "is past"),
        ("tomorrow", "until"),
        ("2026-11-25T20:00:00", "until"),
        (7, "until"),
    ],
    ids=["beyond the template's word", "past", "no time", "no zone", "a number"],
)
async def test_what_cannot_be_is_refused_with_the_reason(all_wired: Wired, until: Any, word: str) -> None:
    run(all_wired, idleTimeout="2h", maxKeepAwake="4h")
    answer = await extend(all_wired, until)
    assert answer.status == 422
    assert word in answer.text
    assert wish(all_wired) is None


async def test_the_longest_run_is_not_put_off_and_where_nothing_stops_it_there_is_nothing_to_do(
    all_wired: Wired,
) -> None:
    run(all_wired, maxRunDuration="4h")
    answer = await extend(all_wired, moment(3 * HOUR))
    assert (answer.status, "for as long as its template allows" in answer.text) == (409, True)
    run(all_wired)
    answer = await extend(all_wired, moment(3 * HOUR))
    assert (answer.status, "nothing to put off" in answer.text) == (409, True)
    assert all_wired.api.writes == []


async def test_it_takes_the_right_to_start_it(all_wired: Wired) -> None:
    run(all_wired, owner="li.wei", idleTimeout="2h")
    until = moment(3 * HOUR)
    assert (await extend(all_wired, until)).status == 404
    all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
    assert (await extend(all_wired, until)).status == 403
    assert all_wired.api.writes == []
    all_wired.server.rbac.rights.add((ADMIN, "update", "", "team", "demo"))
    assert (await extend(all_wired, until)).status == 200, "positive control"


async def test_a_stopped_one_cannot_be_extended(all_wired: Wired) -> None:
    put_template(all_wired, lifecycle={"idleTimeout": "2h"})
    put(all_wired, pod=False, phase="Stopped", stoppedAt=moment(-HOUR))
    assert (await extend(all_wired, moment(3 * HOUR))).status == 409
