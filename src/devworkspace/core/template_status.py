"""What the status of a template says: how many environments use it, and whether the counts can be trusted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from devworkspace.api import reasons
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Condition, Key, ObjectMeta
from devworkspace.api.template import PoolStatus, PrePullStatus, TemplateStatus
from devworkspace.core.conditions import find_condition, merge_conditions
from devworkspace.core.succession import Successor
from devworkspace.core.timestamps import format_timestamp

_NAMED_AT_MOST = 5
_WRONG_SUCCESSORS: Final = {
    "Missing": (
        reasons.SUCCESSOR_MISSING,
        "Template {name!r}, to which replacedBy leads, does not exist or cannot be read",
    ),
    "Hidden": (reasons.SUCCESSOR_HIDDEN, "Template {name!r}, to which replacedBy leads, is hidden"),
    "Circular": (reasons.SUCCESSOR_CIRCULAR, "replacedBy leads back to template {name!r}, in a circle"),
}


class Use(NamedTuple):
    """One environment, as far as it counts for its template."""

    template: str
    running: bool = False
    outdated: bool = False


class Tally(NamedTuple):
    """The environments of one template; `unreadable` are counted in `instances` and nowhere else."""

    instances: int = 0
    running: int = 0
    outdated: int = 0
    unreadable: tuple[str, ...] = ()


def use_of(instance: WorkspaceInstance) -> Use:
    """How an instance counts; its own status says whether it runs, and on which revision."""
    outdated = find_condition(instance.status.conditions, "TemplateOutdated")
    return Use(
        template=instance.spec.template_ref,
        running=instance.status.phase == "Running",
        outdated=outdated is not None and outdated.status == "True",
    )


def tally_uses(uses: Iterable[Use], unreadable: Mapping[Key, str]) -> dict[str, Tally]:
    """The tally of each template that is used; `unreadable` is the template of each instance that cannot be read."""
    tallies: dict[str, Tally] = {}
    for use in uses:
        tally = tallies.get(use.template, Tally())
        tallies[use.template] = Tally(
            tally.instances + 1, tally.running + use.running, tally.outdated + use.outdated, tally.unreadable
        )
    for key, template in sorted(unreadable.items()):
        tally = tallies.get(template, Tally())
        tallies[template] = tally._replace(instances=tally.instances + 1, unreadable=(*tally.unreadable, str(key)))
    return tallies


def template_status(
    metadata: ObjectMeta,
    old: TemplateStatus,
    *,
    tally: Tally,
    readable: bool,
    now: datetime,
    successor: Successor | None = None,
    pre_pull: PrePullStatus | None = None,
    pools: tuple[PoolStatus, ...] | None = None,
) -> TemplateStatus:
    """The status that the template with this metadata deserves; `readable` is whether the operator can use it.

    `pools` is None while nobody has looked at them since the operator started.
    """
    pools = pools if pools is not None else old.pools
    conditions = [_accepted(metadata, readable=readable), _counted(metadata, tally)]
    if successor is not None:
        conditions.append(_succeeded(metadata, successor))
    return TemplateStatus(
        instances=tally.instances,
        running=tally.running,
        outdated=tally.outdated,
        warm=sum(pool.ready for pool in pools),
        pools=pools,
        conditions=merge_conditions(old.conditions, conditions, timestamp=format_timestamp(now)),
        observed_generation=metadata.generation,
        pre_pull=pre_pull,
    )


def _accepted(metadata: ObjectMeta, *, readable: bool) -> Condition:
    if readable:
        return Condition("Accepted", "True", reasons.ACCEPTED, observed_generation=metadata.generation)
    message = (
        "The operator cannot read this template; it was probably stored under another version of its definition. "
        f"Correct it with: kubectl edit wst {metadata.name}. The operator's log names the field."
    )
    return Condition("Accepted", "False", reasons.TEMPLATE_UNREADABLE, message, observed_generation=metadata.generation)


def _succeeded(metadata: ObjectMeta, successor: Successor) -> Condition:
    type_, generation = "SuccessorUsable", metadata.generation
    if successor.problem is None:
        return Condition(type_, "True", reasons.SUCCESSOR_FOUND, observed_generation=generation)
    reason, finding = _WRONG_SUCCESSORS[successor.problem]
    message = f"{finding.format(name=successor.name)}: nobody is offered a successor. Name another template."
    return Condition(type_, "False", reason, message, observed_generation=generation)


def _counted(metadata: ObjectMeta, tally: Tally) -> Condition:
    count = len(tally.unreadable)
    if count == 0:
        return Condition("Counted", "True", reasons.COUNTED, observed_generation=metadata.generation)
    listed = ", ".join(tally.unreadable[:_NAMED_AT_MOST]) + (", …" if count > _NAMED_AT_MOST else "")
    message = (
        f"{count} of its environments cannot be read by the operator and may run or be outdated without being counted "
        f"as such: {listed}. Correct them; the operator's log names the field."
    )
    return Condition(
        "Counted", "Unknown", reasons.INSTANCES_UNREADABLE, message, observed_generation=metadata.generation
    )
