"""Access reviews: what is asked, what is shared, how long an answer counts, what happens when there is none."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from devworkspace.kube import errors
from devworkspace.kube.review import AccessReviewer
from devworkspace.kube.transport import RetryPolicy
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import client_of, eventually

REVIEWS = "subjectaccessreviews"


@dataclass
class Asking:
    server: FakeApiServer
    reviewer: AccessReviewer
    moment: float = 100.0

    async def ask(self, user: str = "ann", *, name: str = "env", **changes: Any) -> bool:
        arguments = {
            "groups": ["dev", "system:authenticated"],
            "extra": {"scope": ["a"]},
            "verb": "create",
            "group": "devworkspace.kubesphere.io",
            "resource": "workspaceinstances",
            "subresource": "connect",
            "namespace": "team",
        } | changes
        groups, extra = arguments.pop("groups"), arguments.pop("extra")
        return await self.reviewer.allowed(user, groups, extra, name=name, **arguments)


@asynccontextmanager
async def asking(
    *, allowed: bool = True, client: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Asking]:
    async with FakeApiServer(authorize=lambda spec: allowed) as server, client_of(server, **(client or {})) as api:
        state = Asking(server, None)  # type: ignore[arg-type]
        state.reviewer = AccessReviewer(api, monotonic=lambda: state.moment, **options)
        yield state
        await state.reviewer.close()


async def test_the_question_is_complete() -> None:
    async with asking() as a:
        assert await a.ask() is True
        assert a.server.reviews == [
            {
                "user": "ann",
                "groups": ["dev", "system:authenticated"],
                "extra": {"scope": ["a"]},
                "resourceAttributes": {
                    "verb": "create",
                    "group": "devworkspace.kubesphere.io",
                    "resource": "workspaceinstances",
                    "subresource": "connect",
                    "namespace": "team",
                    "name": "env",
                },
            }
        ]


@pytest.mark.parametrize(("allowed", "ttl"), [(True, 15.0), (False, 5.0)])
async def test_an_answer_counts_for_its_time(allowed: bool, ttl: float) -> None:
    async with asking(allowed=allowed) as a:
        assert await a.ask() is allowed
        a.moment += ttl - 0.1
        assert await a.ask() is allowed
        assert len(a.server.reviews) == 1
        a.server.authorize = lambda spec: not allowed
        a.moment += 0.1
        assert await a.ask() is not allowed
        assert len(a.server.reviews) == 2


async def test_a_slow_answer_is_as_old_as_its_question() -> None:
    async with asking() as a:
        a.server.faults.append(Fault(verb="create", resource=REVIEWS, delay=0.02))
        asked = asyncio.create_task(a.ask())
        await eventually(lambda: a.server.reviews)
        a.moment += 14.0
        await asked
        a.moment += 1.0
        await a.ask()
        assert len(a.server.reviews) == 2


async def test_equal_questions_at_once_share_one_request() -> None:
    async with asking() as a:
        answers = await asyncio.gather(
            *(a.ask() for _ in range(20)), a.ask(groups=["system:authenticated", "dev", "dev"])
        )
        assert (set(answers), len(a.server.reviews)) == ({True}, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "bob"},
        {"groups": ["dev"]},
        {"groups": []},
        {"extra": {}},
        {"extra": {"scope": ["b"]}},
        {"verb": "get"},
        {"group": ""},
        {"resource": "pods"},
        {"subresource": ""},
        {"namespace": "other"},
        {"name": ""},
    ],
)
async def test_different_questions_share_nothing(changes: dict[str, Any]) -> None:
    async with asking() as a:
        a.server.authorize = lambda spec: len(a.server.reviews) == 1
        assert await a.ask() is True
        assert await a.ask(**changes) is False
        assert len(a.server.reviews) == 2


async def test_denied_outweighs_allowed() -> None:
    async with asking() as a:
        a.server.review_status = lambda spec: {"allowed": True, "denied": True}
        assert await a.ask() is False


@pytest.mark.parametrize("status", [{}, {"allowed": False, "evaluationError": "no such role"}])
async def test_an_answer_without_a_yes_is_a_no(status: Mapping[str, Any]) -> None:
    async with asking() as a:
        a.server.review_status = lambda spec: dict(status)
        assert await a.ask() is False


async def test_an_answer_of_another_shape_is_an_error_and_not_remembered() -> None:
    async with asking() as a:
        a.server.review_status = lambda spec: None
        with pytest.raises(errors.DecodeError):
            await a.ask()
        a.server.review_status = None
        assert await a.ask() is True


async def test_a_failure_raises_for_everybody_and_is_not_remembered() -> None:
    async with asking(client={"retry": RetryPolicy(attempts=1)}) as a:
        a.server.faults.append(Fault(resource=REVIEWS, status=500))
        outcomes = await asyncio.gather(*(a.ask() for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [errors.ServerError] * 3
        assert await a.ask() is True
        assert len(a.server.reviews) == 2


async def test_an_expired_yes_does_not_outlive_a_failing_server() -> None:
    async with asking(client={"retry": RetryPolicy(attempts=1)}) as a:
        assert await a.ask() is True
        a.moment += 15.0
        a.server.faults.append(Fault(resource=REVIEWS, status=503))
        with pytest.raises(errors.ServerError):
            await a.ask()


async def test_one_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    async with asking() as a:
        a.server.faults.append(Fault(resource=REVIEWS, delay=0.02))
        first, second = asyncio.create_task(a.ask()), asyncio.create_task(a.ask())
        await eventually(lambda: a.server.reviews)
        first.cancel()
        assert await second is True
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(a.server.reviews) == 1


async def test_a_failure_that_nobody_waits_for_is_no_complaint_of_the_loop() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    async with asking(client={"retry": RetryPolicy(attempts=1)}) as a:
        a.server.faults.append(Fault(resource=REVIEWS, delay=0.01, status=500))
        asked = asyncio.create_task(a.ask())
        await eventually(lambda: a.server.reviews)
        asked.cancel()
        await eventually(lambda: not a.reviewer._asking)
        del asked
        gc.collect()
    assert complaints == []


async def test_close_ends_what_is_under_way() -> None:
    async with asking() as a:
        a.server.faults.append(Fault(resource=REVIEWS, hang=True))
        asked = asyncio.create_task(a.ask())
        await eventually(lambda: a.server.reviews)
        await a.reviewer.close()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_the_least_recently_used_answer_goes_first() -> None:
    async with asking(max_entries=2) as a:
        await a.ask(name="one")
        await a.ask(name="two")
        await a.ask(name="one")
        await a.ask(name="three")
        assert len(a.server.reviews) == 3
        await a.ask(name="one")
        assert len(a.server.reviews) == 3
        await a.ask(name="two")
        assert len(a.server.reviews) == 4


async def test_nobody_is_not_asked_about() -> None:
    async with asking() as a:
        with pytest.raises(ValueError, match="needs a user"):
            await a.ask("")
        assert a.server.reviews == []
