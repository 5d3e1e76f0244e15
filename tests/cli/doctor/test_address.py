"""Names, certificates and clocks: real TLS on this machine, and names as a resolver would have them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devworkspace.cli.doctor.address import (
    Answer,
    Visit,
    ask,
    check_certificate,
    check_dns,
    judge_answer,
    judge_clocks,
    system_resolve,
)
from devworkspace.server.config import PublicAddress

HOST = "dev.example.com"
HERE = frozenset({"127.0.0.1"})
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def visit(
    *,
    port: int = 443,
    host: str = HOST,
    mode: str = "subdomain",
    known: Iterable[str] = (HOST, f"x.{HOST}"),
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> Visit:
    """`known` are the names that the resolver has, all with this machine's address."""

    async def resolve(name: str) -> frozenset[str]:
        return HERE if name in known else frozenset()

    public = PublicAddress("https", host, f"{host}:{port}", "path" if mode == "path" else "subdomain")
    return Visit(public=public, port=port, resolve=resolve, context=context, label="x")


class TestNames:
    async def test_all_names_lead_here(self) -> None:
        (finding,) = await check_dns(visit())
        assert (finding.verdict, finding.text) == ("ok", "dns.ok")

    async def test_no_wildcard(self) -> None:
        (finding,) = await check_dns(visit(known=[HOST]))
        assert (finding.verdict, finding.text) == ("problem", "dns.wildcard")
        assert f"x.{HOST}" in finding.reason

    async def test_no_name_at_all(self) -> None:
        (finding,) = await check_dns(visit(known=[]))
        assert (finding.verdict, finding.text) == ("problem", "dns.host")

    async def test_in_path_mode_one_name_is_enough(self) -> None:
        (finding,) = await check_dns(visit(known=[HOST], mode="path"))
        assert finding.verdict == "ok"

    async def test_names_that_lead_elsewhere(self) -> None:
        async def resolve(name: str) -> frozenset[str]:
            return frozenset({"192.0.2.1" if name == HOST else "192.0.2.2"})

        (finding,) = await check_dns(replace(visit(), resolve=resolve))
        assert (finding.verdict, finding.text) == ("advice", "dns.elsewhere")

    async def test_names_of_this_machine_need_no_server(self) -> None:
        (finding,) = await check_dns(visit(host="localhost", known=[]))
        assert finding.text == "dns.local"

    async def test_the_machine_s_own_resolver(self) -> None:
        assert await system_resolve("127.0.0.1") == HERE
        assert await system_resolve("nobody.invalid") == frozenset()


class Authority:
    """Makes certificates, in files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._sign(self._name, self._key, days=3650, names=(), is_authority=True)

    def trusting(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serving(self, *names: str, days: float) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = self._sign(subject, key, days=days, names=names, is_authority=False)
        path = self._folder / "server.pem"
        encoding = serialization.Encoding.PEM
        private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(private + certificate.public_bytes(encoding))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: float,
        names: tuple[str, ...],
        is_authority: bool,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3650))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(is_authority=is_authority), critical=True)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@asynccontextmanager
async def listening(context: ssl.SSLContext | None, body: str = "ok\n") -> AsyncIterator[int]:
    """The port of something that answers every request alike."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            head = f"HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 12:00:00 GMT\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


class TestCertificates:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    async def test_a_good_one(self, authority: Authority) -> None:
        async with listening(authority.serving(HOST, f"*.{HOST}", days=60.5)) as port:
            (finding,) = await check_certificate(visit(port=port, context=authority.trusting))
        assert (finding.verdict, finding.text, finding.values["days"]) == ("ok", "certificate.ok", 60)

    async def test_one_that_ends_soon(self, authority: Authority) -> None:
        async with listening(authority.serving(HOST, f"*.{HOST}", days=3.5)) as port:
            (finding,) = await check_certificate(visit(port=port, context=authority.trusting))
        assert (finding.verdict, finding.text, finding.values["days"]) == ("advice", "certificate.ends-soon", 3)

    @pytest.mark.parametrize(
        ("names", "days", "trusted", "text"),
        [
            ((HOST, f"*.{HOST}"), -1, True, "certificate.expired"),
            ((HOST,), 60, True, "certificate.name"),
            (("other.example.com",), 60, True, "certificate.name"),
            ((HOST, f"*.{HOST}"), 60, False, "certificate.untrusted"),
        ],
    )
    async def test_bad_ones(
        self, authority: Authority, names: tuple[str, ...], days: float, trusted: bool, text: str
    ) -> None:
        context = authority.trusting if trusted else ssl.create_default_context
        async with listening(authority.serving(*names, days=days)) as port:
            (finding,) = await check_certificate(visit(port=port, context=context))
        assert (finding.verdict, finding.text) == ("problem", text)
        assert finding.next_step

    async def test_in_path_mode_no_wildcard_is_needed(self, authority: Authority) -> None:
        async with listening(authority.serving(HOST, days=60)) as port:
            (finding,) = await check_certificate(visit(port=port, mode="path", context=authority.trusting))
        assert (finding.verdict, finding.text) == ("ok", "certificate.one")

    async def test_plain_http_behind_an_https_address(self, authority: Authority) -> None:
        async with listening(None) as port:
            (finding,) = await check_certificate(visit(port=port, context=authority.trusting))
        assert (finding.verdict, finding.text) == ("problem", "certificate.broken")

    async def test_nobody_there(self, authority: Authority) -> None:
        (finding,) = await check_certificate(visit(port=1, context=authority.trusting))
        assert (finding.verdict, finding.text) == ("unknown", "certificate.away")

    async def test_the_server_behind_a_bad_certificate_is_asked_all_the_same(self, authority: Authority) -> None:
        async with listening(authority.serving("other.example.com", days=-1)) as port:
            place = visit(port=port)
            answer = await ask(place)
        assert answer == Answer(200, "ok", NOW)
        assert judge_answer(place, answer).verdict == "ok"

    async def test_an_address_that_is_away_is_a_problem(self) -> None:
        place = visit(port=1)
        assert judge_answer(place, await ask(place)).text == "server.away"


class TestClocks:
    def test_they_agree(self) -> None:
        (finding,) = judge_clocks(Answer(200, "ok", NOW), api=NOW + timedelta(seconds=2), here=NOW)
        assert finding.verdict == "ok"

    def test_the_server_s_is_off(self) -> None:
        (finding,) = judge_clocks(Answer(200, "ok", NOW - timedelta(seconds=90)), api=NOW, here=NOW)
        assert (finding.verdict, finding.values["seconds"]) == ("problem", "-90")

    def test_this_machine_s_is_off(self) -> None:
        (finding,) = judge_clocks("away", api=NOW, here=NOW + timedelta(seconds=90))
        assert (finding.verdict, finding.values["seconds"]) == ("advice", "+90")
