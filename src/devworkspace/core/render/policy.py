"""The NetworkPolicy of a namespace with environments: only the gateway reaches their pods."""

from devworkspace.api import names
from devworkspace.core.render.common import Body, digest

POLICY_NAME = "devworkspace-environments"


def render_network_policy(namespace: str, *, server_namespace: str) -> Body:
    """One policy for all environments of a namespace; what they may reach outwards is left to the cluster."""
    spec: Body = {
        "podSelector": {
            "matchLabels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_COMPONENT: names.COMPONENT_ENVIRONMENT,
            }
        },
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": server_namespace}},
                        "podSelector": {
                            "matchLabels": {
                                names.LABEL_NAME: names.APP_NAME,
                                names.LABEL_COMPONENT: names.COMPONENT_SERVER,
                            }
                        },
                    }
                ]
            }
        ],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": POLICY_NAME,
            "namespace": namespace,
            "labels": {names.LABEL_NAME: names.APP_NAME, names.LABEL_MANAGED_BY: names.MANAGED_BY},
            "annotations": {names.ANNOTATION_INPUTS_HASH: digest(spec)},
        },
        "spec": spec,
    }
