"""Steps are numbered and timed; the log holds what was said, and a failure names it."""

import io
import re
import sys
from pathlib import Path

import pytest

from devworkspace.cli import shell
from devworkspace.cli.progress import Progress


def without_seconds(text: str) -> str:
    return re.sub(r"\d+\.\d s|\d+ s", "N s", text)


def test_steps_are_numbered_and_told_in_the_log_too(progress: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.step("Building"):
        progress.say("      a detail for the person")
        shell.run(["echo", "a line of the program"], log=progress.log, on_line=progress.detail)
    with progress.step("Starting"):
        pass
    shown = "[1/2] Building …\n      a detail for the person\n      done in N s\n[2/2] Starting …\n      done in N s\n"
    assert without_seconds(capsys.readouterr().out) == shown
    logged = without_seconds(progress.log_path.read_text())
    assert logged == shown.replace("person\n", "person\n$ echo a line of the program\na line of the program\n")


@pytest.mark.parametrize("failure", [ValueError("told"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_a_failed_step_names_the_log_and_lets_the_failure_through(
    progress: Progress, capsys: pytest.CaptureFixture[str], failure: BaseException
) -> None:
    with pytest.raises(type(failure)) as caught, progress.step("Building"):
        raise failure
    assert caught.value is failure
    expected = f"[1/2] Building …\n[1/2] Building: failed after N s; the log is {progress.log_path}\n"
    assert without_seconds(capsys.readouterr().out) == expected
    assert without_seconds(progress.log_path.read_text()) == expected


def test_the_log_is_named_after_its_run_in_a_folder_that_is_made(tmp_path: Path) -> None:
    made = Progress(total=1, log_folder=tmp_path / "a" / "b", name="install")
    made.log.close()
    assert made.log_path.parent == tmp_path / "a" / "b"
    assert re.fullmatch(r"install-\d{8}-\d{6}\.log", made.log_path.name)
    assert made.elapsed >= 0


def test_details_are_for_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], progress: Progress
) -> None:
    progress.detail("not shown in a file")
    assert capsys.readouterr().out == ""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    live = Progress(total=1, log_folder=tmp_path, name="live")
    live.detail("x" * 200)
    live.detail("  ")
    live.say("done")
    live.log.close()
    assert terminal.getvalue() == "\r\x1b[K        " + "x" * 100 + "\r\x1b[Kdone\n"
    assert live.log_path.read_text() == "done\n"
