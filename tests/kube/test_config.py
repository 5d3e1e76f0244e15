"""Kubeconfig and in-cluster configuration; what can be proven without a connection."""

import base64
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devworkspace.kube.config import Endpoint, detect, from_kubeconfig, in_cluster
from devworkspace.kube.errors import ConfigError


def make_certificate() -> tuple[bytes, bytes]:
    """Return a self-signed certificate for `kubernetes` and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    start = datetime.now(UTC) - timedelta(minutes=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("kubernetes")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


CERTIFICATE, PRIVATE_KEY = make_certificate()


def inline(material: bytes) -> str:
    return base64.b64encode(material).decode()


def write(
    file: Path, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **fields: Any
) -> Path:
    """Write a kubeconfig with one context `dev`."""
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s.example:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content | fields))
    return file


async def header_of(endpoint: Endpoint) -> str | None:
    return await endpoint.credential.header()


async def test_a_token_a_server_and_a_namespace(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(write(tmp_path / "config", user={"token": "secret-token"}))
    assert (endpoint.server, endpoint.namespace) == ("https://k8s.example:6443", "team")
    assert await header_of(endpoint) == "Bearer secret-token"
    assert endpoint.ssl is not None
    assert (endpoint.ssl.verify_mode, endpoint.ssl.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_basic_authentication(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(write(tmp_path / "config", user={"username": "ann", "password": "pass"}))
    assert await header_of(endpoint) == "Basic " + inline(b"ann:pass")


async def test_relative_files_count_from_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/ca.crt").write_bytes(CERTIFICATE)
    (tmp_path / "pki/client.crt").write_bytes(CERTIFICATE)
    (tmp_path / "pki/client.key").write_bytes(PRIVATE_KEY)
    (tmp_path / "token").write_text("from-file\n")
    files = {"client-certificate": "pki/client.crt", "client-key": "pki/client.key", "tokenFile": "token"}
    endpoint = from_kubeconfig(write(tmp_path / "config", cluster={"certificate-authority": "pki/ca.crt"}, user=files))
    assert await header_of(endpoint) == "Bearer from-file"
    assert endpoint.ssl is not None
    assert len(endpoint.ssl.get_ca_certs()) == 1


def test_a_given_authority_is_the_only_one(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(write(tmp_path / "config", cluster={"certificate-authority-data": inline(CERTIFICATE)}))
    assert endpoint.ssl is not None
    assert len(endpoint.ssl.get_ca_certs()) == 1


def test_insecure_skip_tls_verify(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(write(tmp_path / "config", cluster={"insecure-skip-tls-verify": True}))
    assert endpoint.ssl is not None
    assert (endpoint.ssl.verify_mode, endpoint.ssl.check_hostname) == (ssl.CERT_NONE, False)


def test_plain_http_has_no_tls(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(write(tmp_path / "config", cluster={"server": "http://127.0.0.1:8001/base/"}))
    assert (endpoint.server, endpoint.ssl) == ("http://127.0.0.1:8001/base", None)


def test_server_name_and_proxy(tmp_path: Path) -> None:
    cluster = {"tls-server-name": "kubernetes", "proxy-url": "http://proxy.example:3128"}
    endpoint = from_kubeconfig(write(tmp_path / "config", cluster=cluster))
    assert (endpoint.server_name, endpoint.proxy) == ("kubernetes", "http://proxy.example:3128")


async def test_several_files_are_merged_and_the_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "one/config", user={"token": "first"}, contexts=[], clusters=None)
    second = write(tmp_path / "two/config", user={"token": "second"})
    environment = {"KUBECONFIG": f"{tmp_path / 'absent'}:{first}:{second}"}
    endpoint = from_kubeconfig(environment=environment)
    assert endpoint.server == "https://k8s.example:6443"
    assert await header_of(endpoint) == "Bearer first"


def test_a_cluster_that_two_files_define_is_the_first_ones(tmp_path: Path) -> None:
    first = write(tmp_path / "one", cluster={"server": "https://first"})
    second = write(tmp_path / "two", cluster={"server": "https://second"})
    assert from_kubeconfig(environment={"KUBECONFIG": f"{first}:{second}"}).server == "https://first"


async def test_a_named_context(tmp_path: Path) -> None:
    contexts = [{"name": "other", "context": {"cluster": "c"}}]
    endpoint = from_kubeconfig(write(tmp_path / "config", contexts=contexts), "other")
    assert (endpoint.namespace, await header_of(endpoint)) == ("default", None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"current-context": "prod"}, "context 'prod' is not in .*config; known: dev"),
        ({"current-context": ""}, "sets no current-context; known contexts: dev"),
        ({"clusters": []}, "cluster 'c' is not in .*; known: none"),
        ({"users": []}, "user 'u' is not in"),
        ({"cluster": {"server": "k8s.example:6443"}}, "is no http"),
        ({"cluster": {"server": ""}}, "is no http"),
        ({"cluster": {"certificate-authority": "absent.crt"}}, "cannot read .*absent.crt: No such file"),
        ({"cluster": {"certificate-authority-data": "%%%"}}, "no base64"),
        ({"cluster": {"certificate-authority-data": inline(b"no certificate")}}, "no PEM certificate"),
        ({"user": {"client-certificate-data": inline(CERTIFICATE)}}, "certificate without its key"),
        (
            {
                "user": {
                    "client-certificate-data": inline(CERTIFICATE),
                    "client-key-data": inline(make_certificate()[1]),
                }
            },
            "do not fit together",
        ),
        ({"user": {"token": "two words"}}, "characters that no token has"),
        ({"user": {"as": "admin"}}, "impersonates"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "auth-provider"),
        ({"user": {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}}, "known are"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_kubeconfig(write(tmp_path / "config", **changes))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no kubeconfig: .*/absent does not exist"):
        from_kubeconfig(tmp_path / "absent")


@pytest.mark.parametrize("text", ["a: [secret-token", "users: {token: secret-token}", "\0", "- secret-token"])
def test_a_broken_file_is_named_and_its_content_is_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"cannot read the kubeconfig .*/config") as caught:
        from_kubeconfig(file)
    assert "secret-token" not in str(caught.value)


def service_account(directory: Path) -> Path:
    (directory / "token").write_text("pod-token")
    (directory / "ca.crt").write_bytes(CERTIFICATE)
    (directory / "namespace").write_text("devworkspace-system\n")
    return directory


@pytest.mark.parametrize(
    ("host", "server"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
async def test_in_cluster(tmp_path: Path, host: str, server: str) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    endpoint = in_cluster(directory=service_account(tmp_path), environment=environment)
    assert (endpoint.server, endpoint.namespace) == (server, "devworkspace-system")
    assert await header_of(endpoint) == "Bearer pod-token"


def test_not_in_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KUBERNETES_SERVICE_HOST is not set"):
        in_cluster(environment={})
    with pytest.raises(ConfigError, match="no service account token"):
        in_cluster(directory=tmp_path, environment={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_detect_prefers_kubeconfig_then_the_pod_then_home(tmp_path: Path) -> None:
    named = write(tmp_path / "named", cluster={"server": "https://named"})
    write(tmp_path / ".kube/config", cluster={"server": "https://home"})
    environment = {"KUBECONFIG": str(named), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert detect(environment=environment, home=tmp_path).server == "https://named"
    assert detect(environment={}, home=tmp_path).server == "https://home"
    with pytest.raises(ConfigError, match="not in a cluster"):
        detect(environment={"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, home=tmp_path)


def test_detect_says_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"KUBECONFIG is not set, this is no pod, and .*/\.kube/config does not exist"
    ):
        detect(environment={}, home=tmp_path)


def test_a_printed_endpoint_shows_no_credential(tmp_path: Path) -> None:
    endpoint = from_kubeconfig(write(tmp_path / "config", user={"token": "secret-token"}))
    assert "secret-token" not in repr(endpoint)
