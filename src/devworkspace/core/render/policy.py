"""The NetworkPolicies of a namespace with environments: only the gateway reaches their pods, and the cluster's own
networks are out of their reach.

They are two, because kube-router, which k3s and our embedded cluster use, takes a rule of one direction for the other
one as well where both stand in one policy: what environments may reach would let them into each other's editors.
"""

from typing import Final

from devworkspace.api import names
from devworkspace.core.render.common import Body, digest
from devworkspace.core.world import Installation

INGRESS_POLICY: Final = "devworkspace-environments"
EGRESS_POLICY: Final = "devworkspace-environments-egress"
POLICY_NAMES: Final = (INGRESS_POLICY, EGRESS_POLICY)
_DNS_PORT: Final = 53
_EVERYTHING: Final = ("0.0.0.0/0", "::/0")


def render_network_policies(namespace: str, installation: Installation) -> tuple[Body, ...]:
    """The policies for all environments of a namespace. Other policies there can open more."""
    ingress = {"policyTypes": ["Ingress"], "ingress": [{"from": [_server(installation)]}]}
    egress = {"policyTypes": ["Egress"], "egress": _egress(installation.blocked_networks)}
    return _policy(namespace, INGRESS_POLICY, ingress), _policy(namespace, EGRESS_POLICY, egress)


def _policy(namespace: str, name: str, rules: Body) -> Body:
    labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_COMPONENT: names.COMPONENT_ENVIRONMENT}
    spec = {"podSelector": {"matchLabels": labels}, **rules}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.LABEL_NAME: names.APP_NAME, names.LABEL_MANAGED_BY: names.MANAGED_BY},
            "annotations": {names.ANNOTATION_INPUTS_HASH: digest(spec)},
        },
        "spec": spec,
    }


def _server(installation: Installation) -> Body:
    labels = {names.LABEL_NAME: names.APP_NAME, names.LABEL_COMPONENT: names.COMPONENT_SERVER}
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": installation.server_namespace}},
        "podSelector": {"matchLabels": labels},
    }


def _egress(blocked: tuple[str, ...]) -> list[Body]:
    """Names are resolved wherever the cluster's DNS is; the project's own pods, its database say, are in reach."""
    dns = [{"port": _DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]
    outside: list[Body] = []
    for everything in _EVERYTHING:
        excepted = [network for network in blocked if (":" in network) == (":" in everything)]
        # Kubernetes refuses an exception that leaves nothing.
        if not any(network.endswith("/0") for network in excepted):
            outside.append({"ipBlock": {"cidr": everything, **({"except": excepted} if excepted else {})}})
    return [{"ports": dns}, {"to": [{"podSelector": {}}, *outside]}]
