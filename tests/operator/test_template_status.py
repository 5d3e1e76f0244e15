"""The status of templates in front of the API server: true, in few writes, whatever cannot be read."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.kube.resource import PODS
from devworkspace.operator import template_status
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    put_instance,
    put_template,
    running_operator,
)
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

PYTHON = Key("", "python")
LABEL = "ideworkspacetemplates/status"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told after a second is told after a tenth of one."""
    monkeypatch.setattr(template_status, "DELAY_SECONDS", 0.1)


async def quiet() -> None:
    """Time for a write that should not come."""
    await asyncio.sleep(0.4)


def status_of_template(server: FakeApiServer, key: Key = PYTHON) -> dict[str, Any]:
    template = server.get(TEMPLATES, key)
    return {} if template is None else template.get("status", {})


def counts(server: FakeApiServer, key: Key = PYTHON) -> tuple[int | None, ...]:
    status = status_of_template(server, key)
    return tuple(status.get(name) for name in ("instances", "running", "outdated"))


def conditions(server: FakeApiServer, key: Key = PYTHON) -> dict[str, str]:
    return {found["type"]: found["reason"] for found in status_of_template(server, key).get("conditions", ())}


def status_writes(server: FakeApiServer) -> int:
    return len([write for write in server.writes if write.resource == LABEL])


async def test_a_template_without_environments_says_zero(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        await eventually(lambda: counts(server) == (0, 0, 0))
        assert conditions(server) == {"Accepted": reasons.ACCEPTED, "Counted": reasons.COUNTED}
        assert status_of_template(server)["observedGeneration"] == 1


async def test_the_counts_follow_a_life(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        put_instance(server)
        await let_pod_answer(server)
        await eventually(lambda: counts(server) == (1, 1, 0))
        server.patch(TEMPLATES, PYTHON, {"spec": {"environment": {"image": "localhost/devworkspace/python:0.2.0"}}})
        await eventually(lambda: counts(server) == (1, 1, 1))
        assert status_of_template(server)["observedGeneration"] == 2
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: counts(server) == (1, 0, 0))
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: counts(server) == (0, 0, 0))


async def test_a_burst_costs_a_handful_of_writes_and_rest_costs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_status, "DELAY_SECONDS", 1.0)
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        started = time.monotonic()
        put_template(server)
        names = [f"demo-{number}" for number in range(30)]
        for name in names:
            put_instance(server, name)
        for name in names:
            await let_pod_answer(server, Key("team", name))
        await eventually(lambda: counts(server) == (30, 30, 0), within=60)
        # One for each second that the burst took on this machine, and never one for each environment.
        assert status_writes(server) <= time.monotonic() - started + 1
        before = status_writes(server)
        await asyncio.sleep(1.5)
        assert status_writes(server) == before


async def test_a_restarted_operator_writes_no_status_that_is_true(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            put_template(server)
            put_instance(server, running=False)
            await eventually(lambda: counts(server) == (1, 0, 0))
        before = status_writes(server)
        async with running_operator(server, tmp_path):
            await quiet()
            assert status_writes(server) == before
            server.set_status(TEMPLATES, PYTHON, {"instances": 0})
            await eventually(lambda: counts(server) == (1, 0, 0))


async def test_own_status_writes_wake_no_environment(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path) as operator:
        put_template(server)
        put_instance(server, running=False)
        await eventually(lambda: counts(server) == (1, 0, 0))
        await eventually(lambda: phase_of(server) == "Stopped")
        before = rounds(operator.metrics.registry)
        for number in range(3):
            server.set_status(TEMPLATES, PYTHON, {"instances": number + 5})
            await eventually(lambda: counts(server) == (1, 0, 0))
        assert rounds(operator.metrics.registry) == before
        # The control: a change of what a template says does wake them.
        server.patch(TEMPLATES, PYTHON, {"spec": {"displayName": "Python 3"}})
        await eventually(lambda: rounds(operator.metrics.registry) > before)


async def test_texts_and_a_successor_cost_no_environment_a_write_or_a_restart(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path) as operator:
        put_template(server)
        put_template(server, "python-4")
        for name in ("one", "two", "three"):
            put_instance(server, name)
            await let_pod_answer(server, Key("team", name))
        await eventually(lambda: counts(server) == (3, 3, 0))
        await quiet()
        before, looks = len(server.writes), rounds(operator.metrics.registry)
        texts = {"displayName": "Snake", "description": "X", "translations": {"zh": {"displayName": "蟒蛇"}}}
        server.patch(TEMPLATES, PYTHON, {"spec": {**texts, "state": "Deprecated", "replacedBy": "python-4"}})
        # All three were looked at, and the template's own status is all that was written.
        await eventually(lambda: rounds(operator.metrics.registry) >= looks + 3)
        await eventually(lambda: status_of_template(server)["observedGeneration"] == 2)
        await quiet()
        assert [write.resource for write in server.writes[before:]] == [LABEL]
        assert counts(server) == (3, 3, 0)
        # The control: what the pod is made from does concern them.
        server.patch(TEMPLATES, PYTHON, {"spec": {"environment": {"image": "localhost/devworkspace/python:0.2.0"}}})
        await eventually(lambda: counts(server) == (3, 3, 3))


async def test_the_successor_is_told_as_it_comes_and_goes(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):

        def told(key: Key = PYTHON) -> str | None:
            return conditions(server, key).get("SuccessorUsable")

        put_template(server, state="Deprecated", replacedBy="python-4")
        await eventually(lambda: told() == reasons.SUCCESSOR_MISSING)
        put_template(server, "python-4")
        await eventually(lambda: told() == reasons.SUCCESSOR_FOUND)
        later = Key("", "python-4")
        server.patch(TEMPLATES, later, {"spec": {"state": "Hidden"}})
        await eventually(lambda: told() == reasons.SUCCESSOR_HIDDEN)
        server.patch(TEMPLATES, later, {"spec": {"replacedBy": "python"}})
        await eventually(lambda: told() == reasons.SUCCESSOR_CIRCULAR)
        await eventually(lambda: told(later) == reasons.SUCCESSOR_CIRCULAR)
        trial = {"metadata": {"labels": {names.LABEL_TRIAL: "true"}}, "spec": {"state": "Active", "replacedBy": None}}
        server.patch(TEMPLATES, later, trial)
        await eventually(lambda: told() == reasons.SUCCESSOR_MISSING)
        server.remove(TEMPLATES, later)
        await quiet()
        assert told() == reasons.SUCCESSOR_MISSING
        server.patch(TEMPLATES, PYTHON, {"spec": {"replacedBy": None}})
        await eventually(lambda: told() is None)
        before = status_writes(server)
        await quiet()
        assert status_writes(server) == before


def rounds(registry: Any) -> float:
    return float(registry.get_sample_value("devworkspace_reconciles_total", {"result": "ok"}) or 0.0)


async def test_an_environment_that_cannot_be_read_counts_as_a_use(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        put_instance(server, running="not a truth value")
        await eventually(lambda: counts(server) == (1, 0, 0))
        assert conditions(server)["Counted"] == reasons.INSTANCES_UNREADABLE
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await let_pod_answer(server)
        await eventually(lambda: counts(server) == (1, 1, 0))
        assert conditions(server)["Counted"] == reasons.COUNTED
        server.patch(INSTANCES, DEMO, {"spec": {"running": "again"}})
        await eventually(lambda: counts(server) == (1, 0, 0))
        assert conditions(server)["Counted"] == reasons.INSTANCES_UNREADABLE
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: counts(server) == (0, 0, 0))
        assert conditions(server)["Counted"] == reasons.COUNTED


async def test_a_template_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server, tags="not a list")
        put_instance(server)
        await eventually(lambda: counts(server) == (1, 0, 0))
        assert conditions(server)["Accepted"] == reasons.TEMPLATE_UNREADABLE
        before = status_writes(server)
        put_instance(server, "second", running=False)
        await eventually(lambda: counts(server) == (2, 0, 0))
        await quiet()
        assert status_writes(server) == before + 1
        server.patch(TEMPLATES, PYTHON, {"spec": {"tags": []}})
        await eventually(lambda: conditions(server)["Accepted"] == reasons.ACCEPTED)
        await eventually(lambda: server.objects(PODS))


async def test_a_write_that_fails_is_tried_again_and_holds_up_no_other(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        server.faults.append(Fault(resource=LABEL, key=Key("", "aaa"), times=None, status=403, reason="Forbidden"))
        broken = {"metadata": {"name": "aaa"}, "spec": {"displayName": "A", "environment": {"image": "a"}}}
        server.put(TEMPLATES, broken)
        put_template(server)
        await eventually(lambda: counts(server) == (0, 0, 0))
        assert counts(server, Key("", "aaa")) == (None, None, None)
        put_instance(server, running=False)
        await eventually(lambda: counts(server) == (1, 0, 0))
        server.faults.clear()
        await eventually(lambda: counts(server, Key("", "aaa")) == (0, 0, 0), within=15)


async def test_a_template_that_is_replaced_gets_the_status_of_its_successor(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        put_instance(server, running=False)
        await eventually(lambda: counts(server) == (1, 0, 0))
        server.remove(TEMPLATES, PYTHON)
        put_template(server)
        await eventually(lambda: counts(server) == (1, 0, 0))
