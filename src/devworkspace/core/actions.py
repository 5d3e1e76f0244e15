"""What may be done with an environment now: one matrix of phase and right for API, pages and commands."""

from typing import Final, Literal, NamedTuple

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Condition
from devworkspace.core.conditions import find_condition

Action = Literal["open", "start", "stop", "restart", "safe-start", "extend", "delete", "edit", "logs"]

# Words of the phase as people see it (`Deleting` and `Unreachable` included) in which an action makes sense.
_FITTING: Final[dict[Action, frozenset[str]]] = {
    # A stopped one is started by opening it, see `core.access.asks_to_start`.
    "open": frozenset({"Running", "Stopped", "Provisioning", "Pending", "Failed", "Unreachable", "Stopping"}),
    "start": frozenset({"Stopped", "Stopping"}),
    "stop": frozenset({"Running", "Provisioning", "Pending", "Failed", "Unreachable"}),
    "restart": frozenset({"Running", "Failed", "Unreachable", "Provisioning"}),
    "safe-start": frozenset({"Running", "Stopped", "Failed", "Unreachable", "Provisioning"}),
    # Whether there is a stop that can be put off is another question, see `core.due`.
    "extend": frozenset({"Running", "Provisioning", "Failed", "Unreachable"}),
    "delete": frozenset({"Running", "Stopped", "Provisioning", "Pending", "Failed", "Unreachable", "Stopping"}),
    "edit": frozenset({"Running", "Stopped", "Provisioning", "Pending", "Failed", "Unreachable", "Stopping"}),
    # Where there may be a pod.
    "logs": frozenset({"Running", "Provisioning", "Pending", "Failed", "Unreachable", "Stopping", "Deleting"}),
}

# What ends the pod that runs, for a new one.
_ANEW: Final[frozenset[Action]] = frozenset({"restart", "safe-start"})

Obstacle = Literal["phase", "right", "template"]


class Rights(NamedTuple):
    """What RBAC or ownership gives a person for one environment."""

    connect: bool
    manage: bool
    delete: bool


def find_obstacle(action: Action, *, phase: str, rights: Rights, instance: WorkspaceInstance) -> Obstacle | None:
    """What is against an action, or None. A missing right is told first: waiting does not help there."""
    # Who may open an environment has a terminal in it, and learns nothing more from its log.
    needed = {"open": rights.connect, "logs": rights.connect, "delete": rights.delete}.get(action, rights.manage)
    if not needed:
        return "right"
    if phase not in _FITTING[action]:
        return "phase"
    return "template" if action in _ANEW and find_bar(instance) is not None else None


def find_bar(instance: WorkspaceInstance) -> Condition | None:
    """Why what runs could not start again: its template has gone or allows less. None where nothing runs."""
    status = instance.status
    if status.phase != "Running" or status.observed_generation != instance.metadata.generation:
        # It was changed a moment ago, perhaps to what is allowed.
        return None
    resolved = find_condition(status.conditions, "TemplateResolved")
    return resolved if resolved is not None and resolved.status == "False" else None
