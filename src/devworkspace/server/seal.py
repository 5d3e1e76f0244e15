"""Sealed tokens: encrypted, authenticated, and useless for any other purpose than the one they were made for."""

import base64
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Value = TypeVar("Value", bound=msgspec.Struct)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,8192}")


class Sealer:
    """Seals values for one purpose. The first master key seals, all of them open, so that keys can be rotated."""

    def __init__(self, master_keys: Sequence[bytes], *, purpose: str) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key, purpose)) for key in master_keys])

    def seal(self, value: msgspec.Struct) -> str:
        # Without the padding the token needs no quotes in a cookie and no escapes in a URL.
        return self._fernet.encrypt(msgspec.json.encode(value)).decode().rstrip("=")

    def open(self, token: str, kind: type[Value]) -> Value | None:
        """The value, or None for anything that was not sealed here for this purpose. Expiry is the value's own."""
        # base64 decoders skip what they do not know; one value must not have many spellings.
        if not _TOKEN.fullmatch(token):
            return None
        try:
            return msgspec.json.decode(self._fernet.decrypt(token + "=" * (-len(token) % 4)), type=kind)
        except (InvalidToken, msgspec.DecodeError):
            return None


def _derive(master_key: bytes, purpose: str) -> bytes:
    info = b"devworkspace:" + purpose.encode()
    return base64.urlsafe_b64encode(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master_key))
