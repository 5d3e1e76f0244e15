"""From the undisturbed run to the plans: one for each write and crash, one for each kind of request and failure."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace as with_changes

from tests.faults.plan import Action, Fault, Match, Plan, When
from tests.faults.proxy import Write
from tests.faults.request import ApiRequest

# Leases are renewed for ever, Events are told with counts that depend on the order of retries, and a template's counts
# are written whenever the number of its instances has changed, by whoever finds it so.
NOT_COUNTED: Final = ("leases", "events", "ideworkspacetemplates")
# What one kind of request is answered with, one after the other. The client itself tries four times after 5xx and 429;
# the fifth failure, a conflict and a refusal reach the queue with its back-off. 401 twice: the client asks once more.
_REFUSALS: Final = {
    "get": (500, 503, 429, 500, 503, 403, 401, 401),
    "list": (500, 503, 429, 500, 503, 410, 403, 401, 401),
    "watch": (500, 503, 429, 410, 403, 401, 401),
    "write": (500, 503, 429, 500, 503, 409, 403, 401, 401),
}


@dataclass(frozen=True)
class Moment:
    """A write of the undisturbed run, found again in others by what it is and by how many like it came before."""

    verb: str
    resource: str
    name: str
    nth: int

    def match(self, **changes: int) -> Match:
        return Match(verb=self.verb, resource=self.resource, name=self.name, nth=self.nth, **changes)

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name} #{self.nth}"


def find_moments(writes: Iterable[tuple[Write, str]]) -> list[Moment]:
    """The writes that were done, in their order; names without UIDs come with them."""
    seen: Counter[tuple[str, str, str]] = Counter()
    moments = []
    for write, general_name in writes:
        request = write.request
        if request.resource in NOT_COUNTED or not 200 <= write.status < 300:
            continue
        name = general_name.partition("<")[0] + "*" if "<" in general_name else general_name
        key = (request.verb, _resource(request), name)
        seen[key] += 1
        moments.append(Moment(*key, seen[key]))
    return moments


def make_plans(
    writes: list[tuple[Write, str]], requests: list[ApiRequest], *, told: Mapping[str, int], seed: int
) -> list[Plan]:
    """All plans, in a fixed order; the random ones follow from `seed`. `told` counts the lines of watches."""
    moments = find_moments(writes)
    kinds = sorted({(request.verb, _resource(request)) for request in requests})
    watched = sorted(resource for verb, resource in kinds if verb == "watch")
    return [
        *crashes(moments),
        *_lease_crashes(kinds),
        *_refusals(kinds),
        *_hangs(kinds),
        *_broken_answers(kinds),
        *_late_answers(kinds),
        *_watches(watched),
        *_watch_lines([resource for resource in watched if told.get(resource, 0) >= 2]),
        *_stale_lists(watched),
        *_random_plans(moments, kinds, seed=seed),
    ]


# Until the clock is right again: so long that the next deed of the clock is near meanwhile.
_WRONG_SECONDS: Final = 8.0
_HOUR: Final = 3600.0


def make_clock_plans(once: list[tuple[Write, str]], again: list[tuple[Write, str]], *, begun: int) -> list[Plan]:
    """The plans for what the clock does, from the writes of two undisturbed runs; the first `begun` are a usual start.

    What only one of the two wrote is up to chance.
    """
    certain = set(find_moments(again))
    moments = [moment for moment in find_moments(once)[len(find_moments(once[:begun])) :] if moment in certain]
    killed = [with_changes(plan, id=f"clock-{plan.id}", life="clock") for plan in crashes(moments)]
    return [*killed, *_wrong_clocks(moments), *_two_leaders(moments), *_overtaken(moments)]


def _is_deed(moment: Moment) -> bool:
    """Whether it is the clock itself that writes, or deletes."""
    return moment.resource == "workspaceinstances"


def _wrong_clocks(moments: list[Moment]) -> Iterator[Plan]:
    """The clock jumps while the operator works, and when it starts anew; around other writes one of the four ways."""
    ways = [(seconds, restarts) for restarts in (False, True) for seconds in (_HOUR, -_HOUR)]
    for number, moment in enumerate(moments):
        for seconds, restarts in ways if _is_deed(moment) else (ways[number % len(ways)],):
            jump = Fault(
                match=moment.match(), when="after_commit", action="clock", seconds=seconds, lasting=_WRONG_SECONDS
            )
            crash = Fault(match=moment.match(), when="after_commit", action="kill")
            family, hour = "clock-restarts" if restarts else "clock-jumps", "+1 h" if seconds > 0 else "-1 h"
            faults = (jump, crash) if restarts else (jump,)
            yield Plan(id=f"{family}/{hour} {moment}", life="clock", faults=faults)


def _two_leaders(moments: list[Moment]) -> Iterator[Plan]:
    """Two operators work at the same time, which the Lease forbids; also while one of them crashes."""
    yield Plan(id="two-leaders/undisturbed", life="clock", operators="leaders")
    for moment in filter(_is_deed, moments):
        for family, when in (("before", "before_commit"), ("after", "after_commit")):
            fault = Fault(match=moment.match(), when=when, action="kill")  # type: ignore[arg-type]
            yield Plan(id=f"two-leaders/crash-{family} {moment}", life="clock", operators="leaders", faults=(fault,))


def _overtaken(moments: list[Moment]) -> Iterator[Plan]:
    """The leader is frozen with a request on the way, which arrives after another one has led and done the same."""
    for moment in filter(_is_deed, moments):
        fault = Fault(match=moment.match(), when="before_commit", action="overtake")
        yield Plan(id=f"overtaken/{moment}", life="clock", operators="replicas", faults=(fault,), slow=True)


def make_fast_plans(plans: list[Plan], *, seed: int, count: int) -> list[Plan]:
    """Some of each family, none that waits for a timeout; which ones follows from `seed`."""
    families: dict[str, list[Plan]] = {}
    for plan in plans:
        if not plan.slow:
            families.setdefault(plan.id.partition("/")[0], []).append(plan)
    chosen: list[Plan] = []
    choice = random.Random(seed)
    for family in families.values():
        choice.shuffle(family)
    while len(chosen) < count and any(families.values()):
        chosen += [family.pop() for family in families.values() if family]
    return sorted(chosen[:count], key=plans.index)


def crashes(moments: list[Moment]) -> Iterator[Plan]:
    """Before and after each write, and one whose answer is lost."""
    kinds: tuple[tuple[str, When, Action], ...] = (
        ("crash-before", "before_commit", "kill"),
        ("crash-after", "after_commit", "kill"),
        ("lost-reply", "after_commit", "drop"),
    )
    for moment in moments:
        for family, when, action in kinds:
            yield Plan(id=f"{family}/{moment}", faults=(Fault(match=moment.match(), when=when, action=action),))


def _lease_crashes(kinds: list[tuple[str, str]]) -> Iterator[Plan]:
    """Renewals go on for ever, so only the first writes of the Lease are moments."""
    for verb in ("create", "update"):
        if (verb, "leases") in kinds:
            match = Match(verb=verb, resource="leases")
            for family, when in (("crash-before", "before_commit"), ("crash-after", "after_commit")):
                fault = Fault(match=match, when=when, action="kill")  # type: ignore[arg-type]
                yield Plan(id=f"{family}/{verb} leases", faults=(fault,))


# The Lease is written every two seconds only, and a holder without success ends before the third. Counts of templates
# wait longer after each refusal, and a life may end before the last.
_SURE_TO_COME: Final = {"leases": 2, "ideworkspacetemplates/status": 5}


def _refusals(kinds: list[tuple[str, str]]) -> Iterator[Plan]:
    for verb, resource in kinds:
        faults = tuple(
            Fault(
                match=Match(verb=verb, resource=resource, nth=number),
                when="before_commit",
                action="status",
                status=status,
                retry_after=1 if status == 429 else None,
                optional=number > _SURE_TO_COME.get(resource, number),
            )
            for number, status in enumerate(_REFUSALS.get(verb, _REFUSALS["write"]), 1)
        )
        yield Plan(id=f"refused/{verb} {resource}", faults=faults)


def _hangs(kinds: list[tuple[str, str]]) -> Iterator[Plan]:
    for verb, resource in kinds:
        fault = Fault(match=Match(verb=verb, resource=resource), when="before_commit", action="hang")
        yield Plan(id=f"hang/{verb} {resource}", faults=(fault,), slow=True)


def _broken_answers(kinds: list[tuple[str, str]]) -> Iterator[Plan]:
    """Half an answer, no answer, and a connection that closes before the API server was asked."""
    for verb, resource in kinds:
        if verb == "watch":
            continue
        first, second, third = (Match(verb=verb, resource=resource, nth=number) for number in (1, 2, 3))
        faults = (
            Fault(match=first, when="on_reply", action="truncate"),
            # What was done although half of the answer was missing is not asked for again.
            Fault(match=second, when="on_reply", action="drop", optional=True),
            Fault(match=third, when="before_commit", action="drop", optional=True),
        )
        yield Plan(id=f"broken/{verb} {resource}", faults=faults)


def _late_answers(kinds: list[tuple[str, str]]) -> Iterator[Plan]:
    """News of a write overtakes its answer, and a request takes its time on the way."""
    for verb, resource in kinds:
        if verb == "watch":
            continue
        first, second = (Match(verb=verb, resource=resource, nth=number) for number in (1, 2))
        faults = (
            Fault(match=first, when="on_reply", action="delay", seconds=_LATE_SECONDS),
            Fault(match=second, when="before_commit", action="delay", seconds=_LATE_SECONDS, optional=True),
        )
        yield Plan(id=f"late/{verb} {resource}", faults=faults)


# Longer than everything that follows a write takes, shorter than every limit of the client.
_LATE_SECONDS: Final = 0.8

_DURING_START: Final = Moment("apply", "pods", "first-*", 1)
_DURING_STOP: Final = Moment("delete", "pods", "first-*", 1)
_DURING_SECOND_START: Final = Moment("apply", "pods", "first-*", 2)
_DURING_RESTART: Final = Moment("delete", "pods", "first-*", 2)
_AFTER_RESTART: Final = Moment("apply", "pods", "first-*", 3)
_DURING_ADOPTION: Final = Moment("apply", "pods", "second-*", 1)


def _watches(watched: list[str]) -> Iterator[Plan]:
    for resource in [*watched, "*"]:
        name = "all" if resource == "*" else resource
        ends = (
            _on_watch(resource, _DURING_START, "gone", status=410),
            _on_watch(resource, _DURING_STOP, "cut"),
            _on_watch(resource, _DURING_SECOND_START, "hold", seconds=1.5),
            _on_watch(resource, _DURING_RESTART, "gone", status=500),
            _on_watch(resource, _DURING_ADOPTION, "cut"),
        )
        yield Plan(id=f"watch-ends/{name}", faults=ends)
        yield Plan(id=f"watch-silent/{name}", faults=(_on_watch(resource, _DURING_START, "freeze"),), slow=True)


def _watch_lines(talking: list[str]) -> Iterator[Plan]:
    for resource in talking:
        match = Match(verb="watch", resource=resource)
        again = Fault(match=match, when="on_watch_line", action="replay_line", line=1)
        half = Fault(match=match, when="on_watch_line", action="truncate", line=2)
        yield Plan(id=f"watch-lines/{resource}", faults=(again, half))


def _on_watch(resource: str, moment: Moment, action: Action, *, status: int = 0, seconds: float = 0.0) -> Fault:
    return Fault(
        match=moment.match(), when="after_commit", action=action, target=resource, status=status, seconds=seconds
    )


def _stale_lists(watched: list[str]) -> Iterator[Plan]:
    """Each list is older than the last writes, at its worst from before the pod that the restart has deleted."""
    moments = ((_DURING_START, 1), (_DURING_STOP, 2), (_AFTER_RESTART, 3), (_DURING_ADOPTION, 4))
    for resource in watched:
        faults = tuple(
            Fault(match=moment.match(), when="after_commit", action="stale", target=resource, lag=lag)
            for moment, lag in moments
        )
        yield Plan(id=f"stale/{resource}", faults=faults)


def _random_plans(moments: list[Moment], kinds: list[tuple[str, str]], *, seed: int) -> Iterator[Plan]:
    """Several things in one run: crashes during the recovery from crashes, crashes in bad weather."""
    choice = random.Random(seed)
    for number in range(6):
        chosen = sorted(choice.sample(range(len(moments)), min(5, len(moments))))
        crashes = tuple(
            Fault(
                match=moments[place].match(),
                when=choice.choice(("before_commit", "after_commit")),
                action="kill",
                # A crash may save a write, so that the later ones meet one that does not come.
                optional=position > 0,
            )
            for position, place in enumerate(chosen)
        )
        yield Plan(id=f"random/{seed}-crashes-{number}", faults=crashes)
    for number in range(6):
        weather = tuple(
            Fault(
                match=Match(verb=verb, resource=resource, nth=1, count=2),
                when="before_commit",
                action="status",
                status=choice.choice((429, 500, 503)),
                retry_after=1,
                # A crash may save the only request of a kind.
                optional=True,
            )
            for verb, resource in choice.sample(kinds, min(5, len(kinds)))
        )
        moment = choice.choice(moments)
        crash = Fault(match=moment.match(), when="after_commit", action="kill")
        yield Plan(id=f"random/{seed}-weather-{number}", faults=(*weather, crash))


def _resource(request: ApiRequest) -> str:
    return f"{request.resource}/{request.subresource}" if request.subresource else request.resource
