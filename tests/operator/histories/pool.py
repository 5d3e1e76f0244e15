"""Histories in which environments are made in advance: whatever is lost or late, none of them is handed out twice."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from devworkspace.kube import resource as kinds
from tests.operator.histories.judge import is_member
from tests.operator.histories.machine import STATES, Histories
from tests.operator.histories.world import CATALOGUE, KEYS, NAMESPACES, key_of

_KEYS = {str(key): key for key in KEYS}
_namespaces = st.sampled_from(NAMESPACES)
_templates = st.sampled_from(CATALOGUE)
_replicas = st.integers(0, 3)


class PoolHistories(Histories):
    """Templates have pools from the beginning; people come and go, and somebody tampers with what is nobody's."""

    @initialize(
        states=st.tuples(*[st.sampled_from(STATES)] * len(KEYS)), policy=st.just("Retain"), replicas=st.integers(1, 3)
    )
    def begin(self, states: tuple[str, ...], policy: str, replicas: int) -> None:
        super().begin(states=states, policy=policy)
        self.replicas = {(name, namespace): replicas for name in CATALOGUE for namespace in NAMESPACES}
        for name in CATALOGUE:
            self._publish(name)

    @rule(name=_templates, namespace=_namespaces, replicas=_replicas)
    def resize_pool(self, name: str, namespace: str, replicas: int) -> None:
        self.replicas[name, namespace] = replicas
        self._publish(name)

    @rule(name=_templates, cpu=st.sampled_from(["1", "2"]))
    def change_template(self, name: str, cpu: str) -> None:
        self._publish(name, resources={"limits": {"cpu": cpu}})

    @rule(key=st.sampled_from(sorted(_KEYS)), name=_templates)
    def come(self, key: str, name: str) -> None:
        """Somebody who wants what the template says."""
        self.world.create(_KEYS[key], template=name, owner="ada")

    @rule(resource=st.sampled_from([kinds.PODS.plural, kinds.PVCS.plural]), number=st.integers(0, 7))
    def delete_a_member(self, resource: str, number: int) -> None:
        kind = kinds.PODS if resource == kinds.PODS.plural else kinds.PVCS
        found = [one for one in self.world.objects(kind) if is_member(one)]
        if found:
            self.world.remove(kind, key_of(found[number % len(found)]))

    def _publish(self, name: str, **spec: Any) -> None:
        sizes = [
            {"namespace": namespace, "replicas": count}
            for (template, namespace), count in sorted(self.replicas.items())
            if template == name
        ]
        self.world.publish(name, warmPool={"perNamespace": sizes}, **spec)
