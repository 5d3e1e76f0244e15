"""What a run of many plans has shown, for people and for test.sh."""

import statistics
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

from tests.faults.run import Outcome


def explain(outcome: Outcome) -> list[str]:
    """What is wrong with a run, and how to have it again; nothing for a good one."""
    if not outcome.problems:
        return []
    lines = [f"    - {problem[:1000]}" for problem in outcome.problems[:20]]
    return [f"    plan: {outcome.plan}", *lines, f"    the operator's log: {outcome.log_file}"]


def print_report(outcomes: list[Outcome], *, seed: int, seconds: float) -> None:
    """A table of the families."""
    failed = [outcome for outcome in outcomes if outcome.problems]
    families: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        families[outcome.plan.id.partition("/")[0]].append(outcome)
    print(f"\n{'family':<22} {'plans':>5} {'passed':>6} {'failed':>6} {'median s':>8} {'longest s':>9}")
    for family, members in families.items():
        bad, times = sum(bool(member.problems) for member in members), [member.seconds for member in members]
        line = f"{family:<22} {len(members):>5} {len(members) - bad:>6} {bad:>6}"
        print(f"{line} {statistics.median(times):>8.1f} {max(times):>9.1f}")
    print("".join(f"\nFAILED {outcome.plan.id}" for outcome in failed))
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed in {seconds:.0f} s, seed {seed}")


def write_junit(outcomes: list[Outcome], file: Path) -> None:
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    numbers = {"tests": str(len(outcomes)), "failures": str(failed), "errors": "0", "skipped": "0"}
    suite = ElementTree.Element("testsuite", {"name": "faults", **numbers})
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", name=outcome.plan.id, time=f"{outcome.seconds:.3f}")
        if outcome.problems:
            text = f"{outcome.plan}\n" + "\n".join(outcome.problems)
            ElementTree.SubElement(case, "failure", message=outcome.problems[0]).text = text
    ElementTree.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
