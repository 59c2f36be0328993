"""What an ACME authority gave is kept, checked, and renewed in time; until then a stop-gap lets the load balancers start."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path

import pytest

from environments import certificates
from environments.certificates import Certificate, certificate
from environments.model import Environment
from errors import BadInput
from tests.environments.authorities import NOW, signed
from tests.environments.test_environments import NAMES, local

ACME = {"from": "acme", "email": "ops@example.com"}


def given(days: int = 90, names: list[str] | None = None) -> Certificate:
    """A certificate as an authority gives it: the leaf, then who signed it."""
    root = signed("Authority", days=400)
    leaf = signed("leaf", root, covers=names or NAMES, days=days)
    return Certificate(leaf.chain + root.chain, leaf.key_pem())


def environment(**changes: object) -> Environment:
    return local(**({"tls": ACME} | changes))


def test_a_stopgap_first(tmp_path: Path) -> None:
    """Before an authority was asked, this machine's own serves, in a cloud too; it is known for what it is."""
    cloud = environment(kind="cloud", state={"solo": True})
    found = certificate(cloud, NAMES, tmp_path, NOW)
    assert certificates.is_stopgap(cloud, found.chain)
    assert certificates.problems(found.chain, found.key, NAMES, NOW) == []
    assert not certificates.is_stopgap(cloud, given().chain)


def test_what_was_given_is_kept(tmp_path: Path) -> None:
    """A kept certificate is used as it came, chain and key, 0600."""
    one = given()
    certificates.keep(environment(), tmp_path, one)
    assert certificate(environment(), NAMES, tmp_path, NOW) == one
    assert (tmp_path / "tls" / "local" / certificates.ACME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (given(days=1), "valid from 2026-11-20 to 2026-11-21"),
        (given(names=["localhost"]), "does not cover api.localhost"),
        (Certificate(given().chain, given().key), "the key belongs to another certificate"),
        (Certificate("nothing\n", "-----BEGIN PRIVATE KEY-----\n"), "not readable PEM"),
    ],
)
def test_what_clients_would_refuse_is_refused_first(one: Certificate, said: str, tmp_path: Path) -> None:
    """Expired, another host's, another key's, damaged: each is told with its reason and the command that helps."""
    certificates.keep(environment(), tmp_path, one)
    with pytest.raises(BadInput, match="certificate of local") as caught:
        certificate(environment(), NAMES, tmp_path, NOW + datetime.timedelta(seconds=1))
    assert said in caught.value.what
    assert caught.value.hint == "cmctl cert renew --env local"


@pytest.mark.parametrize(
    ("life", "left", "due"),
    [
        (90, 31, False),
        (90, 29, True),
        (90, -1, True),
        (45, 16, False),
        (45, 14, True),
        (6, 3, False),
        (6, 1, True),
        (365, 31, False),
        (365, 29, True),
    ],
)
def test_when_it_is_time(life: int, left: int, due: bool) -> None:
    """30 days before the end, or at a third of a life that is shorter than 90 days."""
    end = NOW - datetime.timedelta(days=1) + datetime.timedelta(days=life)
    assert certificates.due(given(days=life).chain, end - datetime.timedelta(days=left)) is due


def test_one_account(tmp_path: Path) -> None:
    """The account's key is made once and stays."""
    made = (f"key {number}" for number in itertools.count())
    first = certificates.account(environment(), tmp_path, lambda: next(made))
    assert certificates.account(environment(), tmp_path, lambda: next(made)) == first == "key 0"


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ({"from": "generated", "email": "ops@example.com"}, "goes with from: acme, not with generated"),
        ({"from": "files", "certificate": "a", "key": "b", "directory": "https://a/dir"}, "goes with from: acme, not with files"),
        ({"from": "acme", "certificate": "a"}, "goes with from: files, not with acme"),
        ({"from": "acme", "directory": "http://a/dir"}, "pattern"),
        ({"from": "acme", "email": "nobody"}, "pattern"),
    ],
)
def test_keys_that_do_not_go_together(tls: dict[str, str], said: str) -> None:
    """A directory without TLS, an address that is none, and keys of another kind of certificate are refused."""
    with pytest.raises(ValueError, match=said):
        environment(tls=tls)
