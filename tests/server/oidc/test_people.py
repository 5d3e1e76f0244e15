"""From claims to a person."""

from pathlib import Path
from typing import Any

import pytest

from devworkspace.core.access import Identity
from devworkspace.server.config import ConfigurationError, KubeSphereConfig, OidcConfig, ServerConfig, check_ways_in
from devworkspace.server.signin.oidc.people import MAX_GROUPS, ClaimsError, has_all, read_identity, subject_of
from devworkspace.server.signin.oidc.provider import check_address

ISSUER = "https://id.example.com"
CLAIMS = {"sub": "1001", "preferred_username": "ada", "groups": ["b", "a", "a", ""]}


def config(**settings: Any) -> OidcConfig:
    return OidcConfig(issuer=ISSUER, client_dir=Path("client"), **settings)


def test_name_groups_and_account() -> None:
    identity = read_identity(CLAIMS, config())
    groups = ("oidc:a", "oidc:b", "system:authenticated")
    assert identity == Identity("oidc:ada", groups, subject_of(ISSUER, "1001"))


def test_accounts_are_told_apart() -> None:
    subjects = {subject_of(ISSUER, "1"), subject_of(ISSUER, "2"), subject_of(ISSUER + "/", "1"), subject_of("", ISSUER)}
    assert len(subjects) == 4


@pytest.mark.parametrize(
    ("claims", "settings", "name"),
    [
        pytest.param({"sub": "1001"}, {}, "oidc:1001", id="no user name: the account"),
        pytest.param({"sub": "1001", "preferred_username": ""}, {}, "oidc:1001", id="an empty one"),
        pytest.param(CLAIMS, {"username_claim": "sub"}, "oidc:1001", id="the account as wanted"),
        pytest.param(CLAIMS, {"prefix": "corp#"}, "corp#ada", id="another prefix"),
        pytest.param(
            {**CLAIMS, "email": "ada@example.com", "email_verified": True},
            {"username_claim": "email"},
            "oidc:ada@example.com",
            id="a verified address",
        ),
        pytest.param({**CLAIMS, "preferred_username": "李 伟"}, {}, "oidc:李 伟", id="any script"),
    ],
)
def test_user_names(claims: dict[str, Any], settings: dict[str, Any], name: str) -> None:
    assert read_identity(claims, config(**settings)).name == name


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        pytest.param({"preferred_username": "a\nb"}, {}, id="two lines"),
        pytest.param({"preferred_username": "ada "}, {}, id="a blank behind"),
        pytest.param({"preferred_username": "ada\u202e"}, {}, id="a sign that turns the text around"),
        pytest.param({"preferred_username": "a" * 249}, {}, id="too long with its prefix"),
        pytest.param({"preferred_username": 1}, {}, id="a number"),
        pytest.param({"preferred_username": "system:admin"}, {"prefix": ""}, id="Kubernetes' own"),
        pytest.param({"preferred_username": "serviceaccount:a:b"}, {"prefix": "system:"}, id="by its prefix"),
        pytest.param({"email": "a@example.com"}, {"username_claim": "email"}, id="an unverified address"),
        pytest.param(
            {"email": "a@example.com", "email_verified": "true"}, {"username_claim": "email"}, id="a word is no yes"
        ),
        pytest.param({}, {"username_claim": "upn"}, id="a missing claim"),
        pytest.param({"groups": {"a": 1}}, {}, id="groups that are no list"),
        pytest.param({"groups": ["a", 1]}, {}, id="a group that is a number"),
        pytest.param({"groups": ["a"] * (MAX_GROUPS + 1)}, {}, id="too many groups"),
    ],
)
def test_claims_that_make_nobody(changes: dict[str, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(ClaimsError):
        read_identity({**CLAIMS, **changes}, config(**settings))
    assert read_identity(CLAIMS, config()), "positive control"


def test_no_group_of_kubernetes_or_ours_comes_from_a_provider() -> None:
    claims = {**CLAIMS, "groups": ["system:masters", "devworkspace:admins", "developers"]}
    assert read_identity(claims, config(prefix="")).groups == ("developers", "system:authenticated")
    assert "oidc:system:masters" in read_identity(claims, config()).groups, "a prefix makes it somebody else's"


def test_a_single_group_may_be_a_text() -> None:
    assert "oidc:developers" in read_identity({**CLAIMS, "groups": "developers"}, config()).groups


def test_when_userinfo_is_asked() -> None:
    assert has_all(CLAIMS, config())
    assert not has_all({"sub": "1", "groups": []}, config())
    assert not has_all({"sub": "1", "preferred_username": "ada"}, config())
    assert has_all({"sub": "1", "groups": []}, config(username_claim="sub"))


@pytest.mark.parametrize(
    ("address", "allow_http", "fine"),
    [
        ("https://id.example.com", False, True),
        ("https://id.example.com:8443/realms/a", False, True),
        ("http://localhost:8080", False, True),
        ("http://id.example.com", False, False),
        ("http://id.example.com", True, True),
        ("http://localhost.evil.example", False, False),
        ("ftp://id.example.com", True, False),
        ("https://a:b@id.example.com", True, False),
        ("https://id.example.com:x", True, False),
        ("https://", True, False),
        ("id.example.com", True, False),
    ],
)
def test_addresses_of_a_provider(address: str, allow_http: bool, fine: bool) -> None:
    if fine:
        check_address(address, config(allow_http=allow_http))
    else:
        with pytest.raises(ConfigurationError):
            check_address(address, config(allow_http=allow_http))


@pytest.mark.parametrize(
    ("admin_dir", "other", "words"),
    [
        pytest.param(None, None, "nobody could sign in", id="no way in"),
        pytest.param(Path("a"), config(prefix=""), "would be one person", id="two spaces of names in one"),
        pytest.param(None, config(scopes=("profile",)), "must contain 'openid'", id="no OpenID"),
        pytest.param(
            Path("a"), KubeSphereConfig(url="http://ks"), "would be one person", id="KubeSphere and an account"
        ),
        pytest.param(None, KubeSphereConfig(url="http://ks"), None, id="KubeSphere alone"),
        pytest.param(None, config(prefix=""), None, id="the provider alone"),
        pytest.param(Path("a"), config(), None, id="both"),
        pytest.param(Path("a"), None, None, id="the local account alone"),
    ],
)
def test_ways_in(admin_dir: Path | None, other: OidcConfig | KubeSphereConfig | None, words: str | None) -> None:
    settings = ServerConfig(
        public_url="http://localhost:8080",
        master_key_file=Path("key"),
        admin_dir=admin_dir,
        oidc=other if isinstance(other, OidcConfig) else None,
        kubesphere=other if isinstance(other, KubeSphereConfig) else None,
    )
    if words is None:
        check_ways_in(settings)
    else:
        with pytest.raises(ConfigurationError, match=words):
            check_ways_in(settings)
