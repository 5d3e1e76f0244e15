"""Which environment a name means, and where its server is."""

import json
from pathlib import Path

import click
import pytest

from devworkspace.api.meta import Key
from devworkspace.cli.remote.place import (
    TOKEN_VARIABLE,
    Access,
    check_server,
    find_place,
    host_of,
    parse_host,
)
from tests.cli.environments.conftest import kubeconfig_of

KEY = Key("team", "shop")


class TestNames:
    @pytest.mark.parametrize("host", ["shop.team.devworkspace", "Shop.Team.DevWorkspace"])
    def test_a_host_names_both(self, host: str) -> None:
        assert parse_host(host, namespace="other") == KEY

    def test_a_short_one_is_of_the_own_namespace(self) -> None:
        assert parse_host("shop.devworkspace", namespace="team") == KEY

    def test_and_back(self) -> None:
        assert parse_host(host_of(KEY), namespace=None) == KEY

    @pytest.mark.parametrize(
        "host",
        [
            *("shop", "shop.team", ".devworkspace", "a.b.c.devworkspace", "-o.team.devworkspace", "shop..devworkspace"),
            *("../x.devworkspace", "$(id).devworkspace", "a b.devworkspace", "shop.devworkspace.example.com"),
        ],
    )
    def test_what_is_no_host_of_ours(self, host: str) -> None:
        with pytest.raises(click.ClickException, match="names no environment"):
            parse_host(host, namespace="team")


class TestServer:
    @pytest.mark.parametrize(
        ("url", "origin"),
        [
            ("https://dev.example.com/", "https://dev.example.com"),
            ("dev.example.com", "https://dev.example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ],
    )
    def test_an_address_that_a_token_may_go_to(self, url: str, origin: str) -> None:
        assert check_server(url) == origin

    @pytest.mark.parametrize("url", ["http://dev.example.com", "http://localhost.example.com", "ftp://localhost"])
    def test_one_that_it_must_not(self, url: str) -> None:
        with pytest.raises(click.ClickException, match="plain http"):
            check_server(url)


class TestToken:
    @pytest.fixture
    def kubeconfig(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
        file = tmp_path / "kubeconfig"
        monkeypatch.setenv("KUBECONFIG", str(file))
        file.write_text(json.dumps(kubeconfig_of("http://127.0.0.1:1")))
        return file

    def authorization(self, token_file: Path | None = None) -> str:
        return find_place(KEY, Access("http://localhost:1", token_file)).authorization

    def test_the_file_comes_first_then_the_variable_then_the_kubeconfig(
        self, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = kubeconfig_of("http://127.0.0.1:1")
        body["users"][0]["user"] = {"token": "of-kubeconfig"}
        kubeconfig.write_text(json.dumps(body))
        assert self.authorization() == "Bearer of-kubeconfig"
        monkeypatch.setenv(TOKEN_VARIABLE, "of-variable")
        assert self.authorization() == "Bearer of-variable"
        (tmp_path / "token").write_text("of-file\n")
        assert self.authorization(tmp_path / "token") == "Bearer of-file"

    def test_a_kubeconfig_without_one_says_what_to_do(self, kubeconfig: Path) -> None:
        with pytest.raises(click.ClickException, match="kubectl create token"):
            self.authorization()

    def test_it_does_not_show_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(TOKEN_VARIABLE, "canary")
        assert "canary" not in repr(find_place(KEY, Access("http://localhost:1", None)))
