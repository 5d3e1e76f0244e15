"""What failed and was repeated: which of it counts as passed, and that nothing slips through."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.test_summary import summarise

SCRIPT = Path(__file__).parents[2] / "scripts" / "repeats.py"


def report(path: Path, **outcomes: str) -> Path:
    cases = "".join(
        f'<testcase classname="tests.e2e.test_it" name="{name}">{f"<{outcome}/>" if outcome else ""}</testcase>'
        for name, outcome in outcomes.items()
    )
    failures = sum(outcome in ("failure", "error") for outcome in outcomes.values())
    path.write_text(
        f'<testsuites><testsuite tests="{len(outcomes)}" failures="{failures}">{cases}</testsuite></testsuites>'
    )
    return path


def verdict(first: Path, again: Path) -> tuple[int, str]:
    result = subprocess.run([sys.executable, SCRIPT, first, again], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    return result.returncode, result.stdout


def test_what_passed_the_second_time_is_named(tmp_path: Path) -> None:
    first = report(tmp_path / "first.xml", good="", late="failure", later="error")
    again = report(tmp_path / "again.xml", late="", later="")
    assert verdict(first, again) == (
        0,
        "passed only when it was repeated: tests.e2e.test_it::late\n"
        "passed only when it was repeated: tests.e2e.test_it::later\n",
    )


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"bad": "failure"}, {"bad": "failure"}),
        ({"bad": "failure"}, {"bad": "skipped"}),
        ({"bad": "failure"}, {}),
        ({"bad": "failure", "late": "failure"}, {"late": ""}),
        ({"one": "failure", "two": "failure", "three": "error"}, {"one": "", "two": "", "three": ""}),
        ({"good": ""}, {}),
    ],
    ids=["failed again", "skipped", "not repeated", "one of two", "too many", "the run failed, and no test"],
)
def test_all_else_is_a_failure(tmp_path: Path, first: dict[str, str], again: dict[str, str]) -> None:
    assert verdict(report(tmp_path / "a.xml", **first), report(tmp_path / "b.xml", **again)) == (1, "")


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    first = report(tmp_path / "first.xml", late="failure")
    assert verdict(first, tmp_path / "absent.xml") == (1, "")
    (tmp_path / "half.xml").write_text("<testsuites><testsuite>")
    assert verdict(first, tmp_path / "half.xml") == (1, "")
    assert verdict(tmp_path / "absent.xml", first) == (1, "")


def test_the_summary_counts_and_names_the_repeats(tmp_path: Path) -> None:
    report(tmp_path / "browser.xml", good="", late="failure")
    report(tmp_path / "browser-alone.xml", other="")
    report(tmp_path / "browser-again.xml", late="")
    assert summarise(tmp_path, "browser 0 9") == (
        0,
        ["browser ok 9 3 passed, 0 failed, 0 skipped, 1 passed only when repeated", "3 passed, 0 failed"],
    )
    exit_code, lines = summarise(tmp_path, "browser 1 9")
    assert (exit_code, lines[0]) == (1, "browser FAILED 9 2 passed, 1 failed, 0 skipped")
