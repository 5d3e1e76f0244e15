"""The operator's speed and cost with many environments, on a real control plane with simulated nodes (KWOK).

Prints a table of figures with the bars of the project and, where it can be told, the floor: the same writes by a bare
loop in the same run (bench/floor.py). Needs root; builds what it needs (minutes the first time) and leaves its cluster
running for the next call; `remove` deletes it.

    .local/venv/bin/python -m bench.scale MEASUREMENT...   one-by-one burst flood lifecycle restart poison idle active
    .local/venv/bin/python -m bench.scale idle restart --size 10000      the long run
    .local/venv/bin/python -m bench.scale remove
"""

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvloop

from bench.audit import AuditLog
from bench.figures import Figure, header, table
from bench.measures import Bench, active, burst, crowd, flood, idle, lifecycle, one_by_one, restart
from bench.observer import Observer
from bench.poison import poison
from bench.simulation import Simulation

_MEASUREMENTS: Final[dict[str, Callable[..., Awaitable[list[Figure]]]]] = {
    "one-by-one": one_by_one,
    "burst": burst,
    "flood": flood,
    "lifecycle": lifecycle,
    "restart": restart,
    "poison": poison,
    "idle": idle,
    "active": active,
}


async def main() -> int:
    """Returns 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measurements", nargs="+", choices=[*_MEASUREMENTS, "all", "remove"], metavar="MEASUREMENT",
                        help=", ".join([*_MEASUREMENTS, "all", "remove"]))  # fmt: skip
    parser.add_argument("--size", type=int, help="environments, instead of the measurement's own number")
    parser.add_argument("--minutes", type=float, help="how long `idle` (default 10) and `active` (default 5) look")
    parser.add_argument("--name", default="bench", help="name of the simulated cluster")
    parser.add_argument("--state-dir", type=Path, help="default: .local/bench")
    options = parser.parse_args()
    simulation = Simulation(name=options.name, state=options.state_dir)
    if "remove" in options.measurements:
        simulation.remove()
        return 0
    wanted = list(_MEASUREMENTS) if "all" in options.measurements else options.measurements
    figures: list[Figure] = []
    print(header(), flush=True)
    async with simulation, Observer(simulation.client) as observer:
        bench = Bench(simulation, observer, AuditLog(simulation.audit_log), simulation.operator())
        bench.operator.start()
        try:
            await bench.operator.wait_ready()
            for name in wanted:
                figures += await _measure(bench, name, options)
        finally:
            await bench.operator.end()
    print(f"\n{header()}\n\n{table(figures)}")
    return int(not all(figure.passed for figure in figures))


async def _measure(bench: Bench, name: str, options: argparse.Namespace) -> list[Figure]:
    arguments = {"size": options.size} if options.size is not None and name != "lifecycle" else {}
    if name in ("idle", "active") and options.minutes is not None:
        arguments["minutes"] = options.minutes
    if name not in ("restart", "idle", "active"):
        await crowd(bench, 0)
    print(f"\n{name} …", flush=True)
    figures = await _MEASUREMENTS[name](bench, **arguments)
    print(table(figures), flush=True)
    return figures


if __name__ == "__main__":
    raise SystemExit(uvloop.run(main()))
