"""Kopf may give up; the operator goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devworkspace.kube.resource import PVCS
from tests.operator.running import let_pod_answer, phase_of, put_instance, put_template, running_operator
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually


def end_with_error(server: FakeApiServer) -> None:
    server.fail_streams(500, "InternalError", INSTANCES.plural)


def send_half_a_line(server: FakeApiServer) -> None:
    for stream in (stream for stream in server.streams if stream.resource == INSTANCES.plural):
        stream.send(b'{"type": "MODIFIED", "obj\n')


def refuse_the_next_watch(server: FakeApiServer) -> None:
    server.faults.append(Fault(verb="watch", resource=INSTANCES.plural, status=410, reason="Expired"))
    server.end_streams(INSTANCES.plural)


async def kopf_watches(server: FakeApiServer) -> None:
    await eventually(lambda: any(stream.resource == INSTANCES.plural for stream in server.streams), within=30)


@pytest.mark.parametrize("disturb", [end_with_error, send_half_a_line, refuse_the_next_watch])
async def test_a_watch_that_kopf_does_not_understand_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, disturb: Callable[[FakeApiServer], None]
) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        await kopf_watches(server)
        disturb(server)
        await eventually(lambda: "Kopf cannot go on and is started again" in caplog.text, within=30)
        put_instance(server)
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running", within=30)


async def test_what_is_made_while_kopf_is_away_is_found_by_the_next_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        await kopf_watches(server)
        end_with_error(server)
        await eventually(lambda: "Kopf cannot go on and is started again" in caplog.text, within=30)
        put_instance(server)
        await eventually(lambda: server.objects(PVCS, "team"), within=30)


async def test_kinds_that_come_back_later_are_heard_of_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody deletes the definitions and makes them anew, one after the other."""
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        await kopf_watches(server)
        known = server.resources
        server.resources = tuple(resource for resource in known if resource != TEMPLATES)
        end_with_error(server)
        await eventually(lambda: "does not serve ideworkspacetemplates" in caplog.text, within=30)
        await eventually(lambda: not watches(server, TEMPLATES.plural), within=30)
        server.resources = known
        await eventually(lambda: watches(server, TEMPLATES.plural), within=30)
        await eventually(lambda: watches(server, INSTANCES.plural), within=30)


def watches(server: FakeApiServer, plural: str) -> bool:
    return any(stream.resource == plural for stream in server.streams)
