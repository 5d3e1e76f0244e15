"""test.sh collects the tests of a marker in the folders that it names; in any other one they would be lost."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SCRIPT: Final = (ROOT / "test.sh").read_text(encoding="utf-8")
# The call of each, with the folders at its end.
CALLS: Final = {
    "cluster": r"pytest_beside cluster \S+ ([\w/ ]+)",
    "e2e": r"pytest_beside browser \S+ ([\w/ ]+)",
    "helm": r"pytest_part charts -m helm ([\w/ ]+)",
}


@pytest.mark.parametrize("marker", CALLS)
def test_each_marker_is_looked_for_where_it_is_used(marker: str) -> None:
    (folders,) = re.findall(CALLS[marker], SCRIPT)
    used = re.compile(rf"\bmark\.{marker}\b")
    found = {
        path.relative_to(ROOT).parent for path in ROOT.glob("tests/**/*.py") if used.search(path.read_text("utf-8"))
    }
    assert found == set(map(Path, folders.split()))
