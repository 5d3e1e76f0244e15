"""Every oracle passes a good run and fails a bad one: an oracle that cannot fail proves nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults import oracles
from tests.faults.oracles import ORACLES, Evidence, Oracle, Reference, judge
from tests.faults.plan import Fault, Match, Plan
from tests.faults.request import ApiRequest
from tests.faults.truth import Promise, Turn

FAULT = Fault(match=Match(verb="apply"), when="before_commit", action="kill")
STATES = {"create": {"pods first": {"status": {"phase": "Running"}}, "secrets first": {"data": {"key": "<secret>"}}}}
CHANGES = {"pods first": (2, 2)}
DUE = datetime(2026, 11, 26, 18, tzinfo=UTC)
TURNS = [Turn("first", "run", DUE - timedelta(hours=9)), Turn("first", "stop", DUE + timedelta(seconds=2))]
REFERENCE = Reference(snapshots=STATES, changes=CHANGES, turns=TURNS)
WRONG_CLOCK = Fault(match=Match(verb="apply"), when="before_commit", action="clock", seconds=3600, lasting=8)


def owned(kind: str, *, uid: str, name: str = "child", **labels: str) -> dict[str, Any]:
    ours = {"app.kubernetes.io/managed-by": "devworkspace-operator", oracles.UID_LABEL: uid}
    return {"kind": kind, "metadata": {"name": name, "uid": "x", "labels": ours | labels}}


INSTANCE: dict[str, Any] = {"kind": "WorkspaceInstance", "metadata": {"name": "first", "uid": "u1"}}
GOOD = Evidence(
    plan=Plan(id="test", faults=(FAULT,)),
    snapshots=STATES,
    changes=CHANGES,
    volume_uids={"first": ["v1"]},
    left_over=[INSTANCE, owned("pods", uid="u1"), owned("claims", uid="u2", **{oracles.RETAINED: "true"})],
    file_hashes={"create": "abc", "start": "abc"},
    turns=TURNS,
    promises=[Promise(1, DUE)],
    log=json.dumps({"level": "warning", "event": "cannot process team/first, will retry", "logger": "kube"}) + "\n",
    visible_texts={"Events": "the pod was evicted"},
    hidden_texts={"the master key": "s3cr3t"},
)


def log(**record: str) -> str:
    return json.dumps({"logger": "kube"} | record) + "\n"


BAD: list[tuple[Oracle, dict[str, Any], str]] = [
    (oracles.same_states, {"snapshots": {}}, "step 'create' was not reached"),
    (
        oracles.same_states,
        {"snapshots": {"create": STATES["create"] | {"pods first": {"status": {"phase": "Pending"}}}}},
        """after 'create': pods first.status.phase is "Pending", expected "Running\"""",
    ),
    (
        oracles.same_states,
        {"snapshots": {"create": STATES["create"] | {"secrets first": {"data": {}}}}},
        """after 'create': secrets first.data.key is missing, expected "<secret>\"""",
    ),
    (
        oracles.same_changes,
        {"changes": {"pods first": (3, 2)}},
        "pods first: created 3 and deleted 2 times, expected 2, 2",
    ),
    (
        oracles.same_changes,
        {"changes": CHANGES | {"services other": (1, 0)}},
        "services other: created 1 and deleted 0 times, expected 0, 0",
    ),
    (oracles.one_volume, {"volume_uids": {"first": ["v1", "v2"]}}, "first was 2 volumes: ['v1', 'v2']"),
    (
        oracles.one_volume,
        {"file_hashes": {"create": "abc", "start": "def"}},
        "the file in the volume changed: {'create': 'abc', 'start': 'def'}",
    ),
    (oracles.one_pod_for_a_volume, {"shared_volumes": ["first: a, b"]}, "two live pods on one volume: first: a, b"),
    (
        oracles.handed_out_once,
        {"taken_by": {"pods a-pool-1 (u)": ["first", "second"], "pods a-pool-2 (v)": ["third"]}},
        "pods a-pool-1 (u) was first, second's",
    ),
    (oracles.no_orphan, {"left_over": [INSTANCE, owned("pods", uid="u2")]}, "pods child belongs to nobody"),
    (oracles.no_orphan, {"left_over": [owned("NetworkPolicy", uid="")]}, "NetworkPolicy child belongs to nobody"),
    (
        oracles.silence,
        {"writes_in_silence": [ApiRequest(verb="apply", resource="pods", name="first-1")]},
        "written at rest: apply pods first-1",
    ),
    (
        oracles.same_turns,
        {"turns": [*TURNS, Turn("first", "run", DUE), Turn("first", "stop", DUE)]},
        "turns were ['first: run', 'first: stop', 'first: run', 'first: stop'], expected ['first: run', 'first: stop']",
    ),
    (
        oracles.nobody_early,
        {"turns": [TURNS[0], Turn("first", "stop", DUE - timedelta(seconds=30))]},
        "first was told to stop 30 s too early",
    ),
    (
        oracles.clock_was_wrong,
        {"plan": Plan(id="test", faults=(WRONG_CLOCK,)), "clock_errors": [0.1, -3600.0]},
        "no write of the operator shows that its clock was off by 3600 s",
    ),
    (oracles.faults_happened, {"missing": [FAULT]}, f"never happened: kill at {FAULT.match}"),
    (oracles.quiet_log, {"log": log(level="error", event="it broke")}, "log: kube: it broke"),
    (
        oracles.quiet_log,
        {"log": log(level="warning", event="odd", exception="Traceback: KeyError")},
        "log: kube: odd Traceback: KeyError",
    ),
    (oracles.quiet_log, {"log": "Traceback (most recent call last):\n"}, "log: Traceback (most recent call last):"),
    (
        oracles.quiet_log,
        {"exits": ["the operator ended by itself with code 1"]},
        "log: the operator ended by itself with code 1",
    ),
    (oracles.no_secret, {"log": log(level="info", event="key is s3cr3t")}, "the master key stands in log"),
    (oracles.no_secret, {"visible_texts": {"status": "see s3cr3t"}}, "the master key stands in status"),
]


def test_a_good_run_passes() -> None:
    assert judge(GOOD, REFERENCE) == []


@pytest.mark.parametrize(
    ("oracle", "changes", "problem"), BAD, ids=[f"{bad[0].__name__}: {bad[2][:40]}" for bad in BAD]
)
def test_a_bad_run_fails_with_its_reason(oracle: Oracle, changes: dict[str, Any], problem: str) -> None:
    evidence = replace(GOOD, **changes)
    assert problem in oracle(evidence, REFERENCE)
    assert judge(evidence, REFERENCE)


def test_every_oracle_is_seen_to_fail() -> None:
    assert {oracle for oracle, _, _ in BAD} == set(ORACLES)


def test_only_a_lost_lease_or_a_stalled_machine_explains_the_end_of_an_operator() -> None:
    ended = replace(GOOD, exits=["the operator ended by itself with code 1"])
    refused = Fault(match=Match(verb="update", resource="leases"), when="before_commit", action="status", status=500)
    assert judge(replace(ended, plan=Plan(id="test", faults=(refused,))), REFERENCE) == []
    assert judge(replace(ended, stalled=True), REFERENCE) == []
    assert judge(ended, REFERENCE)


def test_a_clock_that_was_seen_to_be_wrong_passes() -> None:
    wrong = replace(GOOD, plan=Plan(id="test", faults=(WRONG_CLOCK,)), clock_errors=[0.1, 3599.2])
    assert judge(wrong, REFERENCE) == []


def test_only_an_optional_fault_may_be_missing() -> None:
    optional = Fault(match=Match(verb="apply"), when="before_commit", action="drop", optional=True)
    assert judge(replace(GOOD, missing=[optional]), REFERENCE) == []


def test_half_a_line_of_a_killed_operator_is_no_error() -> None:
    cut = replace(GOOD, log=GOOD.log + '{"level": "info", "eve')
    assert judge(cut, REFERENCE) == []


def test_a_late_answer_is_explained_by_a_broken_request_only() -> None:
    late = log(
        level="error",
        logger="asyncio",
        event="Fatal error on SSL protocol\nprotocol: <uvloop.loop.SSLProtocol>",
        exception="RuntimeError: unable to perform operation on <TCPTransport closed=True>; the handler is closed",
    )
    answered = Fault(match=Match(verb="watch"), when="before_commit", action="status", status=410)
    assert oracles.quiet_log(replace(GOOD, log=late, plan=Plan(id="test", faults=(answered,))), REFERENCE) == []
    assert oracles.quiet_log(replace(GOOD, log=late), REFERENCE) != []
