"""Prints one table of what test.sh ran, and `N passed, N failed`; exits 1 if anything failed."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def count_tests(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit report; none where there is none, one failure for half a report."""
    if not report.exists():
        return 0, 0, 0
    try:
        suites = ElementTree.parse(report).getroot().iter("testsuite")
    except ElementTree.ParseError:
        return 0, 1, 0
    numbers = [[int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")] for suite in suites]
    tests, failures, errors, skipped = (sum(column) for column in zip(*numbers, strict=True))
    return tests - failures - errors - skipped, failures + errors, skipped


def main(folder: Path) -> int:
    """Reads `parts` (name, exit code, seconds) and the reports beside it; returns the exit code."""
    passed = failed = 0
    print(f"\n{'part':<18} {'verdict':<8} {'seconds':>7}   tests")
    for line in (folder / "parts").read_text(encoding="utf-8").splitlines():
        part, code, seconds = line.split()
        # A part may end with tests that run alone.
        reports = [folder / f"{part}.xml", folder / f"{part}-alone.xml"]
        good, bad, skipped = (sum(column) for column in zip(*map(count_tests, reports), strict=True))
        # A part without a report is one check; a failure before the first test must not look like none.
        counted = any(report.exists() for report in reports)
        good, bad = (good if counted else 1, bad) if code == "0" else (good, bad or 1)
        repeated = count_tests(folder / f"{part}-again.xml")[0] if code == "0" else 0
        good, bad = good + repeated, bad - repeated
        passed, failed = passed + good, failed + bad
        verdict = "ok" if code == "0" else "FAILED"
        more = f", {repeated} passed only when repeated" if repeated else ""
        print(f"{part:<18} {verdict:<8} {seconds:>7}   {good} passed, {bad} failed, {skipped} skipped{more}")
    print(f"\n{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
