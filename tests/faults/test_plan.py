"""A plan hits exactly the requests that it names."""

from tests.faults.__main__ import CORPUS
from tests.faults.plan import Fault, Match, Plan, Trigger, load_plan, refusal
from tests.faults.request import ApiRequest

POD = ApiRequest(verb="apply", resource="pods", name="demo-1")
STATUS = ApiRequest(verb="apply", resource="workspaceinstances", subresource="status", name="demo")


def trigger(**match: object) -> Trigger:
    fault = Fault(match=Match(**match), when="before_commit", action="kill")  # type: ignore[arg-type]
    return Trigger(Plan(id="test", faults=(fault,)))


def test_the_nth_request_of_its_kind_is_hit_and_no_other() -> None:
    hit = trigger(verb="apply", resource="pods", nth=2)
    assert [bool(hit.due(request)) for request in (POD, STATUS, POD, POD)] == [False, False, True, False]


def test_several_in_a_row_or_all_that_follow_are_hit() -> None:
    assert [len(trigger_.due(POD)) for trigger_ in [trigger(count=2)] for _ in range(3)] == [1, 1, 0]
    assert [len(trigger_.due(POD)) for trigger_ in [trigger(nth=2, count=0)] for _ in range(4)] == [0, 1, 1, 1]


def test_a_subresource_is_another_resource() -> None:
    hit = trigger(resource="workspaceinstances/status")
    assert not hit.due(ApiRequest(verb="apply", resource="workspaceinstances", name="demo"))
    assert hit.due(STATUS)


def test_a_name_may_be_a_pattern() -> None:
    assert trigger(name="demo-*").due(POD)
    assert not trigger(name="other-*").due(POD)


def test_what_did_not_happen_is_told() -> None:
    hit = trigger(verb="delete")
    assert hit.missing
    hit.due(POD)
    assert hit.missing
    hit.due(ApiRequest(verb="delete", resource="pods", name="demo-1"))
    assert not hit.missing


def test_a_printed_plan_can_be_read_again() -> None:
    fault = Fault(match=Match(verb="list", nth=3), when="on_reply", action="status", status=429, retry_after=1)
    plan = Plan(id="x", faults=(fault,), slow=True)
    assert load_plan(str(plan)) == plan


def test_a_refusal_is_a_status_as_the_api_server_says_it() -> None:
    assert refusal(429, retry_after=2)["details"] == {"retryAfterSeconds": 2}
    assert refusal(410)["reason"] == "Expired"


def test_the_corpus_can_be_read_and_names_no_plan_twice() -> None:
    files = sorted(CORPUS.glob("*.json"))
    assert [load_plan(file.read_bytes()).id for file in files] == [f"corpus/{file.stem}" for file in files]
    assert files
