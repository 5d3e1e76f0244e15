"""`devworkspace doctor`: all checks at once, told in order."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import click

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.cli.doctor import address, words
from devworkspace.cli.doctor.definitions import check_definitions
from devworkspace.cli.doctor.findings import EXIT_STATUS, Check, Finding, examine, worst
from devworkspace.cli.doctor.network import check_network, network
from devworkspace.cli.doctor.parts import check_leader, check_parts, check_versions
from devworkspace.cli.doctor.rights import check_caller, check_part
from devworkspace.cli.doctor.scene import OPERATOR, SERVER, Scene, look_around
from devworkspace.cli.doctor.surroundings import (
    check_images,
    check_kubernetes,
    check_metrics,
    check_policies,
    check_storage,
)
from devworkspace.cli.environments.connection import Connection, namespace_option, run
from devworkspace.cli.environments.output import print_for_programs, printable
from devworkspace.cli.language import choose, width

Output = Literal["table", "json", "yaml"]
_COLOURS: Final = {"ok": "green", "advice": "yellow", "problem": "red", "unknown": "magenta"}


@click.command("doctor")
@namespace_option
@click.option("--system-namespace", default=SYSTEM_NAMESPACE, show_default=True, help="Where operator and server are.")
@click.option(
    "--probe-namespace", help="Where two pods try for some seconds whether NetworkPolicies hold. Default: the former."
)
@click.option("--no-probe", is_flag=True, help="Make no pods, and leave NetworkPolicies untried.")
@click.option("--output", "-o", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
@click.pass_context
def command(
    ctx: click.Context,
    namespace: str | None,
    system_namespace: str,
    probe_namespace: str | None,
    no_probe: bool,
    output: Output,
) -> None:
    """Check an installation and say what to fix.

    Ends with 0 if nothing is wrong, with 1 if something is, and with 3 if something could not be found out.
    """

    async def work(connection: Connection) -> list[Finding]:
        scene = await look_around(connection.client, system_namespace)
        probed = None if no_probe else probe_namespace or system_namespace
        checks = _checks(scene, own=connection.namespace, probed=probed)
        return await _examine_all(checks, tell=_print if output == "table" else _keep_quiet)

    found = run(work, namespace=namespace)
    if output == "table":
        click.echo(words.summary({verdict: Counter(f.verdict for f in found)[verdict] for verdict in EXIT_STATUS}))
    print_for_programs([_record(finding) for finding in found], output=output)
    ctx.exit(EXIT_STATUS[worst(found)])


async def _examine_all(checks: Iterator[tuple[str, Check]], *, tell: Callable[[list[Finding]], None]) -> list[Finding]:
    """All at once; what each has found is told in order. Whatever happens, none is left behind."""
    found: list[Finding] = []
    try:
        async with asyncio.TaskGroup() as group:
            for task in [group.create_task(examine(name, check)) for name, check in checks]:
                findings = await task
                found += findings
                tell(findings)
    except ExceptionGroup as errors:
        # Such as that nobody reads any more, as behind `| head`: click knows what to do then.
        raise errors.exceptions[0] from None
    return found


def _keep_quiet(_: list[Finding]) -> None:
    pass


def _checks(scene: Scene, *, own: str, probed: str | None) -> Iterator[tuple[str, Check]]:
    """Each with its name, in the order in which they are told; the slowest one comes last."""
    yield "kubernetes", partial(check_kubernetes, scene)
    yield "definitions", partial(check_definitions, scene)
    yield "parts", partial(check_parts, scene)
    yield "leader", partial(check_leader, scene)
    yield "versions", partial(check_versions, scene)
    yield "rights", partial(check_part, scene, OPERATOR)
    yield "rights", partial(check_part, scene, SERVER)
    yield "own-rights", partial(check_caller, scene.client, own)
    yield "policies", partial(check_policies, scene)
    yield "storage", partial(check_storage, scene)
    yield "images", partial(check_images, scene)
    yield "metrics", partial(check_metrics, scene)
    visit = address.make_visit(scene)
    if isinstance(visit, Finding):
        yield "server", partial(_give, visit)
    else:
        yield "dns", partial(address.check_dns, visit)
        yield "certificate", partial(address.check_certificate, visit)
        yield "server", partial(_check_server, scene, visit)
    if probed is None:
        yield "network-policies", partial(_give, network.advice("network.off"))
    else:
        yield "network-policies", partial(check_network, scene, probed)


async def _give(finding: Finding) -> list[Finding]:
    return [finding]


async def _check_server(scene: Scene, visit: address.Visit) -> list[Finding]:
    answer = await address.ask(visit)
    clocks = address.judge_clocks(answer, api=scene.client.server_time(), here=datetime.now(UTC))
    return [address.judge_answer(visit, answer), *clocks]


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "next": finding.next_step or None,
    }


def _print(findings: list[Finding]) -> None:
    """The verdict, what it is about, why; and what to do below, unless it is in order."""
    for finding in findings:
        verdict = words.verdict_word(finding.verdict)
        head = _padded(verdict, _widest(words.VERDICTS)), _padded(words.title(finding.check), _widest(words.TITLES))
        coloured = click.style(head[0], fg=_COLOURS[finding.verdict])
        click.echo(f"{coloured}  {head[1]}  {printable(finding.reason)}")
        if finding.next_step and finding.verdict != "ok":
            click.echo(f"{' ' * (sum(map(width, head)) + 4)}-> {printable(finding.next_step)}")


def _padded(text: str, places: int) -> str:
    return text + " " * (places - width(text))


def _widest(names: dict[str, tuple[str, str]]) -> int:
    return max(width(choose(name)) for name in names.values())
