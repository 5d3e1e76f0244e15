"""The gateway's speed against nginx with cached authorization, Starlette with httpx, and no proxy, in one run.

Prints a table of figures with the bars of the project. The real server process with a real session is measured; it has
one core of its own, load and upstreams the other. Needs nginx and wrk (Debian packages of these names), and no cluster.

    .local/venv/bin/python -m bench.gateway                         requests delay echo crowd
    .local/venv/bin/python -m bench.gateway delay --rounds 9 --realtime
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from bench.figures import Figure, header, table
from bench.gateway.contenders import prepare, running_contenders
from bench.gateway.measures import Bench, crowd, delay, echo, requests

_MEASUREMENTS: Final[dict[str, Callable[[Bench], Awaitable[list[Figure]]]]] = {
    "requests": requests,
    "delay": delay,
    "echo": echo,
    "crowd": crowd,
}


def main() -> int:
    """Returns 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT", help=", ".join(_MEASUREMENTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="length of one turn")
    parser.add_argument(
        "--realtime", action="store_true", help="run ahead of everything else on the machine (SCHED_FIFO, needs root)"
    )
    options = parser.parse_args()
    wanted = options.measurements or list(_MEASUREMENTS)
    if unknown := set(wanted) - set(_MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    if missing := [program for program in ("nginx", "wrk") if shutil.which(program) is None]:
        parser.error(f"needs {' and '.join(missing)}: apt-get install --no-install-recommends {' '.join(missing)}")
    prepare()
    if options.realtime:
        # What is started from here inherits it.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print(header(), flush=True)
    figures = asyncio.run(_measure(wanted, rounds=options.rounds, seconds=options.seconds))
    print(header())
    print(table(figures))
    return int(not all(figure.passed for figure in figures))


async def _measure(wanted: Sequence[str], *, rounds: int, seconds: int) -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        directory = Path(name)
        async with running_contenders(directory) as contenders:
            bench = Bench(contenders, rounds=rounds, seconds=seconds, directory=directory)
            for measurement in wanted:
                figures += await _MEASUREMENTS[measurement](bench)
    return figures


if __name__ == "__main__":
    sys.exit(main())
