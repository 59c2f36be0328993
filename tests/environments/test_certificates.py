"""Certificates: made ones serve a real TLS client and stay the same; brought ones are refused for every fault a browser would find."""

from __future__ import annotations

import datetime
import ssl
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from environments import private_files
from environments.certificates import Certificate, certificate
from environments.load import ROOT
from environments.model import Environment
from errors import BadInput
from tests.environments.authorities import NOW, Signed, signed

NAMES = ("cmctl.test", "www.cmctl.test", "api.cmctl.test")


def environment(**changes: object) -> Environment:
    facts = yaml.safe_load((ROOT / "local.yaml").read_text(encoding="utf-8"))
    facts["listen"].pop("source")
    return Environment.model_validate(facts | changes)


def made(home: Path, **changes: object) -> Certificate:
    return certificate(environment(**changes), NAMES, home, NOW)


def handshake(found: Certificate, folder: Path, name: str) -> None:
    """A TLS client that trusts only the authority talks to a server with this certificate, in memory. Raises ssl.SSLError."""
    (folder / "served.pem").write_text(found.chain + found.key, encoding="utf-8")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "served.pem")
    client_side = ssl.create_default_context(cadata=found.authority)
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    client.getpeercert()


@pytest.mark.parametrize("name", [*NAMES, "127.0.0.1"])
def test_a_real_client_accepts_it(tmp_path: Path, name: str) -> None:
    """A strict TLS client that trusts the authority accepts every name and the listen address; it refuses another name."""
    found = certificate(environment(), NAMES, tmp_path)
    handshake(found, tmp_path, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(found, tmp_path, "elsewhere.test")


def test_long_names_have_a_certificate_each(tmp_path: Path) -> None:
    """Two sets of names that begin alike do not push each other out; a name longer than a common name may be is served."""
    sets = [(f"{'a' * 60}.{'b' * 30}.test", f"{end}.test") for end in ("one", "two")]
    first = [certificate(environment(), names, tmp_path, NOW) for names in sets]
    assert [certificate(environment(), names, tmp_path, NOW) for names in sets] == first


def test_another_listen_address_needs_another_certificate(tmp_path: Path) -> None:
    """A changed listen address is covered at once, by the same authority."""
    first = made(tmp_path)
    moved = environment(listen={"address": "192.0.2.7", "http": 80, "https": 443})
    second = certificate(moved, NAMES, tmp_path, NOW)
    assert second.chain != first.chain
    assert second.authority == first.authority
    assert moved.listen.address == IPv4Address("192.0.2.7")


def test_a_lost_authority_is_replaced_with_all_it_signed(tmp_path: Path) -> None:
    """Without its authority no kept certificate would be trusted, so a new one is made under the new authority."""
    first = made(tmp_path)
    (tmp_path / "tls" / "local" / "authority.pem").unlink()
    second = made(tmp_path)
    assert second.authority != first.authority
    assert second.chain != first.chain


def test_an_ending_authority_is_replaced(tmp_path: Path) -> None:
    """An authority that would end before its certificate is not used any more."""
    first = made(tmp_path)
    later = NOW + datetime.timedelta(days=3650 - 60)
    assert certificate(environment(), NAMES, tmp_path, later).authority != first.authority


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\n"])
def test_damaged_files(tmp_path: Path, text: str) -> None:
    """A damaged certificate is made anew; a damaged authority is told, since people trust it, with the command that removes it."""
    first = made(tmp_path)
    folder = tmp_path / "tls" / "local"
    (leaf,) = (path for path in folder.glob("*.pem") if path.name != "authority.pem")
    private_files.write(leaf, text)
    assert made(tmp_path).authority == first.authority
    private_files.write(folder / "authority.pem", text)
    with pytest.raises(BadInput, match="is damaged") as caught:
        made(tmp_path)
    assert caught.value.hint.startswith(f"rm {folder / 'authority.pem'}")


def test_many_at_once_get_the_same(tmp_path: Path) -> None:
    """Eight who ask at the same moment get one certificate of one authority, and only its owner may read it."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: made(tmp_path), range(8)))
    assert len(found) == 1
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "tls" / "local").iterdir()} == {0o600}


def brought(folder: Path, chain: str, key: str) -> Certificate:
    (folder / "chain.pem").write_text(chain, encoding="utf-8")
    private_files.write(folder / "key.pem", key)
    tls = {"from": "files", "certificate": str(folder / "chain.pem"), "key": str(folder / "key.pem")}
    return certificate(environment(kind="cloud", tls=tls, state={"solo": True}), NAMES, folder, NOW)


@pytest.fixture(scope="module")
def root() -> Signed:
    return signed("root", days=3650)


@pytest.fixture(scope="module")
def middle(root: Signed) -> Signed:
    return signed("middle", root, days=365)


def test_a_good_chain_is_taken_as_it_is(tmp_path: Path, root: Signed, middle: Signed) -> None:
    """Leaf, intermediate, root, with a wildcard for the names below, and an RSA key: taken unchanged, without an authority."""
    leaf = signed("leaf", middle, covers=["cmctl.test", "*.cmctl.test"], key=rsa.generate_private_key(65537, 2048))
    chain = leaf.chain + middle.chain + root.chain
    assert brought(tmp_path, chain, leaf.key_pem()) == Certificate(chain, leaf.key_pem())


def test_a_wildcard_covers_one_level(tmp_path: Path, middle: Signed) -> None:
    """`*.cmctl.test` does not cover cmctl.test itself."""
    leaf = signed("leaf", middle, covers=["*.cmctl.test"])
    with pytest.raises(BadInput, match=r"does not cover cmctl\.test$|does not cover cmctl\.test\n"):
        brought(tmp_path, leaf.chain + middle.chain, leaf.key_pem())


def test_a_chain_in_the_wrong_order(tmp_path: Path, root: Signed, middle: Signed) -> None:
    """The usual mistake of putting files together: another signer behind the leaf, or the signer in front of it."""
    leaf = signed("leaf", middle, covers=NAMES)
    with pytest.raises(BadInput, match="certificate 2 of the chain did not sign certificate 1"):
        brought(tmp_path, leaf.chain + root.chain, leaf.key_pem())
    with pytest.raises(BadInput, match="the key belongs to another certificate"):
        brought(tmp_path, middle.chain + leaf.chain, leaf.key_pem())


def test_an_expired_signer(tmp_path: Path, root: Signed) -> None:
    """A chain whose intermediate has ended is refused, though the leaf is young."""
    old = signed("old", root, days=1)
    leaf = signed("leaf", old, covers=NAMES)
    after = NOW + datetime.timedelta(days=1)
    assert brought(tmp_path, leaf.chain + old.chain, leaf.key_pem())
    tls = {"from": "files", "certificate": str(tmp_path / "chain.pem"), "key": str(tmp_path / "key.pem")}
    with pytest.raises(BadInput, match="certificate 2 of the chain ended on 2026-11-21"):
        certificate(environment(tls=tls), NAMES, tmp_path, after)


def test_a_certificate_without_names(tmp_path: Path, root: Signed) -> None:
    """A name in the subject alone counts for nothing, as in every browser."""
    leaf = signed("cmctl.test", root)
    with pytest.raises(BadInput, match=f"does not cover {', '.join(NAMES)}"):
        brought(tmp_path, leaf.chain, leaf.key_pem())


def test_a_locked_key(tmp_path: Path, root: Signed) -> None:
    """A key with a password cannot be served."""
    leaf = signed("leaf", root, covers=NAMES)
    with pytest.raises(BadInput, match="not readable PEM"):
        brought(tmp_path, leaf.chain, leaf.key_pem(b"password"))


def test_an_open_key(tmp_path: Path, root: Signed) -> None:
    """A key that others may read is refused with the command that closes it; a missing one is named."""
    leaf = signed("leaf", root, covers=NAMES)
    brought(tmp_path, leaf.chain, leaf.key_pem())
    tls = {"from": "files", "certificate": str(tmp_path / "chain.pem"), "key": str(tmp_path / "key.pem")}
    (tmp_path / "key.pem").chmod(0o640)
    with pytest.raises(BadInput) as caught:
        certificate(environment(tls=tls), NAMES, tmp_path, NOW)
    assert caught.value.hint == f"chmod 600 {tmp_path / 'key.pem'}"
    with pytest.raises(BadInput, match=r"gone\.pem: cannot be read"):
        certificate(environment(tls=tls | {"certificate": str(tmp_path / "gone.pem")}), NAMES, tmp_path, NOW)
