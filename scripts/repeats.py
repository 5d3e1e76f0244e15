"""What failed once in a browser and may be tried once more.

repeats.py REPORT           prints the ids of those tests, a line each; nothing where something else must not fail
repeats.py REPORT REPEATED  names them if all of them passed in the second JUnit report; exits 1 if not
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# More than that is no accident.
MOST = 2
# Attacks: what must not happen even once.
NEVER = frozenset({"tests/e2e/test_neighbours.py", "tests/e2e/test_path_attacks.py"})


def tests_of(report: Path) -> tuple[set[str], set[str]]:
    """The ids of those that passed and of those that did not; two empty sets where there is no whole report."""
    passed, failed = set[str](), set[str]()
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return passed, failed
    for case in cases:
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        went_wrong = any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped"))
        (failed if went_wrong else passed).add(name)
    # A test whose fixtures failed after it is in the report twice.
    return passed - failed, failed


def repeatable(report: Path) -> set[str]:
    """The tests that failed, if all of them may be tried again; none otherwise."""
    _, failed = tests_of(report)
    allowed = len(failed) <= MOST and all(name.partition("::")[0] not in NEVER for name in failed)
    return failed if allowed else set()


def main(report: Path, repeated: Path | None = None) -> int:
    """Returns the exit code."""
    wanted = sorted(repeatable(report))
    if repeated is None:
        print(*wanted, sep="\n", end="\n" if wanted else "")
        return 0
    passed, _ = tests_of(repeated)
    if not wanted or not passed.issuperset(wanted):
        return 1
    for name in wanted:
        print(f"passed only when it was repeated: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
