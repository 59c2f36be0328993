"""TLS certificates: an authority of this machine's own for local work, or the operator's files, checked before use."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from environments import private_files
from environments.model import Environment
from errors import BadInput

LEAF_DAYS = 90
RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificate:
    """PEM texts. `authority` is set for generated certificates only: clients trust it."""

    chain: str
    key: str
    authority: str = ""


def certificate(environment: Environment, names: Sequence[str], home: Path, now: datetime.datetime | None = None) -> Certificate:
    """The certificate for `names`. Generated ones stay the same until 30 days before their end.

    Raises BadInput when the operator's certificate is expired, has another key or does not cover a name.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    if environment.tls.origin == "files":
        return _from_files(environment, names, now)
    if environment.kind == "cloud":
        raise BadInput(
            f"environment {environment.name}: a generated certificate is trusted by no browser",
            hint="tls: {from: files, certificate: …, key: …}",
        )
    folder = home / "tls" / environment.name
    authority = _authority(folder, environment, now)
    leaf = folder / f"{_slug(names)}.pem"
    if leaf.exists():
        kept = _split(private_files.read(leaf), authority)
        if not problems(kept.chain, kept.key, names, now + datetime.timedelta(days=RENEW_DAYS)):
            return kept
    chain, key = _leaf(folder, names, environment.listen.address, now)
    private_files.write(leaf, chain + key)
    return Certificate(chain, key, authority)


def _slug(names: Sequence[str]) -> str:
    return "-".join(names)[:80]


def _split(text: str, authority: str) -> Certificate:
    at = text.index("-----BEGIN PRIVATE KEY")
    return Certificate(text[:at], text[at:], authority)


def _from_files(environment: Environment, names: Sequence[str], now: datetime.datetime) -> Certificate:
    if not environment.tls.certificate or not environment.tls.key:
        raise BadInput(f"environment {environment.name}: tls from files needs tls.certificate and tls.key")
    path = Path(environment.tls.certificate).expanduser()
    try:
        chain = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read", why=str(error)) from error
    key = private_files.read(Path(environment.tls.key).expanduser())
    found = problems(chain, key, names, now)
    if found:
        raise BadInput(f"{path}: {'; '.join(found)}", hint="renew the certificate, or correct tls: in the environment's file")
    return Certificate(chain, key)


def problems(chain: str, key: str, names: Sequence[str], now: datetime.datetime) -> list[str]:
    """What is wrong with a certificate at `now`: unreadable, expired, wrong key, names it does not cover. Empty when nothing is."""
    try:
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, IndexError) as error:
        return [f"certificate or key is not readable PEM ({error})"]
    found = []
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        found.append(f"valid from {leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}")
    if _spki(leaf.public_key()) != _spki(private.public_key()):
        found.append("the key belongs to another certificate")
    uncovered = [name for name in names if not _covers(leaf, name)]
    if uncovered:
        found.append(f"does not cover {', '.join(uncovered)}")
    return found


def _spki(key: object) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _covers(leaf: x509.Certificate, name: str) -> bool:
    try:
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return False
    wildcard = f"*.{name.partition('.')[2]}"
    return name in covered or wildcard in covered


def _authority(folder: Path, environment: Environment, now: datetime.datetime) -> str:
    path = folder / "authority.pem"
    if path.exists():
        text = private_files.read(path)
        if x509.load_pem_x509_certificate(text.encode()).not_valid_after_utc > now + datetime.timedelta(days=LEAF_DAYS):
            return _split(text, "").chain
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"cmctl {environment.name} authority of this machine")])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder(name, name, key.public_key(), now, days=3650)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    chain = _pem(builder.sign(key, hashes.SHA256()))
    private_files.write(path, chain + _key_pem(key))
    return chain


def _leaf(folder: Path, names: Sequence[str], address: IPv4Address, now: datetime.datetime) -> tuple[str, str]:
    text = private_files.read(folder / "authority.pem").encode()
    issuer = x509.load_pem_x509_certificate(text)
    issuer_key = serialization.load_pem_private_key(text, None)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    covered = x509.SubjectAlternativeName([*(x509.DNSName(name) for name in names), x509.IPAddress(address)])
    builder = _builder(subject, issuer.subject, key.public_key(), now, days=LEAF_DAYS).add_extension(covered, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)  # type: ignore[arg-type]
    return _pem(builder.sign(issuer_key, hashes.SHA256())), _key_pem(key)  # type: ignore[arg-type]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, *, days: int
) -> x509.CertificateBuilder:
    start = now - datetime.timedelta(minutes=5)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
        .not_valid_before(start).not_valid_after(now + datetime.timedelta(days=days))
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
