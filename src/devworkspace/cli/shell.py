"""Runs programs: argument lists only, output into the log, the last words into the error."""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

import click

from devworkspace.cli.language import phrase

_SHOWN_LINES: Final = 15
_GRACE_SECONDS: Final = 10


class CommandError(click.ClickException):
    """A program failed; the message names it, its exit code, its last lines and the log."""


def run(
    argv: Sequence[str | Path],
    *,
    log: IO[str] | None = None,
    on_line: Callable[[str], None] | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Runs a program to its end, each line of its output into `log` and to `on_line`; raises CommandError."""
    arguments = [str(part) for part in argv]
    tail: deque[str] = deque(maxlen=_SHOWN_LINES)
    if log is not None:
        print("$", *arguments, file=log, flush=True)
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise _not_run(arguments[0], error) from error
    with process, _killed_on_error(process):
        for line in process.stdout or ():
            tail.append(line.rstrip())
            if log is not None:
                log.write(line)
                log.flush()
            if on_line is not None:
                on_line(line.rstrip())
    if process.returncode != 0:
        raise _failure(arguments, process.returncode, "\n".join(tail))


class Background:
    """A program that runs beside others, its output in a file; leaving the block before its end ends it.

    Raises CommandError if it cannot be started.
    """

    def __init__(self, argv: Sequence[str | Path], *, output_file: Path) -> None:
        self._arguments = [str(part) for part in argv]
        self._output_file = output_file
        with output_file.open("w", encoding="utf-8") as file:
            try:
                self._process = subprocess.Popen(
                    self._arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise _not_run(self._arguments[0], error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            _end(self._process)

    def wait(self) -> None:
        """Returns when it has ended well; raises CommandError with its last lines otherwise."""
        code = self._process.wait()
        if code != 0:
            lines = self._output_file.read_text(encoding="utf-8", errors="replace").splitlines()
            raise _failure(self._arguments, code, "\n".join(lines[-_SHOWN_LINES:]))


def output(
    argv: Sequence[str | Path],
    *,
    input_text: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = 120,
    accept: Container[int] = (0,),
) -> str:
    """Standard output of a program.

    Raises CommandError for an exit code that is not in `accept`, and when it takes longer than `timeout` seconds.
    """
    arguments = [str(part) for part in argv]
    try:
        result = subprocess.run(
            arguments,
            input=input_text,
            stdin=subprocess.DEVNULL if input_text is None else None,
            capture_output=True,
            env={**os.environ, **(environment or {})},
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise _not_run(arguments[0], error) from error
    except subprocess.TimeoutExpired as error:
        said = phrase("{program} gave no answer within {seconds:.0f} s", program=arguments[0], seconds=timeout)
        raise CommandError(said) from error
    if result.returncode not in accept:
        raise _failure(arguments, result.returncode, (result.stderr or result.stdout).strip())
    return result.stdout


def _not_run(program: str, error: OSError) -> CommandError:
    return CommandError(phrase("cannot run {program}: {error}", program=program, error=error.strerror))


def _failure(arguments: Sequence[str], code: int, words: str) -> CommandError:
    shown = " ".join(arguments[:6]) + (" …" if len(arguments) > 6 else "")
    said = words or phrase("(it said nothing)")
    return CommandError(phrase("{program} ended with exit code {code}:\n{said}", program=shown, code=code, said=said))


class _killed_on_error:  # noqa: N801 - used as a function
    """Takes a child and its children with us: an interrupted installation must not leave a build running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            _end(self._process)


def _end(process: subprocess.Popen[Any]) -> None:
    """Ends a program and its children: politely first."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
