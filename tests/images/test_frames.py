"""The WebSocket frames of the editor's ssh, run by the Node.js that the images have."""

import re
import subprocess
from pathlib import Path

from tests.support.packages import NODE

TESTS = Path(__file__).with_name("frames.test.cjs")


def test_frames_of_any_size_and_form_are_taken_apart() -> None:
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", TESTS], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert int(passed) >= 14, "a run without tests proves nothing"
