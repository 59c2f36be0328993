"""What stands on the hosts before a transaction changes anything, and what follows from it: is there anything to do at all?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hosts import bundles, containers, flags
from hosts import state as states
from hosts.fleet import Host, each
from hosts.run import expected
from hosts.state import State
from layout.model import Slot
from layout.release import ReleaseSpec


@dataclass(frozen=True)
class Before:
    """One host before a transaction. `well`: names of containers that run and are not unhealthy. `fresh`: no volume of the stack is there."""

    state: State | None
    flags: tuple[str, ...]
    well: frozenset[str]
    fresh: bool


async def survey(hosts: Mapping[str, Host], stack: str) -> dict[str, Before]:
    return await each(hosts, lambda host: _survey(host, stack))


async def _survey(host: Host, stack: str) -> Before:
    state = await states.load(host)
    seen = flags.moving(await flags.read(host))
    return Before(state, seen, await _well(host, stack), fresh=state is None and not await containers.volumes(host, stack))


async def _well(host: Host, stack: str) -> frozenset[str]:
    return frozenset(one.name for one in await containers.listed(host, stack) if one.well)


def live_slot(spec: ReleaseSpec, before: Mapping[str, Before]) -> Slot:
    """The slot that users get now: the flag on a balancer that has served, else what the hosts wrote down."""
    known = [one for name, one in before.items() if one.state is not None]
    for name in spec.balancers:
        if before[name].state is not None:
            return flags.slot(before[name].flags)
    return next((one.state.live for one in known if one.state), "blue")


async def unchanged(hosts: Mapping[str, Host], spec: ReleaseSpec) -> State | None:
    """The settled state when this very release serves everywhere, whole and healthy, and no transaction is open."""
    found = await each(hosts, lambda host: _settled(host, spec))
    first = next(iter(found.values()))
    return None if any(state is None for state in found.values()) else first


async def _settled(host: Host, spec: ReleaseSpec) -> State | None:
    """A host's state when nothing has to be done there. The cheap questions come first."""
    state = await states.load(host)
    if state is None or state.release != spec.release_id() or state.flags != spec.flags or await states.journal(host):
        return None
    wanted = flags.of(state.live) if host.name in spec.balancers else spec.flags
    if flags.moving(await flags.read(host)) != wanted:
        return None
    if not expected(spec, host.name, state) <= await _well(host, spec.stack) or await bundles.differing(host, spec, state.live):
        return None
    return state


async def needed(hosts: Mapping[str, Host], spec: ReleaseSpec, before: Mapping[str, Before], live: Slot) -> tuple[bool, bool]:
    """Whether the base part has to be brought, and whether a new slot has to be started."""
    found = await each(hosts, lambda host: _needed(host, spec, before[host.name], live))
    return any(base for base, _ in found.values()), spec.slotted and any(slot for _, slot in found.values())


async def _needed(host: Host, spec: ReleaseSpec, before: Before, live: Slot) -> tuple[bool, bool]:
    state = before.state
    if state is None:
        return True, True
    base = {one.container for one in spec.ready if one.host == host.name}
    slot = {one.container for one in spec.checks.get(live, ()) if one.host == host.name}
    edited = any(path.startswith("base/") for path in await bundles.differing(host, spec, live))
    return (
        edited or state.base_part != spec.part_id("base") or not base <= before.well,
        state.slot_parts.get(live) != spec.part_id("slot") or not slot <= before.well,
    )
