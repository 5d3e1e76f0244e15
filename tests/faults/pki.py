"""A throw-away authority: the operator trusts the proxy only because its kubeconfig says so."""

import base64
import hashlib
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """`certificate` is what a client must trust (PEM); `context` what the server on 127.0.0.1 speaks TLS with.

    `pin` is the hash of the server's key by which Chromium can be told to trust this server alone.
    """

    certificate: bytes
    context: ssl.SSLContext
    pin: str


def make_authority(*hosts: str) -> Authority:
    """A new authority and one server certificate, for these host names besides the address.

    The keys never leave this process but for the moment of loading.
    """
    now = datetime.now(UTC)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fault harness")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fault proxy")])

    def sign(
        subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: tuple[x509.ExtensionType, bool]
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority = sign(ca_name, ca_key, (x509.BasicConstraints(ca=True, path_length=0), True))
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    places = x509.SubjectAlternativeName([address, *(x509.DNSName(host) for host in hosts)])
    context = _server_context(sign(server_name, server_key, (places, False)), server_key)
    return Authority(authority, context, _pin_of(server_key))


def _pin_of(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.DER, form)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def _server_context(certificate: bytes, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The ssl module takes a certificate only from a file.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "server.pem")
        file.touch(mode=0o600)
        file.write_bytes(certificate + private)
        context.load_cert_chain(file)
    return context
