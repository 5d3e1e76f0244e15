"""What clones the environment's repository, with a real Git server, as it stands in the tree.

images/test.sh runs the same checks inside of the image.
"""

import os
import subprocess
from pathlib import Path

from tests.support.packages import NODE

IMAGE = Path(__file__).parents[2] / "images" / "base"
PROGRAM = IMAGE / "rootfs/usr/local/bin/devworkspace-repository"


def test_it_clones_reports_and_refuses(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(NODE).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", IMAGE / "repository-test.sh", PROGRAM, tmp_path],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env=environment,
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("not ok")] == [], done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines) > 60, "a run without checks proves nothing"
