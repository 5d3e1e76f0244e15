"""The REST API: what the form of a new environment is told, and what it may not send."""

import pytest
import yaml
from msgspec.structs import replace

from devworkspace.api.template import PoolStatus
from tests.server.support import ADMIN, Browser, Harness, read, send
from tests.server.test_api import API, CREATE, MAY_CREATE


async def test_what_is_made_in_advance_is_told_for_the_namespace_that_has_it(
    server: Harness, signed_in: Browser
) -> None:
    server.catalogue.add("python")
    server.catalogue.add("go")
    pools = (PoolStatus("team", 2, 1, 1, ""), PoolStatus("lab", 2, 0, 2, ""))
    known = server.catalogue.known["python"]
    server.catalogue.known["python"] = replace(known, status=replace(known.status, pools=pools))
    server.catalogue.labels = {"team": {}, "lab": {}}
    server.rbac.rights |= {MAY_CREATE, (ADMIN, "create", "", "lab", "")}
    for query, ready in (("?namespace=team", True), ("?namespace=lab", False), ("", False)):
        items = (await read(server, signed_in, f"{API}/templates{query}"))["items"]
        assert {item["name"]: item["readyAtOnce"] for item in items} == {"go": False, "python": ready}
        assert all(item["pools"] == [] for item in items), "how many there are is for those who publish"


@pytest.mark.parametrize(
    "git_user",
    [
        {"name": "", "email": "a@example.com"},
        {"name": " ", "email": "a@example.com"},
        {"name": "Li <Wei>", "email": "a@example.com"},
        {"name": "Li\n[core]", "email": "a@example.com"},
        {"name": "Li Wei", "email": ""},
        {"name": "Li Wei", "email": "a b@example.com"},
        {"name": "Li Wei"},
    ],
)
async def test_who_cannot_be_an_author_is_refused(
    server: Harness, signed_in: Browser, git_user: dict[str, str]
) -> None:
    server.rbac.rights.add(MAY_CREATE)
    body = {"name": "demo", "template": "python", "gitUser": git_user}
    assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 422
    assert server.api.created == []


async def test_a_draft_is_what_a_creation_would_make(server: Harness, signed_in: Browser) -> None:
    server.catalogue.add("python")
    server.rbac.rights.add(MAY_CREATE)
    body = {
        "name": "demo",
        "template": "python",
        "displayName": "支付",
        "description": "说明",
        "idleTimeout": "1h",
        "gitUser": {"name": "Li Wei", "email": "li@example.com"},
    }
    drafted = await send(server, signed_in, "POST", f"{API}/namespaces/team/manifest", body=body)
    assert (drafted.status, drafted.content_type) == (200, "application/yaml")
    assert server.api.created == [], "a draft makes nothing"
    assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 201
    ((made, _),) = server.api.created
    expected = {"apiVersion": "devworkspace.kubesphere.io/v1alpha1", "kind": "WorkspaceInstance", **made}
    assert yaml.safe_load(drafted.text) == expected
    assert "支付" in drafted.text


async def test_who_may_not_create_drafts_nothing(server: Harness, browser: Browser) -> None:
    body, path = {"name": "demo", "template": "python"}, f"{API}/namespaces/team/manifest"
    assert (await send(server, browser, "POST", path, body=body)).status == 401
    await browser.sign_in()
    assert (await send(server, browser, "POST", path, body=body)).status == 403
    server.rbac.rights.add(MAY_CREATE)
    assert (await send(server, browser, "POST", path, body=body)).status == 200, "positive control"
