"""The gate before an editor that is nobody's yet, run by the Node.js that the images have."""

import re
import subprocess
from pathlib import Path

from tests.support.packages import NODE

TESTS = Path(__file__).with_name("gate.test.cjs")


def test_the_gate_opens_for_the_claim_and_for_nothing_else() -> None:
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", TESTS], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert int(passed) >= 10, "a run without tests proves nothing"
