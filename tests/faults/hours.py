"""What the clock does to an environment by itself, step by step: it stops it, starts it and cleans it up.

Each deed is waited for twice: shortly before its time, when nothing may happen, and after it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tests.faults.direct import Object
from tests.faults.scenario import FIRST, Actor, Step, in_phase, instance_of, retained
from tests.faults.truth import GROUP_PATH, Ledger

# By the documents: the shortest timeout, and the minute by which the written time may be behind.
IDLE: Final = timedelta(minutes=6)
KEPT_FOR: Final = timedelta(hours=3)
TEMPLATE_LIFECYCLE: Final[Object] = {"deleteAfterStopped": "3h"}
_CLOSE: Final = timedelta(seconds=30)
_PAST: Final = timedelta(seconds=2)
# Longer than two resync periods of these runs.
_GUARD_SECONDS: Final = 2.5


async def _create(actor: Actor) -> None:
    await actor.create(FIRST, dataPolicy="Delete", lifecycle={"idleTimeout": "5m"})


async def _leave_unused(actor: Actor) -> None:
    """Somebody has worked until now."""
    last = actor.clock.now().replace(microsecond=0)
    path = f"{GROUP_PATH}/namespaces/{actor.ledger.namespace}/workspaceinstances/{FIRST}/status"
    await actor.direct.merge(path, {"status": {"lastActivity": _stamp(last)}})
    await _pass(actor, last + IDLE)


async def _set_hours(actor: Actor) -> None:
    """It is stopped at the full minute after seven minutes, and started ten minutes later."""
    stop = actor.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=8)
    hours = {"start": f"{stop + timedelta(minutes=10):%H:%M}", "stop": f"{stop:%H:%M}", "timeZone": "UTC"}
    await actor.change(FIRST, lifecycle={"idleTimeout": None, "schedule": [hours]})
    await _pass(actor, stop)


async def _wait_for_opening(actor: Actor) -> None:
    (hours,) = _spec(actor)["lifecycle"]["schedule"]
    now = actor.clock.now()
    start = now.replace(hour=int(hours["start"][:2]), minute=int(hours["start"][3:]), second=0, microsecond=0)
    await _pass(actor, start if start > now else start + timedelta(days=1))


async def _stop(actor: Actor) -> None:
    # From here on it is to be kept for so long, whatever the status will say about when it was stopped.
    actor.notes["kept until"] = actor.clock.now().replace(microsecond=0) + KEPT_FOR
    await actor.change(FIRST, running=False, lifecycle=None)


async def _leave_stopped(actor: Actor) -> None:
    instance = instance_of(actor.ledger, FIRST) or {}
    stopped_at = datetime.fromisoformat(instance["status"]["stoppedAt"])
    await _pass(actor, stopped_at + KEPT_FOR, not_before=actor.notes["kept until"])


async def _pass(actor: Actor, at: datetime, *, not_before: datetime | None = None) -> None:
    """Lets time go on until shortly before `at`, and a little later until after it."""
    actor.ledger.promise(not_before or at)
    for moment in (at - _CLOSE, at + _PAST):
        # The servers have written everything that they know of; their word is there when the time comes.
        await actor.word.tell(moment)
        await actor.clock.advance(moment)
        await asyncio.sleep(_GUARD_SECONDS if moment < at else 0)


def _spec(actor: Actor) -> Object:
    spec: Object = (instance_of(actor.ledger, FIRST) or {})["spec"]
    return spec


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _stopped_for(reason: str) -> Callable[[Ledger], bool]:
    def reached(ledger: Ledger) -> bool:
        instance = instance_of(ledger, FIRST)
        return in_phase(FIRST, "Stopped")(ledger) and (instance or {})["status"].get("stopReason") == reason

    return reached


HOURS: Final = (
    Step("create for a while", _create, in_phase(FIRST, "Running")),
    Step("leave unused", _leave_unused, _stopped_for("Idle")),
    Step("wake", lambda actor: actor.change(FIRST, running=True), in_phase(FIRST, "Running")),
    Step("close for the night", _set_hours, _stopped_for("Schedule")),
    Step("open in the morning", _wait_for_opening, in_phase(FIRST, "Running")),
    Step("stop for good", _stop, _stopped_for("User")),
    Step("clean up", _leave_stopped, retained),
)
