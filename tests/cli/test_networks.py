"""Which networks environments are kept from: what the cluster tells about itself, and what an admin says."""

from typing import Any, cast

import click
import pytest
from click.testing import CliRunner

from devworkspace.api.names import LINK_LOCAL_NETWORKS
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.networks import find_own_networks, network_option

NODES = [
    {
        "spec": {"podCIDRs": ["10.244.0.0/24", "fd10::/64"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.168.7.4"},
                {"type": "ExternalIP", "address": "203.0.113.9"},
                {"type": "Hostname", "address": "node-1"},
            ]
        },
    },
    {"spec": {"podCIDRs": ["10.244.1.0/24"]}, "status": {}},
    {"spec": {}, "status": {"addresses": [{"type": "InternalIP", "address": "192.168.7.5"}]}},
]


class FakeKubectl:
    def __init__(self, *, service_cidrs: bool) -> None:
        self._service_cidrs = service_cidrs

    def serves(self, group_version: str, plural: str) -> bool:
        return (group_version, plural) == ("networking.k8s.io/v1", "servicecidrs") and self._service_cidrs

    def json(self, verb: str, kind: str, *options: str) -> Any:
        assert verb == "get"
        answers = {
            "nodes": NODES,
            "servicecidrs": [{"spec": {"cidrs": ["10.96.0.0/16"]}}],
            "endpointslices": [{"endpoints": [{"addresses": ["198.51.100.1"]}]}, {"endpoints": None}],
        }
        return {"items": answers[kind]}


@pytest.mark.parametrize("service_cidrs", [True, False])
def test_pods_services_nodes_and_the_api_server(*, service_cidrs: bool) -> None:
    found = find_own_networks(cast(Kubectl, FakeKubectl(service_cidrs=service_cidrs)))
    services = ("10.96.0.0/16",) if service_cidrs else ()
    assert found == (
        *services,
        "10.244.0.0/23",
        "169.254.0.0/16",
        "192.168.7.4/31",
        "198.51.100.1/32",
        "203.0.113.9/32",
        "fd00:ec2::254/128",
        "fd10::/64",
        "fe80::/10",
    )
    assert set(LINK_LOCAL_NETWORKS) <= set(found)


@click.command()
@network_option(default=LINK_LOCAL_NETWORKS, help_text="x")
def command(blocked_networks: tuple[str, ...]) -> None:
    click.echo(" ".join(blocked_networks))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 0, "169.254.0.0/16"),
        (["--blocked-network=10.0.0.0/8", "--blocked-network=fd00::/8"], 0, "10.0.0.0/8 fd00::/8\n"),
        (["--blocked-network=10.0.0.1/8"], 2, "has host bits set; write it like"),
        (["--blocked-network=office"], 2, "write it like 10.0.0.0/8"),
    ],
)
def test_values_are_checked(arguments: list[str], code: int, words: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == code
    assert words in result.output
