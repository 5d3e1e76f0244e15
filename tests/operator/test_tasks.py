"""A process ends, whatever its tasks do."""

import asyncio
import contextlib

import pytest

from devworkspace.operator.tasks import end_all


async def deaf(times: int) -> None:
    """Misses so many cancellations."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("it broke")


async def started(*parts: "asyncio.Task[None]") -> None:
    await asyncio.sleep(0)
    assert not any(part.cancelled() for part in parts)


async def test_a_cancellation_that_got_lost_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    task = asyncio.create_task(deaf(1), name="a worker")
    await started(task)
    assert await end_all([task], seconds=0.2)
    assert task.cancelled()
    assert "a worker has not ended: it waits at [<frame" in caplog.text


async def test_what_does_not_end_keeps_nobody(caplog: pytest.LogCaptureFixture) -> None:
    stuck, other = asyncio.create_task(deaf(2), name="stuck"), asyncio.create_task(deaf(0), name="other")
    await started(stuck, other)
    assert not await end_all([stuck, other], seconds=0.2)
    assert other.cancelled()
    assert not stuck.done()
    assert caplog.text.count("stuck has not ended") == 2
    assert "other has not ended" not in caplog.text
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck


async def test_none_and_those_that_have_ended_are_no_work() -> None:
    failed = asyncio.create_task(broken())
    await asyncio.wait([failed])
    assert await end_all([])
    assert await end_all([failed])
