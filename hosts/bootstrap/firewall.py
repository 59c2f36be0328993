"""The firewall: two chains of our own, asked first by INPUT and by DOCKER-USER, which published ports cannot get around.

Published ports are forwarded, not received, so INPUT never sees them; their original port is asked for in DOCKER-USER.
All rules lie in one script on the machine, which replaces them in one go, may be run at any time, and is run at boot.
Rules that others put after ours are never asked; those that they put before ours are drift (but for fail2ban's).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hosts.bootstrap import firewall_boot as boot
from hosts.bootstrap.model import Step, System, script, write
from layout.machine import ANYONE, CLOSED, KEPT, Machine

INPUT, FORWARD = "CMCTL-INPUT", "CMCTL-FORWARD"
CHAINS = {"INPUT": INPUT, "DOCKER-USER": FORWARD}
PORT = re.compile(r"(tcp|udp) \d+")
OPENED = re.compile(rf"-A {INPUT} (?:-s (\S+) )?-p (tcp|udp) -m (?:tcp|udp) --dport (\d+) -j ACCEPT")
PROBE = f"""
for chain in INPUT {INPUT} DOCKER-USER {FORWARD}; do iptables -w 10 -S $chain 2>/dev/null | sed 's/^/4 /'; done
[ -e /proc/net/if_inet6 ] && for chain in INPUT {INPUT}; do echo "6 $chain"; ip6tables -w 10 -S $chain 2>/dev/null | sed 's/^/6 /'; done
{boot.PROBE}
"""


def opened(firewall: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """`tcp 443` → who may; () is anyone."""
    ports = {key: value for key, value in firewall.items() if PORT.fullmatch(key)}
    return {key: () if value == ANYONE else tuple(value.split(", ")) for key, value in ports.items()}


def input_rules(firewall: Mapping[str, str], version: int) -> list[str]:
    icmp = ["-p icmp -j ACCEPT"] if version == 4 else ["-p ipv6-icmp -j ACCEPT", "-p udp -s fe80::/10 --dport 546 -j ACCEPT"]
    return [
        "-i lo -j ACCEPT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", *icmp,
        *(f"{source}-p {protocol} --dport {port} -j ACCEPT" for source, protocol, port in _each(firewall, version)),
        "-j DROP",
    ]  # fmt: skip


def forward_rules(firewall: Mapping[str, str]) -> list[str]:
    """What comes in for containers: answers, other containers, and declared ports by the number they had outside."""
    ports = [
        f"{source}-p {protocol} -m conntrack --ctstate DNAT --ctorigdstport {port} -j RETURN"
        for source, protocol, port in _each(firewall, 4)
    ]
    return [
        "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN", "-i docker0 -j RETURN", "-i br-+ -j RETURN",
        *ports, "-o docker0 -j DROP", "-o br-+ -j DROP",
    ]  # fmt: skip


def _each(firewall: Mapping[str, str], version: int) -> Iterable[tuple[str, str, str]]:
    for key, sources in sorted(opened(firewall).items()):
        protocol, _, port = key.partition(" ")
        for source in sources or ("",):
            if not source or (":" in source) == (version == 6):
                yield (f"-s {source} " if source else ""), protocol, port


def program(firewall: Mapping[str, str]) -> str:
    """The script: rules of both protocols, replaced in one go each, then asked first."""
    first = _restore({INPUT: input_rules(firewall, 4), FORWARD: forward_rules(firewall)})
    second = _restore({INPUT: input_rules(firewall, 6)})
    return boot.PROGRAM.format(rules4=first, rules6=second, input=INPUT, forward=FORWARD)


def _restore(chains: Mapping[str, list[str]]) -> str:
    lines = ["*filter", *(f":{chain} - [0:0]" for chain in chains)]
    lines += [f"-A {chain} {rule}" for chain, rules in chains.items() for rule in rules]
    return "\n".join([*lines, "COMMIT"])


class Firewall:
    section = "firewall"

    def probe(self, wanted: Machine) -> str:
        return PROBE if wanted.firewall else ""

    def found(self, text: str, wanted: Machine) -> dict[str, str]:
        """The rules that run, read back into the shape they are wanted in; a rule nobody declared stands under its own text."""
        four, six = _rules(text, "4 "), _rules(text, "6 ")
        ports = _ports(four)
        result = ports | _foreign(four, wanted.firewall, ports)
        result["INPUT"] = _closed("INPUT", four, input_rules({}, 4))
        if result["INPUT"] == CLOSED and "\n6 INPUT" in f"\n{text}":
            state = _closed("INPUT", six, input_rules({}, 6))
            result["INPUT"] = CLOSED if state == CLOSED else f"IPv6 {state}"
        states = [_closed("DOCKER-USER", four, forward_rules(one)) for one in (wanted.firewall, ports)]
        result["DOCKER-USER"] = CLOSED if CLOSED in states else states[0]
        return result | ({"boot": KEPT} if boot.kept(text, program(wanted.firewall)) else {})

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        if found.firewall == wanted.firewall:
            return []
        wrong = sorted({*found.firewall.items()} ^ {*wanted.firewall.items()})
        what = f"firewall: {', '.join(dict.fromkeys(key for key, _ in wrong))}"
        apply = script(what, f"{boot.SCRIPT} apply", risky=True)
        if found.firewall.get("boot") == KEPT:
            return [apply]
        return [*boot.steps(system), write(f"write {boot.SCRIPT}", boot.SCRIPT, program(wanted.firewall), "755", risky=True), apply]


def _rules(text: str, mark: str) -> list[str]:
    return [line.removeprefix(mark) for line in text.splitlines() if line.startswith(f"{mark}-A ")]


def _ports(rules: list[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for match in filter(None, (OPENED.fullmatch(rule) for rule in rules)):
        source, protocol, port = match.groups()
        found.setdefault(f"{protocol} {port}", []).append((source or ANYONE).removesuffix("/32"))
    return {key: ANYONE if ANYONE in sources else ", ".join(sorted(sources)) for key, sources in found.items()}


def _foreign(rules: list[str], wanted: Mapping[str, str], ports: Mapping[str, str]) -> dict[str, str]:
    """Rules in our chains that no opening explains."""
    forward = [*forward_rules(wanted), *forward_rules(ports)]
    known = {_plain(f"-A {INPUT} {rule}") for rule in input_rules({}, 4)} | {_plain(f"-A {FORWARD} {rule}") for rule in forward}
    ours = [rule for rule in rules if rule.startswith((f"-A {INPUT} ", f"-A {FORWARD} ")) and not OPENED.fullmatch(rule)]
    return {rule.removeprefix("-A "): "foreign" for rule in ours if _plain(rule) not in known}


def _plain(rule: str) -> tuple[str, ...]:
    """A rule without what iptables adds when it prints it."""
    words = rule.replace("/32", "").split()
    pairs = [f"{words[at]} {words[at + 1]}" for at in range(0, len(words) - 1, 2) if words[at] != "-m"]
    return tuple(sorted(pairs))


def _closed(chain: str, rules: list[str], base: list[str]) -> str:
    """`closed` when our chain is asked before any other rule but fail2ban's, holds its `base` rules and ends with the last of them."""
    own = CHAINS[chain]
    there = [rule.removeprefix(f"-A {chain} ") for rule in rules if rule.startswith(f"-A {chain} ") and "-j f2b-" not in rule]
    if f"-j {own}" not in there:
        return "open: not asked"
    if there[0] != f"-j {own}":
        return f"open: {'; '.join(there[: there.index(f'-j {own}')])}"
    have = [_plain(rule) for rule in rules if rule.startswith(f"-A {own} ")]
    should = [_plain(f"-A {own} {rule}") for rule in base]
    return CLOSED if set(should) <= set(have) and have[-1] == should[-1] else "open: other rules"
