"""A server of the test's own in the cluster: the installed one's image and pod, but for another public address.

It lives in the test's namespace, with the account and rights that the product ships and the installation's master key,
so that the editors that the operator made let it in. A NetworkPolicy of the namespace lets it through to them.
"""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from devworkspace.api import names
from tests.attacks.scene import apply, find_master_key
from tests.cluster.deployed import forwarded
from tests.cluster.serving import granted
from tests.e2e.installation import IN_SYSTEM
from tests.server.support import FAST_HASHER
from tests.support.live import Live

_NAME = "server"
_LABELS = {"app": "server-of-the-test"}
_SECONDS = 60


@contextlib.asynccontextmanager
async def running_server_pod(live: Live, *, public_url: str, user: str, password: str) -> AsyncIterator[int]:
    """Yields the port of this machine where it answers. `user` with `password` is its local account."""
    place = f"--namespace={live.namespace}"
    with granted(live):
        apply(
            live.surroundings,
            _secret(live, "devworkspace-keys", {"master": find_master_key(live.surroundings)}),
            _secret(
                live,
                "devworkspace-admin",
                {"username": user.encode(), "password-hash": FAST_HASHER.hash(password).encode()},
            ),
            _policy(live),
            _pod(live, public_url),
        )
        live.surroundings.run_kubectl(
            "wait", f"pod/{_NAME}", place, "--for=condition=Ready", f"--timeout={_SECONDS}s", timeout=_SECONDS + 5
        )
        async with forwarded(live.surroundings, _NAME, place=place) as port:
            yield port


def _secret(live: Live, name: str, values: dict[str, bytes]) -> dict[str, Any]:
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(live, name), "data": data}


def _policy(live: Live) -> dict[str, Any]:
    environments = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_COMPONENT: names.COMPONENT_ENVIRONMENT}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(live, "server-of-the-test"),
        "spec": {
            "podSelector": {"matchLabels": environments},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": _LABELS}}]}],
        },
    }


def _pod(live: Live, public_url: str) -> dict[str, Any]:
    found = live.surroundings.run_kubectl("get", "deployment", "devworkspace-server", IN_SYSTEM, "--output=json")
    spec: dict[str, Any] = json.loads(found)["spec"]["template"]["spec"]
    spec["containers"][0]["args"] = [
        "server",
        f"--public-url={public_url}",
        "--master-key-file=/etc/devworkspace/keys/master",
        "--admin-dir=/etc/devworkspace/admin",
        "--log-format=json",
    ]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(live, _NAME, labels=_LABELS), "spec": spec}


def _metadata(live: Live, name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": live.namespace, **more}
