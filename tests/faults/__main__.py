"""`python -m tests.faults`: learns the undisturbed run, makes the plans, carries them out, compares, reports."""

import argparse
import asyncio
import contextlib
import fnmatch
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from msgspec.structs import replace as with_changes

from tests.faults.catalogue import make_clock_plans, make_fast_plans, make_plans
from tests.faults.cluster import ROOT, control_plane, new_seed, simulated_stage
from tests.faults.oracles import Reference, missed
from tests.faults.plan import Life, Plan, load_plan
from tests.faults.pool import make_claim_plans, make_fast_claim_plans
from tests.faults.real import REAL_PLANS, real_stage
from tests.faults.report import explain, print_report, write_junit
from tests.faults.run import Outcome, Run, Stage
from tests.faults.snapshot import differences

CORPUS: Final = Path(__file__).with_name("corpus")
# How many status writes a step takes is up to how fast its parts follow each other; one that did not come may come now.
ATTEMPTS: Final = 3
FAST_PLANS: Final = 24
FAST_CLOCK_PLANS: Final = 6
FAST_CLAIM_PLANS: Final = 4
FAST_REAL_PLANS: Final = 2
PATIENCE_SECONDS: Final = 180.0
# A silent watch is given up after 70 s, one of Kopf's after the sweep and three failed probes.
SLOW_PATIENCE_SECONDS: Final = 400.0


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every plan; without it a part of each family")
    parser.add_argument("--only", metavar="PATTERN", action="append", help="plans whose id fits: 'crash-*/* pods *'")
    parser.add_argument("--plan", type=Path, action="append", default=[], help="a plan from a file, repeatable")
    parser.add_argument("--seed", type=int, help="of the random plans and of the choice; printed, default: a new one")
    parser.add_argument("--jobs", type=int, default=6, help="plans at the same time (default 6)")
    parser.add_argument("--kubeconfig", type=Path, help="a control plane that runs already; default: one of our own")
    parser.add_argument(
        "--real", type=Path, metavar="KUBECONFIG", help="some plans with real pods, too, in an installation"
    )
    parser.add_argument("--keep", action="store_true", help="leave the control plane running")
    parser.add_argument("--list", action="store_true", help="print the plans and end")
    parser.add_argument("--junit", type=Path, help="write a JUnit report to this file")
    return parser.parse_args(arguments)


async def learn(stage: Stage, life: Life) -> tuple[Reference, Outcome, Outcome]:
    """Two undisturbed runs. They must not differ: what does could not be compared in the others."""
    plans = [Plan(id=f"undisturbed/{number}", life=life) for number in (1, 2)]
    first, second = await asyncio.gather(
        *(Run(stage, plan, None, patience=PATIENCE_SECONDS).carry_out() for plan in plans)
    )
    for outcome in (first, second):
        if outcome.problems:
            raise SystemExit("the undisturbed run fails:\n" + "\n".join(outcome.problems))
    seen = first.evidence
    if lines := differences(seen.snapshots, second.evidence.snapshots):
        raise SystemExit("two undisturbed runs differ:\n" + "\n".join(lines))
    return Reference(snapshots=seen.snapshots, changes=seen.changes, turns=seen.turns), first, second


def choose(
    arguments: argparse.Namespace, plans: list[Plan], by_clock: list[Plan], of_pools: list[Plan], *, seed: int
) -> list[Plan]:
    kept = [load_plan(file.read_bytes()) for file in sorted(CORPUS.glob("*.json"))]
    if arguments.plan:
        return [load_plan(file.read_bytes()) for file in arguments.plan]
    if arguments.only:
        all_plans = [*kept, *plans, *by_clock, *of_pools]
        return [plan for plan in all_plans if any(fnmatch.fnmatchcase(plan.id, one) for one in arguments.only)]
    if arguments.all:
        return [*kept, *plans, *by_clock, *of_pools]
    fast = make_fast_plans(plans, seed=seed, count=FAST_PLANS)
    claims = make_fast_claim_plans(of_pools, count=FAST_CLAIM_PLANS)
    return [*kept, *fast, *make_fast_plans(by_clock, seed=seed, count=FAST_CLOCK_PLANS), *claims]


async def carry_out(
    stage: Stage, plans: list[Plan], references: Mapping[Life, Reference], *, jobs: int
) -> list[Outcome]:
    """Slow plans wait nearly all of their time, so they run beside the others and do not count as jobs."""
    busy, waiting = asyncio.Semaphore(jobs), asyncio.Semaphore(jobs)

    async def one(plan: Plan) -> Outcome:
        async with waiting if plan.slow else busy:
            patience = SLOW_PATIENCE_SECONDS if plan.slow else PATIENCE_SECONDS
            for _ in range(ATTEMPTS):
                outcome = await Run(stage, plan, references[plan.life], patience=patience).carry_out()
                if not missed(outcome.evidence):
                    break
        verdict = "FAILED" if outcome.problems else "passed"
        print("\n".join([f"{verdict} {outcome.seconds:6.1f} s  {plan.id}", *explain(outcome)]), flush=True)
        return outcome

    return list(await asyncio.gather(*(one(plan) for plan in sorted(plans, key=lambda plan: not plan.slow))))


def choose_real(arguments: argparse.Namespace, plans: list[Plan]) -> list[Plan]:
    wanted = REAL_PLANS if arguments.all else REAL_PLANS[:FAST_REAL_PLANS]
    by_id = {plan.id: plan for plan in plans}
    return [by_id[name] for name in wanted]


@contextlib.asynccontextmanager
async def open_stage(arguments: argparse.Namespace, folder: Path) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as stack:
        kubeconfig = arguments.kubeconfig or await stack.enter_async_context(
            control_plane(ROOT / ".local" / "faults-cluster", keep=arguments.keep)
        )
        yield await stack.enter_async_context(simulated_stage(kubeconfig, folder))


async def carry_out_simulated(arguments: argparse.Namespace, folder: Path, *, seed: int) -> list[Outcome]:
    async with open_stage(arguments, folder) as stage:
        (owners, learned, _), (clocks, once, again), (pools, taken, _) = await asyncio.gather(
            learn(stage, "owner"), learn(stage, "clock"), learn(stage, "pool")
        )
        plans = make_plans(learned.writes, learned.requests, told=learned.told, seed=seed)
        by_clock = make_clock_plans(once.writes, again.writes, begun=once.begun)
        of_pools = make_claim_plans(taken.writes)
        chosen = choose(arguments, plans, by_clock, of_pools, seed=seed)
        print(f"{len(plans) + len(by_clock) + len(of_pools)} plans, {len(chosen)} of them chosen", flush=True)
        if arguments.list:
            print("\n".join(str(plan) for plan in chosen))
            return []
        references: dict[Life, Reference] = {"owner": owners, "clock": clocks, "pool": pools}
        return await carry_out(stage, chosen, references, jobs=arguments.jobs)


async def carry_out_real(arguments: argparse.Namespace, folder: Path, *, seed: int) -> list[Outcome]:
    kubectl = os.environ.get("DEVWORKSPACE_KUBECTL", "kubectl")
    image = os.environ.get("DEVWORKSPACE_IMAGE_PREFIX", "localhost/devworkspace") + "/base:0.1.0"
    async with real_stage(arguments.real, folder, kubectl=kubectl, image=image) as stage:
        reference, learned, _ = await learn(stage, "owner")
        plans = choose_real(arguments, make_plans(learned.writes, learned.requests, told=learned.told, seed=seed))
        print(f"{len(plans)} plans with real pods", flush=True)
        outcomes = await carry_out(stage, plans, {"owner": reference}, jobs=arguments.jobs)
    return [replace(outcome, plan=with_changes(outcome.plan, id=f"real-{outcome.plan.id}")) for outcome in outcomes]


async def main(arguments: argparse.Namespace) -> int:
    seed = arguments.seed if arguments.seed is not None else new_seed()
    print(f"seed {seed}", flush=True)
    folder = ROOT / ".local" / "faults" / f"{seed}-{os.getpid()}"
    started = time.monotonic()
    stages = [carry_out_simulated(arguments, folder, seed=seed)]
    if arguments.real and not arguments.list:
        # Waits for real pods most of its time, on a cluster of its own.
        stages.append(carry_out_real(arguments, folder, seed=seed))
    outcomes = [outcome for stage in await asyncio.gather(*stages) for outcome in stage]
    if arguments.list:
        return 0
    print_report(outcomes, seed=seed, seconds=time.monotonic() - started)
    if arguments.junit:
        write_junit(outcomes, arguments.junit)
    failed = not outcomes or any(outcome.problems for outcome in outcomes)
    if not failed:
        # Logs of runs that passed are of no use, and each of them holds a key.
        shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    # The proxy's clients are killed in the middle of requests; its server would tell each of them as an error.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    sys.exit(asyncio.run(main(parse_arguments(sys.argv[1:]))))
