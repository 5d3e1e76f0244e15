"""Token reviews: what is asked, how long an answer counts, what happens when there is none."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from devworkspace.kube import errors
from devworkspace.kube.tokens import TokenReviewer, TokenUser
from devworkspace.kube.transport import RetryPolicy
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import client_of

ANN = TokenUser("ann", ("dev", "system:authenticated"))


@dataclass
class Asking:
    """`good` is what the API server says of the token `good`; `moment` the time."""

    server: FakeApiServer
    reviewer: TokenReviewer
    good: dict[str, Any] = field(default_factory=dict)
    moment: float = 100.0


@asynccontextmanager
async def asking(audience: str = "devworkspace", **options: Any) -> AsyncIterator[Asking]:
    good = {
        "authenticated": True,
        "user": {"username": "ann", "groups": ["dev", "system:authenticated"], "uid": "1"},
        "audiences": ["devworkspace"],
    }

    def identify(spec: Mapping[str, Any]) -> dict[str, Any]:
        return good if spec["token"] == "good" else {"authenticated": False, "error": "bad"}

    async with (
        FakeApiServer(identify=identify) as server,
        client_of(server, retry=RetryPolicy(attempts=1)) as client,
    ):
        state = Asking(server, None, good)  # type: ignore[arg-type]
        state.reviewer = TokenReviewer(client, audience=audience, monotonic=lambda: state.moment, **options)
        yield state


async def test_a_good_token_tells_its_user_and_a_bad_one_nobody() -> None:
    async with asking() as a:
        assert await a.reviewer.identify("good") == ANN
        assert await a.reviewer.identify("bad") is None
        assert a.server.reviews[0] == {"token": "good", "audiences": ["devworkspace"]}


async def test_a_token_for_another_audience_is_bad() -> None:
    async with asking() as a:
        a.good["audiences"] = ["https://kubernetes.default.svc"]
        assert await a.reviewer.identify("good") is None
    async with asking() as a:
        del a.good["audiences"]
        assert await a.reviewer.identify("good") is None


async def test_without_an_audience_the_api_servers_own_is_meant() -> None:
    async with asking(audience="") as a:
        assert await a.reviewer.identify("good") == ANN
        assert a.server.reviews == [{"token": "good"}]


@pytest.mark.parametrize(("token", "seconds"), [("good", 30.0), ("bad", 5.0)])
async def test_an_answer_counts_for_its_time(token: str, seconds: float) -> None:
    async with asking() as a:
        await a.reviewer.identify(token)
        a.moment += seconds - 0.1
        await a.reviewer.identify(token)
        assert len(a.server.reviews) == 1
        a.moment += 0.2
        await a.reviewer.identify(token)
        assert len(a.server.reviews) == 2


async def test_many_at_once_ask_once() -> None:
    async with asking(max_at_once=1) as a:
        answers = await asyncio.gather(*(a.reviewer.identify("good") for _ in range(20)))
        assert set(answers) == {ANN}
        assert len(a.server.reviews) == 1


async def test_no_more_answers_are_kept_than_allowed() -> None:
    async with asking(max_entries=2) as a:
        for number in range(5):
            await a.reviewer.identify(f"bad-{number}")
        assert len(a.reviewer._answers) == 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}])
async def test_a_question_without_an_answer_raises_and_is_asked_again(fault: dict[str, Any]) -> None:
    async with asking() as a:
        a.server.faults.append(Fault(verb="create", resource="tokenreviews", **fault))
        with pytest.raises(errors.ApiError):
            await a.reviewer.identify("good")
        assert await a.reviewer.identify("good") == ANN


async def test_an_answer_without_a_status_is_none() -> None:
    async with asking() as a:
        a.server.identify = lambda _: None  # type: ignore[assignment,return-value]
        with pytest.raises(errors.DecodeError):
            await a.reviewer.identify("good")
