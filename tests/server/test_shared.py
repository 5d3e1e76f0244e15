"""Entries that replicas agree on, in front of an API over HTTP that refuses what is out of date."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from devworkspace.api.meta import Key
from devworkspace.kube.client import Client
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import CONFIG_MAPS
from devworkspace.server import shared
from devworkspace.server.shared import FullRecordError, SharedRecord
from tests.server.support import Clock
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of

KEY = Key("system", "shared")


@pytest.fixture
async def api() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer() as server:
        server.put(CONFIG_MAPS, {"metadata": {"name": KEY.name, "namespace": KEY.namespace}})
        yield server


@pytest.fixture
async def client(api: FakeApiServer) -> AsyncIterator[Client]:
    async with client_of(api) as client:
        yield client


def entries(api: FakeApiServer) -> dict[str, str]:
    found = api.get(CONFIG_MAPS, KEY)
    assert found is not None
    data: dict[str, str] = found.get("data", {})
    return data


async def test_of_many_who_want_the_same_one_gets_it_and_no_other_entry_is_lost(
    client: Client, api: FakeApiServer
) -> None:
    clock = Clock()
    replicas = [SharedRecord(client, KEY, clock=clock) for _ in range(4)]

    async def want(number: int, entry: str) -> bool:
        return await replicas[number].exchange(entry, expected=None, value=f"of {number}", until=clock.now + 30)

    wanted = [f"entry-{index}" for index in range(5)]
    won = await asyncio.gather(*(want(number, entry) for entry in wanted for number in range(4)))
    assert [sum(won[index * 4 : index * 4 + 4]) for index in range(5)] == [1] * 5
    assert set(entries(api)) == set(wanted)
    for index, entry in enumerate(wanted):
        winner = won[index * 4 : index * 4 + 4].index(True)
        assert [await replica.read(entry) for replica in replicas] == [f"of {winner}"] * 4


async def test_those_who_wait_for_a_write_share_the_next_one(client: Client, api: FakeApiServer) -> None:
    clock = Clock()
    record = SharedRecord(client, KEY, clock=clock)

    async def want(entry: str, value: str) -> bool:
        return await record.exchange(entry, expected=None, value=value, until=clock.now + 30)

    won = await asyncio.gather(*(want(f"entry-{index}", "v") for index in range(20)), want("entry-3", "late"))
    assert won == [True] * 20 + [False]
    assert len(entries(api)) == 20
    assert len(api.writes) == 2


async def test_who_gives_up_takes_nobody_along(client: Client, api: FakeApiServer) -> None:
    clock = Clock()
    record = SharedRecord(client, KEY, clock=clock)
    wants = [
        asyncio.create_task(record.exchange(f"entry-{index}", expected=None, value="v", until=clock.now + 30))
        for index in range(5)
    ]
    await asyncio.sleep(0)
    wants[0].cancel()
    wants[3].cancel()
    made = await asyncio.gather(*wants, return_exceptions=True)
    assert [made[index] for index in (1, 2, 4)] == [True] * 3
    assert {"entry-1", "entry-2", "entry-4"} <= set(entries(api))


async def test_only_what_is_expected_is_changed(client: Client) -> None:
    clock = Clock()
    here, there = (SharedRecord(client, KEY, clock=clock) for _ in range(2))
    until = clock.now + 30
    assert await here.read("x") is None
    assert await here.exchange("x", expected=None, value="a", until=until)
    assert await there.exchange("x", expected="a", value="b", until=until)
    assert not await here.exchange("x", expected="a", value="c", until=until), "what was known here is out of date"
    assert await here.exchange("x", expected="b", value="c", until=until)
    assert await there.read("x") == "c"


async def test_a_write_whose_answer_got_lost_is_known_again(client: Client) -> None:
    clock = Clock()
    here, again = (SharedRecord(client, KEY, clock=clock) for _ in range(2))
    assert await here.exchange("x", expected=None, value="mine", until=clock.now + 30)
    assert await again.exchange("x", expected=None, value="mine", until=clock.now + 30)
    assert not await again.exchange("x", expected=None, value="theirs", until=clock.now + 30)


async def test_what_nobody_needs_any_more_goes_with_the_next_write(client: Client, api: FakeApiServer) -> None:
    clock = Clock()
    record = SharedRecord(client, KEY, clock=clock)
    await record.exchange("old", expected=None, value="v", until=clock.now + 30)
    clock.now += 30 + shared.SKEW_SECONDS
    await record.exchange("due", expected=None, value="v", until=clock.now + 30)
    assert set(entries(api)) == {"old", "due"}, "clocks may differ"
    clock.now += 1
    await record.exchange("new", expected=None, value="v", until=clock.now + 30)
    assert set(entries(api)) == {"due", "new"}


async def test_it_has_a_bound_and_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MAX_BYTES", 100)
    clock = Clock()
    record = SharedRecord(client, KEY, clock=clock)
    assert await record.exchange("a", expected=None, value="v" * 60, until=clock.now + 30)
    with pytest.raises(FullRecordError):
        await record.exchange("b", expected=None, value="v" * 60, until=clock.now + 30)
    clock.now += 31 + shared.SKEW_SECONDS
    assert await record.exchange("b", expected=None, value="v" * 60, until=clock.now + 30)


async def test_without_the_object_nobody_can_tell(client: Client, api: FakeApiServer) -> None:
    api.remove(CONFIG_MAPS, KEY)
    record = SharedRecord(client, KEY, clock=Clock())
    with pytest.raises(NotFound):
        await record.exchange("a", expected=None, value="v", until=1)
