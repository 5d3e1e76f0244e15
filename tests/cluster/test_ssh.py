"""A person's own OpenSSH client in an environment: through the deployed server, to an sshd in a real pod.

What VS Code Remote-SSH and scp do with it, who does not get there, and what a stopped environment says.
"""

import contextlib
import hashlib
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.api import names
from tests.support.environment import Surroundings
from tests.support.ports import free_port

pytestmark = pytest.mark.cluster

INSIDE = "from inside"
SERVER = (
    "require('http').createServer((_, answer) => answer.end('{text}'))"
    ".listen({port}, '127.0.0.1', () => console.log('up'))"
)
COPIED_BYTES = 20 * 2**20
VS_CODE = """\
echo '{mark}: running'
folder=$HOME/.vscode-server/bin/{commit}
mkdir -p "$folder"
cat > "$folder/server.js" <<'PROGRAM'
const server = require('http').createServer((_, answer) => answer.end('from inside'));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
PROGRAM
nohup node "$folder/server.js" > "$folder/log" 2>&1 < /dev/null &
for attempt in $(seq 300); do [ -s "$folder/log" ] && break; sleep 0.1; done
[ -s "$folder/log" ]
code=$?
echo '{mark}: start'
echo "exitCode==$code=="
echo "listeningOn==$(cat "$folder/log")=="
echo "arch==$(uname -m)=="
echo "platform==$(uname -s | tr '[:upper:]' '[:lower:]')=="
echo '{mark}: end'
"""


@dataclass(frozen=True)
class Desk:
    """The machine of Ada, who owns the environment `demo`, and of Bob: each has a token and an ssh configuration."""

    surroundings: Surroundings
    namespace: str
    home: Path

    @property
    def host(self) -> str:
        return f"demo.{self.namespace}.devworkspace"

    def set_up(self, person: str, *options: str) -> None:
        token = self.home / f"{person}.token"
        arguments = ("create", "token", person, f"--namespace={self.namespace}", "--audience=devworkspace")
        token.touch(mode=0o600)
        token.write_text(self.surroundings.run_kubectl(*arguments))
        done = subprocess.run(
            self.command("config-ssh", person, f"--file={self.config(person)}", *options),
            **self._texts(), check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def config(self, person: str) -> Path:
        return self.home / f"{person}.config"

    def command(self, verb: str, person: str, *arguments: str) -> list[str]:
        access = (f"--server={self.surroundings.url}", f"--token-file={self.home / person}.token")
        return [sys.executable, "-P", "-m", "devworkspace", verb, *access, f"--namespace={self.namespace}", *arguments]

    def ssh(self, *arguments: str, person: str = "ada") -> "subprocess.CompletedProcess[str]":
        argv = ["ssh", "-F", str(self.config(person)), *arguments]
        return subprocess.run(argv, **self._texts(), stdin=subprocess.DEVNULL, timeout=120, check=False)

    def run(self, *command: str) -> str:
        """Output of a command in the environment, by ssh."""
        done = self.ssh(self.host, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextlib.contextmanager
    def running(self, argv: list[str], **more: Any) -> "Iterator[subprocess.Popen[str]]":
        """A program that goes on by itself, and is ended by a signal."""
        options: dict[str, Any] = {**dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE), **more}
        with subprocess.Popen(argv, text=True, env=self.environment, bufsize=1, **options) as process:
            try:
                yield process
            finally:
                process.terminate()

    @property
    def environment(self) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if name not in ("KUBECONFIG", "XDG_CONFIG_HOME")}
        return {**known, "HOME": str(self.home), "LC_ALL": "C.UTF-8"}

    def _texts(self) -> dict[str, Any]:
        return {"capture_output": True, "text": True, "env": self.environment}

    def wait_phase(self, phase: str) -> None:
        place = (names.INSTANCE_PLURAL, "demo", f"--namespace={self.namespace}")
        wanted = f"--for=jsonpath={{.status.phase}}={phase}"
        self.surroundings.run_kubectl("wait", *place, wanted, "--timeout=120s", timeout=130)


@pytest.fixture
def desk(surroundings: Surroundings, tmp_path: Path) -> Iterator[Desk]:
    assert shutil.which("ssh"), "no ssh in PATH; on Debian: apt-get install openssh-client"
    namespace = f"test-{secrets.token_hex(3)}"
    owner = f"system:serviceaccount:{namespace}:ada"
    people = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}} for name in ("ada", "bob")]
    instance = {
        "apiVersion": names.API_VERSION,
        "kind": names.INSTANCE_KIND,
        "metadata": {"name": "demo"},
        "spec": {"templateRef": "base", "owner": owner},
    }
    kubectl = surroundings.run_kubectl
    kubectl("create", "namespace", namespace)
    try:
        bodies = yaml.safe_dump_all([*people, instance])
        kubectl("apply", "--filename=-", f"--namespace={namespace}", input_text=bodies)
        made = Desk(surroundings, namespace, tmp_path)
        made.set_up("ada")
        made.set_up("bob")
        made.wait_phase("Running")
        yield made
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_person_works_by_ssh(desk: Desk) -> None:
    assert desk.run("echo", "$(id -u)", "$PWD", "${PATH%%:*}") == "1000 /home/dev /home/dev/.local/bin"
    copy_both_ways(desk)
    work_as_vs_code_does(desk)
    look_at_an_application(desk)
    keep_others_out(desk)
    start_what_is_stopped(desk)


def copy_both_ways(desk: Desk) -> None:
    data = os.urandom(COPIED_BYTES)
    (desk.home / "sent").write_bytes(data)
    scp = ["scp", "-q", "-F", str(desk.config("ada"))]
    subprocess.run(
        [*scp, str(desk.home / "sent"), f"{desk.host}:copied"], env=desk.environment, check=True, timeout=120
    )
    assert desk.run("sha256sum", "copied").split()[0] == hashlib.sha256(data).hexdigest()
    subprocess.run(
        [*scp, f"{desk.host}:copied", str(desk.home / "back")], env=desk.environment, check=True, timeout=120
    )
    assert (desk.home / "back").read_bytes() == data


def work_as_vs_code_does(desk: Desk) -> None:
    """Its handshake: no terminal, a shell that gets a script on standard input, marks around what that tells, and then
    a SOCKS proxy to the server that the script has left behind, several connections at once."""
    port, mark = free_port(), secrets.token_hex(16)
    argv = ["ssh", "-v", "-T", "-D", str(port), "-o", "ConnectTimeout=15", "-F", str(desk.config("ada"))]
    with desk.running([*argv, desk.host, "bash"], stderr=subprocess.DEVNULL) as shell:
        assert shell.stdin is not None and shell.stdout is not None
        shell.stdin.write(VS_CODE.format(mark=mark, commit=secrets.token_hex(20)))
        shell.stdin.flush()
        lines = list(itertools.takewhile(lambda line: line != f"{mark}: end\n", shell.stdout))
        assert f"{mark}: running\n" in lines
        told = dict(line.strip().split("==")[:2] for line in lines[lines.index(f"{mark}: start\n") + 1 :])
        assert (told["platform"], told["exitCode"]) == ("linux", "0"), lines
        with ThreadPoolExecutor(4) as pool:
            places = [(port, host, int(told["listeningOn"])) for host in ("localhost", "127.0.0.1") * 2]
            answers = list(pool.map(lambda place: by_socks(*place), places))
        assert [INSIDE in answer for answer in answers] == [True] * 4
        assert shell.poll() is None, "it stays as long as the window"


def by_socks(proxy: int, host: str, port: int) -> str:
    """The answer to a GET by way of a SOCKS 5 proxy, which resolves the name."""
    with socket.create_connection(("127.0.0.1", proxy), timeout=30) as stream:
        stream.sendall(b"\x05\x01\x00")
        assert stream.recv(2) == b"\x05\x00"
        stream.sendall(b"\x05\x01\x00\x03" + bytes((len(host),)) + host.encode() + port.to_bytes(2, "big"))
        assert stream.recv(10)[1] == 0, "the connection was not made"
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: stream.recv(65536), b"")).decode()


def look_at_an_application(desk: Desk) -> None:
    local = free_port()
    program = [
        "ssh",
        "-F",
        str(desk.config("ada")),
        desk.host,
        "node",
        "-e",
        f'"{SERVER.format(text=INSIDE, port=3001)}"',
    ]
    with desk.running(program) as server, desk.running(desk.command("port-forward", "ada", "demo", f"{local}:3001")):
        assert server.stdout is not None and server.stdout.readline() == "up\n"
        assert read_until_there(f"http://127.0.0.1:{local}/") == INSIDE
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line]
        assert [place for place in listening if place.endswith(f":{local:04X}")] == [f"0100007F:{local:04X}"]


def read_until_there(url: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)


def keep_others_out(desk: Desk) -> None:
    refused = desk.ssh(desk.host, "id", person="bob")
    assert (refused.returncode, refused.stdout) == (255, "")
    assert f"There is no environment {desk.namespace}/demo" in refused.stderr
    assert desk.run("id", "-un") == "dev", "positive control"


def start_what_is_stopped(desk: Desk) -> None:
    place = (names.INSTANCE_PLURAL, "demo", f"--namespace={desk.namespace}", "--type=merge")
    desk.surroundings.run_kubectl("patch", *place, '--patch={"spec":{"running":false}}')
    desk.wait_phase("Stopped")
    refused = desk.ssh(desk.host, "id")
    assert (refused.returncode, "is stopped" in refused.stderr) == (255, True), refused.stderr
    desk.set_up("ada", "--start")
    assert desk.run("sha256sum", "copied"), "it runs again, with its disk"
