"""What the steps of one transaction share, and what follows from it: the journal's entry and the state after it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hosts import flags
from hosts import state as states
from hosts.events import Report
from hosts.fleet import Host, each
from hosts.lease import Lease
from hosts.state import Journal, Opposite, State
from layout.model import Slot
from layout.release import ReleaseSpec

if TYPE_CHECKING:
    from hosts.survey import Before

# Releases that a rollback may go back to: the live one and four before it.
KEPT = 5


@dataclass
class Run:
    """What the steps of one transaction share. `begun` are the steps that have begun, `passed` says that the gate said yes."""

    spec: ReleaseSpec
    release: str
    hosts: dict[str, Host]
    lease: Lease
    report: Report
    before: Mapping[str, Before]
    live: Slot
    slotted: bool
    base: bool
    evidence: str = ""
    moved_s: float = 0.0
    passed: bool = False
    begun: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)

    @property
    def former(self) -> State | None:
        """What served before, as the first host that has served wrote it down."""
        return next((one.state for one in self.before.values() if one.state), None)

    @property
    def slot(self) -> Slot:
        """The slot that will serve: the idle one, or the live one where no new slot is started."""
        return self.live if self.former is None or not self.slotted else Opposite[self.live]

    def balancers(self) -> list[tuple[Host, str]]:
        names = sorted({(probe.host, probe.balancer) for probe in self.spec.probes})
        return [(self.hosts[host], container) for host, container in names]

    def movers(self) -> list[Host]:
        """Hosts whose flags move the traffic."""
        return [self.hosts[name] for name in (self.spec.balancers or self.hosts)]

    def flags(self) -> tuple[str, ...]:
        """The flags that stand once the traffic has moved."""
        return flags.of(self.slot) if self.spec.slotted else tuple(sorted(self.spec.flags))


def expected(spec: ReleaseSpec, host: str, state: State) -> set[str]:
    """Names of the containers that have to run on a host: the base part, and the live slot."""
    base = {one.container for one in spec.ready if one.host == host}
    slotted = {one.container for one in spec.checks.get(state.live, ()) if one.host == host} if spec.slotted else set()
    return base | slotted


def next_state(run: Run, host: str) -> State:
    """What the host's state says once the transaction is settled."""
    former, spec = run.before[host].state, run.spec
    slots = dict(former.slots) if former else {}
    parts = dict(former.slot_parts) if former else {}
    if run.slotted:
        slots[run.slot], parts[run.slot] = run.release, spec.part_id("slot")
    history = (run.release, *(one for one in (former.history if former else ()) if one != run.release))
    return State(
        release=run.release, version=spec.version, live=run.slot, slots=slots, slot_parts=parts, base_part=spec.part_id("base"),
        flags=spec.flags, history=history[:KEPT], settled_at=int(time.time()), keep_warm_s=spec.gate.keep_warm_s,
    )  # fmt: skip


def entry(run: Run, host: str, step: str) -> Journal:
    before = run.before[host]
    moves = run.hosts[host] in run.movers()
    return Journal(
        operation="deploy", release=run.release, slot=run.slot, slotted="start" in run.begun, base="base" in run.begun,
        fresh=before.fresh, passed=run.passed, step=step, network=run.spec.network.get("name", ""),
        flags_before=before.flags if moves else None, flags_after=run.flags() if moves else None,
        former=before.state, next=next_state(run, host),
    )  # fmt: skip


async def note(run: Run, step: str) -> None:
    """Write into every host's journal where the transaction stands."""
    await each(run.hosts, lambda host: states.note(host, run.lease, entry(run, host.name, step)))
