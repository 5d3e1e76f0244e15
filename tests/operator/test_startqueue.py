"""Places that are given out, over random histories with failures, deletions and restarts of the operator."""

import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus, WorkspaceInstance
from devworkspace.api.meta import Condition
from devworkspace.core.limits import Limits
from devworkspace.core.pacing import Hold, read_position, starting_until
from devworkspace.core.timestamps import format_timestamp
from devworkspace.operator.startqueue import StartQueue
from tests.support.builders import NOW, make_instance, make_template

TEMPLATE = make_template(lifecycle={"startTimeout": "1m"})
PLACES = 3
LIMITS = Limits(starts=PLACES)


class Crowd:
    """Instances with their statuses, as a server keeps them, and the queue of the operator that works now."""

    def __init__(self, count: int) -> None:
        self.now = NOW
        self.instances = {f"uid-{number:02}": new(number) for number in range(count)}
        self.queue = StartQueue()
        self.told = dict.fromkeys(self.instances, 0)

    def write(self, uid: str, status: InstanceStatus) -> None:
        self.instances[uid] = replace(self.instances[uid], status=status)
        self.told[uid] += 1
        self.see(uid)

    def see(self, uid: str) -> None:
        instance = self.instances[uid]
        self.queue.see(instance, starting_until(instance, TEMPLATE))

    def restart(self) -> None:
        self.queue = StartQueue()
        for uid in self.instances:
            self.see(uid)

    def ask(self, uid: str) -> Hold | None:
        return self.queue.ask(self.instances[uid], LIMITS, self.now)

    def wanting(self) -> list[str]:
        return [uid for uid, known in self.instances.items() if known.status.phase in (None, "Pending")]

    def starting(self) -> list[str]:
        alive = {uid: starting_until(known, TEMPLATE) for uid, known in self.instances.items()}
        return [uid for uid, until in alive.items() if until is not None and until > self.now]

    def take_turn(self, uid: str) -> None:
        """One round, whose write arrives."""
        hold, old = self.ask(uid), self.instances[uid].status
        if hold is None:
            self.write(uid, InstanceStatus(phase="Provisioning", started_at=format_timestamp(self.now)))
        elif hold.message != old.message:
            ready = Condition(type="Ready", status="False", reason=reasons.START_QUEUED)
            since = old.started_at or format_timestamp(self.now)
            self.write(uid, InstanceStatus("Pending", message=hold.message, started_at=since, conditions=(ready,)))
        self.queue.decided(uid)
        self.see(uid)


def new(number: int) -> WorkspaceInstance:
    metadata = {"uid": f"uid-{number:02}", "creationTimestamp": "2026-11-24T12:00:00Z"}
    return make_instance(f"e{number:02}", metadata=metadata)


@pytest.mark.parametrize("seed", range(60))
def test_never_too_many_and_everybody_s_turn_comes(seed: int) -> None:
    dice = random.Random(seed)
    crowd = Crowd(count := dice.randint(1, 25))
    for _ in range(2000):
        crowd.now += timedelta(seconds=dice.choice([0, 0, 1, 2]))
        happening = dice.random()
        if happening < 0.02:
            crowd.restart()
        elif happening < 0.05 and (wanting := crowd.wanting()):
            # Decided, and the process or the write fails before anybody knows.
            uid = dice.choice(wanting)
            crowd.ask(uid)
            crowd.queue.decided(uid)
            crowd.see(uid)
        elif happening < 0.4 and (starting := crowd.starting()):
            ended = dice.choice([InstanceStatus(phase="Running"), InstanceStatus(phase="Failed")])
            crowd.write(dice.choice(starting), ended)
        elif wanting := crowd.wanting():
            crowd.take_turn(dice.choice(wanting))
        assert len(crowd.starting()) <= PLACES
        if not crowd.wanting():
            break
    assert crowd.wanting() == []
    assert len(crowd.queue) == 0
    # Queued once, told a few times how it goes on, started, and its end.
    assert max(crowd.told.values()) <= 4 + count.bit_length()


def test_decisions_of_the_same_moment_share_the_places() -> None:
    crowd = Crowd(5)
    holds = {uid: crowd.ask(uid) for uid in crowd.instances}
    assert [uid for uid, hold in holds.items() if hold is None] == ["uid-00", "uid-01", "uid-02"]
    assert "place 1 of 1" in str(holds["uid-03"])
    assert "place 2 of 2" in str(holds["uid-04"])


def test_nobody_overtakes_who_waits() -> None:
    crowd = Crowd(6)
    for uid in crowd.instances:
        crowd.take_turn(uid)
    crowd.write("uid-00", InstanceStatus(phase="Running"))
    crowd.now += timedelta(seconds=1)
    assert crowd.queue.next(LIMITS) == (crowd.instances["uid-03"].metadata.key,)
    assert crowd.ask("uid-05") is not None
    assert crowd.ask("uid-03") is None


def test_a_start_that_nobody_ends_loses_its_place_with_its_timeout() -> None:
    crowd = Crowd(4)
    for uid in crowd.instances:
        crowd.take_turn(uid)
    crowd.now += timedelta(seconds=59)
    assert crowd.ask("uid-03") is not None
    crowd.now += timedelta(seconds=1)
    assert crowd.ask("uid-03") is None


def test_what_is_gone_waits_no_more() -> None:
    crowd = Crowd(5)
    for uid in crowd.instances:
        crowd.take_turn(uid)
    crowd.queue.forget("uid-03")
    crowd.queue.forget("uid-00")
    assert crowd.ask("uid-04") is None
    assert len(crowd.queue) == 0


def test_a_place_that_was_decided_on_counts_until_its_round_ends() -> None:
    crowd = Crowd(4)
    for uid in ("uid-00", "uid-01", "uid-02"):
        assert crowd.ask(uid) is None
    hold = crowd.ask("uid-03")
    assert hold is not None
    crowd.queue.decided("uid-03")
    crowd.see("uid-03")
    crowd.queue.decided("uid-01")
    crowd.see("uid-01")
    assert len(crowd.queue) == 0, "what no status tells of waits for one round only"
    assert crowd.ask("uid-03") is None
    assert read_position(crowd.instances["uid-03"].status) is None
