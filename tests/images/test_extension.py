"""The editor's extension that notes work and warns of stops, run by the Node.js that the images have."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

from tests.support.packages import NODE

FOLDER: Final = Path(__file__).parents[2] / "images" / "base" / "activity"


def test_it_notes_work_and_warns_before_a_stop() -> None:
    program = Path(__file__).with_name("extension.test.cjs")
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=tap", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (passed,) = re.findall(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert int(passed) >= 16, "a run without tests proves nothing"


def test_every_text_has_a_chinese_one() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.js")))
    texts = set(re.findall(r"'((?:This environment|Keep|Open|Repository) [^']*)'", source))
    chinese = json.loads((FOLDER / "l10n" / "bundle.l10n.zh-cn.json").read_text(encoding="utf-8"))
    assert len(texts) == 7
    assert set(chinese) == texts
    assert all(re.findall(r"\{\d\}", text) == re.findall(r"\{\d\}", chinese[text]) for text in texts)
    for word in ("工作区", "企业空间"):
        assert word not in json.dumps(chinese, ensure_ascii=False)
