"""The rules of a history, for Hypothesis: what may happen next, whatever has happened before."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RULE_MARKER, RuleBasedStateMachine, initialize, invariant, rule

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kinds import CRDS, INSTANCE_CRD, INSTANCES, TEMPLATES
from devworkspace.kube import resource as kinds
from tests.operator.histories.history import FOLLOWED, History
from tests.operator.histories.server import OUTCOMES, Outcome
from tests.operator.histories.world import CATALOGUE, CHILDREN, FAILURES, KEYS, NAMESPACES, OWNERS, key_of
from tests.support.fake_objects import Object

_KEYS = {str(key): key for key in KEYS}
_KINDS = {resource.plural: resource for resource in (*FOLLOWED, *CHILDREN)}
_keys = st.sampled_from(sorted(_KEYS))
_namespaces = st.sampled_from(NAMESPACES)
_children = st.sampled_from([resource.plural for resource in CHILDREN])
_followed = st.sampled_from([resource.plural for resource in FOLLOWED])
_numbers = st.integers(0, 7)
_policies = st.sampled_from(["Retain", "Delete"])
_owners = st.sampled_from(OWNERS)
_templates = st.sampled_from(CATALOGUE)
_CHANGES: tuple[Object, ...] = (
    {},
    {"state": "Hidden"},
    {"environment": {"image": "localhost/devworkspace/other:1"}},
    {"environment": {"image": "localhost/devworkspace/other:1", "port": 9090}},
    {"overrides": {"maxStorage": "2Gi"}},
    {"storage": {"size": "3Gi"}},
)
STATES = ("running", "stopped", "left", "created stopped", "absent")
# Who acts by itself between two rules; what is missing waits for a rule of its own.
_PACES = (
    ("events", "answers", "controllers"),
    ("events", "answers"),
    ("events", "controllers"),
    ("answers", "controllers"),
    ("events",),
    ("answers",),
    (),
)
_TURNS = 6


class Histories(RuleBasedStateMachine):
    """Every write is judged as it happens (`judge`), every rest is held against `truth`."""

    def __init__(self) -> None:
        super().__init__()
        self.pace: tuple[str, ...] = _PACES[0]

    @initialize(states=st.tuples(*[st.sampled_from(STATES)] * len(KEYS)), policy=_policies)
    def begin(self, states: tuple[str, ...], policy: str) -> None:
        """Most histories begin with environments that live already."""
        self.history = History()
        for key, state in zip(KEYS, states, strict=True):
            if state != "absent":
                self.world.create(
                    key, template="python", owner="ada", dataPolicy=policy, running=state != "created stopped"
                )
        self._go_on()
        for key, state in zip(KEYS, states, strict=True):
            if state == "stopped":
                self.world.edit(key, running=False)
            if state == "left":
                self.world.remove(INSTANCES, key)
        self._go_on()

    def _go_on(self) -> None:
        """Everybody does what is to be done, as far as the pace lets them."""
        for _ in range(_TURNS):
            version = self.history.server.store.version
            if "events" in self.pace:
                self.history.deliver_all()
            if "answers" in self.pace:
                self.history.answer_all()
            if "controllers" in self.pace:
                for control in self.world.controllers:
                    control()
            if self.history.server.store.version == version:
                return

    def teardown(self) -> None:
        if (history := getattr(self, "history", None)) is None:
            return
        try:
            # After a failure the rest proves nothing, and would hide it.
            if sys.exc_info()[0] is None:
                history.settle()
        finally:
            history.close()

    @property
    def world(self) -> Any:
        return self.history.world

    # Users.

    @rule(key=_keys, template=_templates, owner=_owners, policy=_policies, running=st.booleans())
    def create(self, key: str, template: str, owner: str, policy: str, running: bool) -> None:
        self.world.create(_KEYS[key], template=template, owner=owner, dataPolicy=policy, running=running)

    @rule(key=_keys, template=_templates, owner=_owners, policy=_policies, number=_numbers)
    def create_on_a_left_volume(self, key: str, template: str, owner: str, policy: str, number: int) -> None:
        if (volume := self.world.pick(kinds.PVCS, number, _KEYS[key].namespace)) is not None:
            adopt = volume["metadata"]["name"]
            self.world.create(_KEYS[key], template=template, owner=owner, adopt=adopt, dataPolicy=policy)

    @rule(key=_keys)
    def delete(self, key: str) -> None:
        self.world.remove(INSTANCES, _KEYS[key])

    @rule(key=_keys, policy=_policies)
    def change_data_policy_and_delete(self, key: str, policy: str) -> None:
        """Before anybody else could do anything in between."""
        self.world.edit(_KEYS[key], dataPolicy=policy)
        self.world.remove(INSTANCES, _KEYS[key])

    @rule(key=_keys, number=_numbers)
    def use_and_delete(self, key: str, number: int) -> None:
        """Somebody still looks into the volume."""
        self.world.use_volume(_KEYS[key].namespace, number)
        self.world.remove(INSTANCES, _KEYS[key])

    @rule(key=_keys, running=st.booleans())
    def start_or_stop(self, key: str, running: bool) -> None:
        self.world.edit(_KEYS[key], running=running)

    @rule(key=_keys, policy=_policies)
    def change_data_policy(self, key: str, policy: str) -> None:
        self.world.edit(_KEYS[key], dataPolicy=policy)

    @rule(key=_keys, gibibytes=st.integers(1, 4))
    def grow(self, key: str, gibibytes: int) -> None:
        self.world.grow(_KEYS[key], gibibytes)

    @rule(key=_keys, cpu=st.integers(1, 4))
    def resize(self, key: str, cpu: int) -> None:
        self.world.patch(INSTANCES, _KEYS[key], {"spec": {"overrides": {"resources": {"limits": {"cpu": str(cpu)}}}}})

    @rule(key=_keys, name=st.sampled_from(["", "Ada's"]))
    def rename(self, key: str, name: str) -> None:
        self.world.edit(_KEYS[key], displayName=name)

    @rule(key=_keys, at=st.sampled_from(["1", "2"]))
    def restart(self, key: str, at: str) -> None:
        self.world.annotate(_KEYS[key], names.ANNOTATION_RESTARTED_AT, at)

    @rule(key=_keys, paused=st.booleans())
    def pause(self, key: str, paused: bool) -> None:
        self.world.annotate(_KEYS[key], names.ANNOTATION_PAUSED, "true" if paused else None)

    @rule(key=_keys, number=_numbers)
    def ask_for_a_volume(self, key: str, number: int) -> None:
        if (volume := self.world.pick(kinds.PVCS, number, _KEYS[key].namespace)) is not None:
            self.world.annotate(_KEYS[key], names.ANNOTATION_ADOPT_VOLUME, volume["metadata"]["name"])

    @rule(key=_keys)
    def ask_for_no_volume(self, key: str) -> None:
        self.world.annotate(_KEYS[key], names.ANNOTATION_ADOPT_VOLUME, None)

    @rule(key=_keys, held=st.booleans())
    def hold(self, key: str, held: bool) -> None:
        self.world.hold(_KEYS[key], held=held)

    @rule(namespace=_namespaces, number=_numbers)
    def use_a_volume(self, namespace: str, number: int) -> None:
        self.world.use_volume(namespace, number)

    @rule(resource=_children, namespace=_namespaces, number=_numbers)
    def delete_a_child(self, resource: str, namespace: str, number: int) -> None:
        if (found := self.world.pick(_KINDS[resource], number, namespace)) is not None:
            self.world.remove(_KINDS[resource], key_of(found))

    # Admins.

    @rule(name=_templates, change=st.sampled_from(_CHANGES))
    def edit_template(self, name: str, change: Object) -> None:
        self.world.publish(name, **change)

    @rule(name=_templates)
    def delete_template(self, name: str) -> None:
        self.world.remove(TEMPLATES, Key("", name))

    @rule(namespace=_namespaces)
    def delete_namespace(self, namespace: str) -> None:
        self.world.remove(kinds.NAMESPACES, Key("", namespace))

    @rule()
    def delete_definition(self) -> None:
        self.world.remove(CRDS, INSTANCE_CRD)

    @rule(namespace=_namespaces)
    def exhaust_the_quota(self, namespace: str) -> None:
        self.world.exhausted ^= {namespace}

    # Forgers.

    @rule(key=_keys, resource=_children, labelled=st.booleans(), owned=st.booleans())
    def squat(self, key: str, resource: str, labelled: bool, owned: bool) -> None:
        self.world.squat(_KEYS[key], _KINDS[resource], labelled=labelled, owned=owned)

    @rule(key=_keys, resource=_children, annotated=st.booleans())
    def copy_marks(self, key: str, resource: str, annotated: bool) -> None:
        self.world.copy_marks(_KEYS[key], _KINDS[resource], annotated=annotated)

    @rule(resource=_children, namespace=_namespaces, number=_numbers)
    def strip(self, resource: str, namespace: str, number: int) -> None:
        self.world.strip(_KINDS[resource], number, namespace)

    @rule(resource=_children, namespace=_namespaces, number=_numbers)
    def disown(self, resource: str, namespace: str, number: int) -> None:
        self.world.disown(_KINDS[resource], number, namespace)

    @rule(namespace=_namespaces, number=_numbers)
    def retain_by_hand(self, namespace: str, number: int) -> None:
        self.world.retain_by_hand(number, namespace)

    @rule(key=_keys, policy=_policies, phase=st.sampled_from(["Running", "Stopped"]), number=_numbers)
    def forge_status(self, key: str, policy: str, phase: str, number: int) -> None:
        volume = self.world.pick(kinds.PVCS, number, _KEYS[key].namespace)
        forged = {"phase": phase, "dataPolicy": policy, "pvcName": volume["metadata"]["name"] if volume else "none"}
        self.world.forge_status(_KEYS[key], forged)

    # The kubelet and the controllers.

    @rule(namespace=_namespaces, number=_numbers, status=st.sampled_from(sorted(FAILURES)))
    def pod_says(self, namespace: str, number: int, status: str) -> None:
        self.world.pod_says(number, namespace, FAILURES[status])

    @rule(number=st.integers(0, 4))
    def one_controller(self, number: int) -> None:
        self.world.controllers[number]()

    # Operators, the network between them and the API server, and time.

    @rule(number=_numbers, resource=_followed, count=st.integers(1, 3))
    def deliver(self, number: int, resource: str, count: int) -> None:
        replicas = self.history.replicas
        if replicas:
            replicas[number % len(replicas)].deliver(_KINDS[resource], count)
            self.history.run()

    @rule(resource=_followed)
    def deliver_a_kind(self, resource: str) -> None:
        for replica in self.history.replicas:
            replica.deliver(_KINDS[resource])
        self.history.run()

    @rule(number=_numbers, outcome=st.sampled_from(OUTCOMES))
    def answer(self, number: int, outcome: Outcome) -> None:
        self.history.answer(number, outcome)

    @rule(pace=st.sampled_from(_PACES))
    def change_pace(self, pace: tuple[str, ...]) -> None:
        self.pace = pace

    @rule(resource=_followed)
    def lose_a_watch(self, resource: str) -> None:
        for replica in self.history.replicas:
            replica.lose_watch(_KINDS[resource])
        self.history.run()

    @rule(commits=st.lists(st.booleans(), min_size=4, max_size=4))
    def crash(self, commits: list[bool]) -> None:
        self.history.crash(_choices(commits))

    @rule()
    def start(self) -> None:
        self.history.start()

    @rule()
    def stand_by(self) -> None:
        self.history.stand_by()

    @rule(commits=st.lists(st.booleans(), min_size=4, max_size=4))
    def change_leader(self, commits: list[bool]) -> None:
        self.history.stand_by()
        self.history.crash(_choices(commits))
        self.history.start()

    @rule(seconds=st.sampled_from([1.0, 11.0, 61.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.history.advance(seconds)

    @rule(hours=st.sampled_from([-1.0, 0.0, 1.0]))
    def jump_in_time(self, hours: float) -> None:
        self.history.skew = timedelta(hours=hours)

    @rule()
    def settle(self) -> None:
        self.history.settle()

    @invariant()
    def go_on(self) -> None:
        if hasattr(self, "history"):
            self._go_on()
            self.history.run()


def _choices(commits: list[bool]) -> Callable[[object], bool]:
    left = list(commits)
    return lambda _: left.pop() if left else False


def only(machine: type[Histories], *rules: str) -> type[Histories]:
    """The same histories with no other rules than these."""
    known = {name for name in dir(machine) if hasattr(getattr(machine, name), RULE_MARKER)}
    assert known >= set(rules), set(rules) - known
    return type(f"Some{machine.__name__}", (machine,), dict.fromkeys(known - set(rules)))
