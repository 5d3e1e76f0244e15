"""What failed and was repeated: which of it counts as passed, and that nothing slips through."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.test_summary import summarise

SCRIPT = Path(__file__).parents[2] / "scripts" / "repeats.py"


def report(path: Path, module: str = "tests.e2e.test_it", **outcomes: str) -> Path:
    cases = "".join(
        f'<testcase classname="{module}" name="{name}">{f"<{outcome}/>" if outcome else ""}</testcase>'
        for name, outcome in outcomes.items()
    )
    failures = sum(outcome in ("failure", "error") for outcome in outcomes.values())
    path.write_text(
        f'<testsuites><testsuite tests="{len(outcomes)}" failures="{failures}">{cases}</testsuite></testsuites>'
    )
    return path


def run(*reports: Path) -> tuple[int, str]:
    result = subprocess.run([sys.executable, SCRIPT, *reports], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    return result.returncode, result.stdout


def test_what_passed_the_second_time_is_named(tmp_path: Path) -> None:
    first = report(tmp_path / "first.xml", good="", late="failure", later="error")
    again = report(tmp_path / "again.xml", late="", later="")
    assert run(first, again) == (
        0,
        "passed only when it was repeated: tests/e2e/test_it.py::late\n"
        "passed only when it was repeated: tests/e2e/test_it.py::later\n",
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
    assert run(report(tmp_path / "a.xml", **first), report(tmp_path / "b.xml", **again)) == (1, "")


@pytest.mark.parametrize("name", ["late", "late[a port's page]"])
def test_one_or_two_are_tried_again_by_their_ids(tmp_path: Path, name: str) -> None:
    first = report(tmp_path / "first.xml", **{"good": "", name: "failure", "other": "error"})
    assert run(first) == (0, f"tests/e2e/test_it.py::{name}\ntests/e2e/test_it.py::other\n")


@pytest.mark.parametrize("module", ["tests.e2e.test_neighbours", "tests.e2e.test_path_attacks"])
def test_an_attack_is_never_tried_again(tmp_path: Path, module: str) -> None:
    assert (Path(__file__).parents[2] / f"{module.replace('.', '/')}.py").exists()
    first = report(tmp_path / "first.xml", module=module, hit="failure")
    assert run(first) == (0, "")
    assert run(first, report(tmp_path / "again.xml", module=module, hit="")) == (1, "")


@pytest.mark.parametrize("outcomes", [{"one": "failure", "two": "failure", "three": "error"}, {"good": ""}])
def test_many_and_none_are_not_tried_again(tmp_path: Path, outcomes: dict[str, str]) -> None:
    assert run(report(tmp_path / "first.xml", **outcomes)) == (0, "")


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    first = report(tmp_path / "first.xml", late="failure")
    assert run(tmp_path / "absent.xml") == (0, "")
    assert run(first, tmp_path / "absent.xml") == (1, "")
    (tmp_path / "half.xml").write_text("<testsuites><testsuite>")
    assert run(first, tmp_path / "half.xml") == (1, "")
    assert run(tmp_path / "absent.xml", first) == (1, "")


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
