"""How a lab stands, read from the kernel and from inside its hosts, not from what was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from tools.lab import disk, groups, power, slow, switch
from tools.lab.disk import Space
from tools.lab.plan import Host, Plan


@dataclass(frozen=True)
class Standing:
    """One host. `sshd` and `engine`: whether they answer inside it; `link`: its faults, none when it is whole.

    `space` is its disk in bytes and `memory` what its processes hold of the machine's, both None while it is off.
    """

    host: Host
    on: bool
    sshd: bool = False
    engine: bool = False
    link: tuple[str, ...] = ()
    space: Space | None = None
    memory: int | None = None

    def as_dict(self) -> dict[str, object]:
        space = asdict(self.space) if self.space else None
        shown = {name: getattr(self, name) for name in ("on", "sshd", "engine", "memory")}
        return {
            "number": self.host.number,
            "name": self.host.name,
            "address": str(self.host.address),
            "link": list(self.link),
            "disk": space,
            **shown,
        }


def look(plan: Plan) -> list[Standing]:
    """Every host of a lab; bounded by some seconds even when an engine hangs."""
    faults = links(plan)
    return [_one(host, tuple(faults.get(host.port, ()))) for host in plan.hosts]


def links(plan: Plan) -> dict[str, list[str]]:
    """Port → what is wrong with its link."""
    found = {port: [f"cut ({what})" for what in cut] for port, cut in switch.cuts(plan).items()}
    for wire in slow.wires(plan.switch):
        found.setdefault(wire.port, []).append(f"slow by {wire.milliseconds:g} ms ({wire.what})")
    return found


def _one(host: Host, link: tuple[str, ...]) -> Standing:
    first = groups.first_process(host.group)
    if first is None:
        return Standing(host, on=False, link=link)
    sshd, engine = power.listens(first), power.engine_answers(first)
    return Standing(host, True, sshd, engine, link, disk.space(first), _memory(host))


def _memory(host: Host) -> int:
    """Proportional set size of the host's processes, in bytes: shared pages are counted once among all who share them."""
    return sum(_held(Path("/proc", str(pid), "smaps_rollup")) for pid in groups.members(host.group))


def _held(path: Path) -> int:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
