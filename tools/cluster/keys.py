"""The cluster's keys: two authorities, what each program shows, and the kubeconfig files that carry them."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from environments import private_files
from tools.cluster.place import CONTEXT, Place

DAYS = 30
NODE = "real-1"
# Who shows a certificate → its user name and groups.
CLIENTS = {
    "admin": ("cmctl-lab-admin", ("system:masters",)),
    "manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "node": (f"system:node:{NODE}", ("system:nodes",)),
    "proxy": ("system:kube-proxy", ()),
    "kubelet-client": ("cmctl-lab-apiserver", ("system:masters",)),
}
KUBECONFIGS = ("admin", "manager", "scheduler", "node", "proxy")


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key as the library's values."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def chain_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return _pem(self.key)


def write(place: Place) -> None:
    """New keys for a new cluster: files in place.keys, a kubeconfig per program in place.run, the person's at place.kubeconfig.

    The person's names no current context: nobody reaches this cluster, or stays in it, by accident.
    """
    authority, front = _authority("cmctl-lab"), _authority("cmctl-lab-front-proxy")
    made = {"authority": authority, "front-authority": front, "serving": _serving(authority, place)}
    made["front-client"] = _client(front, "front-proxy-client", ())
    made |= {name: _client(authority, user, groups) for name, (user, groups) in CLIENTS.items()}
    for name, pair in made.items():
        private_files.write(place.keys / f"{name}.crt", pair.chain_pem)
        private_files.write(place.keys / f"{name}.key", pair.key_pem)
    private_files.write(place.keys / "service-accounts.key", _pem(ec.generate_private_key(ec.SECP256R1())))
    for name in KUBECONFIGS:
        text = kubeconfig(place.server, authority.chain_pem, made[name].chain_pem, made[name].key_pem, current=CONTEXT)
        private_files.write(place.run / f"{name}.kubeconfig", text)
    person = made["admin"]
    private_files.write(place.kubeconfig, kubeconfig(place.server, authority.chain_pem, person.chain_pem, person.key_pem))


def kubeconfig(server: str, authority: str, certificate: str, key: str, current: str = "") -> str:
    """A kubeconfig of one cluster, one user and one context, all named alike; PEM texts in, JSON (which is YAML) out."""
    user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}],
        "users": [{"name": CONTEXT, "user": user}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": current,
    }
    return json.dumps(document, indent=1) + "\n"


def _authority(name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    subject = _name(f"{name} authority of this machine", ())
    builder = _builder(subject, subject, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Pair(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def _serving(authority: Pair, place: Place) -> Pair:
    """For every server of the cluster: the API server, metrics-server and the simulated nodes' kubelet."""
    names = (
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "metrics-server.kube-system.svc",
    )
    addresses = ("127.0.0.1", place.address, place.first_service)
    covered = [*(x509.DNSName(name) for name in names), *(x509.IPAddress(IPv4Address(address)) for address in addresses)]
    return _leaf(authority, _name("kube-apiserver", ()), ExtendedKeyUsageOID.SERVER_AUTH, covered)


def _client(authority: Pair, user: str, groups: Sequence[str]) -> Pair:
    return _leaf(authority, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, [])


def _leaf(authority: Pair, subject: x509.Name, usage: x509.ObjectIdentifier, covered: Sequence[x509.GeneralName]) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(subject, authority.certificate.subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    if covered:
        builder = builder.add_extension(x509.SubjectAlternativeName(covered), critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=DAYS))
    )  # fmt: skip


def _name(user: str, groups: Sequence[str]) -> x509.Name:
    """Kubernetes reads the user from CN and the groups from O."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    """SEC 1, which every reader of the Kubernetes programs takes, the service account signer among them."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
