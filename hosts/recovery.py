"""What a killed controller left is finished when its gate had said yes, and taken back when it had not. Both may be repeated."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hosts import bundles, containers, detached, flags
from hosts import state as states
from hosts.fleet import Host, each
from hosts.lease import Lease
from hosts.state import Journal
from layout.release import ReleaseSpec


async def recover(hosts: dict[str, Host], lease: Lease, spec: ReleaseSpec) -> list[str]:
    """Finish or take back what open journals say; returns what was done, in sentences."""
    await each(hosts, detached.settled)
    found = {name: entry for name, entry in (await each(hosts, states.journal)).items() if entry is not None}
    if not found:
        return []
    entries = _complete(hosts, found)
    first = next(iter(found.values()))
    if any(entry.passed for entry in found.values()):
        await finish(hosts, lease, entries)
        return [f"finished {first.operation} of {first.release}, which was interrupted after its gate had passed"]
    await take_back(hosts, lease, spec, entries)
    return [f"took back {first.operation} of {first.release}, which was interrupted at {first.step}"]


def _complete(hosts: Mapping[str, Host], found: Mapping[str, Journal]) -> dict[str, Journal]:
    """A host whose journal was not written yet (or is closed already) goes the way of the others."""
    first = next(iter(found.values()))
    return {name: found.get(name, first) for name in hosts}


async def finish(hosts: dict[str, Host], lease: Lease, entries: Mapping[str, Journal]) -> None:
    """Write the new truth on every host, then close the journals."""

    async def one(host: Host) -> None:
        state = entries[host.name].next
        await states.save(host, state)
        await host.connection.run(["ln", "-sfn", host.paths.release(state.release), host.paths.current])
        await bundles.prune(host, {state.release, *state.slots.values()})

    await each(hosts, one)
    await each(hosts, states.close)
    del lease


async def take_back(hosts: dict[str, Host], lease: Lease, spec: ReleaseSpec, entries: Mapping[str, Journal]) -> None:
    """The flag first, then the new slot, then the base part; at the end every host is as before."""
    for name in spec.balancers or tuple(hosts):
        former = entries[name].former
        if former is None and spec.slotted:
            await flags.write(hosts[name], lease, ())
        elif former is not None:
            await flags.write(hosts[name], lease, flags.of(former.live) if spec.slotted else former.flags)
    await each(hosts, lambda host: _restore(host, lease, spec, entries[host.name]))
    await each(hosts, states.close)


async def _restore(host: Host, lease: Lease, spec: ReleaseSpec, entry: Journal) -> None:
    former = entry.former
    if entry.slotted:
        await containers.down(host, lease, f"{spec.stack}-{entry.slot}")
        if former is not None and former.slots.pop(entry.slot, ""):
            # The idle slot held an older release until this transaction took it.
            former.slot_parts.pop(entry.slot, None)
            await states.save(host, former)
    if entry.base and former is None:
        # Volumes stay: they may be older than this deploy, kept by a destroy. `destroy` removes them.
        await containers.down(host, lease, f"{spec.stack}-base")
        await host.connection.run(["rm", "-rf", host.paths.base, host.paths.release(entry.release), host.paths.live])
    elif entry.base and former is not None:
        await bundles.place_base(host, former.release)
        await containers.up(host, lease, f"{spec.stack}-base", f"{host.paths.base}/compose.yaml")
        for one in (await bundles.stored(host, former.release)).ready:
            if one.host == host.name and one.reload:
                await containers.inside(host, one.container, one.reload)


async def reap(hosts: dict[str, Host], lease: Lease, stack: str) -> list[str]:
    """Stop former slots whose warm time has passed; returns their names."""
    reaped = []
    for host in hosts.values():
        state = await states.load(host)
        if state is None or time.time() < state.settled_at + state.keep_warm_s:
            continue
        for slot in [slot for slot in state.slots if slot != state.live]:
            await containers.down(host, lease, f"{stack}-{slot}")
            del state.slots[slot]
            state.slot_parts.pop(slot, None)
            await states.save(host, state)
            reaped.append(f"{host.name}: {slot}")
    return reaped
