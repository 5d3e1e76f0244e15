"""Says whether all that failed in one JUnit report passed in a second one, and names it; exits 1 if not."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# More than that is no accident.
MOST = 2


def tests_of(report: Path) -> tuple[set[str], set[str]]:
    """The names of those that passed and of those that did not; two empty sets where there is no whole report."""
    passed, failed = set[str](), set[str]()
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return passed, failed
    for case in cases:
        name = f"{case.get('classname')}::{case.get('name')}"
        went_wrong = any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped"))
        (failed if went_wrong else passed).add(name)
    # A test whose fixtures failed after it is in the report twice.
    return passed - failed, failed


def main(first: Path, again: Path) -> int:
    """Returns the exit code."""
    _, failed = tests_of(first)
    passed, _ = tests_of(again)
    if not failed or len(failed) > MOST or not failed <= passed:
        return 1
    for name in sorted(failed):
        print(f"passed only when it was repeated: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
