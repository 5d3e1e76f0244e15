"""What an environment says of itself, in both languages."""

import json

from devworkspace.api import reasons
from tests.cli.environments.conftest import Shell

ANSWERS = "The editor answers; it is ready to be opened."
PULL = "Image 'x' cannot be pulled: not found. Ask an admin to correct the template."


def says(reason: str, message: str, *, phase: str) -> dict[str, object]:
    ready = {"type": "Ready", "status": "False", "reason": reason, "lastTransitionTime": "2026-11-26T08:00:00Z"}
    return {"phase": phase, "message": message, "conditions": [ready]}


async def test_the_list_speaks_the_language_of_the_shell(shell: Shell) -> None:
    shell.put_instance("runs", status=says(reasons.ANSWERING, ANSWERS, phase="Running"))
    shell.put_instance("pulls", status=says(reasons.IMAGE_PULL_FAILED, PULL, phase="Failed"))
    english = (await shell.run("list")).stdout
    assert ANSWERS in english
    assert PULL in english
    chinese = (await shell.run("list", locale="zh_CN.UTF-8")).stdout
    assert ANSWERS not in chinese
    assert f"：{PULL}" in chinese, "what exists in English only stands behind a title"
    for_programs = json.loads((await shell.run("list", "-o", "json", locale="zh_CN.UTF-8")).stdout)
    assert sorted(record["message"] for record in for_programs) == sorted([ANSWERS, PULL])
