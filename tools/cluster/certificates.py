"""The certificates of a local cluster: one authority, one server, one client per component.

Written once into the state folder's `pki/`; a second call with the same names leaves them alone. Elliptic keys
(P-256), because making them takes a millisecond. The files are for this cluster only and die with it.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = "127.0.0.1"
WEBHOOK = "webhook"
"""The folder within the keys' folder that the operators take for their webhook's certificate."""
_LIFE = timedelta(days=3650)
_SLACK = timedelta(hours=1)  # for clocks that are set back


@dataclass(frozen=True)
class Client:
    """Who a client certificate says one is: the user name and the group."""

    file: str
    user: str
    group: str | None = None


def clients(node: str) -> tuple[Client, ...]:
    """The users that Kubernetes knows by name, and the administrator."""
    return (
        Client("admin", "crontask-admin", "system:masters"),
        Client("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Client("controller-manager", "system:kube-controller-manager"),
        Client("scheduler", "system:kube-scheduler"),
        Client("kube-proxy", "system:kube-proxy"),
        Client("kubelet", f"system:node:{node}", "system:nodes"),
    )


def write_all(folder: Path, node: str, addresses: Sequence[str]) -> None:
    """Make every key and certificate that a cluster needs, unless they are there."""
    done = folder / "complete"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = Authority(datetime.now(UTC))
    _write(folder / "ca", authority.key, authority.certificate)
    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    key, certificate = authority.server("kube-apiserver", names, addresses)
    _write(folder / "apiserver", key, certificate)
    key, certificate = authority.server("crontask-webhook", [], [LOOPBACK])
    webhook = folder / WEBHOOK
    webhook.mkdir(mode=0o700, exist_ok=True)
    _write(webhook / "tls", key, certificate)
    for client in clients(node):
        key, certificate = authority.client(client)
        _write(folder / client.file, key, certificate)
    tokens = ec.generate_private_key(ec.SECP256R1())
    _write_private(folder / "service-accounts.key", tokens)
    done.touch()


class Authority:
    """A certificate authority that lives as long as this object; `now` is when its certificates start."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("crontask-local-ca")
        self.certificate = (
            self._builder(self._name, self.key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def server(
        self, user: str, names: Sequence[str], addresses: Sequence[str]
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A server certificate for DNS names and IP addresses."""
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return self._leaf(_name(user), ExtendedKeyUsageOID.SERVER_AUTH, alternatives)

    def client(self, client: Client) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A client certificate; Kubernetes reads CN as the user and O as the group."""
        return self._leaf(_name(client.user, client.group), ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def _leaf(
        self, name: x509.Name, purpose: x509.ObjectIdentifier, alternatives: list[x509.GeneralName]
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return key, builder.sign(self.key, hashes.SHA256())

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        public = key.public_key()
        return (
            x509.CertificateBuilder(issuer_name=self._name, subject_name=name, public_key=public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _SLACK)
            .not_valid_after(self._now + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )


def _name(user: str, group: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(stem: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    _write_private(stem.with_suffix(".key"), key)
    stem.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_private(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
