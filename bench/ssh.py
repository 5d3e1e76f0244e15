"""How fast ssh is through the gateway, beside the same sshd in the same pod without it, by turns in one run.

Three ways: `gateway` as people go, `socket` the same client straight to the editor's port, `direct` plain TCP to an
sshd that listens in the pod for this run only. Needs an installation (KUBECONFIG, DEVWORKSPACE_KUBECTL,
DEVWORKSPACE_URL as for the tests, docs/TESTING.md), the OpenSSH client, and a way to pods: on the embedded cluster its
network namespace.

    .local/venv/bin/python -m bench.ssh --netns dw-devworkspace
"""

import argparse
import contextlib
import os
import secrets
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml
from tests.cluster.test_ssh import Desk
from tests.support.environment import find_surroundings

from bench.figures import Figure, header, table
from devworkspace.api import names

MIB: Final = 2**20
BAR: Final = 0.7
PORT: Final = 2222
# A pod has 64 MiB of shared memory, so that its disk has a part in `down` and in scp, the same for each way.
HERE, THERE = "/dev/shm/devworkspace-bench", "/tmp/bench-file"
SSHD: Final = (
    "mkdir -p /tmp/bench && ssh-keygen -q -t ed25519 -N '' -f /tmp/bench/host <<<y >/dev/null; cat > /tmp/bench/key; "
    f"exec /usr/sbin/sshd -D -f /dev/null -p {PORT} -h /tmp/bench/host -o UsePAM=no -o StrictModes=no -o PidFile=none "
    "-o AuthorizedKeysFile=/tmp/bench/key -o 'Subsystem=sftp internal-sftp'"
)


class Way:
    """A configuration of ssh that leads to the pod; `prefix` stands before each program."""

    def __init__(self, name: str, config: Path, *, prefix: Sequence[str] = (), environment: dict[str, str]) -> None:
        self.name = name
        self._config = config
        self._prefix = tuple(prefix)
        self._environment = environment

    def seconds(self, program: str, *arguments: str, feed: Path | None = None) -> float:
        """How long a program with this configuration runs; `feed` is its standard input."""
        argv = [*self._prefix, program, "-F", str(self._config), *arguments]
        with Path(feed or os.devnull).open("rb") as source:
            began = time.perf_counter()
            subprocess.run(
                argv, stdin=source, stdout=subprocess.DEVNULL, env=self._environment, check=True, timeout=300
            )
        return time.perf_counter() - began


@contextlib.contextmanager
def running_environment(directory: Path) -> Iterator[Desk]:
    """An environment of its own, with two processors."""
    surroundings, namespace = find_surroundings(), f"bench-{secrets.token_hex(3)}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ada"}}
    spec = {"templateRef": "base", "owner": f"system:serviceaccount:{namespace}:ada"}
    kind = {"apiVersion": names.API_VERSION, "kind": names.INSTANCE_KIND}
    bodies = [account, {**kind, "metadata": {"name": "demo"}, "spec": spec}]
    surroundings.run_kubectl("create", "namespace", namespace)
    try:
        text = yaml.safe_dump_all(bodies)
        surroundings.run_kubectl("apply", "--filename=-", f"--namespace={namespace}", input_text=text)
        desk = Desk(surroundings, namespace, directory)
        desk.set_up("ada")
        desk.wait_phase("Running")
        yield desk
    finally:
        surroundings.run_kubectl("delete", "namespace", namespace, "--wait=false")


def other_ways(desk: Desk, netns: str | None) -> Iterator[Way]:
    """Those without the gateway."""
    kubectl = desk.surroundings.run_kubectl
    pod = kubectl(
        *("get", "workspaceinstance", "demo", f"--namespace={desk.namespace}", "--output=jsonpath={.status.podName}")
    )
    address = kubectl("get", "pod", pod, f"--namespace={desk.namespace}", "--output=jsonpath={.status.podIP}")
    read = ("sh", "-c", "tr '\\0' '\\n' < /proc/1/environ | sed -n 's/^HASHED_PASSWORD=//p'")
    credential = kubectl("exec", f"--namespace={desk.namespace}", pod, "--", *read).strip()
    prefix = ("ip", "netns", "exec", netns) if netns else ()
    base = desk.config("ada").read_text().replace("Host *.devworkspace", "Host *")
    socket = [sys.executable, "-m", "bench.ssh", "--carry", f"http://{address}:8080"]
    environment = {**desk.environment, "BENCH_CREDENTIAL": credential, "PYTHONPATH": f"src:{Path.cwd()}"}
    for name, line in (
        ("socket", f"ProxyCommand {shlex.join(socket)}"),
        ("direct", f"HostName {address}\n  Port {PORT}"),
    ):
        config = desk.home / f"{name}.config"
        lines = [line if "ProxyCommand" in old else old for old in base.splitlines()]
        config.write_text("\n".join(lines) + "\n")
        yield Way(name, config, prefix=prefix, environment=environment)


def measure(ways: Sequence[Way], host: str, *, rounds: int, size: int) -> dict[str, dict[str, float]]:
    """The median of each way, MiB a second but for `login`, which is in milliseconds."""
    sent = Path(HERE)
    sent.write_bytes(os.urandom(size))
    kinds: dict[str, Callable[[Way], float]] = {
        "login": lambda way: way.seconds("ssh", host, "true"),
        "up": lambda way: way.seconds("ssh", host, "cat > /dev/null", feed=sent),
        "down": lambda way: way.seconds("ssh", host, f"head -c {size} {THERE}"),
        "scp up": lambda way: way.seconds("scp", "-q", HERE, f"{host}:{THERE}"),
        "scp down": lambda way: way.seconds("scp", "-q", f"{host}:{THERE}", f"{HERE}.back"),
    }
    taken: dict[str, dict[str, list[float]]] = {kind: {way.name: [] for way in ways} for kind in kinds}
    ways[0].seconds("scp", "-q", HERE, f"{host}:{THERE}")
    try:
        for _ in range(rounds):
            for kind, take in kinds.items():
                for way in ways:
                    taken[kind][way.name].append(take(way))
    finally:
        for file in (sent, Path(f"{HERE}.back")):
            file.unlink(missing_ok=True)
    return {
        kind: {
            name: 1000 * statistics.median(values) if kind == "login" else size / MIB / statistics.median(values)
            for name, values in of.items()
        }
        for kind, of in taken.items()
    }


def figures(found: dict[str, dict[str, float]]) -> list[Figure]:
    rows = []
    for kind, of in found.items():
        unit = "ms" if kind == "login" else "MiB/s"
        rows += [Figure(name=f"{kind}, {name}", value=value, unit=unit) for name, value in of.items()]
        for floor in () if kind == "login" else ("socket", "direct"):
            rows.append(
                Figure(
                    name=f"{kind}, gateway to {floor}",
                    value=of["gateway"] / of[floor],
                    unit="×",
                    bar=BAR,
                    at_least=True,
                )
            )
    return rows


def carry(url: str) -> None:
    """The client of `devworkspace ssh --stdio`, without a server between."""
    from devworkspace.cli.remote.dialing import dial, open_websocket
    from devworkspace.cli.remote.openssh import key_folder, read_public_key
    from devworkspace.cli.remote.splice import Splice

    headers = {
        "Cookie": f"code-server-session={os.environ['BENCH_CREDENTIAL']}",
        names.SSH_KEY_HEADER: read_public_key(key_folder()),
    }
    socket = open_websocket(dial(url), names.SSH_PATH, protocol=names.SSH_PROTOCOL, headers=headers)
    Splice(socket.connection, source=sys.stdin.fileno(), sink=sys.stdout.fileno(), early=socket.early).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netns", help="the network namespace from which pods are reached")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=300)
    parser.add_argument("--carry", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.carry:
        carry(options.carry)
        return
    print(header(), flush=True)
    with tempfile.TemporaryDirectory() as directory, running_environment(Path(directory)) as desk:
        key = (desk.home / ".config/devworkspace/ssh/id_ed25519.pub").read_bytes()
        listening = ["ssh", "-F", str(desk.config("ada")), desk.host, SSHD]
        with desk.running(listening) as sshd:
            assert sshd.stdin is not None
            sshd.stdin.write(key.decode())
            sshd.stdin.close()
            gateway = Way("gateway", desk.config("ada"), environment=desk.environment)
            ways = [gateway, *other_ways(desk, options.netns)]
            found = measure(ways, desk.host, rounds=options.rounds, size=options.mib * MIB)
    print(table(figures(found)))


if __name__ == "__main__":
    main()
