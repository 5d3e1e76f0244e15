"""Every length, number and enum bound of the CRDs, generated: a value just beyond it is refused at its field."""

from typing import Any

import pytest
from tests.crds.apiserver import Answer, ApiServer
from tests.crds.schema import KINDS, Bound, Json, bounds, replaced, schema_path, value_at

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
    manifest = replaced(kind.full, bound.path, beyond(bound, kind.full))
    answer = _put_to_server(bound, manifest, api=api, namespace=namespace, stored=stored)
    assert answer.status == 422, answer
    found = [(schema_path(kind.schema, field), message) for field, message in answer.causes]
    assert any(path == bound.path and SAYS[bound.check] in message for path, message in found), answer


@pytest.mark.parametrize("bound", [b for b in bounds() if b.check == "enum"], ids=str)
def test_every_value_of_an_enum_is_accepted(
    bound: Bound, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    kind = KINDS[bound.kind]
    for value in bound.limit:
        manifest = replaced(kind.full, bound.path, value)
        answer = _put_to_server(bound, manifest, api=api, namespace=namespace, stored=stored)
        rules = [message for field, message in answer.causes if schema_path(kind.schema, field) == bound.path]
        assert not rules, answer


@pytest.mark.parametrize("bound", [b for b in bounds() if b.check in ("minimum", "maximum")], ids=str)
def test_the_limit_of_a_number_is_accepted(
    bound: Bound, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    kind = KINDS[bound.kind]
    manifest = replaced(kind.full, bound.path, bound.limit)
    answer = _put_to_server(bound, manifest, api=api, namespace=namespace, stored=stored)
    assert not [cause for cause in answer.causes if SAYS[bound.check] in cause[1]], answer


def _put_to_server(bound: Bound, manifest: Json, *, api: ApiServer, namespace: str, stored: dict[str, str]) -> Answer:
    kind = KINDS[bound.kind]
    query = {"dryRun": "All"}
    if bound.path.startswith("status"):
        path = kind.url(namespace, stored[bound.kind], "status")
        return api.request(
            "PATCH", path, body={"status": manifest["status"]}, query=query, content_type="application/merge-patch+json"
        )
    return api.request("POST", kind.url(namespace), body=manifest | {"metadata": {"name": "bound"}}, query=query)
