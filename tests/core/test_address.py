from devworkspace.api.meta import Key
from devworkspace.core.address import MAX_ID_LENGTH, Gateway, address_id, environment_url


def test_a_short_name_stays_readable() -> None:
    assert address_id(Key("team", "demo")) == "demo--team"


def test_names_with_two_dashes_cannot_take_each_others_address() -> None:
    first, second = address_id(Key("c", "a--b")), address_id(Key("b--c", "a"))
    assert first != second
    assert "--" not in first
    assert "--" not in second


def test_the_longest_readable_address_leaves_room_for_a_port() -> None:
    name = "n" * (MAX_ID_LENGTH - len("--team"))
    assert len("65535--" + address_id(Key("team", name))) == 63


def test_a_long_name_is_hashed_and_differs_by_namespace() -> None:
    name = "n" * 63
    ids = {address_id(Key(namespace, name)) for namespace in ("team", "other")}
    assert len(ids) == 2
    assert all(len(id_) == 25 and id_.startswith("w") for id_ in ids)


def test_the_address_keeps_scheme_and_port_of_the_gateway() -> None:
    key = Key("team", "demo")
    assert environment_url(key, Gateway("http://localhost:8080")) == "http://demo--team.localhost:8080/"
    assert environment_url(key, Gateway("https://ide.corp/")) == "https://demo--team.ide.corp/"
    assert environment_url(key, Gateway("https://ide.corp"), port=3000) == "https://3000--demo--team.ide.corp/"


def test_in_path_mode_the_host_is_the_gateways_own() -> None:
    key = Key("team", "demo")
    assert environment_url(key, Gateway("https://ide.corp/", "path")) == "https://ide.corp/w/team/demo/"
    assert environment_url(key, Gateway("https://ide.corp", "path"), port=3000) == (
        "https://ide.corp/w/team/demo/proxy/3000/"
    )
