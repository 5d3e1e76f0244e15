"""A small synchronous client for the tests: one kept-alive connection to the API server of a kubeconfig.

A few hundred requests in a row cost about two milliseconds each this way; a `kubectl` process per case costs a hundred.
"""

import base64
import http.client
import json
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import yaml

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The status code and the decoded body of an answer; `warnings` are the server's Warning headers."""

    status: int
    body: Json
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.status < 300

    @property
    def causes(self) -> list[tuple[str, str]]:
        """(field, message) of everything the server found wrong."""
        causes = self.body.get("details", {}).get("causes", [])
        return [(cause.get("field", ""), cause.get("message", "")) for cause in causes]

    def __str__(self) -> str:
        return f"{self.status} {self.body.get('message') or json.dumps(self.body)[:2000]}"


class ApiServer:
    def __init__(self, *, url: str, context: ssl.SSLContext | None, headers: dict[str, str]) -> None:
        self._url = urlsplit(url)
        self._context = context
        self._headers = headers
        self._connection = self._connect()

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Reads the current context of a kubeconfig: client certificate or token, CA as file or inline data."""
        config = yaml.safe_load(path.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        return cls(url=cluster["server"], context=_ssl_context(path.parent, cluster, user), headers=headers)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=30)
        return http.client.HTTPSConnection(host, port, timeout=30, context=self._context)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Json | list[Json] | None = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        user: str | None = None,
    ) -> Answer:
        """Sends one request, as `user` if given; an idle connection that the server has closed is opened again once."""
        target = path + ("?" + urlencode(query) if query else "")
        headers = self._headers | {"Content-Type": content_type, "Accept": accept}
        headers |= {"Impersonate-User": user} if user is not None else {}
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, target, body=data, headers=headers)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._connection.close()
            self._connection.request(method, target, body=data, headers=headers)
            response = self._connection.getresponse()
        return Answer(response.status, _decoded(response), response.headers.get_all("Warning") or [])

    def close(self) -> None:
        self._connection.close()


def _decoded(response: http.client.HTTPResponse) -> Json:
    raw = response.read()
    # A path that is not served (yet) is answered with plain text.
    if not response.headers.get_content_type().endswith("json"):
        return {"message": raw.decode(errors="replace")}
    body: Json = json.loads(raw)
    return body


def _named(entries: list[Json], name: str) -> Json:
    return next(entry for entry in entries if entry["name"] == name)


def _ssl_context(folder: Path, cluster: Json, user: Json) -> ssl.SSLContext | None:
    if cluster["server"].startswith("http://"):
        return None
    context = ssl.create_default_context()
    if "certificate-authority-data" in cluster:
        context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    elif "certificate-authority" in cluster:
        context.load_verify_locations(cafile=str(folder / cluster["certificate-authority"]))
    if "client-certificate" in user:
        context.load_cert_chain(str(folder / user["client-certificate"]), str(folder / user["client-key"]))
    elif "client-certificate-data" in user:
        _load_inline_certificate(context, user)
    return context


def _load_inline_certificate(context: ssl.SSLContext, user: Json) -> None:
    # The ssl module takes a client certificate only from a file; this one is readable by its owner only.
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            file.write(base64.b64decode(user["client-key-data"]))
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
