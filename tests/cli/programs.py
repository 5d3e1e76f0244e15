"""Programs that stand in for the real ones: scripts on disk that note how they were called and answer as told."""

import json
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Final

# Built-in commands of bash only: an installation calls forty programs, and PATH holds nothing but them.
_HEAD: Final = r"""#!/bin/bash
shopt -s nullglob
earlier=("$0".calls/*.arguments) given=("$@")
printf -v call '%s.calls/%06d' "$0" ${#earlier[@]}
printf '%s\0' "$@" >"$call.arguments"
IFS= read -r -d '' text
printf '%s' "$text" >"$call.stdin"
mapfile -d '' environment </proc/self/environ
printf '%s\0' "${environment[@]}" >"$call.environment"
has() {
    local word argument
    for word; do
        for argument in "${given[@]}"; do [[ $argument == "$word" ]] && continue 2; done
        return 1
    done
}
"""
_RULE: Final = """used=("$0".calls/*.rule-{number})
if has {words} && ((${{#used[@]}} < {times})); then
    : >"$call.rule-{number}"
    printf '%s' {stdout}
    printf '%s' {stderr} >&2
    exit {code}
fi
"""
_ALWAYS: Final = 1_000_000


@dataclass(frozen=True)
class Call:
    """One call as the program saw it."""

    arguments: tuple[str, ...]
    stdin: str
    environment: dict[str, str]


class FakeProgram:
    """An executable at `path`. The last rule whose words all stand among the arguments answers.

    Without such a rule it succeeds and says nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._calls = Path(f"{path}.calls")
        self._rules: list[str] = []
        self._calls.mkdir(parents=True)
        self._write()

    def answer(self, *words: str, stdout: Any = "", stderr: str = "", code: int = 0, times: int = _ALWAYS) -> None:
        """What to say to arguments that hold `words`; anything but a string is said as JSON."""
        rule = _RULE.format(
            number=len(self._rules),
            words=" ".join(quote(word) for word in words),
            times=times,
            stdout=quote(stdout if isinstance(stdout, str) else json.dumps(stdout)),
            stderr=quote(stderr),
            code=code,
        )
        self._rules.append(rule)
        self._write()

    def then_run(self, script: str) -> None:
        """What else to do in calls that no rule answers, in bash."""
        self._write(script)

    @property
    def calls(self) -> list[Call]:
        return [self._read(path) for path in sorted(self._calls.glob("*.arguments"))]

    @property
    def arguments(self) -> list[tuple[str, ...]]:
        return [call.arguments for call in self.calls]

    def forget(self) -> None:
        """Forgets the calls so far."""
        for path in self._calls.iterdir():
            path.unlink()

    def _read(self, path: Path) -> Call:
        environment = path.with_suffix(".environment").read_text().split("\0")[:-1]
        return Call(
            arguments=tuple(path.read_text().split("\0")[:-1]),
            stdin=path.with_suffix(".stdin").read_text(),
            environment=dict(variable.split("=", 1) for variable in environment),
        )

    def _write(self, script: str = "") -> None:
        self.path.write_text("".join([_HEAD, *reversed(self._rules), script, "exit 0\n"]))
        self.path.chmod(0o755)


class FakeKubectl(FakeProgram):
    """A kubectl in front of a cluster in which nothing is installed yet and everything that is asked for works."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answer("version", stdout={"serverVersion": {"gitVersion": "v1.30.1"}})
        self.answer("get", "nodes", stdout={"items": [{"spec": {"podCIDRs": ["10.1.0.0/24"]}, "status": {}}] * 2})
        self.answer("get", "endpointslices", stdout={"items": [{"endpoints": [{"addresses": ["192.0.2.7"]}]}]})
        self.answer("get", "--raw", "/apis/networking.k8s.io/v1", stdout={"resources": []})
        self.answer("config", "current-context", stdout="production\n")
        self.answer("kube-system", stdout={"metadata": {"uid": "abcdef12-0000-0000-0000-000000000000"}})
        self.serves("validatingadmissionpolicies")
        self.answer("workspaceinstance", "--output=json", stdout={"status": {"phase": "Running"}, "spec": {}})

    def serves(self, *plurals: str) -> None:
        """Lets the group of admission policies have these resources and no others."""
        path = "/apis/admissionregistration.k8s.io/v1"
        self.answer("get", "--raw", path, stdout={"resources": [{"name": plural} for plural in plurals]})

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
