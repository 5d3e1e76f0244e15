"""Fails on modules over 500 lines, registry host names, merges that are not finished, and outdated charts.

Charts and extension are made of deploy/ and crds/.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import chart
import extension

MAX_LINES: Final = 500
CODE: Final = (".py", ".go", ".ts", ".tsx", ".sh")
# Split, so that this file does not find itself.
HOSTS: Final = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("registry", "npmjs"),
            ("proxy", "golang", "org"),
            ("deb", "debian", "org"),
            ("docker", "io"),
            ("ghcr", "io"),
            ("repo1", "maven"),
        )
    )
)
# Git's marks around what two changes say of the same lines.
MERGE: Final = re.compile(r"<{7} |>{7} ")


def main() -> int:
    """Prints each finding; returns 1 if there is any."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    findings = []
    for path in (Path(name) for name in listing.stdout.split("\0") if name):
        if not path.is_file() or path.suffix in (".sum", ".png"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = text.count("\n")
        if path.suffix in CODE and lines > MAX_LINES:
            findings.append(f"{path}: {lines} lines, at most {MAX_LINES}: split it")
        findings += [
            f"{path}:{number}: names a package registry's host; use its client's own configuration"
            for number, line in enumerate(text.splitlines(), 1)
            if HOSTS.search(line)
        ]
        findings += [
            f"{path}:{number}: the mark of a merge that is not finished"
            for number, line in enumerate(text.splitlines(), 1)
            if MERGE.match(line)
        ]
    if Path("charts").is_dir():
        findings += _charts()
    if Path("extension").is_dir():
        findings += _extension()
    print("\n".join(findings) or "sizes and host names: fine")
    return int(bool(findings))


def _charts() -> list[str]:
    try:
        return [f"{path}: not what deploy/ and crds/ say; run: python scripts/chart.py" for path in chart.differences()]
    except chart.ChartError as error:
        return [f"scripts/chart.py must follow a change: {error}"]


def _extension() -> list[str]:
    try:
        return [f"{path}: not what charts need; run: python scripts/extension.py" for path in extension.differences()]
    except extension.ExtensionError as error:
        return [str(error)]


if __name__ == "__main__":
    sys.exit(main())
