"""The credential between gateway and editor.

code-server takes any string in `HASHED_PASSWORD` and accepts a request whose `code-server-session` cookie equals it.
Deriving that string from one master key and the instance's UID lets operator and gateway agree on it without either of
them ever reading a Secret, and gives each environment its own.
"""

import hashlib
import hmac

COOKIE_NAME = "code-server-session"
MIN_MASTER_KEY_BYTES = 32


def environment_credential(master_key: bytes, instance_uid: str) -> str:
    """64 hexadecimal characters; the same master key and UID always give the same.

    Raises ValueError for a master key below 32 bytes.
    """
    if len(master_key) < MIN_MASTER_KEY_BYTES:
        raise ValueError(f"the master key has {len(master_key)} bytes, it needs at least {MIN_MASTER_KEY_BYTES}")
    return hmac.new(master_key, b"editor:" + instance_uid.encode(), hashlib.sha256).hexdigest()
