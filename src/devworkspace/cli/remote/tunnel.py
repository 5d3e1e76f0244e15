"""The bytes of one ssh connection, from standard input and to standard output, over a WebSocket of the server."""

import contextlib
import http.client
import sys
import time
from typing import Any, Final

import click
import msgspec

from devworkspace.api import names
from devworkspace.cli.language import language
from devworkspace.cli.remote.dialing import RefusedError, WebSocket, dial, open_websocket
from devworkspace.cli.remote.frames import NO_CODE, NORMAL
from devworkspace.cli.remote.place import Place
from devworkspace.cli.remote.splice import Splice
from devworkspace.cli.remote.words import tell

START_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.5
# How long an environment that runs may not be reached.
_PATIENCE_SECONDS: Final = 10.0
# An environment on its way, or a part of the way that has just begun to answer.
_LATER: Final = frozenset({409, 502, 503, 504})
# What ssh's own end looks like.
_ENDED: Final = frozenset({NORMAL, NO_CODE})
_REASONS: Final = {1001: "gone", 1008: "no-access", 1011: "no-sshd", 1012: "restarts", 1013: "restarts"}
_TOLD: Final = {401: "token", 404: "absent", 429: "limit", 501: "no-ssh"}
_MAX_BODY: Final = 1 << 20


class Server:
    """What `devworkspace ssh` asks of the REST API about one environment. All raise OSError and HTTPException."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path = f"/api/v1/namespaces/{place.key.namespace}/environments/{place.key.name}"
        self._headers = {
            "Authorization": str(place.authorization),
            # No other site's page has caused this, where KubeSphere's console could have been used.
            "X-DevWorkspace-CSRF": "1",
            "Accept-Language": language(),
            "User-Agent": "devworkspace-cli",
        }

    def connect(self, public_key: str) -> WebSocket:
        """Raises RefusedError."""
        headers = {**self._headers, names.SSH_KEY_HEADER: public_key}
        path = f"{self._path}/ssh"
        return open_websocket(dial(self._place.server), path, protocol=names.SSH_PROTOCOL, headers=headers)

    def read(self) -> dict[str, Any]:
        """The environment; raises ClickException."""
        status, body = self._ask("GET")
        if status != http.client.OK or not isinstance(body, dict):
            raise refusal(self._place, status)
        return body

    def start(self) -> None:
        """Raises ClickException with the server's words."""
        status, body = self._ask("POST", "/start")
        # 409: somebody else was faster.
        if status not in (http.client.NO_CONTENT, http.client.CONFLICT):
            detail = body.get("detail", "") if isinstance(body, dict) else http.client.responses.get(status, status)
            raise click.ClickException(tell("no-start", name=self._place.key, detail=detail))

    def _ask(self, method: str, tail: str = "") -> tuple[int, Any]:
        """Status and decoded body, None if that is no JSON."""
        with contextlib.closing(dial(self._place.server)) as connection:
            connection.request(method, f"{self._path}{tail}", headers=self._headers)
            response = connection.getresponse()
            content = response.read(_MAX_BODY)
        try:
            return response.status, msgspec.json.decode(content)
        except msgspec.DecodeError:
            return response.status, None


def refusal(place: Place, status: int) -> click.ClickException:
    """What a person is told about an answer."""
    return click.ClickException(tell(_TOLD.get(status, "answer"), server=place.server, name=place.key, status=status))


def open_tunnel(server: Server, place: Place, public_key: str, *, start: bool) -> WebSocket:
    """A connection to the environment once it runs; one that is stopped is started if that is wanted."""
    began = not_running = time.monotonic()
    told = ""
    while True:
        try:
            return server.connect(public_key)
        except RefusedError as error:
            if error.status not in _LATER or time.monotonic() - not_running > _PATIENCE_SECONDS:
                raise refusal(place, error.status) from error
        found = server.read()
        phase, message = str(found["phase"]), str(found["message"])
        if phase != "Running":
            not_running = time.monotonic()
            _see_to(server, place, phase=phase, message=message, start=start)
            if message != told:
                told = message
                print(f"{phase}: {message}", file=sys.stderr, flush=True)
        if time.monotonic() - began > START_SECONDS:
            values = {"seconds": f"{START_SECONDS:g}", "phase": phase, "message": message}
            raise click.ClickException(tell("not-running", name=place.key, **values))
        time.sleep(_POLL_SECONDS)


def _see_to(server: Server, place: Place, *, phase: str, message: str, start: bool) -> None:
    """Raises ClickException where waiting does not help."""
    if phase == "Failed":
        raise click.ClickException(tell("failed", name=place.key, message=message))
    if phase == "Stopped" and not start:
        short = f"{place.key.name} -n {place.key.namespace}"
        raise click.ClickException(tell("stopped", name=place.key, short=short))
    if phase == "Stopped":
        server.start()


def run_tunnel(place: Place, public_key: str, *, start: bool) -> None:
    """Until either side has ended. Raises ClickException if there is no connection, or if it is taken away."""
    try:
        socket = open_tunnel(Server(place), place, public_key, start=start)
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(tell("unreachable", server=place.server, error=error)) from error
    with socket.connection:
        code = Splice(socket.connection, source=sys.stdin.fileno(), sink=sys.stdout.fileno(), early=socket.early).run()
    if code not in _ENDED:
        reason = tell(_REASONS.get(code or 0, "broken-off"))
        raise click.ClickException(tell("ended", name=place.key, reason=reason))
