import pytest

from devworkspace.core.credential import Keyring, environment_credential, key_id, make_keyring

OLD, NOW, NEXT = (letter * 32 for letter in (b"o", b"n", b"x"))


def test_the_same_key_and_instance_always_give_the_same_credential() -> None:
    assert environment_credential(b"k" * 32, "uid-1") == environment_credential(b"k" * 32, "uid-1")


def test_another_instance_or_key_gives_another_credential() -> None:
    credentials = {environment_credential(key, uid) for key in (b"k" * 32, b"l" * 32) for uid in ("uid-1", "uid-2")}
    assert len(credentials) == 4


def test_a_short_master_key_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="has 6 bytes, it needs at least 32"):
        environment_credential(b"secret", "uid-1")


def test_a_key_has_a_name_that_tells_nothing_of_it() -> None:
    assert len({key_id(key) for key in (OLD, NOW, NEXT)}) == 3
    assert key_id(OLD) == key_id(OLD)
    assert len(key_id(OLD)) == 8


@pytest.mark.parametrize(
    ("ring", "identifier", "key"),
    [
        (Keyring(NOW), key_id(NOW), NOW),
        (Keyring(NOW), key_id(OLD), None),
        (Keyring(NOW), "", None),
        (Keyring(NOW, previous=OLD), key_id(OLD), OLD),
        (Keyring(NOW, following=NEXT), key_id(NEXT), NEXT),
        (Keyring(NOW), None, NOW),
        (Keyring(NOW, previous=OLD), None, OLD),
    ],
)
def test_a_key_is_found_by_its_name(ring: Keyring, identifier: str | None, key: bytes | None) -> None:
    assert ring.find(identifier) == key


def test_the_keyring_is_read_from_three_files() -> None:
    assert make_keyring({"master": NOW}, "master") == Keyring(NOW)
    ring = make_keyring({"key": NOW, "next": NEXT, "previous": OLD}, "key")
    assert ring.keys == (NOW, NEXT, OLD)
    for broken in ({}, {"master": b"short"}, {"master": NOW, "next": b""}, {"master": NOW, "previous": b"short"}):
        with pytest.raises(ValueError, match="key"):
            make_keyring(broken, "master")
