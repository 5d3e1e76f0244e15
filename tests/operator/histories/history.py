"""One history: operators, their server, everybody else, and how all of it comes to rest."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from devworkspace.api.meta import Key
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube import resource as kinds
from tests.operator.histories.clock import VirtualLoop
from tests.operator.histories.judge import Judge, finalizers
from tests.operator.histories.replica import Replica
from tests.operator.histories.server import MemoryServer, Outcome, Waiting
from tests.operator.histories.truth import check_truth
from tests.operator.histories.world import FOREIGN_FINALIZER, NAMESPACES, Surroundings, key_of
from tests.support.builders import NOW

FOLLOWED: Final = (
    INSTANCES,
    TEMPLATES,
    kinds.PODS,
    kinds.PVCS,
    kinds.SERVICES,
    kinds.NETWORK_POLICIES,
    kinds.NAMESPACES,
    kinds.EVENTS,
)
# Longer than any timer of the operator: the longest pause before a failed pod is replaced is 5 minutes.
_QUIET_SECONDS: Final = 400.0
_STEP_SECONDS: Final = 100.0
# A history leaves at most six objects and a status for each environment to put right, some of them twice.
_WRITES_TO_REST: Final = 40
_ROUNDS_TO_REST: Final = 200
# Replies that follow upon each other without any time passing.
_REQUESTS_AT_ONCE: Final = 100


class _Errors(logging.Handler):
    """Keeps what the operator logs as an error: in a history that is a bug."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


class History:
    """A context manager. `leader` is None between a crash and the next start."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.skew = timedelta()
        self.server = MemoryServer(self._server_time)
        self.judge = Judge(self.server)
        self.world = Surroundings(self.server)
        self.standby: Replica | None = None
        self.leader: Replica | None = None
        self._errors = _Errors()
        logging.getLogger("devworkspace").addHandler(self._errors)
        self.start()

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        logging.getLogger("devworkspace").removeHandler(self._errors)
        for replica in self.replicas:
            replica.stop(commits=lambda _: False)
        self.loop.close()

    @property
    def replicas(self) -> tuple[Replica, ...]:
        return tuple(replica for replica in (self.leader, self.standby) if replica is not None)

    def _server_time(self) -> datetime:
        return NOW + timedelta(seconds=self.loop.time())

    def _operator_time(self) -> datetime:
        return self._server_time() + self.skew

    # Operators.

    def start(self) -> None:
        """A leader, if there is none: the standby, or a new process."""
        if self.leader is None:
            self.leader, self.standby = self.standby or self._new_replica(), None
            self.leader.lead()
        self.run()

    def _new_replica(self) -> Replica:
        replica = Replica(self.loop, self.server, self._operator_time)
        replica.start()
        return replica

    def stand_by(self) -> None:
        """A second process that follows and does not decide; what it has not been told yet stays untold."""
        if self.standby is None:
            self.standby = self._new_replica()

    def crash(self, commits: Callable[[Waiting], bool]) -> None:
        if self.leader is not None:
            leader, self.leader = self.leader, None
            leader.stop(commits=commits)

    def run(self) -> None:
        """Until every operator waits for an answer, an event or a time."""
        self.loop.run_until_idle()
        assert not self.loop.failures, f"a task failed unseen: {self.loop.failures}"
        assert not self._errors.records, "the operator logged an error:\n" + "\n".join(self._errors.records)

    def answer(self, number: int, outcome: Outcome = "answered") -> None:
        """Lets one waiting request have its outcome."""
        if waiting := self.server.sorted_waiting():
            self.server.release(waiting[number % len(waiting)], outcome)
        self.run()

    def answer_all(self) -> None:
        self.run()
        for _ in range(_REQUESTS_AT_ONCE):
            if not self.server.waiting:
                return
            for one in self.server.sorted_waiting():
                self.server.release(one)
            self.run()
        asked = [str(one.request) for one in self.server.sorted_waiting()]
        raise AssertionError(f"it asks again and again, without any pause: {asked}")

    def deliver_all(self) -> None:
        for replica in self.replicas:
            for resource in FOLLOWED:
                replica.deliver(resource)
        self.run()

    def advance(self, seconds: float) -> None:
        self.loop.advance(seconds)
        self.run()

    # Rest.

    def settle(self) -> int:
        """Lets everything get well and come to rest, and checks that all is as it should be; returns the writes."""
        self._heal()
        before = len(self.server.writes)
        self._come_to_rest()
        written = len(self.server.writes) - before
        keys = {write.round.key for write in self.server.writes[before:]}
        assert written <= _WRITES_TO_REST * max(1, len(keys)), f"{written} writes for {len(keys)} environments"
        check_truth(self.world, self.judge)
        self._check_silence()
        return written

    def _heal(self) -> None:
        self.skew = timedelta()
        self.world.exhausted.clear()
        self.world.define()
        for pod in self.world.objects(kinds.PODS):
            if pod["metadata"]["name"].startswith("debug"):
                self.server.store.delete(kinds.PODS, key_of(pod), grace=0)
        for instance in self.world.objects(INSTANCES):
            if FOREIGN_FINALIZER in finalizers(instance):
                self.world.hold(key_of(instance), held=False)
        self.start()

    def _come_to_rest(self) -> None:
        quiet = 0.0
        for _ in range(_ROUNDS_TO_REST):
            before = self.server.store.version
            self.deliver_all()
            self.answer_all()
            for control in self.world.controllers:
                control()
            for namespace in NAMESPACES:
                self.world.make_namespace(namespace)
            self.world.define()
            if self.server.store.version != before or any(replica.due() for replica in self.replicas):
                quiet = 0.0
                continue
            if quiet >= _QUIET_SECONDS:
                return
            self.loop.advance(_STEP_SECONDS, each=self.answer_all)
            quiet += _STEP_SECONDS
        written = [f"{one.target.verb} {one.target.label} {one.target.key}" for one in self.server.writes[-10:]]
        raise AssertionError(f"it does not come to rest; the last writes: {written}")

    def _check_silence(self) -> None:
        """At rest, looking at everything once more changes nothing; only what is refused is tried again."""
        before, version = len(self.server.writes), self.server.store.version
        assert self.leader is not None
        keys = {key_of(instance) for instance in self.world.objects(INSTANCES)}
        for key in sorted(keys | {Key(namespace, "gone") for namespace in NAMESPACES}):
            self.leader.cluster.instance_changed(key)
        self.run()
        self.answer_all()
        phases = {key_of(one): one.get("status", {}).get("phase") for one in self.world.objects(INSTANCES)}
        late = [
            f"{one.target.verb} {one.target.label} {one.target.key}"
            for one in self.server.writes[before:]
            if self.server.store.version != version or phases.get(one.round.key) != "Pending"
        ]
        assert not late, f"at rest, it writes when it looks again: {late}"
