"""Who the server must be, and who we are to it, over real TLS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.kube import errors
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint, from_kubeconfig
from devworkspace.kube.credentials import load_certificate
from devworkspace.kube.resource import PODS
from devworkspace.kube.transport import RetryPolicy
from tests.kube.kinds import Thing, key, thing
from tests.kube.test_config import CERTIFICATE, PRIVATE_KEY, inline, make_certificate, write
from tests.support.fake_apiserver import FakeApiServer

ONCE = RetryPolicy(attempts=1)
PINNED = {"certificate-authority-data": inline(CERTIFICATE)}


@pytest.fixture(params=[ssl.CERT_NONE, ssl.CERT_REQUIRED])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FakeApiServer]:
    """A server named `kubernetes`, which in its second form demands a client certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=CERTIFICATE.decode())
    load_certificate(context, certificate=CERTIFICATE, key=PRIVATE_KEY)
    context.verify_mode = request.param
    async with FakeApiServer(tls=context) as server:
        server.put(PODS, thing("a"))
        yield server


def endpoint_of(file: Path, server: FakeApiServer, *, cluster: dict[str, Any], user: dict[str, Any]) -> Endpoint:
    return from_kubeconfig(write(file, cluster={"server": server.url} | cluster, user=user))


OURS = {"client-certificate-data": inline(CERTIFICATE), "client-key-data": inline(PRIVATE_KEY)}


@pytest.mark.parametrize("cluster", [PINNED | {"tls-server-name": "kubernetes"}, {"insecure-skip-tls-verify": True}])
async def test_the_expected_server_is_talked_to(tmp_path: Path, server: FakeApiServer, cluster: dict[str, Any]) -> None:
    endpoint = endpoint_of(tmp_path / "config", server, cluster=cluster, user=OURS)
    async with Client(endpoint, field_manager="test", retry=ONCE) as client:
        assert (await client.get(PODS, key("a"), Thing)).metadata.name == "a"


@pytest.mark.parametrize(
    "cluster",
    [
        pytest.param(PINNED, id="another name"),
        pytest.param({"tls-server-name": "kubernetes"}, id="an authority that is not trusted"),
        pytest.param(
            {"tls-server-name": "kubernetes", "certificate-authority-data": inline(make_certificate()[0])},
            id="another authority",
        ),
    ],
)
async def test_any_other_server_gets_no_request(tmp_path: Path, server: FakeApiServer, cluster: dict[str, Any]) -> None:
    endpoint = endpoint_of(tmp_path / "config", server, cluster=cluster, user=OURS)
    async with Client(endpoint, field_manager="test", retry=ONCE) as client:
        with pytest.raises(errors.Unreachable, match="certificate"):
            await client.get(PODS, key("a"), Thing)
    assert server.requests == []


@pytest.mark.parametrize("server", [ssl.CERT_REQUIRED], indirect=True)
async def test_a_server_that_wants_a_certificate_refuses_who_has_none(tmp_path: Path, server: FakeApiServer) -> None:
    cluster = PINNED | {"tls-server-name": "kubernetes"}
    endpoint = endpoint_of(tmp_path / "config", server, cluster=cluster, user={})
    async with Client(endpoint, field_manager="test", retry=ONCE) as client:
        with pytest.raises(errors.Unreachable):
            await client.get(PODS, key("a"), Thing)
    assert server.requests == []
