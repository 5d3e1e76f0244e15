"""The catalogue's texts in other languages, and what is offered instead of a template that was replaced."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.server.starters import read_starters
from tests.server.cluster import API, Wired, put_template, wired
from tests.server.support import ADMIN, read, send
from tests.support.builders import make_template

ALL = f"{API}/templates"
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


async def view(wired: Wired, name: str = "python", query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = await read(wired.server, wired.browser, f"{ALL}/{name}{query}")
    return found


def successor(name: str, **parts: Any) -> dict[str, Any]:
    return {"name": name, "displayName": name.title(), "translations": {}, "usable": True, "problem": None, **parts}


async def test_every_language_is_sent_because_the_page_chooses(all_wired: Wired) -> None:
    texts = {"zh": {"displayName": "蟒蛇"}, "de": {"description": "Für Skripte."}}
    put_template(all_wired, translations=texts)
    assert (await view(all_wired))["translations"] == {
        "zh": {"displayName": "蟒蛇", "description": None},
        "de": {"displayName": None, "description": "Für Skripte."},
    }


async def test_a_successor_comes_with_its_texts(all_wired: Wired) -> None:
    put_template(all_wired, state="Deprecated", replacedBy="go")
    assert (await view(all_wired))["successor"] == successor("go", displayName="go", usable=False, problem="Missing")
    put_template(all_wired, "go", translations={"zh": {"displayName": "围棋"}})
    seen = await view(all_wired)
    assert seen["replacedBy"] == "go"
    assert seen["successor"] == successor("go", translations={"zh": {"displayName": "围棋", "description": None}})
    one, two = (await read(all_wired.server, all_wired.browser, ALL))["items"]
    assert (one["successor"], two["successor"]) == (None, seen["successor"])


async def test_the_one_at_the_end_is_offered_and_none_in_a_circle(all_wired: Wired) -> None:
    put_template(all_wired, state="Deprecated", replacedBy="go")
    put_template(all_wired, "go", state="Hidden", replacedBy="java")
    put_template(all_wired, "java")
    assert (await view(all_wired))["successor"] == successor("java")
    put_template(all_wired, "java", state="Deprecated", replacedBy="go")
    seen = await view(all_wired)
    assert (seen["replacedBy"], seen["successor"]) == ("go", successor("go", usable=False, problem="Circular"))


async def test_a_successor_that_is_not_for_the_namespace_cannot_be_used_there(all_wired: Wired) -> None:
    put_template(all_wired, state="Deprecated", replacedBy="go")
    put_template(all_wired, "go", access={"namespaceSelector": {"matchLabels": {"team": "other"}}})
    all_wired.server.rbac.rights.add((ADMIN, "create", "", "team", ""))
    assert (await view(all_wired))["successor"] == successor("go")
    assert (await view(all_wired, query="?namespace=team"))["successor"] == successor("go", usable=False)


async def test_a_template_that_is_only_tried_replaces_nothing(all_wired: Wired) -> None:
    put_template(all_wired, state="Deprecated", replacedBy="go")
    tried = make_template("go")
    tried.metadata.labels[names.LABEL_TRIAL] = "true"
    all_wired.server.catalogue.known["go"] = tried
    assert (await view(all_wired))["successor"]["problem"] == "Missing"


async def test_a_check_of_a_draft_tells_what_its_successor_would_be(all_wired: Wired) -> None:
    all_wired.server.rbac.rights.add((ADMIN, "update", names.TEMPLATE_PLURAL, "", "python"))
    put_template(all_wired)
    put_template(all_wired, "go", state="Deprecated", replacedBy="python")
    spec = {"displayName": "Python", "environment": {"image": "python:1"}, "state": "Deprecated", "replacedBy": "go"}
    answer = await send(all_wired.server, all_wired.browser, "PUT", f"{ALL}/python?dryRun=true", body={"spec": spec})
    assert answer.status == 200, answer.text
    assert answer.json()["successor"] == {**successor("python"), "usable": False, "problem": "Circular"}


def test_every_starter_is_described_in_chinese() -> None:
    starters = read_starters("registry.corp/ide")
    assert len(starters) == 5
    for starter in starters:
        assert CHINESE.search(starter.spec.translations["zh"].description or ""), starter.name
