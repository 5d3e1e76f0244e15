"""The installer's settings in the words of the chart make the objects that the installer itself would apply."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.cli.deployment import Deployment
from devworkspace.cli.project import Project
from tests.support.helm import CHART, ROOT, Helm

pytestmark = pytest.mark.helm

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"public_url": "http://localhost:8080", "blocked_networks": ("10.0.0.0/8", "fd00::/8")},
    "no network": {"public_url": "http://localhost:8080"},
    "everything": {
        "public_url": "https://dev.example.com:8443",
        "address_mode": "path",
        "image_prefix": "registry.example.com:5000/team/devworkspace",
        "operator_replicas": 3,
        "server_replicas": 4,
        "blocked_networks": ("10.0.0.0/8",),
        "server_options": (
            "--oidc-issuer=https://id.example.com",
            "--oidc-client-dir=/etc/devworkspace/oidc",
            "--oidc-name=a, b: {c}",
            "--log-format=text",
            "--verbose",
        ),
        "node_port": 30080,
        "build": "devworkspace-1234.tar",
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_parts_are_the_same_to_the_last_field(helm: Helm, tmp_path: Path, name: str) -> None:
    """If they were not, taking an installation over would restart operator and server."""
    deployment = Deployment(project=Project(ROOT), **SETTINGS[name])
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(deployment.helm_values()))
    rendered = {(found["kind"], found["metadata"]["name"]): found for found in helm.render(CHART, f"--values={values}")}
    expected = deployment.workloads()
    assert len(expected) > 10
    for document in expected:
        found = rendered[document["kind"], document["metadata"]["name"]]
        found["metadata"].pop("annotations", None)
        assert found == document


def test_without_the_local_account_its_secret_is_not_mounted(helm: Helm, tmp_path: Path) -> None:
    """The chart leaves the mount out where the installer's option has the server not look at it."""
    options = ("--no-local-account", "--oidc-issuer=https://id.example.com")
    deployment = Deployment(project=Project(ROOT), public_url="https://dev.example.com", server_options=options)
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(deployment.helm_values()))
    (server,) = [found for found in helm.render(CHART, f"--values={values}") if _is_server(found)]
    assert "devworkspace-admin" not in str(server)
    assert "--oidc-issuer=https://id.example.com" in str(server)


def _is_server(document: dict[str, Any]) -> bool:
    return (document["kind"], document["metadata"]["name"]) == ("Deployment", "devworkspace-server")
