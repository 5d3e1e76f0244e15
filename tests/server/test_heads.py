"""Reading heads and filtering headers, as tables."""

import pytest

from devworkspace.core.access import Knock
from devworkspace.server.config import ConfigurationError, parse_public_url
from devworkspace.server.gateway.head import is_reserved_cookie, request_headers, response_headers, strip_cookies
from devworkspace.server.heads import (
    Site,
    cookie_values,
    is_disguised_reserved,
    is_navigation,
    is_same_origin,
    make_knock,
    only_cookie,
    parse_host,
    safe_next,
    target_is_strict,
)

LOCAL = parse_public_url("http://localhost:8080")
SECURE = parse_public_url("https://dev.example.com")


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("localhost:8080", Site(None)),
        ("LOCALHOST:8080", Site(None)),
        ("demo--team.localhost:8080", Site("demo--team")),
        ("Demo--Team.localhost:8080", Site("demo--team")),
        ("w0123.localhost:8080", Site("w0123")),
        ("3000--demo--team.localhost:8080", Site("demo--team", 3000)),
        ("65535--w0123.localhost:8080", Site("w0123", 65535)),
        ("65536--demo--team.localhost:8080", None),
        ("0--demo--team.localhost:8080", None),
        ("03000--demo--team.localhost:8080", None),
        ("3000--.localhost:8080", None),
        ("3000.localhost:8080", None),
        ("3000--4000--demo.localhost:8080", None),
        ("-3000--demo--team.localhost:8080", None),
        ("localhost", None),
        ("localhost:80", None),
        ("localhost:8080.", None),
        ("localhost.:8080", None),
        ("a.b.localhost:8080", None),
        (".localhost:8080", None),
        ("-a.localhost:8080", None),
        ("a-.localhost:8080", None),
        ("a_b.localhost:8080", None),
        ("xlocalhost:8080", None),
        ("a.xlocalhost:8080", None),
        ("user@localhost:8080", None),
        ("a" * 64 + ".localhost:8080", None),
        ("", None),
    ],
)
def test_parse_host(host: str, site: Site | None) -> None:
    assert parse_host(host, LOCAL) == site


def test_the_schemes_own_port_is_left_out() -> None:
    assert parse_host("a.dev.example.com", SECURE) == Site("a")
    assert parse_host("a.dev.example.com:443", SECURE) is None
    assert parse_public_url("https://dev.example.com:443/").netloc == "dev.example.com"
    assert parse_public_url("https://dev.example.com:8443").origin == "https://dev.example.com:8443"


@pytest.mark.parametrize(
    "url",
    [
        "http://dev.example.com",
        "ftp://localhost",
        "localhost:8080",
        "https://dev.example.com/path",
        "https://a@b.c",
        "https://dev.example.com?x=1",
        "https://dev.example.com:no",
        "http://notlocalhost:80",
        "",
    ],
)
def test_public_urls_that_cannot_work_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_public_url(url)


@pytest.mark.parametrize("target", ["/", "/a/b?c=d&e=%20", "/~!$&'()*+,;=:@", "/?folder=/x"])
def test_strict_targets(target: str) -> None:
    assert target_is_strict(target)


@pytest.mark.parametrize(
    "target", ["", "a", "*", "http://x/", "/a b", "/a\\b", "/a#b", "/é", "/a\x00", "/a\x7f", "/a\n"]
)
def test_other_targets(target: str) -> None:
    assert not target_is_strict(target)


@pytest.mark.parametrize(
    ("path", "disguised"),
    [
        ("/-/callback", False),
        ("/", False),
        ("/-x/y", False),
        ("/a/-/b", False),
        ("/a/../b", False),
        ("/proxy/3000/%2F", False),
        ("/%2d/callback", True),
        ("/%252d/callback", True),
        ("/%2f-/callback", True),
        ("//-/callback", True),
        ("/./-/callback", True),
        ("/a/../-/callback", True),
        ("/a/%2e%2e/-/callback", True),
        ("/a%2f..%2f-/callback", True),
        ("/..\\-\\callback", True),
        ("/-", True),
        ("/-/../x", True),
        ("/-/call%62ack", True),
        ("/-//callback", True),
    ],
)
def test_disguised(path: str, disguised: bool) -> None:
    assert is_disguised_reserved(path) is disguised


@pytest.mark.parametrize(
    ("method", "headers", "navigation"),
    [
        ("GET", {"Sec-Fetch-Mode": "navigate"}, True),
        ("GET", {"Accept": "text/html,*/*"}, True),
        ("GET", {"Accept": "text/html", "Sec-Fetch-Mode": "cors"}, False),
        ("GET", {"Accept": "*/*"}, False),
        ("GET", {}, False),
        ("POST", {"Sec-Fetch-Mode": "navigate"}, False),
        ("GET", {"Accept": "text/html", "Upgrade": "websocket"}, False),
    ],
)
def test_is_navigation(method: str, headers: dict[str, str], navigation: bool) -> None:
    assert is_navigation(method, headers) is navigation


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"Origin": "http://a"}, True),
        ({"Origin": "http://a", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://a", "Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://a", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://a", "Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://a.b"}, False),
        ({"Origin": "http://A"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({}, False),
    ],
)
def test_is_same_origin(headers: dict[str, str], same: bool) -> None:
    assert is_same_origin(headers, "http://a") is same


def test_a_socket_needs_an_origin() -> None:
    headers = {"Upgrade": "websocket", "Sec-Fetch-Site": "same-origin"}
    assert make_knock("GET", headers, origin="http://a") == Knock(upgrade=True)
    assert make_knock("GET", {**headers, "Origin": "http://a"}, origin="http://a") == Knock(
        upgrade=True, same_origin=True
    )


def test_cookies() -> None:
    headers = ["a=1; dw-env=x", "b=2;dw-env=y ; dw-env2=z"]
    assert cookie_values(headers, "dw-env") == {"x", "y"}
    assert only_cookie(headers, "dw-env") is None
    assert only_cookie(headers, "a") == "1"
    assert only_cookie(["dw-env=x; dw-env=x"], "dw-env") == "x"
    assert only_cookie(headers, "missing") is None


@pytest.mark.parametrize(
    "wanted",
    [
        "/",
        "/x?y=z",
        "/-/authorize?env=demo--team&next=%2Fx",
        "http://demo--team.localhost:8080/x?y",
        "http://demo--team.localhost:8080",
    ],
)
def test_addresses_of_ours_are_kept(wanted: str) -> None:
    assert safe_next(wanted, LOCAL) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        None,
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%255cevil.example",
        "/\t/evil.example",
        "/%0d%0aLocation:x",
        "https:evil.example",
        "http:evil.example",
        "http:/evil.example",
        "http:///evil.example",
        "http://evil.example/",
        "http://localhost:8080.evil.example/",
        "http://localhost:8080@evil.example/",
        "http://a@demo--team.localhost:8080/",
        "http://demo--team.localhost:8081/",
        "http://demo--team.localhost/",
        "https://demo--team.localhost:8080/",
        "http://evil.example\\.localhost:8080/",
        "http://demo--team.localhost:8080//evil",
        "http://x.demo--team.localhost:8080/",
        "javascript:alert(1)",
        "data:text/html,x",
        " /x",
        "x",
        "/é",
        "/" + "a" * 3000,
        "http://[::1",
    ],
)
def test_other_addresses_become_the_list(wanted: str | None) -> None:
    assert safe_next(wanted, LOCAL) == "/"


@pytest.mark.parametrize(
    ("name", "reserved"),
    [
        ("dw-session", True),
        ("DW-Session", True),
        ("__Host-dw-env", True),
        ("__host-DW-anything", True),
        ("__Secure-dw-env", True),
        ("__Host-__Secure-dw-env", True),
        ("code-server-session", True),
        ("__Secure-code-server-session", True),
        (" dw-env", True),
        ("theme", False),
        ("xdw-env", False),
        ("my-code-server-session", False),
    ],
)
def test_is_reserved_cookie(name: str, reserved: bool) -> None:
    assert is_reserved_cookie(name) is reserved


def test_strip_cookies() -> None:
    assert strip_cookies(["a=1; dw-env=x;b", ";;__Host-dw-session=y; c=dw-env=z"]) == ["a=1", "b", "c=dw-env=z"]


def test_request_headers() -> None:
    received = [
        ("Host", "h:1"),
        ("Accept", "*/*"),
        ("accept", "text/html"),
        ("Cookie", "a=1; dw-env=x"),
        ("Connection", "keep-alive, X-Hop, Cookie, X-Forwarded-Host"),
        ("X-Hop", "1"),
        ("x.forwarded.proto", "https"),
        ("X-Envoy-Original-Path", "/"),
        ("Content-Length", "5"),
        ("TE", "trailers"),
        ("Sec-WebSocket-Key", "k"),
    ]
    assert request_headers(received, host="h:1", scheme="http", credential="s=c") == [
        ("Host", "h:1"),
        ("Accept", "*/*"),
        ("accept", "text/html"),
        ("Sec-WebSocket-Key", "k"),
        ("Cookie", "a=1; s=c"),
        ("X-Forwarded-Host", "h:1"),
        ("X-Forwarded-Proto", "http"),
    ]


def test_response_headers() -> None:
    received = [
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1; Path=/"),
        ("set-cookie", "b=2; DOMAIN=x"),
        ("Set-Cookie", "dw-x=1"),
        ("Service-Worker-Allowed", "/"),
        ("Service-Worker-Allowed", "//evil"),
        ("Service-Worker-Allowed", "https://evil/"),
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Content-Length", "3"),
        ("Content-Security-Policy", "default-src 'self'"),
    ]
    kept = [received[0], received[1], received[4], received[10]]
    assert response_headers(received) == [*kept, ("Content-Security-Policy", "frame-ancestors 'self'")]


def test_the_pods_own_frame_policy_stands() -> None:
    policy = ("content-security-policy", "Frame-Ancestors 'none'")
    assert response_headers([policy]) == [policy]
