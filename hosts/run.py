"""What the steps of one transaction share, and what follows from it: the journal's entry and the state after it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hosts.events import Report
from hosts.fleet import Host
from hosts.lease import Lease
from hosts.state import Journal, Opposite, State
from layout.model import Slot
from layout.release import ReleaseSpec


@dataclass
class Run:
    """What the steps of one transaction share."""

    spec: ReleaseSpec
    release: str
    hosts: dict[str, Host]
    lease: Lease
    report: Report
    former: dict[str, State | None]
    live: Slot
    slotted: bool
    base: bool
    evidence: str = ""
    moved_s: float = 0.0
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)

    @property
    def slot(self) -> Slot:
        """The slot that will serve: the idle one, or the live one where no new slot is started."""
        first = all(one is None for one in self.former.values())
        return self.live if first or not self.slotted else Opposite[self.live]

    def balancers(self) -> list[tuple[Host, str]]:
        names = sorted({(probe.host, probe.balancer) for probe in self.spec.probes})
        return [(self.hosts[host], container) for host, container in names]


def expected(spec: ReleaseSpec, host: str, state: State) -> set[str]:
    """Names of the containers that have to run on a host: the base part, and the live slot."""
    base = {one.container for one in spec.ready if one.host == host}
    slotted = {one.container for one in spec.checks.get(state.live, ()) if one.host == host} if spec.slotted else set()
    return base | slotted


def next_state(run: Run, host: str) -> State:
    """What the host's state says once the transaction is settled."""
    former, spec = run.former[host], run.spec
    slots = dict(former.slots) if former else {}
    parts = dict(former.slot_parts) if former else {}
    if run.slotted:
        slots[run.slot], parts[run.slot] = run.release, spec.part_id("slot")
    history = (run.release, *(one for one in (former.history if former else ()) if one != run.release))
    return State(
        release=run.release, version=spec.version, live=run.slot, slots=slots, slot_parts=parts, base_part=spec.part_id("base"),
        flags=spec.flags, history=history[:10], settled_at=int(time.time()), keep_warm_s=spec.gate.keep_warm_s,
    )  # fmt: skip


def entry(run: Run, host: str, step: str, *, passed: bool) -> Journal:
    return Journal(
        operation="deploy", release=run.release, slot=run.slot, slotted=run.slotted, base=run.base, passed=passed, step=step,
        former=run.former[host], next=next_state(run, host),
    )  # fmt: skip
