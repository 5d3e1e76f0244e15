"""The ledger sees what a run did, also what was true for a moment only."""

from typing import Any

from tests.faults.snapshot import count_changes, differences, take_snapshot
from tests.faults.truth import Ledger

UID = "0123456789abcdef"


def pod(name: str, uid: str, *, phase: str = "Running") -> dict[str, Any]:
    volumes = [{"persistentVolumeClaim": {"claimName": "data"}}, {"emptyDir": {}}]
    metadata = {"namespace": "team", "name": name, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": metadata, "spec": {"volumes": volumes}, "status": {"phase": phase, "podIP": "10.0.0.1"}}


def ledger_of(*events: tuple[str, str, dict[str, Any]]) -> Ledger:
    ledger = Ledger(namespace="team", template="base")
    instance = {"metadata": {"namespace": "team", "name": "first", "uid": UID}, "spec": {"templateRef": "base"}}
    for resource, kind, item in (("workspaceinstances", "ADDED", instance), *events):
        ledger(resource, kind, item)
    return ledger


def test_two_live_pods_on_one_volume_are_noted_even_when_one_goes_at_once() -> None:
    ledger = ledger_of(
        ("pods", "ADDED", pod("a", "1")), ("pods", "ADDED", pod("b", "2")), ("pods", "DELETED", pod("a", "1"))
    )
    assert ledger.shared_volumes == ["data: a (1), b (2)"]


def test_a_pod_that_has_ended_shares_nothing() -> None:
    ledger = ledger_of(("pods", "ADDED", pod("a", "1", phase="Failed")), ("pods", "ADDED", pod("b", "2")))
    assert ledger.shared_volumes == []


def test_a_volume_that_was_made_twice_has_two_uids() -> None:
    volumes = [{"metadata": {"namespace": "team", "name": "data", "uid": uid}} for uid in ("v1", "v2")]
    ledger = ledger_of(*(("persistentvolumeclaims", "ADDED", volume) for volume in volumes))
    assert dict(ledger.volume_uids) == {"data": ["v1", "v2"]}


def test_what_was_made_and_deleted_is_counted_by_its_general_name() -> None:
    name = f"first-{UID[:8]}"
    ledger = ledger_of(
        ("pods", "ADDED", pod(name, "1")), ("pods", "DELETED", pod(name, "1")), ("pods", "ADDED", pod(name, "2"))
    )
    assert count_changes(ledger)["pods first-<id of first>"] == (2, 1)


def test_other_namespaces_are_left_out() -> None:
    foreign = pod("a", "1")
    foreign["metadata"]["namespace"] = "other"
    assert ("pods", "a") not in ledger_of(("pods", "ADDED", foreign)).objects


def test_a_snapshot_has_no_uids_times_and_secrets_but_keeps_keys_and_phases() -> None:
    secret = {"metadata": {"namespace": "team", "name": "s", "uid": "2"}, "data": {"hashed-password": "c2VjcmV0"}}
    snapshot = take_snapshot(ledger_of(("pods", "ADDED", pod(f"first-{UID[:8]}", "1")), ("secrets", "ADDED", secret)))
    assert snapshot["secrets s"]["data"] == {"hashed-password": "<secret>"}
    assert snapshot["pods first-<id of first>"]["status"] == {"phase": "Running", "podIP": "<place>"}
    assert snapshot["pods first-<id of first>"]["metadata"] == {
        "namespace": "<namespace>",
        "name": "first-<id of first>",
        "creationTimestamp": "<time>",
    }


def test_differences_are_told_by_place() -> None:
    expected = {"a": {"b": [1, 2]}, "c": 1}
    assert differences(expected, {"a": {"b": [1, 3]}, "d": 2}) == [
        "a.b[1] is 3, expected 2",
        "c is missing, expected 1",
        "d is 2, expected nothing",
    ]
    assert differences(expected, {"a": {"b": [1]}, "c": 1}) == ["a.b is [1], expected [1, 2]"]
    assert differences(expected, expected) == []
