import pytest

from devworkspace.core.credential import environment_credential


def test_the_same_key_and_instance_always_give_the_same_credential() -> None:
    assert environment_credential(b"k" * 32, "uid-1") == environment_credential(b"k" * 32, "uid-1")


def test_another_instance_or_key_gives_another_credential() -> None:
    credentials = {environment_credential(key, uid) for key in (b"k" * 32, b"l" * 32) for uid in ("uid-1", "uid-2")}
    assert len(credentials) == 4


def test_a_short_master_key_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="has 6 bytes, it needs at least 32"):
        environment_credential(b"secret", "uid-1")
