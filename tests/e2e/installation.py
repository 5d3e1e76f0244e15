"""The installation under test from the outside: its address mode, its server's processes, restarts."""

import json
import os
import signal
from pathlib import Path

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.core.address import AddressMode
from tests.support.environment import Surroundings

ROLLOUT_SECONDS = 120
IN_SYSTEM = f"--namespace={SYSTEM_NAMESPACE}"


def switch_mode(surroundings: Surroundings, mode: AddressMode) -> None:
    """Gives operator and server another `--address-mode`, as `devworkspace install --address-mode` does."""
    names = ("devworkspace-operator", "devworkspace-server")
    for name in names:
        found = json.loads(surroundings.run_kubectl("get", "deployment", name, IN_SYSTEM, "--output=json"))
        arguments = found["spec"]["template"]["spec"]["containers"][0]["args"]
        changed = [f"--address-mode={mode}" if part.startswith("--address-mode=") else part for part in arguments]
        assert f"--address-mode={mode}" in changed
        patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": changed}]
        surroundings.run_kubectl("patch", "deployment", name, IN_SYSTEM, "--type=json", f"--patch={json.dumps(patch)}")
    for name in names:
        wait_rollout(surroundings, name)


def roll_out_server(surroundings: Surroundings) -> None:
    """Replaces the server's pods, as an upgrade does; returns when the new ones serve."""
    surroundings.run_kubectl("rollout", "restart", "deployment/devworkspace-server", IN_SYSTEM)
    wait_rollout(surroundings, "devworkspace-server")


def wait_rollout(surroundings: Surroundings, name: str) -> None:
    surroundings.run_kubectl(
        "rollout", "status", f"deployment/{name}", IN_SYSTEM, f"--timeout={ROLLOUT_SECONDS}s", timeout=ROLLOUT_SECONDS
    )


def kill_server(surroundings: Surroundings) -> None:
    """`kill -9` of every process of the installation's server, which runs on this machine."""
    killed = [process for process in Path("/proc").iterdir() if _is_server(process, surroundings.url)]
    assert killed, "the server does not run on this machine"
    for process in killed:
        os.kill(int(process.name), signal.SIGKILL)


def _is_server(process: Path, url: str) -> bool:
    if not process.name.isdigit():
        return False
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"server" in arguments and f"--public-url={url}".encode() in arguments
