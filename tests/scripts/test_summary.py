"""test.sh's last words: the sums are right, and no failure looks like nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "summary.py"


def suite(*, tests: int, failures: int = 0, errors: int = 0, skipped: int = 0) -> str:
    return f'<testsuite name="s" tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/>'


def report(folder: Path, part: str, *suites: str) -> None:
    (folder / f"{part}.xml").write_text(f'<?xml version="1.0"?><testsuites>{"".join(suites)}</testsuites>')


def summarise(folder: Path, *parts: str) -> tuple[int, list[str]]:
    """Exit code and the lines after the head of the table."""
    (folder / "parts").write_text("".join(f"{part}\n" for part in parts))
    result = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    _, head, *lines = result.stdout.splitlines()
    assert head.split() == ["part", "verdict", "seconds", "tests"]
    return result.returncode, [" ".join(line.split()) for line in lines if line]


def test_reports_are_added_up(tmp_path: Path) -> None:
    report(tmp_path, "unit", suite(tests=10, skipped=1), suite(tests=5))
    report(tmp_path, "cluster", suite(tests=3))
    exit_code, lines = summarise(tmp_path, "unit 0 42", "cluster 0 7")
    assert exit_code == 0
    assert lines == [
        "unit ok 42 14 passed, 0 failed, 1 skipped",
        "cluster ok 7 3 passed, 0 failed, 0 skipped",
        "17 passed, 0 failed",
    ]


def test_failures_and_errors_both_count(tmp_path: Path) -> None:
    report(tmp_path, "unit", suite(tests=10, failures=2, errors=1, skipped=1))
    assert summarise(tmp_path, "unit 1 3") == (
        1,
        ["unit FAILED 3 6 passed, 3 failed, 1 skipped", "6 passed, 3 failed"],
    )


@pytest.mark.parametrize(
    ("code", "exit_code", "line", "sums"),
    [
        (0, 0, "lint ok 1 1 passed, 0 failed, 0 skipped", "1 passed, 0 failed"),
        (1, 1, "lint FAILED 1 0 passed, 1 failed, 0 skipped", "0 passed, 1 failed"),
        (137, 1, "lint FAILED 1 0 passed, 1 failed, 0 skipped", "0 passed, 1 failed"),
    ],
    ids=["that went well", "that failed", "that was killed"],
)
def test_a_part_without_a_report_is_one_check(tmp_path: Path, code: int, exit_code: int, line: str, sums: str) -> None:
    assert summarise(tmp_path, f"lint {code} 1") == (exit_code, [line, sums])


def test_a_run_that_fails_although_all_its_tests_passed_is_a_failure(tmp_path: Path) -> None:
    """Such as a session fixture that breaks at the end."""
    report(tmp_path, "unit", suite(tests=5))
    assert summarise(tmp_path, "unit 1 3") == (1, ["unit FAILED 3 5 passed, 1 failed, 0 skipped", "5 passed, 1 failed"])


def test_failed_tests_fail_the_whole_even_if_their_part_claims_success(tmp_path: Path) -> None:
    report(tmp_path, "unit", suite(tests=5, failures=1))
    exit_code, lines = summarise(tmp_path, "unit 0 3")
    assert (exit_code, lines[-1]) == (1, "4 passed, 1 failed")


def test_one_failure_among_many_parts_fails_the_whole(tmp_path: Path) -> None:
    report(tmp_path, "unit", suite(tests=100))
    exit_code, lines = summarise(tmp_path, "lint 0 1", "types 0 1", "unit 0 1", "images 2 1", "clean-up 0 0")
    assert (exit_code, lines[-1]) == (1, "103 passed, 1 failed")


def test_a_report_of_pytest_itself_is_read(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip\n"
        "def test_skipped(): pass\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError\n"
        "def test_error(broken): pass\n"
    )
    run = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={tmp_path / 'unit.xml'}", "-c", "/dev/null", "-p"]
    result = subprocess.run([*run, "no:cacheprovider", tmp_path], capture_output=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert summarise(tmp_path, "unit 1 0") == (
        1,
        ["unit FAILED 0 1 passed, 2 failed, 1 skipped", "1 passed, 2 failed"],
    )
