"""How a lab comes to be what was asked for, and how it goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from environments import private_files
from errors import BadInput
from tools.lab import disk, groups, layers, power, record, seed, slow, switch
from tools.lab.launch import hierarchies
from tools.lab.plan import Host, Plan, plan
from tools.lab.power import Place
from tools.lab.record import Record

Report = Callable[[str], None]
AT_ONCE = 4
MOST_GIB, LEAST_MB = 1000, 256


def planned(asked: Record) -> Plan:
    return plan(asked.name, asked.subnet, asked.hosts)


def place(host: Host) -> Place:
    return Place(record.folder() / "hosts" / str(host.number))


def grown(before: Record, wish: Record) -> Record:
    """The wish, with the hosts that are there already. Raises BadInput when it is for another lab than the one that is up."""
    _refuse_a_size(wish)
    again = replace(wish, hosts=max(wish.hosts, before.hosts))
    if before.hosts and replace(again, hosts=0) != replace(before, hosts=0):
        raise BadInput(
            f"the lab {before.name!r} is up as {before.size} on {before.subnet}",
            why=f"asked for: {wish.size} on {wish.subnet}",
            hint=f"cmctl lab down --name {before.name}, then up again",
        )
    return again


def boot(asked: Record, hosts: Sequence[Host], known_hosts: Path, report: Report) -> None:
    """Start those of `hosts` that are off, write the file of all hosts' keys, and wait until each of `hosts` answers."""
    wanted, made = planned(asked), layers.make(report)
    login = seed.login_key(record.folder()).with_suffix(".pub").read_text(encoding="utf-8")

    def start(host: Host) -> None:
        if groups.first_process(host.group) is None:
            _start(wanted, host, made, login, asked)

    def answers(host: Host) -> None:
        seconds = power.await_answers(host, place(host), engine=not asked.bare)
        report(f"{host.name} {host.address}: {'sshd' if asked.bare else 'sshd and engine'} after {seconds:.1f} s")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(start, hosts))
        private_files.write(
            known_hosts, "".join(seed.known_host(place(host).seed, host) for host in wanted.hosts if place(host).seed.exists())
        )
        list(pool.map(answers, hosts))


def remove(wanted: Plan) -> None:
    """Everything that the kernel has of a lab, whatever is written of it: hosts, slow wires, namespaces, the switch."""
    found = {path.name for root in hierarchies() for path in root.glob(f"cmctl-lab-{wanted.name}-*")}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(groups.end, sorted(found)))
    for wire in slow.wires(wanted.switch):
        slow.end(wire)
    for name in switch.namespaces():
        if re.fullmatch(rf"{wanted.switch}-\d+", name):
            switch.delete(name)
    switch.remove(wanted)


def _start(wanted: Plan, host: Host, made: layers.Layers, login: str, asked: Record) -> None:
    own = place(host)
    power.off(host, own)
    switch.plug(wanted, host, slow.entry(wanted, host))
    seed.write(own.seed, wanted, host, login, bare=asked.bare)
    disk.make(own.disk, asked.disk_gib)
    power.start(host, own, made.below(bare=asked.bare), made.offered, asked.memory_mb)


def refuse_folders(*folders: Path) -> None:
    """Raises BadInput for a path that mount's options cannot hold."""
    for folder in folders:
        if set(str(folder)) & set(":,\\ \t\n"):
            raise BadInput(
                f"{folder} cannot hold a lab",
                why="a colon, comma, backslash or space would part mount's options",
                hint="set CMCTL_HOME and CMCTL_CACHE",
            )


def _refuse_a_size(wish: Record) -> None:
    wrong = []
    if wish.hosts < 1:
        wrong.append(f"{wish.hosts} hosts are no lab")
    if not 1 <= wish.disk_gib <= MOST_GIB:
        wrong.append(f"a disk of {wish.disk_gib} GiB is not 1 to {MOST_GIB}")
    if wish.memory_mb is not None and wish.memory_mb < LEAST_MB:
        wrong.append(f"{wish.memory_mb} MiB of memory are less than the {LEAST_MB} that a system and an engine take")
    if wrong:
        raise BadInput("this lab cannot be", why="\n".join(wrong), hint="cmctl lab up --hosts 4")
