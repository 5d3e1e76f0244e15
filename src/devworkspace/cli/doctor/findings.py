"""What a check has found, in a form that people and programs read."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, NamedTuple

from devworkspace.cli.doctor.words import tell
from devworkspace.kube.errors import Forbidden, KubeError

Verdict = Literal["ok", "advice", "problem", "unknown"]
# The worst one first; each with the exit status of a run in which it is the worst.
EXIT_STATUS: Final[Mapping[Verdict, int]] = {"problem": 1, "unknown": 3, "advice": 0, "ok": 0}


class Finding(NamedTuple):
    """`text` is a key of the words, `values` what is put into its sentences."""

    check: str
    verdict: Verdict
    text: str
    values: Mapping[str, Any] = {}

    @property
    def reason(self) -> str:
        return tell(self.text, self.values)[0]

    @property
    def next_step(self) -> str:
        """Empty where there is nothing to do."""
        return tell(self.text, self.values)[1]


Check = Callable[[], Awaitable[list[Finding]]]


class Report(NamedTuple):
    """The findings of one check, under its name."""

    check: str

    def ok(self, text: str, /, **values: Any) -> Finding:
        return Finding(self.check, "ok", text, values)

    def advice(self, text: str, /, **values: Any) -> Finding:
        return Finding(self.check, "advice", text, values)

    def problem(self, text: str, /, **values: Any) -> Finding:
        return Finding(self.check, "problem", text, values)

    def unknown(self, text: str, /, **values: Any) -> Finding:
        return Finding(self.check, "unknown", text, values)


def worst(findings: list[Finding]) -> Verdict:
    found = {finding.verdict for finding in findings}
    return next((verdict for verdict in EXIT_STATUS if verdict in found), "ok")


async def examine(name: str, check: Check) -> list[Finding]:
    """What the check finds; that it could not find out is a finding, too."""
    try:
        return await check()
    except Forbidden as error:
        return [Finding(name, "unknown", "forbidden", {"message": error.message})]
    except KubeError as error:
        return [Finding(name, "unknown", "unreadable", {"message": error})]
