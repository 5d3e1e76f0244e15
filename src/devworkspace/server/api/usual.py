"""How long starts from a template usually take, from what the environments themselves have noted."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from devworkspace.core.timestamps import parse_timestamp
from devworkspace.server.api.views import UsualStart
from devworkspace.server.environments import Environment, EnvironmentTable

MIN_SAMPLES: Final = 3
MAX_SAMPLES: Final = 20
# The figures move slowly, and a list of thousands must not count thousands for each of its rows.
REFRESH_SECONDS: Final = 30.0


class UsualStarts:
    """By template; of each environment its latest good start counts."""

    def __init__(self, table: EnvironmentTable, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._monotonic = monotonic
        self._known: dict[str, UsualStart] = {}
        self._until = 0.0

    def of(self, template: str) -> UsualStart | None:
        if self._monotonic() >= self._until:
            measured = measure_starts(self._table.values())
            # Equal figures stay the same value, so that views made with them stay good.
            self._known = {
                name: known if (known := self._known.get(name)) == usual else usual for name, usual in measured.items()
            }
            self._until = self._monotonic() + REFRESH_SECONDS
        return self._known.get(template)


def measure_starts(environments: Iterable[Environment]) -> dict[str, UsualStart]:
    """Of each template with enough of them, the latest starts that ended with an answer."""
    starts: dict[str, list[tuple[str, str]]] = {}
    for environment in environments:
        status = environment.instance.status
        if status.safe_mode:
            continue
        if status.ready_at is not None and status.started_at is not None and status.ready_at >= status.started_at:
            starts.setdefault(environment.template, []).append((status.ready_at, status.started_at))
    return {template: _summarise(found) for template, found in starts.items() if len(found) >= MIN_SAMPLES}


def _summarise(starts: list[tuple[str, str]]) -> UsualStart:
    latest = sorted(starts, reverse=True)[:MAX_SAMPLES]
    seconds = sorted((parse_timestamp(ready) - parse_timestamp(began)).total_seconds() for ready, began in latest)
    return UsualStart(
        median=seconds[len(seconds) // 2],
        p95=seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))],
        samples=len(seconds),
    )
