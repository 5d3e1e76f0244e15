"""From what was learned follow the plans: each write, each kind of request."""

from tests.faults.catalogue import find_moments, make_clock_plans, make_fast_plans, make_plans
from tests.faults.proxy import Write
from tests.faults.request import ApiRequest


def write(verb: str, resource: str, name: str, *, status: int = 200, subresource: str = "") -> tuple[Write, str]:
    request = ApiRequest(verb=verb, resource=resource, subresource=subresource, name=name)
    return Write(request, status, 0.0), name


WRITES = [
    write("apply", "workspaceinstances", "first", subresource="status"),
    write("apply", "pods", "first-<id of first>", status=201),
    write("apply", "leases", "operator"),
    write("apply", "pods", "first-<id of first>", status=409),
    write("apply", "pods", "first-<id of first>"),
]
REQUESTS = [ApiRequest(verb=verb, resource="pods") for verb in ("list", "watch", "apply", "get")]

TOLD = {"pods": 5, "nodes": 1}


def test_each_write_that_was_done_is_a_moment_of_its_own() -> None:
    assert [str(moment) for moment in find_moments(WRITES)] == [
        "apply workspaceinstances/status first #1",
        "apply pods first-* #1",
        "apply pods first-* #2",
    ]


def test_each_write_has_three_plans_and_each_kind_of_request_its_failures() -> None:
    ids = [plan.id for plan in make_plans(WRITES, REQUESTS, told=TOLD, seed=1)]
    assert len(ids) == len(set(ids))
    for family in ("crash-before", "crash-after", "lost-reply"):
        assert sum(name.startswith(f"{family}/") for name in ids) == 3
    for family in ("refused", "hang"):
        assert {f"{family}/{verb} pods" for verb in ("list", "watch", "apply", "get")} <= set(ids)
    for family in ("broken", "late"):
        assert {f"{family}/{verb} pods" for verb in ("list", "apply", "get")} <= set(ids)
    assert {"watch-ends/pods", "watch-silent/all", "watch-lines/pods", "stale/pods"} <= set(ids)


def test_the_random_plans_follow_from_the_seed() -> None:
    writes = WRITES * 3
    once, again, other = (make_plans(writes, REQUESTS, told=TOLD, seed=seed) for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_the_fast_plans_are_of_every_family_and_wait_for_no_timeout() -> None:
    plans = make_plans(WRITES * 3, REQUESTS, told=TOLD, seed=1)
    fast = make_fast_plans(plans, seed=1, count=12)
    assert len(fast) == 12
    assert not any(plan.slow for plan in fast)
    families = {plan.id.partition("/")[0] for plan in plans if not plan.slow}
    assert {plan.id.partition("/")[0] for plan in fast} == families


LIFE = [
    *WRITES,
    write("patch", "pods", "first-<id of first>"),
    write("patch", "workspaceinstances", "first"),
    write("apply", "workspaceinstances", "first", subresource="status"),
]


def test_what_the_clock_writes_has_plans_for_crashes_wrong_clocks_and_two_operators() -> None:
    plans = make_clock_plans(LIFE, LIFE, begun=len(WRITES))
    ids = [plan.id for plan in plans]
    assert len(ids) == len(set(ids))
    assert {plan.life for plan in plans} == {"clock"}
    for family in ("clock-crash-before", "clock-crash-after", "clock-lost-reply"):
        assert sum(name.startswith(f"{family}/") for name in ids) == 3
    stop = "patch workspaceinstances first #1"
    wrong = {f"{family}/{hour} {stop}" for family in ("clock-jumps", "clock-restarts") for hour in ("+1 h", "-1 h")}
    assert wrong <= set(ids)
    assert {"two-leaders/undisturbed", f"two-leaders/crash-after {stop}", f"overtaken/{stop}"} <= set(ids)
    assert {plan.operators for plan in plans} == {"one", "leaders", "replicas"}


def test_a_usual_start_and_what_one_run_only_has_written_are_no_moments_of_the_clock() -> None:
    again = LIFE[:-1]
    ids = " ".join(plan.id for plan in make_clock_plans(LIFE, again, begun=len(WRITES)))
    assert "status first #1" not in ids
    assert "status first #2" not in ids
    assert "patch pods first-* #1" in ids
