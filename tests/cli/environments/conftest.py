"""A developer's shell in front of an API server in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from devworkspace.api.meta import Key
from devworkspace.cli.main import main
from devworkspace.kube.resource import NAMESPACES
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fixtures import api_server

TEMPLATE: dict[str, Any] = {
    "metadata": {"name": "python"},
    "spec": {
        "displayName": "Python 3",
        "environment": {"image": "localhost/devworkspace/python:0.1.0"},
        "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        "overrides": {"maxResources": {"cpu": "4"}},
    },
}


class Shell(NamedTuple):
    """Somebody at a terminal whose kubeconfig names the namespace `team`."""

    server: FakeApiServer
    kubeconfig: Path

    async def run(self, *arguments: str, answer: str | None = None, locale: str = "C.UTF-8") -> Result:
        """One command line; `answer` is what is typed when it asks."""
        variables = {"KUBECONFIG": str(self.kubeconfig), "LC_ALL": locale}
        return await asyncio.to_thread(CliRunner().invoke, main, list(arguments), input=answer, env=variables)

    def put_instance(self, name: str, *, status: dict[str, Any] | None = None, **spec: Any) -> None:
        body = {"metadata": {"name": name, "namespace": "team"}, "spec": {"templateRef": "python", **spec}}
        self.server.put(INSTANCES, body)
        if status is not None:
            self.server.set_status(INSTANCES, Key("team", name), status)

    def instance(self, name: str) -> dict[str, Any] | None:
        return self.server.get(INSTANCES, Key("team", name))


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with api_server() as server:
        server.put(NAMESPACES, {"metadata": {"name": "team"}})
        server.put(TEMPLATES, TEMPLATE)
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(kubeconfig_of(server.url)))
        yield Shell(server, kubeconfig)


def kubeconfig_of(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
