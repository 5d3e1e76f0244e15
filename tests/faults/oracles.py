"""What must be true of every run, whatever went wrong in it. Each oracle returns what it found wrong, in words."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.faults.plan import Fault, Plan
from tests.faults.request import ApiRequest
from tests.faults.snapshot import Snapshot, differences
from tests.faults.truth import Promise, Turn

MANAGED_BY: Final = ("app.kubernetes.io/managed-by", "devworkspace-operator")
UID_LABEL: Final = "devworkspace.kubesphere.io/instance-uid"
RETAINED: Final = "devworkspace.kubesphere.io/retained"

Changes = dict[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One run. `hidden_texts` are what nobody may read: keys, tokens, credentials; `visible_texts` what people read.

    `stalled`: the machine or the control plane stood still for seconds, seen by the harness itself.
    """

    plan: Plan
    snapshots: dict[str, Snapshot]
    changes: Changes
    volume_uids: dict[str, list[str]]
    shared_volumes: list[str] = field(default_factory=list)
    taken_by: dict[str, list[str]] = field(default_factory=dict)
    left_over: list[dict[str, object]] = field(default_factory=list)
    writes_in_silence: list[ApiRequest] = field(default_factory=list)
    missing: list[Fault] = field(default_factory=list)
    exits: list[str] = field(default_factory=list)
    file_hashes: dict[str, str] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    clock_errors: list[float] = field(default_factory=list)
    log: str = ""
    stalled: bool = False
    visible_texts: dict[str, str] = field(default_factory=dict)
    hidden_texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The undisturbed run."""

    snapshots: dict[str, Snapshot]
    changes: Changes
    turns: list[Turn] = field(default_factory=list)


def same_states(evidence: Evidence, reference: Reference) -> list[str]:
    """After every step of the lifecycle the namespace is what it is in the undisturbed run."""
    for step, expected in reference.snapshots.items():
        if step not in evidence.snapshots:
            return [f"step '{step}' was not reached"]
        if lines := differences(expected, evidence.snapshots[step]):
            return [f"after '{step}': {line}" for line in lines]
    return []


def same_changes(evidence: Evidence, reference: Reference) -> list[str]:
    """Nothing is made or deleted more or less often."""
    keys = sorted(evidence.changes.keys() | reference.changes.keys())
    lines = []
    for key in keys:
        expected, found = reference.changes.get(key, (0, 0)), evidence.changes.get(key, (0, 0))
        if expected != found:
            lines.append(
                f"{key}: created {found[0]} and deleted {found[1]} times, expected {expected[0]}, {expected[1]}"
            )
    return lines


def one_volume(evidence: Evidence, _: Reference) -> list[str]:
    """A volume is made once and stays itself, and what is in it stays the same."""
    lines = [f"{name} was {len(uids)} volumes: {uids}" for name, uids in evidence.volume_uids.items() if len(uids) > 1]
    if len(set(evidence.file_hashes.values())) > 1:
        lines.append(f"the file in the volume changed: {evidence.file_hashes}")
    return lines


def one_pod_for_a_volume(evidence: Evidence, _: Reference) -> list[str]:
    """Never two live pods on one volume, at no time."""
    return [f"two live pods on one volume: {line}" for line in evidence.shared_volumes]


def handed_out_once(evidence: Evidence, _: Reference) -> list[str]:
    """What was made in advance has one owner, at no time another one, volume and pod alike."""
    return [f"{member} was {', '.join(owners)}'s" for member, owners in evidence.taken_by.items() if len(owners) > 1]


def no_orphan(evidence: Evidence, _: Reference) -> list[str]:
    """What is left belongs to an instance that exists, or is a volume that is marked as retained."""
    uids = {
        item["metadata"]["uid"]  # type: ignore[index]
        for item in evidence.left_over
        if item.get("kind") == "WorkspaceInstance"
    }
    lines = []
    for item in evidence.left_over:
        metadata: dict[str, dict[str, str]] = item["metadata"]  # type: ignore[assignment]
        labels = metadata.get("labels", {})
        if labels.get(MANAGED_BY[0]) != MANAGED_BY[1] or labels.get(UID_LABEL) in uids:
            continue
        if item.get("kind") == "NetworkPolicy" and uids:
            continue
        if labels.get(RETAINED) != "true":
            lines.append(f"{item.get('kind')} {metadata['name']} belongs to nobody")
    return lines


def same_turns(evidence: Evidence, reference: Reference) -> list[str]:
    """Nobody is started, stopped or deleted once more, or once less."""
    expected, found = ([f"{turn.name}: {turn.wish}" for turn in turns] for turns in (reference.turns, evidence.turns))
    return [] if expected == found else [f"turns were {found}, expected {expected}"]


def nobody_early(evidence: Evidence, _: Reference) -> list[str]:
    """Nobody is stopped, started or deleted before the time for it, by the clock that is right."""
    taken = [(promise.at, evidence.turns[promise.number : promise.number + 1]) for promise in evidence.promises]
    return [
        f"{turn.name} was told to {turn.wish} {(due - turn.at).total_seconds():.0f} s too early"
        for due, turns in taken
        for turn in turns
        if turn.at < due
    ]


def silence(evidence: Evidence, _: Reference) -> list[str]:
    """When all is as it should be, nothing is written."""
    return [f"written at rest: {request}" for request in evidence.writes_in_silence]


def faults_happened(evidence: Evidence, _: Reference) -> list[str]:
    """A plan that hit nothing proves nothing."""
    return [f"never happened: {fault.action} at {fault.match}" for fault in missed(evidence)]


# An operator renews its Lease every two seconds, and the machine may be slow.
_NEARLY_SECONDS: Final = 15.0


def clock_was_wrong(evidence: Evidence, _: Reference) -> list[str]:
    """The operator's own writes show the error that the plan has given to its clock."""
    happened = [fault for fault in evidence.plan.faults if fault not in evidence.missing]
    wanted = [fault.seconds for fault in happened if fault.action == "clock"]
    return [
        f"no write of the operator shows that its clock was off by {seconds:.0f} s"
        for seconds in wanted
        if not any(abs(seen - seconds) < _NEARLY_SECONDS for seen in evidence.clock_errors)
    ]


def missed(evidence: Evidence) -> list[Fault]:
    """The faults that did not happen although they had to."""
    return [fault for fault in evidence.missing if not fault.optional]


# Kopf tells each failed attempt of its own requests as an error, and goes on.
_KOPF_TRIES_AGAIN: Final = r"^kopf\.\S+: Request attempt #\d+/\d+ failed"
# One watch that is answered with what it does not understand ends all of Kopf; the operator starts it again.
_KOPF_GIVES_UP: Final = r"^kopf\._core\.reactor\.(orchestration|running): .* has failed: "
_KOPF_IS_STOPPED: Final = r"^asyncio: Exception in callback .*stream\.<locals>\.request_cancel_callback"
# uvloop's word for an answer that comes as its connection is being aborted; nobody waits for it any more.
_LATE_ANSWER: Final = r"(?s)^asyncio: Fatal error on SSL protocol.*RuntimeError: .* the handler is closed$"
# Errors that a fault brings about by its nature, told by the log of a healthy operator.
_EXPECTED_ERRORS: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    ("drop", "hang", "status", "cut", "gone", "stale", "truncate"),
    (_KOPF_TRIES_AGAIN, _KOPF_GIVES_UP, _KOPF_IS_STOPPED, _LATE_ANSWER),
)


# Who cannot renew its Lease ends, and is started again.
_LOST_LEASE: Final = r"stopped, another process may lead now|^the operator ended by itself with code 1$"


def _costs_the_lease(fault: Fault) -> bool:
    return fault.match.resource == "leases" or fault.action == "overtake"


def quiet_log(evidence: Evidence, _: Reference) -> list[str]:
    """No error that the faults do not explain, no traceback, no end of the program by itself."""
    faults = evidence.plan.faults
    allowed = [pattern for fault in faults for pattern in _EXPECTED_ERRORS.get(fault.action, ())]
    if evidence.stalled or any(_costs_the_lease(fault) for fault in faults):
        allowed.append(_LOST_LEASE)
    found = [*_errors(evidence.log), *evidence.exits]
    return [f"log: {line}" for line in found if not any(re.search(one, line) for one in allowed)]


def _errors(log: str) -> list[str]:
    found = []
    for line in log.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            # Only an interpreter that dies writes past the log's format. A crash may cut the last line.
            if line.strip() and not line.startswith("{"):
                found.append(line)
            continue
        if record.get("level") in ("error", "critical") or "exception" in record:
            found.append(f"{record.get('logger')}: {record.get('event')} {record.get('exception', '')}".strip())
    return found


def no_secret(evidence: Evidence, _: Reference) -> list[str]:
    """No key, token or credential in the log, in Events or in a status."""
    texts = {"log": evidence.log, **evidence.visible_texts}
    return [
        f"{what} stands in {where}"
        for where, text in texts.items()
        for what, hidden in evidence.hidden_texts.items()
        if hidden and hidden in text
    ]


Oracle = Callable[[Evidence, Reference], list[str]]

ORACLES: Final[tuple[Oracle, ...]] = (
    same_states,
    same_changes,
    one_volume,
    one_pod_for_a_volume,
    handed_out_once,
    no_orphan,
    same_turns,
    nobody_early,
    silence,
    faults_happened,
    clock_was_wrong,
    quiet_log,
    no_secret,
)


def judge(evidence: Evidence, reference: Reference) -> list[str]:
    """All that is wrong with a run; empty for a good one."""
    return [line for oracle in ORACLES for line in oracle(evidence, reference)]
