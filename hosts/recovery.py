"""What a killed controller left is finished when its gate had said yes, and taken back when it had not. Both may be repeated."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hosts import base_part, bundles, checks, containers, detached, flags
from hosts import state as states
from hosts.fleet import Host, each
from hosts.lease import Lease
from hosts.state import Journal, State


async def recover(hosts: Mapping[str, Host], lease: Lease, stack: str) -> list[str]:
    """Finish or take back what open journals say; returns what was done, in sentences.

    A host without a journal needs nothing: either nothing was changed there, or it is closed already. Only the latter goes
    together with a yes elsewhere: where a host has not heard of the release at all, nothing has moved yet.
    """
    await each(hosts, detached.settled)
    found = {name: entry for name, entry in (await each(hosts, states.journal)).items() if entry is not None}
    if not found:
        return []
    first = next(iter(found.values()))
    silent = {name: host for name, host in hosts.items() if name not in found}
    closed = all(state and state.release == first.release for state in (await each(silent, states.load)).values())
    if closed and any(entry.passed for entry in found.values()):
        await finish(hosts, lease, found)
        return [f"finished {first.operation} of {first.release}, which was interrupted after its gate had passed"]
    await take_back(hosts, lease, stack, found)
    return [f"took back {first.operation} of {first.release}, which was interrupted at {first.step}"]


async def finish(hosts: Mapping[str, Host], lease: Lease, entries: Mapping[str, Journal]) -> None:
    """The flags of all balancers, then the new truth on every host, which closes its journal."""
    mine = {name: hosts[name] for name in entries}
    await each(mine, lambda host: _flags(host, lease, entries[host.name].flags_after))
    await each(mine, lambda host: states.settle(host, lease, entries[host.name].next))
    await each(mine, lambda host: bundles.prune(host, lease, _used(entries[host.name].next)))


def _used(state: State | None) -> set[str]:
    return {state.release, *state.slots.values(), *state.history} if state else set()


async def _flags(host: Host, lease: Lease, wanted: tuple[str, ...] | None) -> None:
    if wanted is not None and flags.moving(await flags.read(host)) != wanted:
        await flags.write(host, lease, wanted)


async def take_back(hosts: Mapping[str, Host], lease: Lease, stack: str, entries: Mapping[str, Journal]) -> None:
    """The flag first, then the new slot, then the base part; at the end every host is as before."""
    mine = {name: hosts[name] for name in entries}
    await each(mine, lambda host: checks.make_room(host, lease))
    await each(mine, lambda host: _flags(host, lease, entries[host.name].flags_before))
    await each(mine, lambda host: _restore(host, lease, stack, entries[host.name]))
    await each(mine, lambda host: states.close(host, lease))


async def _restore(host: Host, lease: Lease, stack: str, entry: Journal) -> None:
    former = entry.former
    if entry.slotted:
        await containers.down(host, lease, f"{stack}-{entry.slot}")
        if former is not None and entry.slot in former.slots:
            # The idle slot held an older release until this transaction took it.
            await states.save(host, lease, former.without(entry.slot))
    if entry.base and former is not None:
        await base_part.bring(host, lease, await bundles.stored(host, former.release))
    elif entry.base:
        await containers.down(host, lease, f"{stack}-base", volumes=entry.fresh)
        await lease.run(host, ["rm", "-rf", host.paths.base, host.paths.live])
        await containers.drop_network(host, entry.network)
    if entry.release not in _used(former):
        await bundles.discard(host, lease, entry.release)


async def reap(hosts: Mapping[str, Host], lease: Lease, stack: str) -> list[str]:
    """Stop former slots whose warm time has passed; returns their names."""
    reaped = await each(hosts, lambda host: _reap(host, lease, stack))
    return [f"{name}: slot {slot} was kept warm long enough and is stopped" for name, slots in reaped.items() for slot in slots]


async def _reap(host: Host, lease: Lease, stack: str) -> list[str]:
    state = await states.load(host)
    if state is None or not overdue(state):
        return []
    idle = [slot for slot in state.slots if slot != state.live]
    for slot in idle:
        await containers.down(host, lease, f"{stack}-{slot}")
        state = state.without(slot)
        await states.save(host, lease, state)
    return list(idle)


def overdue(state: State) -> bool:
    """Whether a former slot runs longer than its release asked for."""
    return any(slot != state.live for slot in state.slots) and time.time() >= state.settled_at + state.keep_warm_s
