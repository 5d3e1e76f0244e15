"""The options of the server about an identity provider and KubeSphere."""

import dataclasses
from pathlib import Path
from typing import Any

from devworkspace.server.config import KubeSphereConfig, OidcConfig, ServerConfig
from tests.cli.serving import start


def test_a_provider_with_its_defaults(tmp_path: Path, seen: list[ServerConfig]) -> None:
    result = start(tmp_path, "--oidc-issuer=https://id.example.com", f"--oidc-client-dir={tmp_path}")
    assert result.exit_code == 0, result.output
    assert seen[0].admin_dir is None
    assert seen[0].oidc == OidcConfig(issuer="https://id.example.com", client_dir=tmp_path)


def test_every_setting_has_an_option(tmp_path: Path, seen: list[ServerConfig]) -> None:
    wanted: dict[str, Any] = {
        "issuer": "http://id.example.com",
        "client_dir": tmp_path,
        "name": "Example Login",
        "scopes": ("openid", "groups"),
        "username_claim": "sub",
        "groups_claim": "roles",
        "prefix": "",
        "ca_file": tmp_path / "key",
    }
    assert {*wanted, "allow_http", "single_use_refresh"} == {field.name for field in dataclasses.fields(OidcConfig)}
    options = [
        f"--oidc-{name.replace('_', '-')}={' '.join(value) if name == 'scopes' else value}"
        for name, value in wanted.items()
    ]
    result = start(tmp_path, *options, "--oidc-allow-http", "--oidc-single-use-refresh")
    assert result.exit_code == 0, result.output
    assert seen[0].oidc == OidcConfig(**wanted, allow_http=True, single_use_refresh=True)


def test_kubesphere(tmp_path: Path, seen: list[ServerConfig]) -> None:
    options = ("--kubesphere-url=http://ks-apiserver", "--kubesphere-host=Server.Example")
    assert start(tmp_path, *options).exit_code == 0
    assert seen[0].kubesphere == KubeSphereConfig(url="http://ks-apiserver", host="server.example")
    assert start(tmp_path, f"--admin-dir={tmp_path}").exit_code == 0
    assert seen[1].kubesphere is None


def test_the_local_account_can_be_left_out_where_the_manifest_mounts_it(
    tmp_path: Path, seen: list[ServerConfig]
) -> None:
    for options, admin_dir in (((), tmp_path), (("--no-local-account",), None)):
        assert start(tmp_path, f"--admin-dir={tmp_path}", *options).exit_code == 0
        assert seen[-1].admin_dir == admin_dir


def test_none_is_fine_and_half_of_one_is_not(tmp_path: Path, seen: list[ServerConfig]) -> None:
    assert start(tmp_path, f"--admin-dir={tmp_path}").exit_code == 0
    assert seen[0].oidc is None
    result = start(tmp_path, "--oidc-issuer=https://id.example.com")
    assert (result.exit_code, len(seen)) == (2, 1)
    assert "needs --oidc-client-dir" in result.output
