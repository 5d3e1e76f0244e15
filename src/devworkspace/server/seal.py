"""Sealed tokens: encrypted, authenticated, and useless for any other purpose than the one they were made for."""

import base64
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Value = TypeVar("Value", bound=msgspec.Struct)


class Sealer:
    """Seals values for one purpose. The first master key seals, all of them open, so that keys can be rotated."""

    def __init__(self, master_keys: Sequence[bytes], *, purpose: str) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key, purpose)) for key in master_keys])

    def seal(self, value: msgspec.Struct) -> str:
        return self._fernet.encrypt(msgspec.json.encode(value)).decode()

    def open(self, token: str, kind: type[Value]) -> Value | None:
        """The value, or None for anything that was not sealed here for this purpose. Expiry is the value's own."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(token.encode()), type=kind)
        except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError):
            return None


def _derive(master_key: bytes, purpose: str) -> bytes:
    info = b"devworkspace:" + purpose.encode()
    return base64.urlsafe_b64encode(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master_key))
