"""What reaches environments, and what they reach."""

from typing import Any

import pytest

from devworkspace.core.credential import Keyring
from devworkspace.core.render.policy import render_network_policies
from devworkspace.core.world import Installation

KEYS = Keyring(b"")
DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
PROJECT: dict[str, Any] = {"podSelector": {}}


def egress(*blocked: str) -> list[Any]:
    installation = Installation(keys=KEYS, server_namespace="system", blocked_networks=blocked)
    rules: list[Any] = render_network_policies("team", installation)[1]["spec"]["egress"]
    return rules


@pytest.mark.parametrize(
    ("blocked", "outside"),
    [
        ((), [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]),
        (
            ("169.254.0.0/16", "fe80::/10", "10.0.0.0/8"),
            [
                {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "10.0.0.0/8"]}},
                {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
            ],
        ),
        (("0.0.0.0/0",), [{"ipBlock": {"cidr": "::/0"}}]),
        (("0.0.0.0/0", "::/0"), []),
    ],
    ids=["nothing", "some networks", "no IPv4 at all", "nothing outside"],
)
def test_environments_reach_names_their_project_and_what_is_not_blocked(
    blocked: tuple[str, ...], outside: list[Any]
) -> None:
    assert egress(*blocked) == [DNS, {"to": [PROJECT, *outside]}]


def test_another_list_is_another_policy() -> None:
    """The operator compares the digest: a changed option reaches the policies that exist."""
    hashes = {
        str(render_network_policies("team", Installation(KEYS, "system", blocked_networks=blocked))[1]["metadata"])
        for blocked in ((), ("10.0.0.0/8",))
    }
    assert len(hashes) == 2


def test_no_policy_has_both_directions() -> None:
    """kube-router would take a rule of one for the other; tests/attacks/test_network.py has the attack."""
    policies = render_network_policies("team", Installation(KEYS, "system"))
    assert [policy["spec"]["policyTypes"] for policy in policies] == [["Ingress"], ["Egress"]]
    for policy in policies:
        assert not {"ingress", "egress"} <= set(policy["spec"])
