"""The client-side rate limit, with a clock that the tests move."""

import asyncio

import pytest

from devworkspace.kube.ratelimit import TokenBucket
from devworkspace.kube.resource import PODS
from tests.kube.kinds import Thing, key, thing
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of


class Clock:
    seconds = 100.0

    def elapsed(self) -> float:
        return self.seconds


def test_a_burst_goes_at_once_and_what_follows_goes_at_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=10.0, burst=3, elapsed=clock.elapsed)
    assert [round(bucket.reserve(), 6) for _ in range(6)] == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def test_a_pause_fills_it_up_to_the_burst_and_no_further() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=10.0, burst=3, elapsed=clock.elapsed)
    for _ in range(3):
        bucket.reserve()
    clock.seconds += 0.25
    assert [round(bucket.reserve(), 6) for _ in range(3)] == [0.0, 0.0, 0.05]
    clock.seconds += 3600.0
    assert [round(bucket.reserve(), 6) for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]


async def test_who_is_cancelled_while_waiting_costs_the_others_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=0.001, burst=1, elapsed=clock.elapsed)
    await bucket.take()
    waiting = asyncio.create_task(bucket.take())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert bucket.reserve() == pytest.approx(1000.0), "the first in the row, not the second"


async def test_requests_wait_for_their_turn_and_watches_do_not() -> None:
    async with FakeApiServer() as server:
        limit = TokenBucket(rate=0.001, burst=2)
        async with client_of(server, rate_limit=limit) as client:
            server.put(PODS, thing("a"))
            await client.get(PODS, key("a"), Thing)
            await client.list(PODS, Thing)
            third = asyncio.create_task(client.get(PODS, key("a"), Thing))
            for _ in range(3):
                watching = client.watch(PODS, Thing, resource_version="0")
                assert (await anext(watching)).metadata.name == "a"
                await watching.aclose()
            assert not third.done()
            third.cancel()
            await asyncio.gather(third, return_exceptions=True)
        assert [request.verb for request in server.requests] == ["get", "list", "watch", "watch", "watch"]


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 10), (-1.0, 10), (5.0, 0)])
def test_a_limit_that_lets_nothing_pass_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="a rate above 0 and a burst of at least 1"):
        TokenBucket(rate=rate, burst=burst)
