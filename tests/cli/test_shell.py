"""Programs are run without a shell, told apart by their end, and never left behind."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devworkspace.cli import shell
from devworkspace.cli.shell import CommandError
from tests.cli.conftest import ROOT

SPECIAL = """$(touch {marker}); `touch {marker}` && * "$HOME" ' | > {marker}"""


class TestRun:
    def test_every_line_goes_into_the_log_and_to_the_listener(self) -> None:
        log, lines = io.StringIO(), list[str]()
        shell.run(["sh", "-c", "echo one; echo two >&2"], log=log, on_line=lines.append)
        assert lines == ["one", "two"]
        assert log.getvalue() == "$ sh -c echo one; echo two >&2\none\ntwo\n"

    def test_a_failure_tells_the_exit_code_and_the_last_lines(self) -> None:
        with pytest.raises(CommandError) as caught:
            shell.run(["sh", "-c", "for n in $(seq 40); do echo line-$n; done; exit 7"])
        first, *shown = caught.value.message.splitlines()
        assert first == "sh -c for n in $(seq 40); do echo line-$n; done; exit 7 ended with exit code 7:"
        assert shown == [f"line-{number}" for number in range(26, 41)]

    def test_a_silent_failure_says_so(self) -> None:
        with pytest.raises(CommandError, match=r"^false ended with exit code 1:\n\(it said nothing\)$"):
            shell.run(["false"])

    def test_a_long_argument_list_is_shortened(self) -> None:
        with pytest.raises(CommandError, match=r"^false 1 2 3 4 5 … ended with exit code 1:"):
            shell.run(["false", *"123456789"])

    def test_a_missing_program_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"^cannot run .*/absent: No such file or directory$"):
            shell.run([tmp_path / "absent"])

    def test_a_file_that_is_no_program_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("words")
        with pytest.raises(CommandError, match=r"^cannot run .*/text: Permission denied$"):
            shell.run([tmp_path / "text"])

    def test_arguments_reach_the_program_as_they_are(self, tmp_path: Path) -> None:
        marker, lines = tmp_path / "marker", list[str]()
        words = SPECIAL.format(marker=marker)
        shell.run(["printf", "%s\n", words], on_line=lines.append)
        assert lines == [words]
        assert not marker.exists()
        # The same words in a shell do what they say: the assertion above can fail.
        subprocess.run(["sh", "-c", f"echo {words.split('`')[0]}"], check=True, capture_output=True)
        assert marker.exists()

    def test_environment_and_folder_are_the_caller_s_choice(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEPT", "kept")
        lines = list[str]()
        shell.run(
            ["sh", "-c", 'echo "$KEPT $ADDED $PWD"'], environment={"ADDED": "added"}, cwd=tmp_path, on_line=lines.append
        )
        assert lines == [f"kept added {tmp_path}"]

    def test_the_program_cannot_ask_the_person(self) -> None:
        program = (
            "from devworkspace.cli import shell\n"
            "shell.run(['sh', '-c', 'read answer || echo nobody there'], on_line=print)\n"
            "print(shell.output(['cat']), end='')\n"
            "print('left:', input())\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            input="typed\n",
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout == "nobody there\nleft: typed\n"

    def test_bytes_that_are_no_text_do_not_stop_it(self) -> None:
        lines = list[str]()
        shell.run(["printf", r"a\377b\n"], on_line=lines.append)
        assert lines == ["a\N{REPLACEMENT CHARACTER}b"]

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
    def test_an_interruption_takes_the_program_with_it(self, interruption: type[BaseException]) -> None:
        found, started = list[int](), time.monotonic()

        def interrupt(line: str) -> None:
            found.append(int(line))
            os.kill(found[0], 0)
            raise interruption

        with pytest.raises(interruption):
            shell.run(["sh", "-c", "echo $$; exec sleep 60"], on_line=interrupt)
        with pytest.raises(ProcessLookupError):
            os.kill(found[0], 0)
        assert time.monotonic() - started < 30

    def test_an_interruption_takes_the_program_s_own_children_with_it(self) -> None:
        children = list[int]()

        def interrupt(line: str) -> None:
            children.append(int(line))
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            shell.run(["sh", "-c", "sleep 60 & echo $!; wait"], on_line=interrupt)
        deadline = time.monotonic() + 5
        with pytest.raises(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(children[0], 0)
                time.sleep(0.01)

    def test_a_program_that_will_not_go_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shell, "_GRACE_SECONDS", 0.1)
        found = list[int]()

        def interrupt(line: str) -> None:
            found.append(int(line))
            raise RuntimeError

        with pytest.raises(RuntimeError):
            shell.run(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.05; done"], on_line=interrupt)
        with pytest.raises(ProcessLookupError):
            os.kill(found[0], 0)

    def test_an_interrupted_installer_ends_at_once(self) -> None:
        program = (
            "from devworkspace.cli import shell\n"
            "def interrupt(line): raise SystemExit(3)\n"
            "shell.run(['sh', '-c', 'echo started; exec sleep 60'], on_line=interrupt)\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, timeout=5, check=False
        )
        assert result.returncode == 3


class TestOutput:
    def test_it_is_standard_output_only(self) -> None:
        assert shell.output(["sh", "-c", "echo out; echo err >&2"]) == "out\n"

    def test_input_and_environment_arrive(self) -> None:
        given = shell.output(
            ["sh", "-c", 'cat; echo "$ADDED"'], input_text="ein Text – 文\n", environment={"ADDED": "x"}
        )
        assert given == "ein Text – 文\nx\n"

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("echo out; echo err >&2; exit 2", "ended with exit code 2:\nerr"),
            ("echo out; exit 2", "ended with exit code 2:\nout"),
            ("exit 2", "ended with exit code 2:\n(it said nothing)"),
        ],
        ids=["its complaint", "what it said instead", "nothing"],
    )
    def test_a_failure_shows(self, script: str, words: str) -> None:
        with pytest.raises(CommandError) as caught:
            shell.output(["sh", "-c", script])
        assert caught.value.message == f"sh -c {script} {words}"

    def test_a_missing_program_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"^cannot run .*/absent: No such file or directory$"):
            shell.output([tmp_path / "absent"])

    def test_an_exit_code_that_has_a_meaning_is_no_failure(self) -> None:
        assert shell.output(["sh", "-c", "echo stopped; exit 3"], accept=(0, 3)) == "stopped\n"
        with pytest.raises(CommandError, match="ended with exit code 2"):
            shell.output(["sh", "-c", "exit 2"], accept=(0, 3))

    def test_a_program_without_an_end_is_ended(self) -> None:
        started = time.monotonic()
        with pytest.raises(CommandError, match=r"^sleep gave no answer within 0 s$"):
            shell.output(["sleep", "60"], timeout=0.2)
        assert time.monotonic() - started < 30

    def test_arguments_reach_the_program_as_they_are(self, tmp_path: Path) -> None:
        words = SPECIAL.format(marker=tmp_path / "marker")
        assert shell.output(["printf", "%s", words]) == words
        assert not (tmp_path / "marker").exists()


class TestBackground:
    """A program beside others."""

    def test_it_runs_beside_and_leaves_its_output_in_a_file(self, tmp_path: Path) -> None:
        with shell.Background(["sh", "-c", "echo out; echo err >&2"], output_file=tmp_path / "log") as job:
            job.wait()
        assert sorted((tmp_path / "log").read_text().splitlines()) == ["err", "out"]

    def test_a_failure_tells_the_exit_code_and_the_last_lines(self, tmp_path: Path) -> None:
        with (
            pytest.raises(CommandError, match=r"ended with exit code 3:\nlast words"),
            shell.Background(["sh", "-c", "echo last words; exit 3"], output_file=tmp_path / "log") as job,
        ):
            job.wait()

    def test_a_missing_program_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"cannot run .*absent: No such file"):
            shell.Background([tmp_path / "absent"], output_file=tmp_path / "log")

    def test_leaving_the_block_early_ends_it_and_its_children(self, tmp_path: Path) -> None:
        with (
            pytest.raises(KeyboardInterrupt),
            shell.Background(["sh", "-c", "sleep 60 & echo $!; wait"], output_file=tmp_path / "log"),
        ):
            while not (child := (tmp_path / "log").read_text().strip()):
                time.sleep(0.01)
            raise KeyboardInterrupt
        deadline = time.monotonic() + 5
        with pytest.raises(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(int(child), 0)
                time.sleep(0.01)
