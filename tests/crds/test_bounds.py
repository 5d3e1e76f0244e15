"""What can be generated from the CRDs: a value just beyond each bound, an absent field, equal items are refused."""

from typing import Any

import pytest
from tests.crds.apiserver import Answer, ApiServer
from tests.crds.schema import (
    KINDS,
    Bound,
    Json,
    bounds,
    replaced,
    required_fields,
    schema_path,
    unique_lists,
    value_at,
    without,
)

pytestmark = pytest.mark.cluster

SAYS = {
    "maxLength": "may not be more than",
    "minLength": "should be at least",
    "maxItems": "must have at most",
    "maxProperties": "must have at most",
    "minimum": "should be greater than or equal to",
    "maximum": "should be less than or equal to",
    "enum": "supported values",
}


def beyond(bound: Bound, full: Json) -> Any:
    """A value that breaks one bound by one."""
    match bound.check:
        case "maxLength":
            return "a" * (bound.limit + 1)
        case "minLength":
            return "a" * (bound.limit - 1)
        case "maxItems":
            return [value_at(full, f"{bound.path}[]")] * (bound.limit + 1)
        case "maxProperties":
            value = value_at(full, f"{bound.path}{{}}")
            return {f"example.com/{number}": value for number in range(bound.limit + 1)}
        case "minimum":
            return bound.limit - 1
        case "maximum":
            return bound.limit + 1
        case _:
            return "Other"


@pytest.mark.parametrize("bound", bounds(), ids=str)
def test_value_beyond_the_bound_is_refused(
    bound: Bound, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    kind = KINDS[bound.kind]
    full = kind.showing(bound.path)
    manifest = replaced(full, bound.path, beyond(bound, full))
    answer = _put_to_server(bound.kind, bound.path, manifest, api=api, namespace=namespace, stored=stored)
    assert answer.status == 422, answer
    found = [(schema_path(kind.schema, field), message) for field, message in answer.causes]
    assert any(path == bound.path and SAYS[bound.check] in message for path, message in found), answer


@pytest.mark.parametrize("bound", [b for b in bounds() if b.check == "enum"], ids=str)
def test_every_value_of_an_enum_is_accepted(
    bound: Bound, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    kind = KINDS[bound.kind]
    for value in bound.limit:
        manifest = replaced(kind.showing(bound.path), bound.path, value)
        answer = _put_to_server(bound.kind, bound.path, manifest, api=api, namespace=namespace, stored=stored)
        rules = [message for field, message in answer.causes if schema_path(kind.schema, field) == bound.path]
        assert not rules, answer


@pytest.mark.parametrize("bound", [b for b in bounds() if b.check in ("minimum", "maximum")], ids=str)
def test_the_limit_of_a_number_is_accepted(
    bound: Bound, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    kind = KINDS[bound.kind]
    manifest = replaced(kind.showing(bound.path), bound.path, bound.limit)
    answer = _put_to_server(bound.kind, bound.path, manifest, api=api, namespace=namespace, stored=stored)
    assert not [cause for cause in answer.causes if SAYS[bound.check] in cause[1]], answer


@pytest.mark.parametrize(("short", "path"), required_fields())
def test_absence_of_a_required_field_is_refused(
    short: str, path: str, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    manifest = without(KINDS[short].showing(path), path)
    answer = _put_to_server(short, path, manifest, api=api, namespace=namespace, stored=stored)
    found = [(schema_path(KINDS[short].schema, field), message) for field, message in answer.causes]
    assert any(found_path == path and "Required value" in message for found_path, message in found), answer


@pytest.mark.parametrize(("short", "path"), unique_lists())
def test_equal_items_of_a_set_or_keyed_list_are_refused(
    short: str, path: str, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    full = KINDS[short].showing(path)
    manifest = replaced(full, path, value_at(full, path) * 2)
    answer = _put_to_server(short, path, manifest, api=api, namespace=namespace, stored=stored)
    found = [(schema_path(KINDS[short].schema, field), message) for field, message in answer.causes]
    assert any(found_path == f"{path}[]" and "Duplicate value" in message for found_path, message in found), answer


def _put_to_server(
    short: str, path: str, manifest: Json, *, api: ApiServer, namespace: str, stored: dict[str, str]
) -> Answer:
    kind = KINDS[short]
    query = {"dryRun": "All"}
    if path.startswith("status"):
        target = kind.url(namespace, stored[short], "status")
        body = {"status": manifest["status"]}
        return api.request("PATCH", target, body=body, query=query, content_type="application/merge-patch+json")
    return api.request("POST", kind.url(namespace), body=manifest | {"metadata": {"name": "bound"}}, query=query)
