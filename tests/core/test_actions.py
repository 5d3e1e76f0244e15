"""What is against an action: right, phase, template, in this order."""

import pytest
from msgspec.structs import replace

from devworkspace.api import reasons
from devworkspace.api.instance import InstanceStatus, Phase, WorkspaceInstance
from devworkspace.api.meta import Condition, ConditionStatus
from devworkspace.core.actions import Action, Obstacle, Rights, find_bar, find_obstacle
from tests.support.builders import make_instance

OWNER = Rights(connect=True, manage=True, delete=True)
GUEST = Rights(connect=True, manage=False, delete=False)


def make(phase: Phase, resolved: ConditionStatus, *, generation: int = 1) -> WorkspaceInstance:
    """As the operator saw it in its first generation."""
    reason = reasons.RESOLVED if resolved == "True" else reasons.TEMPLATE_MISSING
    conditions = (Condition(type="TemplateResolved", status=resolved, reason=reason),)
    status = InstanceStatus(phase=phase, conditions=conditions, observed_generation=1)
    instance = make_instance()
    return replace(instance, status=status, metadata=replace(instance.metadata, generation=generation))


@pytest.mark.parametrize(
    ("action", "phase", "rights", "resolved", "obstacle"),
    [
        ("restart", "Running", OWNER, "True", None),
        ("restart", "Running", OWNER, "False", "template"),
        ("safe-start", "Running", OWNER, "False", "template"),
        ("restart", "Running", GUEST, "False", "right"),
        ("stop", "Running", OWNER, "False", None),
        ("open", "Running", OWNER, "False", None),
        # It does not run: the start tells why it does not come.
        ("restart", "Failed", OWNER, "False", None),
        ("safe-start", "Stopped", OWNER, "False", None),
        ("restart", "Stopped", OWNER, "False", "phase"),
    ],
)
def test_right_phase_and_template_decide(
    action: Action, phase: Phase, rights: Rights, resolved: ConditionStatus, obstacle: Obstacle | None
) -> None:
    assert find_obstacle(action, phase=phase, rights=rights, instance=make(phase, resolved)) == obstacle


def test_an_editor_that_does_not_answer_is_shown_as_unreachable_and_runs_all_the_same() -> None:
    instance = make("Running", "False")
    assert find_obstacle("restart", phase="Unreachable", rights=OWNER, instance=instance) == "template"


def test_what_was_changed_since_may_be_allowed_now() -> None:
    assert find_bar(make("Running", "False")) is not None
    assert find_bar(make("Running", "False", generation=2)) is None
    assert find_bar(make_instance()) is None
