"""Every rule and pattern of the CRDs, put to the real API server: one that passes, one that is refused."""

import uuid

import pytest
from tests.crds.apiserver import Answer, ApiServer
from tests.crds.cases import Case, load_cases
from tests.crds.conftest import PAUSED
from tests.crds.schema import KINDS, Json, changed, schema_path

pytestmark = pytest.mark.cluster

DRY_RUN = {"dryRun": "All"}


@pytest.mark.parametrize("case", load_cases(), ids=str)
def test_rule(case: Case, api: ApiServer, namespace: str, stored: dict[str, str]) -> None:
    answer = _put_to_server(case, api=api, namespace=namespace, stored=stored)
    if case.accepted:
        assert answer.ok, answer
        return
    assert answer.status == 422, answer
    schema = KINDS[case.kind].schema
    found = [(schema_path(schema, field), message) for field, message in answer.causes]
    assert any(path == case.field and case.says in message for path, message in found), answer


def _put_to_server(case: Case, *, api: ApiServer, namespace: str, stored: dict[str, str]) -> Answer:
    kind = KINDS[case.kind]
    if case.on_status:
        path = kind.url(namespace, stored[case.kind], "status")
        body = changed({}, case.changes)
        return api.request("PATCH", path, body=body, query=DRY_RUN, content_type="application/merge-patch+json")
    manifest = changed(kind.minimal, case.changes)
    if case.before is None:
        return api.request("POST", kind.url(namespace), body=manifest, query=DRY_RUN)
    return _update(case, manifest, api=api, namespace=namespace)


def _update(case: Case, manifest: Json, *, api: ApiServer, namespace: str) -> Answer:
    """Really creates the object as it was before, and asks for the change."""
    kind = KINDS[case.kind]
    name = f"change-{uuid.uuid4().hex[:8]}"
    before = changed(kind.minimal, case.before or {}) | {"metadata": {"name": name, "annotations": PAUSED}}
    created = api.request("POST", kind.url(namespace), body=before)
    assert created.ok, created
    # A JSON patch replaces the whole spec without naming a resourceVersion: a status write in between does not matter.
    path = kind.url(namespace, name)
    operation = {"op": "replace", "path": "/spec", "value": manifest["spec"]}
    answer = api.request("PATCH", path, body=[operation], query=DRY_RUN, content_type="application/json-patch+json")
    assert api.request("DELETE", path).ok
    return answer
