"""N38: secrets are hunted for where they have no business, after they were all used."""

import base64
import json
import secrets
from pathlib import Path

import pytest

from devworkspace.api.names import SYSTEM_NAMESPACE
from devworkspace.core.credential import environment_credential
from tests.attacks.scene import Scene, Wire, find_master_key

pytestmark = pytest.mark.cluster

PLACE = f"--namespace={SYSTEM_NAMESPACE}"


@pytest.fixture(scope="module")
def canaries(scene: Scene) -> dict[str, str]:
    """Everything that must not be found, by what it is."""
    key = find_master_key(scene.surroundings)
    account = json.loads(scene.surroundings.run_kubectl("get", "secret", "devworkspace-admin", PLACE, "--output=json"))
    mark = secrets.token_hex(12)
    return {
        "the master key": key.hex(),
        "the master key as it is stored": base64.b64encode(key).decode(),
        "the password's hash": base64.b64decode(account["data"]["password-hash"]).decode(),
        "one's credential": environment_credential(key, scene.one.uid),
        "Bob's credential": environment_credential(key, scene.bobs.uid),
        "a session": scene.signed_in(scene.alice).partition("=")[2],
        "a key of an environment": scene.key_of(scene.one).partition("=")[2],
        "a token of the cluster": scene.token(scene.alice),
        "a wrong password": f"password-{mark}",
        "a token in a query": f"query-{mark}",
        "a foreign authorization": f"bearer-{mark}",
        "a foreign cookie": f"cookie-{mark}",
        "a typed body": f"body-{mark}",
        "part of a broken request": f"broken-{mark}",
    }


async def use_them_all(scene: Scene, wire: Wire, canaries: dict[str, str]) -> None:
    form = f"username=canary-user&password={canaries['a wrong password']}&next=/"
    environment = (scene.one.host, f"{scene.cookies.environment}={canaries['a key of an environment']}")
    public = (scene.host, f"{scene.cookies.session}={canaries['a session']}")
    for host, cookie, line, fields in (
        (*environment, f"GET /healthz?tkn={canaries['a token in a query']}", ()),
        (*environment, "GET /healthz", (f"Authorization: Bearer {canaries['a foreign authorization']}",)),
        (*environment, "GET /healthz", (f"Cookie: other={canaries['a foreign cookie']}",)),
        (*public, "GET /api/v1/me", ()),
        (*public, f"GET /signin?token={canaries['a token in a query']}", ()),
        (
            scene.host,
            "x=y",
            "GET /api/v1/environments",
            (f"Authorization: Bearer {canaries['a token of the cluster']}",),
        ),
        (
            scene.host,
            "x=y",
            "GET /api/v1/environments",
            (f"Authorization: Bearer {canaries['a foreign authorization']}",),
        ),
        (scene.host, "x=y", f"GET /{canaries['part of a broken request']}\x01", ()),
    ):
        head = [f"{line} HTTP/1.1", f"Host: {host}", f"Cookie: {cookie}", *fields, "Connection: close", "", ""]
        assert await wire.ask("\r\n".join(head).encode())
    head = [
        "POST /signin HTTP/1.1", f"Host: {scene.host}", f"Origin: {scene.origin}", "Connection: close",
        "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}", "", form,
    ]  # fmt: skip
    assert b" 401 " in await wire.ask("\r\n".join(head).encode())
    body = json.dumps({"name": "x", canaries["a typed body"]: canaries["a typed body"]})
    head = [
        f"POST /api/v1/namespaces/{scene.alice.namespace}/environments HTTP/1.1", f"Host: {scene.host}",
        f"Authorization: Bearer {canaries['a token of the cluster']}", "Content-Type: application/json",
        f"Content-Length: {len(body)}", "Connection: close", "", body,
    ]  # fmt: skip
    assert b" 4" in (await wire.ask("\r\n".join(head).encode()))[:13]


def hiding_places(scene: Scene) -> dict[str, str]:
    """Everything that more people read than may know a secret."""
    kubectl = scene.surroundings.run_kubectl
    found = {}
    for part, port in (("server", 9090), ("operator", 8081)):
        selector = f"--selector=app.kubernetes.io/name=devworkspace,app.kubernetes.io/component={part}"
        found[f"log of the {part}"] = kubectl("logs", PLACE, selector, "--tail=-1", "--prefix=false")
        for pod in kubectl("get", "pods", PLACE, selector, "--output=jsonpath={.items[*].metadata.name}").split():
            path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{pod}:{port}/proxy/metrics"
            found[f"figures of {pod}"] = kubectl("get", "--raw", path)
    for kind in (
        "events",
        "pods",
        "wsi",
        "wst",
        "services",
        "pvc",
        "networkpolicies",
        "configmaps",
        "leases",
        "deployments",
    ):
        found[kind] = kubectl("get", kind, "--all-namespaces", "--output=json")
    found["environment of the server"] = kubectl("exec", PLACE, "deployment/devworkspace-server", "--", "env")
    found["arguments of the server"] = kubectl(
        "exec", PLACE, "deployment/devworkspace-server", "--", "cat", "/proc/1/cmdline"
    )
    return found


async def test_no_secret_is_where_others_read(scene: Scene, wire: Wire, canaries: dict[str, str]) -> None:
    await use_them_all(scene, wire, canaries)
    places = hiding_places(scene)
    assert "canary-user" in places["log of the server"], "positive control: what was done is in the log that is read"
    assert scene.one.uid in places["pods"], "positive control"
    found = [
        f"{what} in {place}" for place, text in places.items() for what, secret in canaries.items() if secret in text
    ]
    assert found == []


def test_a_person_sees_the_own_credential_and_no_other(scene: Scene, canaries: dict[str, str]) -> None:
    """The pod's environment, files that anybody there may read, and what its processes were started with."""
    look = "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; cat /etc/*.conf ~/.config/*/* 2>/dev/null"
    seen = scene.execute(scene.one, "sh", "-c", look)
    assert canaries["one's credential"] in seen, "positive control"
    assert [what for what, secret in canaries.items() if secret in seen] == ["one's credential"]


@pytest.mark.parametrize("image", ["environment", "product"])
def test_no_key_lies_in_an_image(scene: Scene, image: str) -> None:
    """Private keys and credentials of registries in the file systems that everybody can pull."""
    patterns = "BEGIN [A-Z ]*PRIVATE KEY|_authToken=|_password=|://[^/ :@]+:[^/ @]+@"
    places = "/etc /home /root /opt/app /usr/local/etc /var/lib"
    look = (
        f"grep -rIlE --exclude-dir=volumes '{patterns}' {places} 2>/dev/null; echo looked; grep -lE 'root:' /etc/passwd"
    )
    if image == "environment":
        seen = scene.execute(scene.two, "sh", "-c", look)
    else:
        seen = scene.surroundings.run_kubectl("exec", PLACE, "deployment/devworkspace-server", "--", "sh", "-c", look)
    assert seen.split() == ["looked", "/etc/passwd"], "the last is the positive control"


def test_the_installer_s_password_is_for_its_owner_only(scene: Scene) -> None:
    for file in Path(".local").glob("*admin-password*"):
        assert file.stat().st_mode & 0o077 == 0, file
