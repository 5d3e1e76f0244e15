"""The time in the world of one run, which the harness moves forward, and the operator's clock, which may be wrong.

Nobody can put an API server's clock forward for one namespace. So the proxy tells the world's time: the `Date` of each
answer, and when API server and kubelet say that something happened. The operator's clock is shifted in its process
(`process.py`): by as much, and by the error of the plan.
"""

import asyncio
import math
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Final

_OF_THE_API_SERVER: Final = rb"creationTimestamp|deletionTimestamp"
_OF_THE_KUBELET: Final = rb"lastTransitionTime|lastProbeTime|startTime|startedAt|finishedAt"
_STAMP: Final = rb'("(?:%s)":\s*")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"'
_USUAL: Final = re.compile(_STAMP % _OF_THE_API_SERVER)
_IN_PODS: Final = re.compile(_STAMP % (_OF_THE_API_SERVER + b"|" + _OF_THE_KUBELET))
_RENEWED: Final = re.compile(rb'"renewTime":\s*"([^"]+)"')
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


class WorldClock:
    """`file` is where the operator's process reads how far its clock is from that of this machine.

    `seen` are the errors of the operator's clock that its own writes told of.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.seen: list[float] = []
        self._file = file
        self._error = 0.0
        # From which second of the machine on the world is so many seconds ahead.
        self._steps: list[tuple[float, int]] = [(0.0, 0)]
        self._write()

    def now(self) -> datetime:
        return _moment(time.time() + self._ahead)

    def date(self) -> str:
        """As the API server tells it."""
        return format_datetime(self.now(), usegmt=True)

    async def advance(self, until: datetime) -> None:
        """Puts all clocks forward, never back, and at a full second: so each time is from before it or from after."""
        begin = math.ceil(time.time())
        while (wait := begin - time.time()) > 0:
            await asyncio.sleep(wait)
        ahead = math.ceil((until - _moment(begin)).total_seconds())
        if ahead > self._ahead:
            self._steps.append((begin, ahead))
            self._write()

    def set_error(self, seconds: float) -> None:
        """How far the operator's clock is off from now on."""
        self._error = seconds
        self._write()

    def retell(self, resource: str, text: bytes) -> bytes:
        """What the API server says, with the world's times."""
        if len(self._steps) == 1:
            return text
        return (_IN_PODS if resource == "pods" else _USUAL).sub(self._translate, text)

    def note_renewal(self, body: bytes) -> None:
        """Takes the time from a Lease that the operator writes: by its own clock."""
        if (match := _RENEWED.search(body)) is not None:
            told = datetime.fromisoformat(match[1].decode())
            self.seen.append((told - self.now()).total_seconds())

    @property
    def _ahead(self) -> int:
        return self._steps[-1][1]

    def _translate(self, match: re.Match[bytes]) -> bytes:
        stamp = datetime.strptime(match[2].decode(), _FORMAT).replace(tzinfo=UTC)
        ahead = next(ahead for begin, ahead in reversed(self._steps) if begin <= stamp.timestamp())
        told = (stamp + timedelta(seconds=ahead)).strftime(_FORMAT).encode()
        return match[1] + told + b'"'

    def _write(self) -> None:
        if self._file is None:
            return
        # Replaced in one step: the operator may read it at any moment.
        new = self._file.with_suffix(".new")
        new.write_text(str(self._ahead + self._error), encoding="ascii")
        new.replace(self._file)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
