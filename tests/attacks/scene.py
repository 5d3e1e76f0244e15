"""Two people with three running environments behind the deployed server, and what an attacker needs besides.

Alice owns `one` and `two`, Bob owns `bobs` in another namespace. Both are service accounts, so that the same person can
come through the API server, the REST API and a browser. Their sessions are sealed with the installation's key, in place
of a sign-in: the local account knows one person only.
"""

import asyncio
import base64
import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity
from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.server.revocations import Revocations
from devworkspace.server.sessions import CookieNames, Session, Sessions
from tests.support.environment import Surroundings

SESSION_SECONDS = 3600.0
# What `probe` says of a connection that is refused or never answered.
NO_ANSWER = "none"
# An address, and fields of the request's head.
Ask = tuple[str, Mapping[str, str]]
_PROBE = """
import concurrent.futures, http.client, json, ssl, sys, urllib.parse
def ask(url, fields):
    parts = urllib.parse.urlsplit(url)
    options = {"timeout": 3}
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, context=ssl._create_unverified_context(), **options)
    else:
        connection = http.client.HTTPConnection(parts.netloc, **options)
    try:
        connection.connect()
        # Who may connect is answered, if late: the first page of an editor takes seconds on a busy machine.
        connection.sock.settimeout(20)
        connection.request("GET", (parts.path or "/") + ("?" + parts.query if parts.query else ""), headers=fields)
        return connection.getresponse().status
    except OSError:
        return "none"
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(*pool.map(lambda one: ask(*one), json.loads(sys.argv[1])))
"""


@dataclass(frozen=True)
class Person:
    """Somebody with an account of the cluster."""

    namespace: str
    account: str

    @property
    def name(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    @property
    def identity(self) -> Identity:
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated")
        return Identity(self.name, groups)


@dataclass(frozen=True)
class Room:
    """A running environment. `origin` is the editor's, `host` its host with port."""

    namespace: str
    name: str
    uid: str
    origin: str
    pod: str
    pod_ip: str
    owner: Person

    @property
    def host(self) -> str:
        return self.origin.partition("://")[2]

    def port_origin(self, port: int) -> str:
        scheme, _, host = self.origin.partition("://")
        return f"{scheme}://{port}--{host}"


@dataclass(frozen=True)
class Ticket:
    """A signed-in browser: the cookie of the public host, and what those of environments are made from."""

    cookie: str
    session: Session


@dataclass(frozen=True)
class Scene:
    """`absent` is the host of an environment that does not exist, in the same namespace as Bob's."""

    surroundings: Surroundings
    one: Room
    two: Room
    bobs: Room
    sessions: Sessions
    cookies: CookieNames
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def alice(self) -> Person:
        return self.one.owner

    @property
    def bob(self) -> Person:
        return self.bobs.owner

    @property
    def origin(self) -> str:
        return self.surroundings.url

    @property
    def host(self) -> str:
        return self.origin.partition("://")[2]

    @property
    def absent(self) -> str:
        return self.bobs.host.replace(f"{self.bobs.name}--", "nope--", 1)

    def ticket(self, person: Person) -> Ticket:
        cookie, session = self.sessions.issue(person.identity)
        return Ticket(cookie, session)

    def key_of(self, room: Room, person: Person | None = None) -> str:
        """The `name=value` of the cookie that opens a room, as its owner's browser holds it."""
        session = self.ticket(person or room.owner).session
        return f"{self.cookies.environment}={self.sessions.issue_for_environment(session, uid=room.uid)}"

    def signed_in(self, person: Person) -> str:
        """The `name=value` of the public host's cookie."""
        return f"{self.cookies.session}={self.ticket(person).cookie}"

    def token(self, person: Person) -> str:
        """A token of the cluster that was made for the server."""
        if person.name not in self._tokens:
            made = self.surroundings.run_kubectl(
                "create", "token", person.account, f"--namespace={person.namespace}", "--audience=devworkspace"
            )
            self._tokens[person.name] = made.strip()
        return self._tokens[person.name]

    def kubectl_as(self, person: Person, *arguments: str, input_text: str | None = None) -> tuple[int, str]:
        """Exit code and words of kubectl, as this person."""
        result = self.surroundings.try_kubectl(f"--as={person.name}", *arguments, input_text=input_text)
        return result.returncode, result.stdout + result.stderr

    def execute(self, room: Room, *command: str, timeout: float = 60) -> str:
        """Output of a command inside a room, as its owner types it in the terminal."""
        return self.surroundings.run_kubectl(
            "exec", f"--namespace={room.namespace}", room.pod, "--container=workspace", "--", *command, timeout=timeout
        )

    def write(self, room: Room, path: str, content: str) -> None:
        """A file of the owner's."""
        self.execute(room, "sh", "-c", 'printf %s "$1" > "$2"', "sh", content, path)

    def start(self, room: Room, command: str) -> None:
        """A program of the owner's that goes on running."""
        self.execute(room, "sh", "-c", f"nohup {command} >/tmp/program.log 2>&1 &")

    def probe(self, room: Room, asks: Sequence[Ask]) -> list[str]:
        """The status codes of requests from inside a room, all at once; `NO_ANSWER` where nothing answers."""
        return probe(self.surroundings, room.namespace, room.pod, asks)


def probe(surroundings: Surroundings, namespace: str, pod: str, asks: Sequence[Ask]) -> list[str]:
    """The same from inside any pod with the Python image."""
    words = surroundings.run_kubectl(
        "exec",
        f"--namespace={namespace}",
        pod,
        "--container=workspace",
        "--",
        "python3",
        "-c",
        _PROBE,
        json.dumps(asks),
    )
    return words.split()


def find_master_key(surroundings: Surroundings) -> bytes:
    """The installation's key, which only the cluster's admin can read."""
    encoded = surroundings.run_kubectl(
        "get",
        "secret",
        "devworkspace-keys",
        f"--namespace={names.SYSTEM_NAMESPACE}",
        "--output=jsonpath={.data.master}",
    )
    return base64.b64decode(encoded)


def apply(surroundings: Surroundings, *objects: Mapping[str, Any]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    surroundings.run_kubectl("apply", "--filename=-", input_text=json.dumps(listed))


def instance(person: Person, name: str, *, template: str, **spec: Any) -> dict[str, Any]:
    """An environment of a person, in the person's namespace."""
    return {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.INSTANCE_KIND,
        "metadata": {"name": name, "namespace": person.namespace},
        "spec": {"templateRef": template, "owner": person.name, **spec},
    }


def home_of(person: Person) -> list[dict[str, Any]]:
    """A namespace in which the person may do everything with environments, and nothing else."""
    place = {"namespace": person.namespace}
    rule = {"apiGroups": [names.GROUP], "resources": [names.INSTANCE_PLURAL], "verbs": ["*"]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": person.namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": person.account, **place}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "environments", **place},
            "rules": [rule],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "environments", **place},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "environments"},
            "subjects": [{"kind": "ServiceAccount", "name": person.account, **place}],
        },
    ]


def _room(surroundings: Surroundings, person: Person, name: str) -> Room:
    place = f"--namespace={person.namespace}"
    surroundings.run_kubectl("wait", f"wsi/{name}", place, "--for=condition=Ready", "--timeout=120s", timeout=130)
    found = json.loads(surroundings.run_kubectl("get", "wsi", name, place, "--output=json"))
    pod = found["status"]["podName"]
    pod_ip = surroundings.run_kubectl("get", "pod", pod, place, "--output=jsonpath={.status.podIP}")
    return Room(
        namespace=person.namespace,
        name=name,
        uid=found["metadata"]["uid"],
        origin=found["status"]["url"].rstrip("/"),
        pod=pod,
        pod_ip=pod_ip,
        owner=person,
    )


def sealing(master_key: bytes) -> Sessions:
    """Makes cookies that servers with this key believe, in place of a sign-in."""
    nobody = Revocations(Client(Endpoint(server="http://unused"), field_manager="tests"), Key("", ""), clock=time.time)
    return Sessions([master_key], seconds=SESSION_SECONDS, revocations=nobody, clock=time.time)


@contextlib.contextmanager
def staged(surroundings: Surroundings) -> Iterator[Scene]:
    """The scene; both namespaces go at the end with everything in them."""
    suffix = secrets.token_hex(3)
    alice, bob = Person(f"test-{suffix}-a", "alice"), Person(f"test-{suffix}-b", "bob")
    try:
        apply(surroundings, *home_of(alice), *home_of(bob))
        apply(
            surroundings,
            instance(alice, "one", template="python"),
            instance(alice, "two", template="base"),
            instance(bob, "bobs", template="python"),
        )
        yield Scene(
            surroundings,
            one=_room(surroundings, alice, "one"),
            two=_room(surroundings, alice, "two"),
            bobs=_room(surroundings, bob, "bobs"),
            sessions=sealing(find_master_key(surroundings)),
            cookies=CookieNames.for_scheme(secure=surroundings.url.startswith("https:")),
        )
    finally:
        surroundings.run_kubectl(
            "delete", "namespace", alice.namespace, bob.namespace, "--wait=false", "--ignore-not-found"
        )


@dataclass(frozen=True)
class Wire:
    """Raw bytes to the server's public port."""

    host: str
    port: int

    async def answer(self, data: bytes) -> bytes:
        """Sends one request and reads one answer, whose connection may stay open afterwards."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                return head + (await reader.readexactly(int(length[1])) if length is not None else b"")
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, data: bytes, *, seconds: float = 5.0) -> bytes:
        """Sends bytes, and reads until the server closes or `seconds` are over."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        received = bytearray()
        try:
            writer.write(data)
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(seconds):
                    await writer.drain()
                    while chunk := await reader.read(65536):
                        received += chunk
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return bytes(received)


def wire_of(surroundings: Surroundings) -> Wire:
    host, _, port = surroundings.url.partition("://")[2].partition(":")
    return Wire("127.0.0.1" if host == "localhost" else host, int(port or "80"))
