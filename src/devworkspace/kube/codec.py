"""JSON of the API server to trimmed structs and back.

Decoding goes straight from bytes into the caller's type. One object that does not fit must not blind us to the other
ten thousand, so lists and watches report it by its metadata instead of failing as a whole.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, Literal, Protocol, TypeVar, cast

import msgspec

from devworkspace.api.meta import ObjectMeta
from devworkspace.kube.errors import ApiError, DecodeError, api_error

log: Final = logging.getLogger("devworkspace.kube")

encode: Final = msgspec.json.Encoder().encode


class KubeObject(Protocol):
    """Anything with metadata."""

    @property
    def metadata(self) -> ObjectMeta: ...


A = TypeVar("A")
T = TypeVar("T", bound=KubeObject)

EventKind = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


class OnlyMetadata(msgspec.Struct, frozen=True):
    """What can be read of every object: `PartialObjectMetadata` or an object of an unexpected shape."""

    metadata: ObjectMeta = ObjectMeta()


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """Metadata of a list page; `continue_` is the token of the next one."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list; `unreadable` is the metadata of the items that do not fit the type."""

    metadata: ListMeta
    items: tuple[T, ...]
    unreadable: tuple[ObjectMeta, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent(Generic[T]):
    """One line of a watch. `object` is None for bookmarks and for objects that do not fit the type."""

    kind: EventKind
    object: T | None
    metadata: ObjectMeta


class _RawPage(msgspec.Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] | None = None


class _Envelope(msgspec.Struct, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


_RAW_PAGE: Final = msgspec.json.Decoder(_RawPage)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_METADATA: Final = msgspec.json.Decoder(OnlyMetadata)


class LineSplitter:
    """Cuts a stream of bytes into lines of any length; what follows the last newline waits for the next chunk."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, without their newlines and without empty ones."""
        first, newline, rest = chunk.partition(b"\n")
        self._pieces.append(first)
        if not newline:
            return []
        lines = [b"".join(self._pieces), *rest.split(b"\n")]
        self._pieces = [lines.pop()]
        return [line for line in lines if line.strip()]


def decode(body: bytes, kind: type[A], *, what: str) -> A:
    """Return `body` as `kind`; `what` names the request in the `DecodeError`."""
    try:
        value: A = _decoder(cast(Any, kind)).decode(body)
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{what}: the answer does not fit {kind.__name__}: {error}") from error
    return value


def decode_page(body: bytes, kind: type[T], *, what: str) -> Page[T]:
    """Return a list page; items that do not fit are logged and reported by metadata."""
    try:
        raw = _RAW_PAGE.decode(body)
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{what}: the answer is no list: {error}") from error
    decoder = _decoder(kind)
    items: list[T] = []
    unreadable: list[ObjectMeta] = []
    for item in raw.items or ():
        try:
            items.append(decoder.decode(item))
        except msgspec.MsgspecError as error:
            unreadable.append(_metadata_of(item, kind, error, what=what))
    return Page(metadata=raw.metadata, items=tuple(items), unreadable=tuple(unreadable))


def decode_event(line: bytes, kind: type[T], *, what: str) -> WatchEvent[T] | ApiError:
    """Return the event in one line of a watch, or the error that the server reports with it."""
    try:
        envelope = _ENVELOPE.decode(line)
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{what}: a line of the watch is no event: {error}") from error
    if envelope.type == "ERROR":
        return api_error(status=0, body=bytes(envelope.object))
    if envelope.type == "BOOKMARK":
        return WatchEvent(kind="BOOKMARK", object=None, metadata=_decode_metadata(envelope.object, what=what))
    try:
        value: T = _decoder(kind).decode(envelope.object)
    except msgspec.MsgspecError as error:
        metadata = _metadata_of(envelope.object, kind, error, what=what)
        return WatchEvent(kind=envelope.type, object=None, metadata=metadata)
    return WatchEvent(kind=envelope.type, object=value, metadata=value.metadata)


def _metadata_of(raw: msgspec.Raw, kind: type[Any], error: msgspec.MsgspecError, *, what: str) -> ObjectMeta:
    metadata = _decode_metadata(raw, what=what)
    log.error("%s: object %s does not fit %s and is left out: %s", what, metadata.key, kind.__name__, error)
    return metadata


def _decode_metadata(raw: msgspec.Raw, *, what: str) -> ObjectMeta:
    try:
        return _METADATA.decode(raw).metadata
    except msgspec.MsgspecError as error:
        raise DecodeError(f"{what}: an object without readable metadata: {error}") from error
