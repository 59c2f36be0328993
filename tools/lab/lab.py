"""The lab as one value: `up`, `down`, and what may happen to its hosts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from errors import BadInput
from tools.lab import disk, groups, layers, needs, power, record, seed, slow, standing, switch
from tools.lab.launch import hierarchies
from tools.lab.plan import NAME, SUBNET, Host, Plan, plan
from tools.lab.power import Place
from tools.lab.record import Record
from tools.lab.standing import Standing
from tools.machine import Answer

Report = Callable[[str], None]
AT_ONCE = 4


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
        asked = self._asked()
        return plan(asked.name, asked.subnet, asked.hosts)

    def hosts(self) -> tuple[Host, ...]:
        return self.plan().hosts

    def address(self, host: int | str) -> str:
        return str(self.plan().host(host).address)

    def up(self, hosts: int = 4, *, bare: bool = False) -> None:
        """Every host on and answering: sshd, and the engine unless `bare`. What is on stays as it is; hosts are added, never taken.

        Raises Unreachable without root or programs, BadInput for a wrong name, subnet or number, CmctlError when a host does not boot.
        """
        needs.install(self._report)
        with record.alone(self.name) as owner:
            asked = self._grown(hosts, bare=bare)
            wanted = plan(asked.name, asked.subnet, asked.hosts)
            record.refuse_a_second(owner, asked)
            made = layers.make(self._report)
            switch.make(wanted)
            record.write(asked, owner)
            self._boot_all(wanted, wanted.hosts, made, bare=bare)

    def boot(self, host: int | str) -> None:
        """Power on: the same disk, key and address as before."""
        with record.alone(self.name):
            wanted = self.plan()
            self._boot_all(wanted, [wanted.host(host)], layers.make(self._report), bare=self._asked().bare)

    def kill(self, host: int | str) -> None:
        """Power off without a word: nothing is written, nothing is said to anybody."""
        with record.alone(self.name):
            wanted = self.plan()
            gone = wanted.host(host)
            switch.silence(wanted, gone)
            power.off(gone, self._place(gone))
            switch.unplug(wanted, gone)

    def down(self) -> None:
        """Remove the lab whole: found by what the kernel has, so it works after any accident. Without one it does nothing."""
        with record.alone(self.name) as owner:
            self._remove_from_kernel()
            kept = Path(owner.read_text(encoding="utf-8").strip() or record.folder())
            of = record.read(kept)
            if of and of.name == self.name:
                shutil.rmtree(kept)
            owner.write_bytes(b"")

    def status(self) -> list[Standing]:
        """Each host as it stands now."""
        return standing.look(self.plan())

    def cut(self, host: int | str, what: str = "whole") -> None:
        """Drop a host's packets both ways: `whole`; `ssh`, TCP 22 only; or `peers`, those from and to other hosts."""
        wanted = self.plan()
        switch.cut(wanted, wanted.host(host), what)

    def restore(self, host: int | str) -> None:
        """The link as it was: whole, and as fast as this machine."""
        wanted = self.plan()
        switch.mend(wanted, wanted.host(host))
        slow.mend(wanted, wanted.host(host))

    def slow(self, host: int | str, milliseconds: float, what: str = "whole") -> None:
        """A round trip to the host takes this much longer: `whole`, or `ssh` for TCP 22 only. Raises BadInput for more than a minute."""
        wanted = self.plan()
        slow.slow(wanted, wanted.host(host), milliseconds, what)

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
        if own and own.name == self.name:
            return own
        return Record(self.name, self._wish or SUBNET)

    def _grown(self, hosts: int, *, bare: bool) -> Record:
        before = self._asked()
        if hosts < 1:
            raise BadInput(f"{hosts} hosts are no lab", hint="cmctl lab up --hosts 4")
        if before.hosts and before.bare != bare:
            kind = "bare" if before.bare else "ready"
            raise BadInput(f"the lab {self.name!r} is up with {kind} hosts", hint=f"cmctl lab down --name {self.name}, then up again")
        if before.hosts and self._wish not in {None, before.subnet}:
            raise BadInput(f"the lab {self.name!r} is up on {before.subnet}", hint=f"cmctl lab down --name {self.name}, then up again")
        return Record(self.name, before.subnet, max(hosts, before.hosts), bare)

    def _boot_all(self, wanted: Plan, hosts: Iterable[Host], made: layers.Layers, *, bare: bool) -> None:
        login = seed.login_key(record.folder()).with_suffix(".pub").read_text(encoding="utf-8")
        hosts = list(hosts)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda host: self._start(wanted, host, made, login, bare=bare), hosts))
            lines = [seed.known_host(self._place(host).seed, host) for host in wanted.hosts if self._place(host).seed.exists()]
            seed.write_known_hosts(self.known_hosts, lines)
            list(pool.map(lambda host: self._await(host, bare=bare), hosts))

    def _start(self, wanted: Plan, host: Host, made: layers.Layers, login: str, *, bare: bool) -> None:
        if groups.first_process(host.group):
            return
        place = self._place(host)
        power.off(host, place)
        switch.plug(wanted, host, slow.entry(wanted, host))
        seed.write(place.seed, wanted, host, login, bare=bare)
        disk.make(place.disk)
        power.start(host, place, made.below(bare=bare), made.offered)

    def _await(self, host: Host, *, bare: bool) -> None:
        seconds = power.await_answers(host, self._place(host), engine=not bare)
        self._report(f"{host.name} {host.address}: {'sshd' if bare else 'sshd and engine'} after {seconds:.1f} s")

    def _place(self, host: Host) -> Place:
        return Place(record.folder() / "hosts" / str(host.number))

    def _remove_from_kernel(self) -> None:
        bare = plan(self.name, self._asked().subnet, 0)
        found = {name for root in hierarchies() for name in (path.name for path in root.glob(f"cmctl-lab-{self.name}-*"))}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(groups.end, sorted(found)))
        for wire in slow.wires(bare.switch):
            slow.end(wire)
        for name in switch.namespaces():
            if re.fullmatch(rf"cmctl-{self.name}-\d+", name):
                switch.delete(name)
        switch.remove(bare)
