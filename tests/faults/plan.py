"""What goes wrong in one run: which request, when, and how."""

from collections import Counter
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from tests.faults.request import ApiRequest

When = Literal["before_commit", "after_commit", "on_reply", "on_watch_line"]
Action = Literal[
    "kill",  # SIGKILL of the operator
    "drop",  # the connection closes without an answer
    "delay",  # the answer comes late
    "hang",  # the answer never comes
    "status",  # the API server refuses
    "truncate",  # the answer, or the watch line, ends in its middle
    "cut",  # watches end
    "freeze",  # watches stay open and say nothing more
    "hold",  # watches say nothing for a while, then everything
    "gone",  # watches end with 410, or the status of the fault
    "stale",  # watches end with 410, and the list that follows is an old one
    "drop_line",  # a watch line never comes
    "replay_line",  # a watch line comes twice
    "clock",  # the operator's clock is wrong for a while
    "overtake",  # the operator is paused; the request goes on when another one has done the same
]


Life = Literal["owner", "clock", "pool"]
Operators = Literal["one", "replicas", "leaders"]


class Match(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Requests by verb and resource (`pods`, `workspaceinstances/status`) and name pattern.

    `nth` is the first of them that is hit, `count` how many in a row, 0 for all that follow.
    """

    verb: str = "*"
    resource: str = "*"
    name: str = "*"
    nth: int = 1
    count: int = 1

    def fits(self, request: ApiRequest) -> bool:
        resource = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
        return (
            fnmatchcase(request.verb, self.verb)
            and fnmatchcase(resource, self.resource)
            and fnmatchcase(request.name, self.name)
        )


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`action` is done to the request that `match` finds, `when` it comes, is committed, or is answered.

    Actions on watches (`cut` and what follows it) hit the open watches of `target`; with `on_watch_line` the watch
    that `match` finds, at its line number `line`. A `stale` list is what there was before the last `lag` writes.
    A `clock` is off by `seconds`, `lasting` so many. An `optional` one need not happen: whether the request comes again
    is up to what came before.
    """

    match: Match
    when: When
    action: Action
    target: str = ""
    line: int = 1
    lag: int = 1
    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.0
    lasting: float = 0.0
    optional: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run. `slow` where it mostly waits for a timeout, so that many of them can share a processor.

    `life` is what the environment goes through. `operators`: one, two replicas of which one works, or two that both do.
    """

    id: str
    life: Life = "owner"
    operators: Operators = "one"
    faults: tuple[Fault, ...] = ()
    slow: bool = False

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()


class Trigger:
    """Counts requests and says which faults of a plan are due; `missing` are those that have not happened yet."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.missing = list(plan.faults)
        self._seen: Counter[int] = Counter()

    def due(self, request: ApiRequest) -> tuple[Fault, ...]:
        """To be asked once for each request."""
        due = []
        for number, fault in enumerate(self.plan.faults):
            if not fault.match.fits(request):
                continue
            self._seen[number] += 1
            first, count = fault.match.nth, fault.match.count
            if self._seen[number] >= first and (count == 0 or self._seen[number] < first + count):
                due.append(fault)
                if fault.when != "on_watch_line":
                    self.happened(fault)
        return tuple(due)

    def happened(self, fault: Fault) -> None:
        """Of a watch line only the proxy knows whether it came."""
        if fault in self.missing:
            self.missing.remove(fault)


def load_plan(text: str | bytes) -> Plan:
    """A plan from JSON, as a run prints it and as the corpus keeps it."""
    return msgspec.json.decode(text, type=Plan, strict=True)


def refusal(status: int, *, retry_after: int | None = None) -> dict[str, Any]:
    """The `metav1.Status` with which an API server refuses."""
    reason = {
        401: "Unauthorized",
        403: "Forbidden",
        409: "Conflict",
        410: "Expired",
        429: "TooManyRequests",
        500: "InternalError",
        503: "ServiceUnavailable",
    }[status]
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": "injected by the fault harness",
        "code": status,
        **({"details": {"retryAfterSeconds": retry_after}} if retry_after is not None else {}),
    }
