"""Whose address a request has, and who may say so."""

from pathlib import Path

import pytest

from devworkspace.server.config import ConfigurationError
from devworkspace.server.source import find_source, parse_networks
from tests.server.support import running_server

TRUSTED = parse_networks(["10.0.0.0/8", " 2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "claimed", "source"),
    [
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("10.0.0.1", ["1.2.3.4, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, "], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4\r\nforged"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("2001:db8::1", ["[2001:470::2]:443"], "2001:470::2"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_the_chain_is_believed_as_far_as_it_is_trusted(peer: str, claimed: list[str], source: str) -> None:
    assert find_source(peer, claimed, TRUSTED) == source


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert find_source("10.0.0.1", ["1.2.3.4"], parse_networks([])) == "10.0.0.1"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "everything", "10.0.0.0/33"])
def test_a_network_that_is_none_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--trusted-proxies"):
        parse_networks([text])


@pytest.mark.parametrize(("trusted", "throttled"), [(("127.0.0.0/8",), False), ((), True)])
async def test_guessing_behind_a_proxy_costs_the_guesser_only(
    tmp_path: Path, trusted: tuple[str, ...], *, throttled: bool
) -> None:
    async with running_server(tmp_path, trusted_proxies=trusted) as server, server.browser() as browser:

        async def attempt(source: str, **form: str) -> int:
            headers = {"Origin": server.origin, "X-Forwarded-For": source}
            return (await browser.sign_in(headers=headers, **form)).status

        while await attempt("1.2.3.4", username="somebody", password="wrong") == 401:
            pass
        assert await attempt("1.2.3.4") == 429
        assert await attempt("1.2.3.5") == (429 if throttled else 303)
