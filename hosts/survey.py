"""What stands on the hosts before a transaction, and what follows from it: nothing to do, or which parts have to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hosts import bundles, containers, flags
from hosts import state as states
from hosts.fleet import Host, each
from hosts.run import expected
from hosts.state import Journal, State
from layout import live as live_flags
from layout.model import Slot
from layout.release import ReleaseSpec


@dataclass(frozen=True)
class Seen:
    """One host: its books, its flags, the containers of the stack that run and are not unhealthy."""

    state: State | None
    journal: Journal | None
    flags: tuple[str, ...]
    running: frozenset[str]


async def survey(hosts: Mapping[str, Host], spec: ReleaseSpec) -> dict[str, Seen]:
    return await each(hosts, lambda host: _look(host, spec))


async def _look(host: Host, spec: ReleaseSpec) -> Seen:
    found = await containers.listed(host, spec.stack)
    return Seen(
        state=await states.load(host),
        journal=await states.journal(host),
        flags=flags.traffic(await flags.read(host)),
        running=frozenset(one.name for one in found if one.state == "running" and "unhealthy" not in one.status),
    )


def live(seen: Mapping[str, Seen], spec: ReleaseSpec) -> Slot:
    """The slot that has the traffic: what the flags of the balancers say; where they differ, what the books say.

    A balancer without books is new and has no word.
    """
    known = [one for name, one in seen.items() if name in spec.balancers and one.state is not None]
    said = {flags.slot(one.flags) for one in known}
    if len(said) == 1:
        return said.pop()
    return next((one.state.live for one in known if one.state is not None), "blue")


async def unchanged(hosts: Mapping[str, Host], seen: Mapping[str, Seen], spec: ReleaseSpec) -> State | None:
    """The settled state when this very release serves everywhere, whole and healthy, and no transaction is open."""
    release = spec.release_id()
    first = next(iter(seen.values())).state
    for name, one in seen.items():
        state = one.state
        if first is None or state is None or one.journal or state.release != release or state.flags != spec.flags:
            return None
        wanted = live_flags.flags(first.live) if spec.slotted else spec.flags
        if state.live != first.live or (name in (spec.balancers or seen) and one.flags != tuple(sorted(wanted))):
            return None
        if not expected(spec, name, first) <= one.running or await bundles.differing(hosts[name], spec, first.live):
            return None
    return first


@dataclass(frozen=True)
class Needed:
    """Which parts a release has to change on the hosts as they are."""

    live: Slot
    slotted: bool
    base: bool


async def needed(hosts: Mapping[str, Host], seen: Mapping[str, Seen], spec: ReleaseSpec) -> Needed:
    now = live(seen, spec)
    base_part, slot_part = spec.part_id("base"), spec.part_id("slot")
    base = slotted = False
    for name, one in seen.items():
        state = one.state
        wanted_base = {ready.container for ready in spec.ready if ready.host == name}
        wanted_slot = {check.container for check in spec.checks.get(now, ()) if check.host == name}
        edited = [] if state is None else await bundles.differing(hosts[name], spec, now)
        base |= any(path.startswith("base/") for path in edited)
        base |= state is None or state.base_part != base_part or not wanted_base <= one.running
        slotted |= spec.slotted and (state is None or state.slot_parts.get(now) != slot_part or not wanted_slot <= one.running)
    return Needed(now, slotted, base)
