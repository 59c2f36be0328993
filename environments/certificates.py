"""TLS certificates: an authority of this machine's own for local work, the operator's files, or what an ACME authority gave.

All are checked before use. What ACME gave is kept under cmctl's home, and on the hosts that use it.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from environments import private_files
from environments.model import Environment
from errors import BadInput

LEAF_DAYS = 90
RENEW_DAYS = 30
ACME, ACCOUNT = "acme.pem", "acme-account.pem"


@dataclass(frozen=True)
class Certificate:
    """PEM texts. `authority` is set for generated certificates only: clients trust it."""

    chain: str
    key: str
    authority: str = ""


def certificate(environment: Environment, names: Sequence[str], home: Path, now: datetime.datetime | None = None) -> Certificate:
    """The certificate for `names`. Generated ones stay the same until 30 days before their end.

    Where ACME is to give one and has not yet, a stop-gap of this machine's authority lets the load balancers start.
    Raises BadInput when the operator's or ACME's certificate is expired, has another key or does not cover a name.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    if environment.tls.origin == "files":
        return _from_files(environment, names, now)
    given = kept(environment, home) if environment.tls.origin == "acme" else None
    if given:
        return _checked(given, environment, names, now)
    if environment.kind == "cloud" and environment.tls.origin == "generated":
        raise BadInput(
            f"environment {environment.name}: a generated certificate is trusted by no browser",
            hint="tls: {from: files, certificate: …, key: …}, or {from: acme}",
        )
    folder = home / "tls" / environment.name
    with private_files.alone(folder):
        return _generated(folder, environment, names, now)


def kept(environment: Environment, home: Path) -> Certificate | None:
    """What an ACME authority gave this environment, if it did."""
    path = home / "tls" / environment.name / ACME
    return Certificate(*_split(private_files.read(path))) if path.exists() else None


def keep(environment: Environment, home: Path, found: Certificate) -> None:
    private_files.write(home / "tls" / environment.name / ACME, found.chain + found.key)


def account(environment: Environment, home: Path, made: Callable[[], str]) -> str:
    """The key by which the ACME authority knows this environment's owner; `made` once."""
    path = home / "tls" / environment.name / ACCOUNT
    with private_files.alone(path.parent):
        if not path.exists():
            private_files.write(path, made())
    return private_files.read(path)


def pair(text: str) -> Certificate:
    """The certificate in a file that holds the chain and then the key."""
    return Certificate(*_split(text))


def due(chain: str, now: datetime.datetime) -> bool:
    """Whether it is time for a new one: less than 30 days left, or less than a third of a life shorter than 90 days."""
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    left = leaf.not_valid_after_utc - now
    return left < min(datetime.timedelta(days=RENEW_DAYS), (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 3)


def is_stopgap(environment: Environment, chain: str) -> bool:
    """Whether this machine's own authority made a certificate."""
    return x509.load_pem_x509_certificates(chain.encode())[0].issuer == _authority_name(environment)


def _checked(given: Certificate, environment: Environment, names: Sequence[str], now: datetime.datetime) -> Certificate:
    found = problems(given.chain, given.key, names, now)
    if found:
        raise BadInput(f"the certificate of {environment.name}: {'; '.join(found)}", hint=f"cmctl cert renew --env {environment.name}")
    return given


def _generated(folder: Path, environment: Environment, names: Sequence[str], now: datetime.datetime) -> Certificate:
    issuer = _authority(folder, environment, now)
    path = folder / f"{_slug(names)}.pem"
    kept = _kept(path, issuer, environment.listen.address)
    if kept and not problems(kept.chain, kept.key, names, now + datetime.timedelta(days=RENEW_DAYS)):
        return kept
    chain, key = _leaf(issuer, names, environment.listen.address, now)
    private_files.write(path, chain + key)
    return Certificate(chain, key, issuer.chain)


def _slug(names: Sequence[str]) -> str:
    whole = "-".join(names)
    return whole if len(whole) <= 80 else f"{whole[:60]}-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def _kept(path: Path, issuer: Certificate, address: IPv4Address) -> Certificate | None:
    """The certificate made before, if this authority signed it and it covers the address; None else: it is made anew."""
    if not path.exists():
        return None
    chain, key = _split(private_files.read(path))
    try:
        leaf = x509.load_pem_x509_certificate(chain.encode())
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(issuer.chain.encode()))
        covered = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.IPAddress)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return None
    return Certificate(chain, key, issuer.chain) if address in covered else None


def _split(text: str) -> tuple[str, str]:
    certificates, begin, key = text.partition("-----BEGIN PRIVATE KEY")
    return certificates, begin + key


def _from_files(environment: Environment, names: Sequence[str], now: datetime.datetime) -> Certificate:
    path = Path(str(environment.tls.certificate)).expanduser()
    try:
        chain = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read", why=str(error)) from error
    key = private_files.read(Path(str(environment.tls.key)).expanduser())
    found = problems(chain, key, names, now)
    if found:
        raise BadInput(f"{path}: {'; '.join(found)}", hint="renew the certificate, or correct tls: in the environment's file")
    return Certificate(chain, key)


def problems(chain: str, key: str, names: Sequence[str], now: datetime.datetime) -> list[str]:
    """What is wrong with a certificate at `now`: unreadable, expired, wrong key, names it does not cover. Empty when nothing is."""
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
        leaf = certificates[0]
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
    return found + _broken_links(certificates, now)


def _broken_links(chain: Sequence[x509.Certificate], now: datetime.datetime) -> list[str]:
    """What a client would stumble over behind the first certificate: one that did not sign its forerunner, or is expired."""
    found = []
    for place, (signed, signer) in enumerate(pairwise(chain), 2):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature):
            found.append(f"certificate {place} of the chain did not sign certificate {place - 1}")
        if now > signer.not_valid_after_utc:
            found.append(f"certificate {place} of the chain ended on {signer.not_valid_after_utc:%Y-%m-%d}")
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


def _authority(folder: Path, environment: Environment, now: datetime.datetime) -> Certificate:
    """This machine's authority. A new one is made only when the old one ends before a new certificate would."""
    path = folder / "authority.pem"
    if path.exists():
        chain, key = _split(private_files.read(path))
        found = problems(chain, key, (), now)
        if any("readable" in problem or "another" in problem for problem in found):
            raise BadInput(f"{path}: is damaged", why="; ".join(found), hint=f"rm {path}, and trust the new one where you trusted the old")
        if x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc > now + datetime.timedelta(days=LEAF_DAYS):
            return Certificate(chain, key)
    return _new_authority(path, environment, now)


def _new_authority(path: Path, environment: Environment, now: datetime.datetime) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _authority_name(environment)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder(name, name, key.public_key(), now, days=3650)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    chain = _pem(builder.sign(key, hashes.SHA256()))
    private_files.write(path, chain + _key_pem(key))
    return Certificate(chain, _key_pem(key))


def _authority_name(environment: Environment) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"cmctl {environment.name} authority of this machine")])


def _leaf(authority: Certificate, names: Sequence[str], address: IPv4Address, now: datetime.datetime) -> tuple[str, str]:
    issuer = x509.load_pem_x509_certificate(authority.chain.encode())
    issuer_key = serialization.load_pem_private_key(authority.key.encode(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
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
