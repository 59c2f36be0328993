"""What the steps of one transaction share, and what follows from it: the journal's entry and the state after it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hosts.events import Report
from hosts.fleet import Host
from hosts.lease import Lease
from hosts.state import Journal, State
from layout.model import Slot
from layout.release import ReleaseSpec

# Steps that only look, or lay files beside what runs.
HARMLESS = frozenset({"check", "images", "upload", "validate"})


@dataclass
class Run:
    """One transaction. `live` has the traffic, `slot` will have it; `slotted`: it is started anew; `base`: the base part changes.

    `before`: flags of every host before. `begun`: names of the steps begun so far.
    """

    operation: Literal["deploy", "rollback"]
    spec: ReleaseSpec
    release: str
    hosts: dict[str, Host]
    lease: Lease
    report: Report
    former: Mapping[str, State | None]
    before: Mapping[str, tuple[str, ...]]
    live: Slot
    slot: Slot
    slotted: bool
    base: bool
    evidence: str = ""
    moved_s: float = 0.0
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)

    @property
    def first(self) -> bool:
        return all(one is None for one in self.former.values())

    def flagged(self) -> list[Host]:
        """The hosts whose flags say where the traffic goes."""
        return [self.hosts[name] for name in (self.spec.balancers or self.hosts)]

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
        operation=run.operation, release=run.release, slot=run.slot, slotted=run.slotted and "start" in run.begun,
        base=run.base and "base" in run.begun, flagged=host in (run.spec.balancers or run.hosts) and bool(run.begun - HARMLESS),
        before=run.before[host],
        passed=passed, step=step, former=run.former[host], next=next_state(run, host),
    )  # fmt: skip
