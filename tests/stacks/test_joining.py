"""A machine joins: what is asked, what is completed from the environment's file, and what is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.load import load
from environments.model import Host
from errors import BadInput
from hosts.bootstrap import first
from hosts.bootstrap.first import Shown
from hosts.ssh_errors import KeyChanged
from stacks import joining
from stacks.joining import Newcomer, newcomer

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGUta2V5LW9mLWxiMS0tLS0tLS0tLS0tLS0t"
SEEN = Shown(f"192.0.2.9 {KEY}", first.fingerprint_of(KEY))
GIVEN: dict[str, Any] = {"address": "192.0.2.9", "port": None, "login": "root", "user": None, "identity": None, "roles": ("app",)}


def wish(**changes: Any) -> Newcomer:
    return newcomer("lab", "app9", **{**GIVEN, **changes})


def test_a_new_host_needs_an_address_and_a_role() -> None:
    """Neither can be guessed: each is asked for by its option."""
    assert wish().user == "deploy"
    for option, value in (("address", None), ("roles", ())):
        with pytest.raises(BadInput, match=r"--(address|role) is missing"):
            wish(**{option: value})


def test_a_known_host_is_completed_from_its_file() -> None:
    """For a host that the environment names, its address, user and roles need not be said again; another address is contrary."""
    known = newcomer("lab", "app1", **{**GIVEN, "address": None, "roles": ()})
    assert (known.address, known.user, known.roles) == ("10.77.0.12", "cmctl", ("app",))
    with pytest.raises(BadInput, match=r"is 10\.77\.0\.12 by ssh"):
        newcomer("lab", "app1", **{**GIVEN, "address": "10.77.0.99"})


def test_an_address_belongs_to_one_host() -> None:
    """Adding a second host at a known address is refused, and says whose it is."""
    with pytest.raises(BadInput, match="lb1's address"):
        joining._grown(load("lab"), wish(address="10.77.0.11"), Shown(f"10.77.0.11 {KEY}", "x"))


@pytest.mark.parametrize("changes", [{}, {"user": "operator", "port": 2222}, {"identity": "/keys/id"}])
def test_the_printed_lines_are_a_host(changes: dict[str, Any], tmp_path: Path) -> None:
    """What is printed can be put under `hosts:` as it stands, and means the machine that joined."""
    new = wish(**changes)
    line = SEEN.line if "port" not in changes else f"[192.0.2.9]:2222 {KEY}"
    text = joining._lines(new, Shown(line, SEEN.fingerprint))
    assert all(one.startswith("  ") for one in text.splitlines())
    host = Host.model_validate(yaml.safe_load(f"hosts:\n{text}")["hosts"]["app9"])
    assert (str(host.address), host.user, host.port, host.roles, host.host_key) == ("192.0.2.9", new.user, new.port, ("app",), line)


def test_another_key_is_refused() -> None:
    """A machine that shows another key than the console said is refused; padding at the end of a fingerprint is nobody's fault."""
    first.compare("app9", SEEN, SEEN.fingerprint + "=")
    with pytest.raises(KeyChanged, match="another key"):
        first.compare("app9", SEEN, "SHA256:" + "A" * 43)
    with pytest.raises(BadInput, match="no fingerprint"):
        first.compare("app9", SEEN, "aa:bb:cc")


def test_pinned_keys_have_one_fingerprint() -> None:
    """A scanned line, its last two words and the fingerprint mean the same key."""
    assert {first.fingerprint_of(text) for text in (SEEN.line, KEY, SEEN.fingerprint)} == {SEEN.fingerprint}
