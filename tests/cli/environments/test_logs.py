"""`logs`: once, and followed over the ends of streams, containers and pods."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

import pytest

from devworkspace.api.meta import Key
from devworkspace.cli.environments import logs
from devworkspace.kube.resource import PODS
from tests.cli.environments.conftest import Shell
from tests.support.fake_store import Refusal

POD = Key("team", "one-1")
RUNNING = {"running": {"startedAt": "2026-11-26T10:00:00Z"}}


def stamped(second: int, text: str) -> str:
    return f"2026-11-26T10:00:{second:02d}.123456789Z {text}\n"


class Container:
    """What kubelets tell of one container: each stream gives the lines that are due, then ends."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.lines: list[str] = []
        self.asked: list[dict[str, str]] = []
        # What happens when a stream has given everything.
        self.endings: list[Any] = []
        shell.server.log = self.log
        shell.put_instance("one", status={"phase": "Running", "podName": POD.name}, running=True)
        self.begin(restarts=0)

    def begin(self, *, restarts: int, state: Mapping[str, Any] = RUNNING) -> None:
        """A life of the container, or the end of one."""
        status = {"name": "workspace", "restartCount": restarts, "state": state}
        if self.shell.server.get(PODS, POD) is None:
            self.shell.server.put(PODS, {"metadata": {"name": POD.name, "namespace": POD.namespace}, "spec": {}})
        self.shell.server.set_status(PODS, POD, {"phase": "Running", "containerStatuses": [status]})

    def end(self) -> None:
        """The environment is stopped, and its pod gone."""
        self.shell.server.remove(PODS, POD)
        self.shell.put_instance("one", status={"phase": "Stopped"}, running=False)

    async def log(self, pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        self.asked.append(dict(query))
        for line in self.lines:
            yield line.encode()
        if query.get("follow") == "true":
            await asyncio.sleep(0.05)
            self.endings.pop(0)()


@pytest.fixture
def container(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Container:
    monkeypatch.setattr(logs, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(logs, "LAG_SECONDS", 0.5)
    return Container(shell)


async def test_once(shell: Shell, container: Container) -> None:
    container.lines = ["hello\n"]
    result = await shell.run("logs", "one", "--tail=5", "--since=10m")
    assert result.output == "hello\n"
    (asked,) = container.asked
    assert (asked["tailLines"], asked["sinceSeconds"], asked["timestamps"]) == ("5", "600", "false")


@pytest.mark.parametrize("told", ["at once", "later"])
async def test_a_container_that_was_started_again_is_told_and_read_from_its_beginning(
    shell: Shell, container: Container, told: str
) -> None:
    def restart() -> None:
        # From now on the API gives the output of the new container, whatever the status says.
        container.lines = [stamped(7, "second life")]
        begin = partial(container.begin, restarts=1)
        if told == "at once":
            begin()
        else:
            asyncio.get_running_loop().call_later(0.3, begin)

    container.lines = [stamped(5, "first life")]
    container.endings = [restart, container.end]
    result = await shell.run("logs", "one", "--follow", "--tail=7", "--since=1m")
    assert result.exit_code == 0, result.output
    assert result.stdout == "first life\nsecond life\n"
    assert result.stderr.splitlines() == [
        "--- team/one: the container was started again ---",
        "--- team/one is stopped ---",
    ]
    first, second = container.asked
    assert (first["tailLines"], first["sinceSeconds"]) == ("7", "60")
    assert not {"tailLines", "sinceSeconds", "sinceTime"} & second.keys()


async def test_a_new_pod_of_the_same_name_is_another_life(shell: Shell, container: Container) -> None:
    def renew() -> None:
        shell.server.remove(PODS, POD)
        container.lines = [stamped(1, "new pod")]
        container.begin(restarts=0)

    container.lines = [stamped(5, "old pod")]
    container.endings = [renew, container.end]
    result = await shell.run("logs", "one", "-f")
    assert result.stdout == "old pod\nnew pod\n"
    assert "started again" in result.stderr


async def test_a_stream_that_broke_goes_on_behind_the_last_line(shell: Shell, container: Container) -> None:
    def go_on() -> None:
        # The API takes whole seconds, so that lines of that second come again.
        container.lines = [stamped(5, "one"), stamped(6, "two"), stamped(6, "three")]
        raise ConnectionResetError

    container.lines = [stamped(4, "zero"), stamped(5, "one")]
    container.endings = [go_on, container.end]
    result = await shell.run("logs", "one", "-f")
    assert result.stdout == "zero\none\ntwo\nthree\n"
    assert container.asked[1]["sinceTime"] == "2026-11-26T10:00:05Z"
    assert "started again" not in result.stderr


async def test_a_stream_that_something_else_closed_goes_on_after_a_while(shell: Shell, container: Container) -> None:
    def go_on() -> None:
        container.lines = [stamped(5, "one"), stamped(6, "two")]

    container.lines = [stamped(5, "one")]
    container.endings = [go_on, container.end]
    result = await shell.run("logs", "one", "-f")
    assert result.stdout == "one\ntwo\n"
    assert "started again" not in result.stderr


async def test_a_container_that_has_ended_is_not_asked_for_again(shell: Shell, container: Container) -> None:
    def crash() -> None:
        container.begin(restarts=0, state={"terminated": {"exitCode": 1}})
        container.lines = [stamped(7, "second life")]
        asyncio.get_running_loop().call_later(1.5, partial(container.begin, restarts=1))

    container.lines = [stamped(5, "first life")]
    container.endings = [crash, container.end]
    result = await shell.run("logs", "one", "-f")
    assert result.stdout == "first life\nsecond life\n"
    assert result.stderr.splitlines()[0] == "--- team/one: the container was started again ---"
    assert len(container.asked) == 2


async def test_times_are_shown_on_request(shell: Shell, container: Container) -> None:
    container.lines = [stamped(5, "one")]
    container.endings = [container.end]
    assert (await shell.run("logs", "one", "-f", "--timestamps")).stdout == stamped(5, "one")


async def test_an_environment_that_starts_is_waited_for(shell: Shell, container: Container) -> None:
    container.end()
    shell.put_instance("one", status={"phase": "Provisioning"}, running=True)
    container.lines, container.endings = [stamped(1, "at last")], [container.end]
    running = asyncio.create_task(shell.run("logs", "one", "-f"))
    await asyncio.sleep(0.2)
    container.begin(restarts=0)
    shell.put_instance("one", status={"phase": "Running", "podName": POD.name}, running=True)
    result = await running
    assert result.stdout == "at last\n"
    assert result.stderr.splitlines()[0] == "--- team/one: waiting for its container ---"


async def test_a_container_that_is_not_there_yet_is_asked_again(shell: Shell, container: Container) -> None:
    def refuse(pod: Key, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        shell.server.log = container.log
        raise Refusal(400, "BadRequest", "container is waiting to start")

    shell.server.log = refuse
    container.lines, container.endings = [stamped(1, "here")], [container.end]
    assert (await shell.run("logs", "one", "-f")).stdout == "here\n"


async def test_a_stopped_environment_has_nothing_to_follow(shell: Shell, container: Container) -> None:
    container.end()
    result = await shell.run("logs", "one", "-f")
    assert result.exit_code == 1
    assert "has no pod now (Stopped)" in result.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["-f", "-p"], "exclude each other"), (["--since=yesterday"], "'yesterday' is not a duration")],
)
async def test_what_makes_no_sense_is_refused(shell: Shell, options: list[str], sentence: str) -> None:
    result = await shell.run("logs", "one", *options)
    assert result.exit_code == 2
    assert sentence in result.output
