"""Histories in which the clock stops environments: whatever is lost, late or wrong, nobody is stopped early."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.timestamps import format_timestamp
from devworkspace.kinds import INSTANCES
from devworkspace.kube import resource as kinds
from devworkspace.kube.clock import micro_timestamp
from tests.operator.histories.machine import Histories
from tests.operator.histories.world import CATALOGUE, KEYS

_LIFECYCLES: tuple[dict[str, str], ...] = (
    {},
    {"maxRunDuration": "20m"},
    {"idleTimeout": "10m"},
    {"idleTimeout": "10m", "maxRunDuration": "40m"},
)
_KEYS = {str(key): key for key in KEYS}
_LEASE = Key(names.SYSTEM_NAMESPACE, names.ACTIVITY_LEASE)


class ClockHistories(Histories):
    """The history's people work, too, and its servers write that they did."""

    @rule(name=st.sampled_from(CATALOGUE), lifecycle=st.sampled_from(_LIFECYCLES))
    def limit(self, name: str, lifecycle: dict[str, str]) -> None:
        self.world.publish(name, lifecycle=lifecycle)

    @rule(key=st.sampled_from(sorted(_KEYS)))
    def work(self, key: str) -> None:
        found = self.history.server.find(INSTANCES, _KEYS[key])
        if found is not None and found.get("status", {}).get("phase") == "Running":
            status = {"lastActivity": format_timestamp(self._now())}
            self.world.patch(INSTANCES, _KEYS[key], {"status": status}, subresource="status")

    @rule(late=st.sampled_from([0.0, 60.0, 3600.0]))
    def servers_say_that_all_is_written(self, late: float) -> None:
        spec = {"renewTime": micro_timestamp(self._now() - timedelta(seconds=late))}
        metadata = {"name": _LEASE.name, "namespace": _LEASE.namespace}
        if self.history.server.find(kinds.LEASES, _LEASE) is None:
            self.history.server.store.create(kinds.LEASES, {"metadata": metadata, "spec": spec})
        else:
            self.world.patch(kinds.LEASES, _LEASE, {"spec": spec})

    @rule(minutes=st.sampled_from([6.0, 11.0, 25.0]))
    def wait_longer(self, minutes: float) -> None:
        self.history.advance(60 * minutes)

    def _now(self) -> Any:
        return self.history.server.store.clock()
