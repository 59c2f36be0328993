"""The firewall's rules: what is declared is open, all else is closed, and every foreign hand in them is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.bootstrap import firewall as rules
from hosts.bootstrap.firewall import Firewall
from layout.machine import ANYONE, CLOSED, Machine
from tests.hosts.bootstrap.machines import probe, system

WANTED = {
    "tcp 22": ANYONE, "tcp 443": ANYONE, "tcp 20200": "10.77.0.11, 10.77.0.12", "INPUT": CLOSED, "DOCKER-USER": CLOSED, "boot": "kept",
}  # fmt: skip
MACHINE = Machine(firewall=WANTED)

SOURCES = st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=3, unique=True).map(lambda given: ", ".join(sorted(given)))
PORTS = st.builds("{} {}".format, st.sampled_from(["tcp", "udp"]), st.integers(1, 65535))
FIREWALLS = st.dictionaries(PORTS, st.one_of(st.just(ANYONE), SOURCES), max_size=8).map(
    lambda ports: ports | {"INPUT": CLOSED, "DOCKER-USER": CLOSED, "boot": "kept"}
)


def found(text: str) -> dict[str, str]:
    return Firewall().found(text, MACHINE)


@given(FIREWALLS)
def test_what_is_in_force_reads_as_what_was_wanted(firewall: dict[str, str]) -> None:
    """Rules that iptables prints are read back into exactly the value they came from, whatever it opens."""
    assert Firewall().found(probe(firewall), Machine(firewall=firewall)) == firewall


def test_the_script(golden: Callable[[str, str], None]) -> None:
    """The script that stands on a machine, rule for rule."""
    golden("machine/firewall.sh", rules.program(WANTED))


def test_right_rules_ask_for_nothing() -> None:
    """A machine whose firewall is right gets no step."""
    assert list(Firewall().steps(Machine(firewall=found(probe(WANTED))), MACHINE, system())) == []


@pytest.mark.parametrize(
    ("text", "different"),
    [
        ("", {"tcp 22", "tcp 443", "tcp 20200", "INPUT", "DOCKER-USER", "boot"}),
        (probe(WANTED, before={"INPUT": ["-p tcp -m tcp --dport 6379 -j ACCEPT"]}), {"INPUT"}),
        (probe(WANTED, before={"DOCKER-USER": ["-j RETURN"]}), {"DOCKER-USER"}),
        (probe(WANTED, extra=["-A CMCTL-INPUT -p tcp -m tcp --dport 9999 -j ACCEPT"]), {"tcp 9999"}),
        (probe(WANTED, extra=["-A CMCTL-INPUT -s 6.6.6.6/32 -j ACCEPT"]), {"CMCTL-INPUT -s 6.6.6.6/32 -j ACCEPT"}),
        (probe(WANTED, extra=["-A CMCTL-FORWARD -j RETURN"]), {"CMCTL-FORWARD -j RETURN"}),
        (probe(WANTED).replace("4 -A CMCTL-INPUT -j DROP\n", ""), {"INPUT"}),
        (probe(WANTED).replace("4 -A CMCTL-FORWARD -o br-+ -j DROP\n", ""), {"DOCKER-USER"}),
        (probe(WANTED).replace("4 -A INPUT -j CMCTL-INPUT\n", ""), {"INPUT"}),
        (probe(WANTED).replace("10.77.0.12/32", "10.77.0.66/32", 1), {"tcp 20200"}),
        (probe(WANTED).replace("boot=unit", ""), {"boot"}),
        (probe(WANTED) + "6 INPUT\n6 -P INPUT ACCEPT\n", {"INPUT"}),
    ],
    ids=[
        "nothing", "input-bypassed", "docker-bypassed", "opened", "source-let-in", "all-let-through", "no-end", "no-end-for-containers",
        "not-asked", "other-source", "not-at-boot", "open-for-ipv6",
    ],
)  # fmt: skip
def test_a_hand_in_the_rules_is_seen(text: str, different: set[str]) -> None:
    """Each way of opening the machine is a difference under its own name, and asks for the rules to be applied anew."""
    seen = found(text)
    assert {key for key in {*seen, *WANTED} if seen.get(key) != WANTED.get(key)} >= different
    steps = Firewall().steps(Machine(firewall=seen), MACHINE, system())
    assert any(step.risky for step in steps)


def test_fail2ban_comes_first() -> None:
    """fail2ban's own rule before ours is right: a banned address must not be let in by us."""
    assert found(probe(WANTED, before={"INPUT": ["-p tcp -m multiport --dports 22 -j f2b-sshd"]})) == WANTED


def test_published_ports_are_closed_where_they_pass() -> None:
    """Ports are let through to containers by the number they had outside; what comes in by another is dropped."""
    forward = rules.forward_rules({"tcp 443": ANYONE, "tcp 6379": "10.0.0.5"})
    assert "-p tcp -m conntrack --ctstate DNAT --ctorigdstport 443 -j RETURN" in forward
    assert "-s 10.0.0.5 -p tcp -m conntrack --ctstate DNAT --ctorigdstport 6379 -j RETURN" in forward
    assert forward[-2:] == ["-o docker0 -j DROP", "-o br-+ -j DROP"]


def test_without_systemd_the_script_alone_is_kept() -> None:
    """Where nothing like systemd runs, no unit is written."""
    steps = Firewall().steps(Machine(), MACHINE, system(init=""))
    assert not any("systemd" in " ".join(step.argv) for step in steps)
