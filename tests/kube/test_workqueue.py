import asyncio
import logging
from collections import Counter

import pytest

from devworkspace.kube.errors import TooManyRequests, Unreachable
from devworkspace.kube.workqueue import ShutDown, WorkQueue, full_jitter
from tests.support.fixtures import eventually


def queue_of(*, base_delay: float = 0.001, max_delay: float = 0.004) -> WorkQueue[str]:
    return WorkQueue(base_delay=base_delay, max_delay=max_delay, jitter=lambda: 1.0)


def due(queue: WorkQueue[str], key: str) -> float:
    """Return in how many seconds the timer of `key` fires."""
    return queue._timers[key].when() - asyncio.get_running_loop().time()


async def test_keys_come_in_order_and_repeats_cost_nothing() -> None:
    queue = queue_of()
    for key in ("a", "b", "a", "c", "b"):
        queue.add(key)
    assert len(queue) == 3
    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]


async def test_what_is_urgent_overtakes_the_bulk_but_not_for_ever() -> None:
    queue = queue_of()
    for key in ("bulk-1", "bulk-2", "bulk-3"):
        queue.add(key)
    for number in range(6):
        queue.add(f"urgent-{number}", urgent=True)
    order = [await queue.get() for _ in range(9)]
    assert order == [*(f"urgent-{n}" for n in range(4)), "bulk-1", "urgent-4", "urgent-5", "bulk-2", "bulk-3"]


async def test_a_waiting_key_that_becomes_urgent_changes_the_lane_and_comes_once() -> None:
    queue = queue_of()
    for key in ("a", "b", "c"):
        queue.add(key)
    queue.add("c", urgent=True)
    queue.add("c")
    assert len(queue) == 3
    assert [await queue.get() for _ in range(3)] == ["c", "a", "b"]
    assert len(queue) == 0


async def test_a_key_that_becomes_urgent_while_processed_comes_back_urgent() -> None:
    queue = queue_of()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("b")
    queue.add("a", urgent=True)
    queue.add("a")
    queue.done("a")
    assert [await queue.get() for _ in range(2)] == ["a", "b"]


async def test_a_key_added_while_processed_waits_for_done_and_comes_once() -> None:
    queue = queue_of()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_get_waits_for_an_add() -> None:
    queue = queue_of()
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await getting == "a"


async def test_a_cancelled_getter_passes_its_wake_up_on() -> None:
    queue = queue_of()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 1) == "a"
    assert first.cancelled()


async def test_add_after_delivers_in_time_order() -> None:
    queue = queue_of()
    queue.add_after("late", 0.02)
    queue.add_after("early", 0.005)
    queue.add_after("now", 0)
    assert (len(queue), queue.delayed) == (1, 2)
    assert [await queue.get() for _ in range(3)] == ["now", "early", "late"]
    assert queue.delayed == 0


@pytest.mark.parametrize("delays", [(50.0, 10.0), (10.0, 50.0)])
async def test_of_two_due_times_the_earlier_wins(delays: tuple[float, float]) -> None:
    queue = queue_of()
    for delay in delays:
        queue.add_after("a", delay)
    assert due(queue, "a") == pytest.approx(10.0, abs=0.1)
    assert queue.delayed == 1


async def test_back_off_doubles_up_to_its_limit_and_forget_resets_it() -> None:
    queue = queue_of(base_delay=10.0, max_delay=60.0)
    delays = []
    for _ in range(5):
        queue.add_rate_limited("a")
        delays.append(round(due(queue, "a")))
        queue._timers.pop("a").cancel()
    queue.forget("a")
    queue.add_rate_limited("a")
    assert [*delays, round(due(queue, "a"))] == [10, 20, 40, 60, 60, 10]


async def test_back_off_survives_a_key_that_fails_for_ever() -> None:
    queue = queue_of(max_delay=60.0)
    queue._failures["a"] = 100_000
    queue.add_rate_limited("a")
    assert due(queue, "a") == pytest.approx(60.0, abs=0.1)


def test_jitter_only_shortens() -> None:
    factors = [full_jitter() for _ in range(200)]
    assert 0.5 <= min(factors) < 0.6
    assert 0.9 < max(factors) <= 1.0


async def test_shut_down_ends_waiting_getters_and_drops_what_waits() -> None:
    queue = queue_of()
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add_after("later", 0.001)
    queue.shut_down()
    with pytest.raises(ShutDown):
        await getting
    queue.add("a")
    queue.add_after("b", 1)
    assert (len(queue), queue.delayed) == (0, 0)
    with pytest.raises(ShutDown):
        await queue.get()


async def test_workers_never_share_a_key_and_lose_no_change() -> None:
    queue = queue_of()
    active: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    seen: Counter[str] = Counter()

    async def handle(key: str) -> None:
        active[key] += 1
        assert active[key] == 1
        seen[key] = wanted[key]
        await asyncio.sleep(0.0005)
        active[key] -= 1

    async with asyncio.TaskGroup() as group:
        group.create_task(queue.run_workers(8, handle))
        for step in range(300):
            key = f"key-{step % 5}"
            wanted[key] += 1
            queue.add(key)
            if step % 7 == 0:
                await asyncio.sleep(0)
        await eventually(lambda: seen == wanted and not queue._processing)
        queue.shut_down()


async def test_the_returned_seconds_requeue_and_success_resets_the_back_off() -> None:
    queue = queue_of()
    calls = 0

    async def handle(key: str) -> float | None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("first try")
        if calls == 2:
            return 0.001
        queue.shut_down()
        return None

    queue.add("a")
    await asyncio.wait_for(queue.run_workers(1, handle), 2)
    assert calls == 3
    assert queue._failures == {}


async def test_a_failing_handler_is_logged_with_traceback_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    queue = queue_of()
    failures = [ValueError("a bug"), Unreachable("GET /x: no route")]

    async def handle(key: str) -> None:
        if failures:
            raise failures.pop(0)
        queue.shut_down()

    queue.add("a")
    with caplog.at_level(logging.WARNING, "devworkspace.kube"):
        await asyncio.wait_for(queue.run_workers(2, handle), 2)
    bug, outage = caplog.records
    assert (bug.levelname, bug.exc_info is not None) == ("ERROR", True)
    assert (outage.levelname, outage.exc_info) == ("WARNING", None)
    assert "no route" in outage.getMessage()


async def test_the_servers_retry_after_outweighs_a_shorter_back_off() -> None:
    queue = queue_of()
    failed = asyncio.Event()

    async def handle(key: str) -> None:
        failed.set()
        raise TooManyRequests(status=429, reason="TooManyRequests", message="busy", retry_after=20.0)

    queue.add("a")
    workers = asyncio.create_task(queue.run_workers(1, handle))
    await failed.wait()
    await eventually(lambda: queue.delayed == 1)
    assert due(queue, "a") == pytest.approx(20.0, abs=0.5)
    queue.shut_down()
    await workers


async def test_cancelling_the_workers_releases_the_key() -> None:
    queue = queue_of()

    async def handle(key: str) -> None:
        await asyncio.Event().wait()

    queue.add("a")
    workers = asyncio.create_task(queue.run_workers(1, handle))
    await eventually(lambda: queue._processing == {"a"})
    workers.cancel()
    with pytest.raises(asyncio.CancelledError):
        await workers
    assert queue._processing == set()
