"""Shows what a long installation is doing: numbered steps, elapsed seconds, and everything else in a log file."""

import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from devworkspace.cli.language import phrase, translate

_WIDTH: Final = 100


class Progress:
    """Steps of one run. On a terminal the current line of output is shown below the step and overwritten."""

    def __init__(self, *, total: int, log_folder: Path, name: str) -> None:
        log_folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        self.log_path = log_folder / f"{name}-{stamp}.log"
        self.log: IO[str] = self.log_path.open("w", encoding="utf-8")
        # The log is open until the command ends, however that happens.
        weakref.finalize(self, self.log.close)
        self._total = total
        self._number = 0
        self._live = sys.stdout.isatty()
        self._started = time.monotonic()

    def detail(self, line: str) -> None:
        """One line of what a step is doing right now."""
        if self._live and line.strip():
            print(f"\r\033[K        {line.strip()[:_WIDTH]}", end="", flush=True)

    def say(self, text: str) -> None:
        """A line for the person, in the log as well."""
        self._clear()
        print(text, flush=True)
        print(text, file=self.log, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announces a step in the person's language, times it, and says how it ended."""
        self._number += 1
        started = time.monotonic()
        label = f"[{self._number}/{self._total}] {translate(title)}"
        self.say(f"{label} …")
        try:
            yield
        except BaseException:
            self.say(
                phrase(
                    "{step}: failed after {seconds:.0f} s; the log is {log}",
                    step=label,
                    seconds=time.monotonic() - started,
                    log=self.log_path,
                )
            )
            raise
        self.note("done in {seconds:.1f} s", seconds=time.monotonic() - started)

    def note(self, text: str, /, **values: object) -> None:
        """What a step has to tell besides, in the person's language."""
        self.say(f"      {phrase(text, **values)}")

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="")
