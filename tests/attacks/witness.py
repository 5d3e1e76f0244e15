"""A program in Bob's environment that writes down what reaches it, and how requests to it are written."""

from tests.attacks.scene import Room
from tests.attacks.stage import WITNESS_PORT, Stage

HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


class Witness:
    """What reaches a program on a port of Bob's environment. Asking about it costs a second."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.room = stage.scene.bobs
        self.host = self.host_in(self.room)
        self.key = stage.scene.key_of(self.room)

    def host_in(self, room: Room) -> str:
        """The host of a witness; there is one in Alice's `two` as well."""
        return room.port_origin(WITNESS_PORT).partition("://")[2]

    def head(self, path: str) -> dict[str, str]:
        """The fields of the request that came for this path, which must be one."""
        (found,) = [one for one in self._stage.seen(self.room) if one.path == path]
        return found.headers

    def paths(self) -> list[str]:
        return [one.path for one in self._stage.seen(self.room)]

    def request(
        self, path: str, *fields: str, method: str = "GET", key: str | None = None, host: str | None = None
    ) -> bytes:
        """Bytes to the witness, or to another host."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or self.host}", f"Cookie: {key or self.key}", *fields]
        closing = [] if any(field.lower().startswith("connection:") for field in fields) else ["Connection: close"]
        return "\r\n".join([*lines, *closing, "", ""]).encode("latin-1")


def status_of(answer: bytes) -> str:
    return answer.split(b" ", 2)[1].decode() if answer else "closed"
