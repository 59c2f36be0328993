"""Certificates from a real ACME authority, proven by the real load balancer; the renewal cuts nobody."""

from __future__ import annotations

import datetime
import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography import x509

from environments import certificates
from environments.certificates import Certificate, certificate
from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from errors import CmctlError, Unreachable
from hosts import acme
from tests.live.balancer_rig import Rig, Traffic, certify, rig
from tests.live.test_balancer_live import served
from tools.acme_server import AcmeServer, acme_server

pytestmark = pytest.mark.live
NAMES = ("cmctl.test", "www.cmctl.test", "api.cmctl.test", "cdn.cmctl.test")


@pytest.fixture(scope="module")
def one() -> Iterator[Rig]:
    """A balancer whose environment gets its certificate by ACME; a stop-gap serves first."""
    with rig("layout-acme", 18663, "10.89.92.0/24", domain="cmctl.test", tls={"from": "acme"}) as found:
        yield found


@pytest.fixture(scope="module")
def authority(one: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AcmeServer]:
    folder = tmp_path_factory.mktemp("acme")
    own = certificate(load_environment("local", ENVIRONMENTS), ["localhost"], folder / "home")
    with acme_server(folder, (own.chain, own.key, own.authority), 18670, one.environment.listen.http, print) as found:
        yield found


class Wall:
    """Where the balancer shows answers; counts what was asked of it."""

    def __init__(self, one: Rig, *, closed: bool = False) -> None:
        self.folder, self.closed, self.shown = one.folder / "acme", closed, 0

    def show(self, answers: Mapping[str, str]) -> None:
        self.shown += len(answers)
        for token, text in answers.items():
            if not self.closed:
                (self.folder / token).write_text(text, encoding="utf-8")

    def hide(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            (self.folder / token).unlink(missing_ok=True)


def order(authority: AcmeServer, wall: Wall, names: Sequence[str], key: str, account: str) -> str:
    return acme.issue(
        names, key, account, wall.show, wall.hide, directory=authority.directory, email="ops@cmctl.test", trust=authority.trust
    )


def test_a_certificate_for_every_name(one: Rig, authority: AcmeServer) -> None:
    """All names in one certificate, each proven over HTTP through the balancer; what comes back passes our own checks."""
    wall, key, account = Wall(one), acme.new_key(), acme.new_key()
    start = time.monotonic()
    chain = order(authority, wall, NAMES, key, account)
    print(f"{len(NAMES)} names in {time.monotonic() - start:.1f} s, chain of {chain.count('BEGIN CERTIFICATE')}")
    assert certificates.problems(chain, key, NAMES, datetime.datetime.now(datetime.UTC)) == []
    assert wall.shown == len(NAMES)
    assert list(wall.folder.iterdir()) == []


def test_a_renewal_under_traffic(one: Rig, authority: AcmeServer) -> None:
    """The same account and key get a new certificate; the next handshake has it, and no request is lost meanwhile."""
    key, account = acme.new_key(), acme.new_key()
    certify(one, Certificate(order(authority, Wall(one), NAMES, key, account), key))
    before = served(one)
    with Traffic(one) as traffic:
        chain = order(authority, Wall(one), NAMES, key, account)
        certify(one, Certificate(chain, key))
        after = served(one)
    print(f"renewed under traffic: {sum(traffic.failed.values())} of {traffic.sent} failed")
    assert before != after
    assert x509.load_der_x509_certificate(bytes.fromhex(after)) == x509.load_pem_x509_certificates(chain.encode())[0]
    assert not traffic.failed
    assert traffic.sent > 20


def test_a_proof_that_is_not_seen(one: Rig, authority: AcmeServer) -> None:
    """When the balancer shows nothing, the refusal names each name and what the authority saw there."""
    with pytest.raises(CmctlError, match="does not see the proof") as caught:
        order(authority, Wall(one, closed=True), ["cmctl.test"], acme.new_key(), acme.new_key())
    assert caught.value.why.startswith("cmctl.test: ")
    assert "404" in caught.value.why


def test_a_name_that_is_refused(one: Rig, authority: AcmeServer) -> None:
    """What the authority refuses is told in its words: a name that is none of a public domain's."""
    with pytest.raises(CmctlError, match="gives no certificate") as caught:
        order(authority, Wall(one), ["under_score.cmctl.test"], acme.new_key(), acme.new_key())
    assert caught.value.why


def test_nobody_there(one: Rig, tmp_path: Path) -> None:
    """An authority that does not answer, or whose own certificate is not trusted, is exit 7."""
    with pytest.raises(Unreachable, match="cannot be reached"):
        order(AcmeServer("https://localhost:1/dir", tmp_path / "none"), Wall(one), ["cmctl.test"], acme.new_key(), acme.new_key())


def test_an_untrusted_authority(one: Rig, authority: AcmeServer) -> None:
    """Without `trust` the test server's own certificate is refused before anything is sent."""
    with pytest.raises(Unreachable, match="cannot be reached"):
        acme.issue(["cmctl.test"], acme.new_key(), acme.new_key(), Wall(one).show, Wall(one).hide, directory=authority.directory)


def test_nothing_else_is_shown(one: Rig) -> None:
    """Only files of that folder are shown over plain HTTP; a path that climbs out, or names nothing, shows nothing."""
    (one.folder / "acme" / "token").write_text("answer", encoding="utf-8")
    assert plain(one, "/.well-known/acme-challenge/token") == (200, "answer")
    for path in ("/.well-known/acme-challenge/none", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/%2e%2e/nginx/nginx.conf"):
        status, text = plain(one, path)
        assert status in {308, 403, 404}, (path, status)
        assert "worker" not in text
    (one.folder / "acme" / "token").unlink()


def plain(one: Rig, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", one.environment.listen.http, timeout=5)
    connection.request("GET", path, headers={"Host": "cmctl.test"})
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, text
