"""Environments made in advance: a script in which they are taken, and the plans in which that is disturbed.

Nothing is handed out twice and nothing is lost, wherever the operator ends, and whoever else writes.
"""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace as with_changes

from tests.faults.catalogue import Moment, crashes, find_moments
from tests.faults.direct import Object
from tests.faults.plan import Fault, Plan
from tests.faults.proxy import Write
from tests.faults.scenario import FIRST, SECOND, Actor, Step, in_phase
from tests.faults.truth import MEMBER_SIGN, POOL_LABEL, Ledger

THIRD: Final = "third"
KEPT: Final = 2
_OF_CLAIMS: Final = (("apply", "workspaceinstances/status"), ("patch", "persistentvolumeclaims"), ("patch", "pods"))
_OF_POOLS: Final = tuple(
    (verb, plural) for verb in ("create", "delete") for plural in ("persistentvolumeclaims", "pods")
)


async def _nothing(_: Actor) -> None:
    """The template asks for the pool."""


async def _come_together(actor: Actor) -> None:
    await actor.create(SECOND)
    await actor.create(THIRD)


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _members(ledger: Ledger) -> list[Object]:
    return [pod for pod in ledger.of("pods") if POOL_LABEL in pod["metadata"]["labels"]]


def _full(ledger: Ledger) -> bool:
    members = _members(ledger)
    return len(members) == KEPT and all(map(_is_ready, members))


def _taken_by(*names: str) -> Callable[[Ledger], bool]:
    """Whether they run in what was made in advance, their Services have followed, and the pool is full again."""

    def reached(ledger: Ledger) -> bool:
        running = all(in_phase(name, "Running")(ledger) for name in names)
        instances = [ledger.objects.get(("workspaceinstances", name), {}) for name in names]
        pods = [instance.get("status", {}).get("podName", "") for instance in instances]
        services = {service["metadata"]["name"] for service in ledger.of("services")}
        served = all(instance.get("status", {}).get("serviceName") in services for instance in instances)
        return running and served and all(MEMBER_SIGN in pod for pod in pods) and _full(ledger)

    return reached


def _emptied(ledger: Ledger) -> bool:
    return not _members(ledger) and len(ledger.of("pods")) == len(ledger.of("persistentvolumeclaims")) == 3


CLAIMS: Final = (
    Step("fill", _nothing, _full),
    Step("take", lambda actor: actor.create(FIRST), _taken_by(FIRST)),
    Step("take two at once", _come_together, _taken_by(FIRST, SECOND, THIRD)),
    Step("empty", lambda actor: actor.resize_pool(0), _emptied),
)


def make_claim_plans(writes: list[tuple[Write, str]]) -> list[Plan]:
    """A crash before and after each write of pool and claims, a lost answer, and two operators that both write."""
    wanted = (*_OF_CLAIMS, *_OF_POOLS)
    moments = [moment for moment in find_moments(writes) if (moment.verb, moment.resource) in wanted]
    plans = [*crashes(moments), *_two_leaders(moments), *_overtaken(moments)]
    return [with_changes(plan, id=f"pool-{plan.id}", life="pool") for plan in plans]


def make_fast_claim_plans(plans: list[Plan], *, count: int) -> list[Plan]:
    """Those of the first claim: each of its writes, in turn with each family; and two operators."""
    families = ("pool-crash-before", "pool-crash-after", "pool-lost-reply")
    writes = ("apply workspaceinstances/status first #1", "patch persistentvolumeclaims * #1", "patch pods * #1")
    turns = range(len(families))
    ids = [f"{families[(row + turn) % len(families)]}/{write}" for turn in turns for row, write in enumerate(writes)]
    by_id = {plan.id: plan for plan in plans}
    return [by_id[name] for name in ["pool-two-leaders/undisturbed", *ids][:count]]


def _two_leaders(moments: list[Moment]) -> Iterator[Plan]:
    """Two operators work at the same time, which the Lease forbids; also while one of them crashes."""
    yield Plan(id="two-leaders/undisturbed", operators="leaders")
    for moment in filter(_is_taken, moments):
        fault = Fault(match=moment.match(), when="after_commit", action="kill")
        yield Plan(id=f"two-leaders/crash-after {moment}", operators="leaders", faults=(fault,))


def _overtaken(moments: list[Moment]) -> Iterator[Plan]:
    """The leader is frozen with a request on the way, which arrives after another one has led and done the same."""
    for moment in filter(_is_taken, moments):
        fault = Fault(match=moment.match(), when="before_commit", action="overtake")
        yield Plan(id=f"overtaken/{moment}", operators="replicas", faults=(fault,), slow=True)


def _is_taken(moment: Moment) -> bool:
    return moment.verb == "patch" and moment.nth == 1
