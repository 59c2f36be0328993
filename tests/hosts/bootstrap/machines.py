"""What bootstrap tests share: a wanted machine, a system, and iptables' way of printing rules."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from environments.load import load
from hosts.bootstrap import firewall as rules
from hosts.bootstrap import firewall_boot as boot
from hosts.bootstrap.model import System
from layout.machine import Machine, machine


def system(init: str = "systemd", version: str = "12", distribution: str = "debian") -> System:
    return System(
        distribution=distribution, version=version, name=f"{distribution} {version}", init=init, user="root", arch="x86_64",
        cpus=2, memory_mb=4096, disk_mb=40960, disk_free_mb=30000, clock=1_800_000_000,
    )  # fmt: skip


def wanted() -> Machine:
    environment = load("lab").model_copy(update={"kind": "cloud"})
    return machine("codementee", environment, "lb1", [])


def printed(chain: str, lines: Iterable[str]) -> list[str]:
    """Rules as `iptables -S` prints them: the protocol's match is named, addresses carry their mask."""
    result = []
    for line in lines:
        words = line.split()
        if "--dport" in words:
            words[words.index("--dport") : words.index("--dport")] = ["-m", words[words.index("-p") + 1]]
        if words[0] == "-s" and "/" not in words[1]:
            words[1] += "/32"
        result.append(" ".join(["-A", chain, *words]))
    return result


def probe(firewall: Mapping[str, str], *, before: Mapping[str, list[str]] | None = None, extra: Iterable[str] = ()) -> str:
    """What the firewall's probe prints on a machine where `firewall` is in force, with rules that somebody added."""
    added = before or {}
    lines = ["-P INPUT ACCEPT"]
    for chain, own in rules.CHAINS.items():
        lines += [*(f"-A {chain} {rule}" for rule in added.get(chain, [])), f"-A {chain} -j {own}"]
    lines += [*extra, *printed(rules.INPUT, rules.input_rules(firewall, 4)), *printed(rules.FORWARD, rules.forward_rules(firewall))]
    files = {boot.SCRIPT: rules.program(firewall), boot.UNIT: boot.UNIT_TEXT, boot.AFTER_ENGINE: boot.AFTER_ENGINE_TEXT}
    sums = [f"file {hashlib.sha256(text.encode()).hexdigest()}  {path}" for path, text in files.items()]
    return "\n".join([*(f"4 {line}" for line in lines), *sums, "boot=unit", ""])
