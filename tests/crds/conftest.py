"""The API server of KUBECONFIG, with the project's CRDs, and a namespace that lives as long as the session."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crds.apiserver import ApiServer
from tests.crds.schema import KINDS, Kind

CRD_URL = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Instances made for real stay paused, so that an operator on the same cluster leaves them alone.
PAUSED = {"devworkspace.kubesphere.io/paused": "true"}


@pytest.fixture(scope="session")
def api() -> Iterator[ApiServer]:
    """A client of the cluster in KUBECONFIG. Missing CRDs are installed (and stay); different ones fail the tests."""
    kubeconfig = os.environ.get("KUBECONFIG")
    assert kubeconfig, "these tests need a cluster: set KUBECONFIG to the path of its kubeconfig"
    with contextlib.closing(ApiServer.from_kubeconfig(Path(kubeconfig))) as server:
        for kind in KINDS.values():
            _ensure_crd(server, kind)
        yield server


@pytest.fixture(scope="session")
def namespace(api: ApiServer) -> Iterator[str]:
    name = f"crd-test-{uuid.uuid4().hex[:8]}"
    answer = api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    assert answer.ok, answer
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def stored(api: ApiServer, namespace: str) -> Iterator[dict[str, str]]:
    """One object of each kind with every spec field set, really created; its name by "template" or "instance"."""
    names = {short: f"full-{uuid.uuid4().hex[:8]}" for short in KINDS}
    for short, kind in KINDS.items():
        metadata = {"name": names[short], "annotations": PAUSED}
        answer = api.request("POST", kind.url(namespace), body=kind.full | {"metadata": metadata})
        assert answer.ok, answer
    yield names
    for short, kind in KINDS.items():
        api.request("DELETE", kind.url(namespace, names[short]))


def _ensure_crd(server: ApiServer, kind: Kind) -> None:
    name = kind.crd["metadata"]["name"]
    answer = server.request("GET", f"{CRD_URL}/{name}")
    if answer.status == 404:
        created = server.request("POST", CRD_URL, body=kind.crd)
        assert created.ok, f"the API server refuses {name}: {created}"
        _wait_until_served(server, kind)
        return
    assert answer.ok, answer
    difference = _first_difference(kind.crd["spec"], answer.body["spec"], "spec")
    assert difference is None, f"{name} on this cluster is not the one in crds/ ({difference}): apply crds/ first"


def _wait_until_served(server: ApiServer, kind: Kind) -> None:
    # The endpoint appears within a second after its CRD; each answer takes a round trip, so this ends by itself.
    for _ in range(10_000):
        if server.request("GET", kind.url("default")).ok:
            return
    pytest.fail(f"{kind.plural} is not served after its CRD was created")


def _first_difference(ours: Any, theirs: Any, path: str) -> str | None:
    """Where the server's object misses or changes something of ours; fields that only the server has do not count."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = (
            _first_difference(value, theirs[key], f"{path}.{key}") if key in theirs else f"{path}.{key} is missing"
            for key, value in ours.items()
        )
        return next(filter(None, found), None)
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        found = (
            _first_difference(one, two, f"{path}[{index}]")
            for index, (one, two) in enumerate(zip(ours, theirs, strict=True))
        )
        return next(filter(None, found), None)
    return None if ours == theirs else f"{path} is {theirs!r}"
