"""A safe start by the REST API: who may ask for one, when, and what is written; what holds for a restart as well."""

from pathlib import Path

from msgspec.structs import replace

from devworkspace.api import names, reasons
from devworkspace.api.meta import Condition
from tests.server.support import ADMIN, Browser, Harness, Pod, read, running_server, send

DEMO = "/api/v1/namespaces/team/environments/demo"
SAFE = f"{DEMO}/start?safe=true"


async def test_one_that_has_failed_is_restarted_safely(server: Harness, signed_in: Browser, pod: Pod) -> None:
    server.add(pod.port, phase="Failed")
    assert (await read(server, signed_in, DEMO))["allowed"]["safe-start"]["allowed"] is True
    assert (await send(server, signed_in, "POST", f"{DEMO}/start")).status == 409, "a plain start does not fit"
    assert (await send(server, signed_in, "POST", SAFE)).status == 204
    ((_, patch),) = server.api.patches
    asked = patch["metadata"]["annotations"]
    assert asked[names.ANNOTATION_SAFE_START] == asked[names.ANNOTATION_RESTARTED_AT] != ""
    assert patch["spec"] == {"running": True}


async def test_it_takes_a_right_and_a_phase(server: Harness, signed_in: Browser, pod: Pod) -> None:
    server.add(pod.port, phase="Stopping")
    assert (await send(server, signed_in, "POST", SAFE)).status == 409
    server.add(pod.port, phase="Failed", owner="li.wei")
    server.rbac.grants.add((ADMIN, "team", "demo"))
    assert (await send(server, signed_in, "POST", SAFE)).status == 403
    assert (await send(server, signed_in, "POST", f"{DEMO}/start?safe=maybe")).status in (400, 422)
    assert server.api.patches == []
    server.rbac.rights.add((ADMIN, "update", "", "team", "demo"))
    assert (await send(server, signed_in, "POST", SAFE)).status == 204, "positive control"


async def test_where_none_is_offered_it_is_refused(tmp_path: Path, pod: Pod) -> None:
    async with running_server(tmp_path, safe_start=False) as server, server.browser() as browser:
        assert (await browser.sign_in()).status == 303
        server.add(pod.port, phase="Failed")
        assert "safe-start" not in (await read(server, browser, DEMO))["allowed"]
        answer = await send(server, browser, "POST", SAFE)
        assert answer.status == 409
        assert "offers no safe start" in answer.json()["detail"]
        assert server.api.patches == []
        assert (await send(server, browser, "POST", f"{DEMO}/restart")).status == 204, "positive control"


async def test_what_could_not_start_again_is_not_restarted(server: Harness, signed_in: Browser, pod: Pod) -> None:
    instance = server.add(pod.port)
    gone = Condition(
        type="TemplateResolved",
        status="False",
        reason=reasons.TEMPLATE_MISSING,
        message="Template 'python' does not exist.",
    )
    barred = replace(instance, status=replace(instance.status, conditions=(gone,), observed_generation=0))
    server.table.on_instance(instance, barred)
    allowed = (await read(server, signed_in, DEMO))["allowed"]
    obstacles = [allowed[action]["obstacle"] for action in ("restart", "safe-start", "stop")]
    assert obstacles == ["template", "template", None]
    for address in (f"{DEMO}/restart", SAFE):
        answer = await send(server, signed_in, "POST", address)
        assert (answer.status, answer.json()["reason"]) == (409, reasons.TEMPLATE_MISSING)
        assert answer.json()["detail"] == "It runs, and could not start again. Template 'python' does not exist."
    assert server.api.patches == []
    assert (await send(server, signed_in, "POST", f"{DEMO}/stop")).status == 204, "positive control"
