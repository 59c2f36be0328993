"""The lab as one value: `up`, `down`, and what may happen to its hosts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from environments.home import cache
from tools.lab import disk, layers, making, needs, power, record, seed, slow, standing, switch
from tools.lab.making import Report, place
from tools.lab.plan import NAME, SUBNET, Host, Plan, plan
from tools.lab.record import DISK_GIB, Record
from tools.lab.standing import Standing
from tools.machine import Answer


def silent(_: str) -> None:
    pass


class Lab:
    """Hosts on this machine. A host is named by number, 1 for the first, or by name. As a context it goes down at the end.

    One home of cmctl ($CMCTL_HOME) has one lab; labs of different homes run beside each other with a name and a subnet each.
    """

    user = layers.USER

    def __init__(self, name: str = NAME, subnet: str | None = None, *, report: Report = silent) -> None:
        self.name = name
        self._wish = subnet
        self._report = report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    @property
    def key(self) -> Path:
        """The private key that logs in as `user`."""
        return record.folder() / seed.KEY

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys in OpenSSH's form."""
        return record.folder() / "known_hosts"

    def plan(self) -> Plan:
        """The lab as it was asked for; without hosts before the first `up`."""
        return making.planned(self._asked())

    def hosts(self) -> tuple[Host, ...]:
        return self.plan().hosts

    def address(self, host: int | str) -> str:
        return str(self.plan().host(host).address)

    def status(self) -> list[Standing]:
        """Each host as it stands now."""
        return standing.look(self.plan())

    def up(self, hosts: int = 4, *, bare: bool = False, disk_gib: int = DISK_GIB, memory_mb: int | None = None) -> None:
        """Every host on and answering: sshd, and the engine unless `bare`. What is on stays as it is; hosts are added, never taken.

        Raises Unreachable without root or programs; BadInput for a wrong name, subnet, number or size, or when another lab is up under
        this name; CmctlError when a host does not boot.
        """
        needs.install(self._report)
        making.refuse_folders(record.folder(), cache())
        with record.alone(self.name) as owner:
            before = self._asked()
            wish = Record(self.name, self._wish or before.subnet, hosts, bare, disk_gib, memory_mb)
            asked = making.grown(before, wish)
            wanted = making.planned(asked)
            record.refuse_a_second(owner, asked)
            layers.make(self._report)
            switch.make(wanted)
            record.write(asked, owner)
            making.boot(asked, wanted.hosts, self.known_hosts, self._report)

    def down(self) -> None:
        """Remove the lab whole: found by what the kernel has, so it works after any accident. Without one it does nothing."""
        with record.alone(self.name) as owner:
            making.remove(plan(self.name, self._asked().subnet, 0))
            record.remove(self.name, owner)

    def boot(self, host: int | str) -> None:
        """Power on: the same disk, key and address as before."""
        with record.alone(self.name):
            making.boot(self._asked(), [self.plan().host(host)], self.known_hosts, self._report)

    def kill(self, host: int | str) -> None:
        """Power off without a word: nothing is written, nothing is said to anybody."""
        with record.alone(self.name):
            wanted = self.plan()
            gone = wanted.host(host)
            switch.silence(wanted, gone)
            power.off(gone, place(gone))
            switch.unplug(wanted, gone)

    def exchange(self, host: int | str) -> None:
        """Another machine at the same address: an empty disk and a key of its own."""
        self.kill(host)
        shutil.rmtree(place(self.plan().host(host)).folder, ignore_errors=True)
        self.boot(host)

    def cut(self, host: int | str, what: str = "whole") -> None:
        """Drop a host's packets both ways: `whole`; `ssh`, TCP 22 only; or `peers`, those from and to other hosts."""
        wanted = self.plan()
        switch.cut(wanted, wanted.host(host), what)

    def slow(self, host: int | str, milliseconds: float, what: str = "whole") -> None:
        """A round trip to the host takes this much longer: `whole`, or `ssh` for TCP 22 only. Raises BadInput for more than a minute."""
        wanted = self.plan()
        slow.slow(wanted, wanted.host(host), milliseconds, what)

    def restore(self, host: int | str) -> None:
        """The link as it was: whole, and as fast as this machine."""
        wanted = self.plan()
        switch.mend(wanted, wanted.host(host))
        slow.mend(wanted, wanted.host(host))

    def fill(self, host: int | str, *, leave_mb: int = 0) -> None:
        """Nothing more can be written to the host's disk, by nobody, or this many MiB."""
        disk.fill(power.running(self.plan().host(host)), leave_mb << 20)

    def free(self, host: int | str) -> None:
        """The disk has room again."""
        disk.free(power.running(self.plan().host(host)))

    def run(self, host: int | str, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Answer:
        """Run a program as root inside a host, as on its console: works through a cut link. Raises CmctlError while it is off."""
        return power.enter(self.plan().host(host), argv, stdin=stdin, timeout_s=timeout_s)

    def _asked(self) -> Record:
        own = record.read()
        return own if own and own.name == self.name else Record(self.name, self._wish or SUBNET)
