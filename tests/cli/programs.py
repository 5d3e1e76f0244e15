"""Programs that stand in for the real ones: scripts on disk that note how they were called and answer as told."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# The last rule whose words all stand among the arguments answers; without one, the program succeeds and says nothing.
_SCRIPT: Final = """#!{python} -IS
import json, os, sys
base, arguments, text = sys.argv[0], sys.argv[1:], sys.stdin.read()
with open(base + ".rules") as file:
    rules = json.load(file)
with open(base + ".calls", "a+") as calls:
    calls.seek(0)
    used = [json.loads(line)["rule"] for line in calls]
    fitting = [
        number for number, rule in enumerate(rules)
        if set(rule["words"]) <= set(arguments) and (rule["times"] is None or used.count(number) < rule["times"])
    ]
    chosen = fitting[-1] if fitting else None
    call = {{"arguments": arguments, "stdin": text, "environment": dict(os.environ), "rule": chosen}}
    calls.write(json.dumps(call) + "\\n")
if chosen is not None:
    sys.stdout.write(rules[chosen]["stdout"])
    sys.stderr.write(rules[chosen]["stderr"])
    sys.exit(rules[chosen]["code"])
"""


@dataclass(frozen=True)
class Call:
    """One call as the program saw it."""

    arguments: tuple[str, ...]
    stdin: str
    environment: dict[str, str]


class FakeProgram:
    """An executable at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rules: list[dict[str, Any]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_SCRIPT.format(python=sys.executable))
        path.chmod(0o755)
        self._write()

    def answer(self, *words: str, stdout: Any = "", stderr: str = "", code: int = 0, times: int | None = None) -> None:
        """What to say to arguments that hold `words`; anything but a string is said as JSON. Later rules go first."""
        said = stdout if isinstance(stdout, str) else json.dumps(stdout)
        self._rules.append({"words": words, "stdout": said, "stderr": stderr, "code": code, "times": times})
        self._write()

    @property
    def calls(self) -> list[Call]:
        log = Path(f"{self.path}.calls")
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [Call(tuple(line["arguments"]), line["stdin"], line["environment"]) for line in lines]

    @property
    def arguments(self) -> list[tuple[str, ...]]:
        return [call.arguments for call in self.calls]

    def forget(self) -> None:
        """Forgets the calls so far."""
        Path(f"{self.path}.calls").unlink(missing_ok=True)

    def _write(self) -> None:
        Path(f"{self.path}.rules").write_text(json.dumps(self._rules))


class FakeKubectl(FakeProgram):
    """A kubectl in front of a cluster in which nothing is installed yet and everything that is asked for works."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answer("version", stdout={"serverVersion": {"gitVersion": "v1.30.1"}})
        self.answer("get", "nodes", stdout={"items": [{}, {}]})
        self.answer("config", "current-context", stdout="production\n")
        self.answer("kube-system", stdout={"metadata": {"uid": "abcdef12-0000-0000-0000-000000000000"}})
        self.answer("workspaceinstance", "--output=json", stdout={"status": {"phase": "Running"}, "spec": {}})

    def has(self, kind: str, name: str) -> None:
        """Lets an object exist."""
        self.answer("get", kind, name, "--output=name", stdout=f"{kind}/{name}\n")

    @property
    def writes(self) -> list[Call]:
        """Everything but what is known to read."""
        return [call for call in self.calls if not _only_reads(self._verb(call))]

    def _verb(self, call: Call) -> tuple[str, ...]:
        # The embedded cluster's program carries kubectl as its first argument.
        words = call.arguments[1:] if call.arguments[0] == "kubectl" else call.arguments
        return words[:2]


def _only_reads(verb: tuple[str, ...]) -> bool:
    return verb[0] in {"get", "version", "config", "wait"} or verb == ("rollout", "status")
