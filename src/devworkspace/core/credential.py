"""The credential between gateway and editor, and the keys that it is derived from.

code-server takes any string in `HASHED_PASSWORD` and accepts a request whose `code-server-session` cookie equals it.
Deriving that string from one master key and the instance's UID lets operator and gateway agree on it without either of
them ever reading a Secret, and gives each environment its own.

A pod keeps its credential for as long as it lives, so it says which key its credential comes from. A new key is known
to everybody (`following`) before anything is made from it, and the one before it (`previous`) until nothing needs it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, NamedTuple

COOKIE_NAME = "code-server-session"
MIN_MASTER_KEY_BYTES = 32
KEY_ID_DIGITS: Final = 8
NEXT_FILE: Final = "next"
PREVIOUS_FILE: Final = "previous"
# How often both parts look whether the kubelet has brought other keys.
KEY_SECONDS: Final = 5.0


def environment_credential(master_key: bytes, instance_uid: str) -> str:
    """64 hexadecimal characters; the same master key and UID always give the same.

    Raises ValueError for a master key below 32 bytes.
    """
    check_key(master_key)
    return hmac.new(master_key, b"editor:" + instance_uid.encode(), hashlib.sha256).hexdigest()


def credential_digest(credential: str) -> str:
    """What a pod may be told in the open: nobody finds 256 bits of a credential by their hash."""
    return hashlib.sha256(credential.encode()).hexdigest()


def make_lock(master_key: bytes, pod: str, nonce: str) -> str:
    """What a pod that is nobody's yet holds of its opening: where that comes from, and a hash to know it by."""
    opening = _opening(master_key, pod, nonce)
    return f"{key_id(master_key)}.{nonce}.{credential_digest(opening)}"


def find_opening(keys: "Keyring", pod: str, lock: str) -> str | None:
    """What opens a lock for its first owner; None if it was made with a key that is not known here.

    Only who holds the key can make it, and only for the pod of that name.
    """
    identifier, _, rest = lock.partition(".")
    key = keys.find(identifier)
    return _opening(key, pod, rest.partition(".")[0]) if key is not None else None


def _opening(master_key: bytes, pod: str, nonce: str) -> str:
    check_key(master_key)
    return hmac.new(master_key, f"opening:{pod}:{nonce}".encode(), hashlib.sha256).hexdigest()


def check_key(master_key: bytes) -> None:
    """Raises ValueError for a master key below 32 bytes."""
    if len(master_key) < MIN_MASTER_KEY_BYTES:
        raise ValueError(f"the master key has {len(master_key)} bytes, it needs at least {MIN_MASTER_KEY_BYTES}")


def key_id(master_key: bytes) -> str:
    """The public name of a key; nobody finds the key by it."""
    return hashlib.sha256(b"devworkspace:key:" + master_key).hexdigest()[:KEY_ID_DIGITS]


class Keyring(NamedTuple):
    """The master keys of an installation; what is new is made from `master`, what is there from any of them."""

    master: bytes
    following: bytes | None = None
    previous: bytes | None = None

    @property
    def keys(self) -> tuple[bytes, ...]:
        """All of them, `master` first."""
        return tuple(key for key in self if key is not None)

    @property
    def roles(self) -> dict[str, str]:
        """What each key is for, by its public name."""
        parts = {"previous": self.previous, "next": self.following, "master": self.master}
        return {key_id(key): role for role, key in parts.items() if key is not None}

    def find(self, identifier: str | None) -> bytes | None:
        """The key of that name. None is for pods from before keys had names, which have the oldest one."""
        if identifier is None:
            return self.previous or self.master
        return next((key for key in self.keys if key_id(key) == identifier), None)


def make_keyring(files: Mapping[str, bytes], master: str) -> Keyring:
    """From the contents of the file `master` and of `next` and `previous` beside it. Raises ValueError."""
    if master not in files:
        raise ValueError(f"there is no master key {master!r}")
    ring = Keyring(files[master], files.get(NEXT_FILE), files.get(PREVIOUS_FILE))
    for key in ring.keys:
        check_key(key)
    return ring
